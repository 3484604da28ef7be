"""A holder that is a contract calls back while it is being paid, to be paid twice or to have the
payment counted as income. Or it refuses payment, to block the others.

What it is owed is booked before it is paid, and paying is locked: it gets what it earned, and
nobody waits for it.
"""

import ape
import pytest

from scripts.deploy import AllianceSettings, launch_alliance
from tests.unit.share_token.conftest import PERIOD_S, SHARE

INCOME = 3 * 10**18


@pytest.fixture
def thief(deployer, project):
    return deployer.deploy(project.Reentrant)


def test_claim__called_again_by_the_holder__pays_once(
    token, earn, thief, founders, stranger, pass_time
):
    token.transfer(thief, 100 * SHARE, sender=founders[0])
    earn(INCOME)
    pass_time(PERIOD_S)
    for call in (token.claim.encode_input(thief), token.sync.encode_input()):
        snapshot = ape.chain.snapshot()
        thief.arm(token, call, sender=stranger)
        token.claim(thief, sender=stranger)
        assert (thief.tries(), thief.successes()) == (1, 0)
        assert INCOME // 3 - 1 <= thief.balance <= INCOME // 3
        ape.chain.restore(snapshot)


def test_claim__holder_moves_its_shares_while_paid__changes_nothing(
    token, earn, thief, founders, stranger, pass_time
):
    """A holder may use its shares meanwhile; they carry nothing of what is being paid."""
    token.transfer(thief, 100 * SHARE, sender=founders[0])
    earn(INCOME)
    pass_time(PERIOD_S)
    thief.arm(token, token.transfer.encode_input(stranger, 100 * SHARE), sender=stranger)
    token.claim(thief, sender=stranger)
    assert (thief.tries(), thief.successes()) == (1, 1)
    assert INCOME // 3 - 1 <= thief.balance <= INCOME // 3
    assert token.claimable(thief) == token.claimable(stranger) == 0
    assert token.balanceOf(stranger) == 100 * SHARE


def test_claim__payment_seen_as_income_by_a_hook__is_not(
    deployer, project, system, thief, founders, stranger, pass_time
):
    currency = deployer.deploy(project.HookToken)
    settings = AllianceSettings(
        name="Settlers",
        symbol="SET",
        currency=currency.address,
        holders={thief.address: 100 * SHARE, founders[0].address: 100 * SHARE},
    )
    token = launch_alliance(deployer, system, settings).share_token
    currency.mint(token, INCOME, sender=stranger)
    token.sync(sender=stranger)
    pass_time(PERIOD_S)
    thief.arm(token, token.sync.encode_input(), sender=stranger)
    token.claim(thief, sender=stranger)
    assert (thief.tries(), thief.successes()) == (1, 0)
    assert token.unrecognised() == 0
    assert tuple(token.income()) == (INCOME, INCOME - currency.balanceOf(thief))


def test_claim__holder_refuses__harms_only_itself(
    token, earn, caller, founders, stranger, pass_time
):
    token.transfer(caller, 100 * SHARE, sender=founders[0])
    caller.set_refusing(True, sender=stranger)
    earn(INCOME)
    pass_time(PERIOD_S)
    with ape.reverts("money: receiver refused"):
        token.claim(caller, sender=stranger)
    paid = token.claim(founders[1], sender=stranger).return_value
    assert INCOME // 3 - 1 <= paid <= INCOME // 3
    caller.set_refusing(False, sender=stranger)
    assert INCOME // 3 - 1 <= token.claim(caller, sender=stranger).return_value <= INCOME // 3
