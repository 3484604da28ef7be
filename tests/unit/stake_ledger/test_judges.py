"""lock, release and slash: what judges do."""

import ape

from tests.unit.stake_ledger.conftest import STAKE_WEI

BURNT = "0x000000000000000000000000000000000000dEaD"


def test_lock__stranger__reverts(ledger, staked, refused_to_outsiders):
    refused_to_outsiders(ledger.lock, staked, 1, reason="stake: caller is no judge")


def test_lock__free_stake__is_not_free_any_more(ledger, staked, judge):
    ledger.lock(staked, 10**18, sender=judge)
    ledger.lock(staked, 10**18, sender=judge)
    assert ledger.locked_wei(staked) == 2 * 10**18
    assert ledger.free_wei(staked) == STAKE_WEI - 2 * 10**18


def test_lock__more_than_is_free__reverts(ledger, staked, judge):
    ledger.begin_unbonding(1, sender=staked)
    with ape.reverts("lock: too little free stake"):
        ledger.lock(staked, STAKE_WEI, sender=judge)


def test_release__stranger__reverts(ledger, staked, judge, refused_to_outsiders):
    ledger.lock(staked, 1, sender=judge)
    refused_to_outsiders(ledger.release, staked, 1, reason="stake: caller is no judge")


def test_release__locked_stake__is_free_again(ledger, staked, judge):
    ledger.lock(staked, 10**18, sender=judge)
    ledger.release(staked, 10**18, sender=judge)
    assert ledger.free_wei(staked) == STAKE_WEI


def test_release__more_than_is_locked__reverts(ledger, staked, judge):
    ledger.lock(staked, 1, sender=judge)
    with ape.reverts("release: more than is locked"):
        ledger.release(staked, 2, sender=judge)


def test_slash__stranger__reverts(ledger, staked, judge, refused_to_outsiders, stranger):
    ledger.lock(staked, 1, sender=judge)
    refused_to_outsiders(ledger.slash, staked, 1, stranger, reason="stake: caller is no judge")


def test_slash__odd_amount__sets_the_larger_half_aside_to_burn(ledger, staked, judge, challenger):
    ledger.lock(staked, 10**18 + 1, sender=judge)
    ledger.slash(staked, 10**18 + 1, challenger, sender=judge)
    assert ledger.stake_wei(staked) == STAKE_WEI - 10**18 - 1
    assert ledger.locked_wei(staked) == 0
    assert ledger.bounty_wei(challenger) == 5 * 10**17
    assert ledger.unburnt_wei(challenger) == 5 * 10**17 + 1


def test_slash__more_than_is_locked__reverts(ledger, staked, judge, challenger):
    ledger.lock(staked, 1, sender=judge)
    with ape.reverts("slash: more than is locked"):
        ledger.slash(staked, 2, challenger, sender=judge)


def test_withdraw_bounty__challenger__is_paid_once_and_the_rest_burnt(
    ledger, staked, judge, challenger, chain
):
    burnt_before = chain.provider.get_balance(BURNT)
    ledger.lock(staked, 10**18, sender=judge)
    ledger.slash(staked, 10**18, challenger, sender=judge)
    before = challenger.balance
    receipt = ledger.withdraw_bounty(sender=challenger)
    assert challenger.balance == before + 5 * 10**17 - receipt.total_fees_paid
    assert chain.provider.get_balance(BURNT) - burnt_before == 5 * 10**17
    assert ledger.unburnt_wei(challenger) == 0
    with ape.reverts("bounty: nothing earned"):
        ledger.withdraw_bounty(sender=challenger)


def test_withdraw_bounty__stranger__has_nothing(
    ledger, staked, judge, challenger, refused_to_outsiders
):
    ledger.lock(staked, 10**18, sender=judge)
    ledger.slash(staked, 10**18, challenger, sender=judge)
    refused_to_outsiders(ledger.withdraw_bounty, reason="bounty: nothing earned")


def test_is_judge__only_who_was_named_at_construction(ledger, system, stranger):
    assert list(ledger.judges()) == [
        system.training_rounds.address,
        system.inference_market.address,
        system.receipt_judge.address,
        system.evaluations.address,
    ]
    assert ledger.is_judge(system.inference_market)
    assert not ledger.is_judge(stranger)
