import ape
import pytest

from tests.unit.inference_market.conftest import model_id  # noqa: F401
from tests.unit.stake_ledger.conftest import STAKE_WEI


def test_set_min_stake__stranger__reverts(ledger, model_id, refused_to_outsiders):
    refused_to_outsiders(
        ledger.set_min_stake, model_id, 10**18, reason="min_stake: caller is not alliance"
    )


def test_set_min_stake__unknown_model__reverts(ledger, timelock):
    with ape.reverts("min_stake: caller is not alliance"):
        ledger.set_min_stake(2**40, 10**18, sender=timelock)


@pytest.mark.parametrize(
    ("amount", "reason"),
    [(10**18 - 1, "min_stake: too small"), (10**21 + 1, "min_stake: too large")],
)
def test_set_min_stake__out_of_bounds__reverts(
    ledger,
    model_id,
    timelock,
    amount,
    reason,
):
    with ape.reverts(reason):
        ledger.set_min_stake(model_id, amount, sender=timelock)


def test_set_min_stake__raised__puts_out_of_service_who_has_less(
    ledger,
    model_id,
    timelock,
    staked,
    stranger,
):
    assert ledger.min_stake_wei(model_id) == 10**18
    ledger.opt_in(model_id, sender=staked)
    with ape.reverts("strike: stake suffices"):
        ledger.strike(staked, model_id, sender=stranger)
    receipt = ledger.set_min_stake(model_id, STAKE_WEI + 1, sender=timelock)
    [event] = receipt.decode_logs(ledger.MinStakeSet)
    assert (event.model_id, event.amount_wei) == (model_id, STAKE_WEI + 1)
    assert not ledger.is_serving(staked, model_id)
    ledger.strike(staked, model_id, sender=stranger)
    assert ledger.n_serving(model_id) == 0
    with ape.reverts("strike: not opted in"):
        ledger.strike(staked, model_id, sender=stranger)
