"""An operator answers wrongly and challenges himself through a second account, to have his stake
back at once as a bounty, past the unbonding delay, or to earn from the refund.

He gets half of the lock back at the most; the rest is burnt.
"""

from tests.unit.inference_market.conftest import LOCK_WEI


def test_self_challenge__through_a_puppet__burns_half(
    market, lied, features, ledger, serving, challenger, owed
):
    stake_before = ledger.stake_wei(serving)
    market.challenge(lied, features, sender=challenger)
    left = ledger.stake_wei(serving) + ledger.bounty_wei(challenger) + owed(serving)
    assert stake_before - left == LOCK_WEI - LOCK_WEI // 2
