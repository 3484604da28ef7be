"""A requester's puppet takes back a sale: once an honest operator has published the right answer in
a root, or while it waits to be mined, the puppet answers wrongly and challenges himself. Were the
request to end by it, the requester would read the answer in the calldata, have his price back for
half a lock, and the honest operator would be paid nothing.

A wrong answer to a request that others may answer ends nothing: it is open again, and whose root
holds the right one is paid for it, whenever in the window the puppet is challenged.
"""

import ape
import pytest

from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, ROOT_GRACE_S, TURN_S, WINDOW_S

PART = PRICE * 3 // 10
OPEN, SETTLED = 1, 4


@pytest.fixture
def one(ask, pass_time):
    [request_id] = ask(1)
    pass_time(TURN_S + 1)
    return request_id


def settle(market, root, stranger):
    [event] = market.settle_root(root.root_id, root.leaves, sender=stranger).decode_logs(
        market.RootSettled
    )
    return event.n_settled


def test_puppet__lies_after_the_root__leaves_its_operator_his_pay(
    market, one, post, serving, second, outputs, wrong, features, requester, owed, ledger, stranger,
    pass_time,
):  # fmt: skip
    root = post(serving, [(one, outputs)])
    stake = ledger.stake_wei(second)
    pass_time(1)
    market.answer(one, wrong, sender=second)
    receipt = market.challenge(one, features, sender=requester)
    assert [event.request_id for event in receipt.decode_logs(market.Reopened)] == [one]
    assert market.get_request(one).status == OPEN
    assert ledger.stake_wei(second) + ledger.bounty_wei(requester) == stake - LOCK_WEI // 2
    pass_time(WINDOW_S + 1)
    assert settle(market, root, stranger) == 1
    assert (owed(serving), owed(second), owed(requester)) == (PART, 0, 0)
    assert market.get_request(one).status == SETTLED


def test_puppet__lies_and_confesses_before_the_root_is_mined__leaves_it_its_request(
    market, one, post, serving, second, outputs, wrong, features, requester, owed, stranger,
    pass_time,
):  # fmt: skip
    market.answer(one, wrong, sender=second)
    market.challenge(one, features, sender=requester)
    root = post(serving, [(one, outputs)])
    pass_time(WINDOW_S + 1)
    assert settle(market, root, stranger) == 1
    assert (owed(serving), owed(requester)) == (PART, 0)


def test_puppet__lies_before_the_root_and_confesses_at_the_last_second__is_too_late(
    market, one, post, serving, second, outputs, wrong, features, requester, owed, stranger,
    pass_time, chain,
):  # fmt: skip
    """The last second of the lie's window is before the first in which the root may be settled."""
    market.answer(one, wrong, sender=second)
    root = post(serving, [(one, outputs)])
    chain.pending_timestamp = market.get_request(one).answered_at + WINDOW_S
    market.challenge(one, features, sender=requester)
    pass_time(WINDOW_S + 1)
    assert settle(market, root, stranger) == 1
    assert (owed(serving), owed(requester)) == (PART, 0)


def test_puppet__lies_in_a_root_of_his_own__ends_nothing(
    market, one, post, serving, second, outputs, wrong, requester, owed, stranger, challenge_leaf,
    pass_time,
):  # fmt: skip
    lie = post(second, [(one, wrong)])
    root = post(serving, [(one, outputs)])
    [event] = challenge_leaf(lie, 0, requester).decode_logs(market.LeafChallenged)
    assert not event.is_refunded
    assert market.get_request(one).status == OPEN
    pass_time(WINDOW_S + 1)
    assert settle(market, root, stranger) == 1
    assert (owed(serving), owed(requester)) == (PART, 0)


def test_puppet__lies_again_and_again__burns_half_a_lock_each_time(
    market, one, serving, second, outputs, wrong, features, requester, ledger
):
    stake = ledger.stake_wei(second)
    for n in (1, 2):
        market.answer(one, wrong, sender=second)
        market.challenge(one, features, sender=requester)
        left = ledger.stake_wei(second) + ledger.bounty_wei(requester)
        assert left == stake - n * LOCK_WEI // 2
    with ape.reverts():
        market.answer(one, wrong, sender=second)  # he has no stake left
    market.answer(one, outputs, sender=serving)


def test_puppet__lies_at_the_deadline__cannot_hasten_the_refund(
    market, ask, post, serving, second, outputs, wrong, features, requester, owed, stranger,
    pass_time, chain,
):  # fmt: skip
    """Past its deadline nobody answers any more; a root that did keeps its window and its grace."""
    [one] = ask(1, life_s=100)
    pass_time(TURN_S + 1)
    root = post(serving, [(one, outputs)])
    request, posted_at = market.get_request(one), market.get_root(root.root_id).posted_at
    chain.pending_timestamp = request.deadline
    market.answer(one, wrong, sender=second)
    pass_time(1)
    market.challenge(one, features, sender=requester)
    with ape.reverts("answer: deadline has passed"):
        market.answer(one, outputs, sender=second)
    assert market.refundable_at(one) == posted_at + WINDOW_S + ROOT_GRACE_S + 1
    with ape.reverts("refund: a root may answer it"):
        market.refund(one, sender=requester)
    pass_time(WINDOW_S + 1)
    assert settle(market, root, stranger) == 1
    assert (owed(serving), owed(requester)) == (PART, 0)


def test_puppet__lies_at_the_deadline_and_nobody_knew__is_refunded_at_once(
    market, ask, second, wrong, features, requester, owed, pass_time, chain
):
    [one] = ask(1, life_s=100)
    chain.pending_timestamp = market.get_request(one).deadline
    market.answer(one, wrong, sender=second)
    pass_time(1)
    market.challenge(one, features, sender=requester)
    market.refund(one, sender=requester)
    assert owed(requester) == PRICE
    with ape.reverts("refund: request is not open"):
        market.refund(one, sender=requester)
