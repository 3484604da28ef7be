"""A liar challenges himself with so little gas that the judge's call fails, hoping that the failure
is taken for `invalid` outputs, which equal his answer or differ from another's right one.

At every gas limit the transaction either fails as a whole or decides rightly.
"""

import pytest
from ape.exceptions import ContractLogicError, OutOfGasError, TransactionError

FAILURES = (ContractLogicError, OutOfGasError, TransactionError)
# From too little to begin with to more than enough; around the judge's own call, closely.
GAS_LIMITS = (*range(25_000, 60_000, 10_000), *range(60_000, 140_000, 5_000), 200_000, 400_000)


def test_challenge__of_a_right_answer__never_succeeds_at_any_gas(
    market, answered, features, stranger
):
    for gas in GAS_LIMITS:
        with pytest.raises(FAILURES):
            market.challenge(answered, features, sender=stranger, gas=gas)
        assert market.get_request(answered).status == 2


def test_challenge__of_a_lie__succeeds_or_changes_nothing(market, lied, features, stranger):
    outcomes = set()
    for gas in GAS_LIMITS:
        try:
            market.challenge(lied, features, sender=stranger, gas=gas)
        except FAILURES:
            assert market.get_request(lied).status == 2
            outcomes.add("refused")
        else:
            outcomes.add("slashed")
            break
    assert outcomes == {"refused", "slashed"}
    assert market.get_request(lied).status == 1
