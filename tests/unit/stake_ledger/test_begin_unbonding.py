import ape

from tests.unit.stake_ledger.conftest import STAKE_WEI


def test_begin_unbonding__free_stake__leaves_service_at_once(ledger, staked, chain):
    receipt = ledger.begin_unbonding(10**18, sender=staked)
    ready_at = chain.blocks[receipt.block_number].timestamp + ledger.unbonding_s()
    assert ledger.free_wei(staked) == STAKE_WEI - 10**18
    assert ledger.unbonding_wei(staked) == 10**18
    assert ledger.unbonding_ready_at(staked) == ready_at


def test_begin_unbonding__locked_stake__reverts(ledger, staked, judge):
    ledger.lock(staked, STAKE_WEI - 1, sender=judge)
    with ape.reverts("unbonding: more than is free"):
        ledger.begin_unbonding(2, sender=staked)
    ledger.begin_unbonding(1, sender=staked)


def test_begin_unbonding__nothing__reverts(ledger, staked):
    with ape.reverts("unbonding: amount is zero"):
        ledger.begin_unbonding(0, sender=staked)


def test_begin_unbonding__stranger__has_nothing_to_unbond(ledger, staked, refused_to_outsiders):
    refused_to_outsiders(ledger.begin_unbonding, 1, reason="unbonding: more than is free")
