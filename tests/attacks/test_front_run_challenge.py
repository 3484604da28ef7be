"""A liar watches for the transaction that proves his lie, and proves it himself a block earlier, to
have his stake back as the bounty. A third one copies it for the bounty alone.

The liar loses no less than if he had been caught by another: half is burnt in any case. The request is
open for others, its price in escrow, and the honest challenger's late transaction changes nothing.
"""

import ape

from tests.unit.inference_market.conftest import LOCK_WEI


def test_front_run__by_the_liar__costs_him_half_all_the_same(
    market, lied, features, ledger, serving, challenger, requester, owed
):
    before = ledger.stake_wei(serving)
    market.challenge(lied, features, sender=serving)
    with ape.reverts("challenge: no answer stands"):
        market.challenge(lied, features, sender=challenger)
    assert before - ledger.stake_wei(serving) - ledger.bounty_wei(serving) == LOCK_WEI // 2
    assert owed(serving) == 0
    assert owed(requester) == 0
    assert market.get_request(lied).status == 1


def test_front_run__by_a_third__is_a_challenge_like_any(
    market, lied, features, ledger, serving, stranger, requester, owed
):
    before = ledger.stake_wei(serving)
    market.challenge(lied, features, sender=stranger)
    assert before - ledger.stake_wei(serving) == LOCK_WEI
    assert owed(requester) == 0
    assert market.get_request(lied).status == 1
