"""A liar challenges himself with so little gas that the judge's call fails, hoping that the failure
is taken for `invalid` outputs, which equal his answer or differ from another's right one.

At every gas limit the transaction either fails as a whole or decides rightly.
"""

import ape
from ape.exceptions import ContractLogicError, OutOfGasError, TransactionError


def test_challenge__of_a_right_answer__never_succeeds_at_any_gas(
    market, answered, features, stranger
):
    for gas in range(25_000, 400_000, 7_500):
        with ape.reverts() if gas > 300_000 else _failing():
            market.challenge(answered, features, sender=stranger, gas=gas)
        assert market.get_request(answered).status == 2


def test_challenge__of_a_lie__succeeds_or_changes_nothing(market, lied, features, stranger):
    outcomes = set()
    for gas in range(25_000, 400_000, 7_500):
        try:
            market.challenge(lied, features, sender=stranger, gas=gas)
        except (ContractLogicError, OutOfGasError, TransactionError):
            assert market.get_request(lied).status == 2
            outcomes.add("refused")
        else:
            outcomes.add("slashed")
            break
    assert outcomes == {"refused", "slashed"}
    assert market.get_request(lied).status == 16


def _failing():
    import pytest

    return pytest.raises((ContractLogicError, OutOfGasError, TransactionError))
