"""Two operators answer one request by roots; or one copies a leaf that another published into an
answer of his own, to be paid for work that he did not do.

A request is paid for once. Who copies comes later, and is displaced when the earlier root is
settled; his answer stays judged until its own window is over.
"""

import ape
import pytest

from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, TURN_S, WINDOW_S

PART = PRICE * 3 // 10


@pytest.fixture
def one(ask, pass_time):
    [request_id] = ask(1)
    pass_time(TURN_S + 1)
    return request_id


def test_two_roots__for_one_request__pay_once(
    market, one, post, serving, second, outputs, owed, ledger, stranger, pass_time
):
    first, later = post(serving, [(one, outputs)]), post(second, [(one, outputs)])
    pass_time(WINDOW_S + 2)
    market.settle_root(first.root_id, first.leaves, sender=stranger)
    [event] = market.settle_root(later.root_id, later.leaves, sender=stranger).decode_logs(
        market.RootSettled
    )
    assert (event.n_settled, event.n_lapsed) == (0, 1)
    assert (owed(serving), owed(second)) == (PART, 0)
    assert ledger.locked_wei(serving) == ledger.locked_wei(second) == 0


def test_one_root__with_one_request_twice__pays_once(
    market, one, post, serving, outputs, owed, ledger, stranger, pass_time
):
    root = post(serving, [(one, outputs), (one, outputs)])
    pass_time(WINDOW_S + 1)
    market.settle_root(root.root_id, root.leaves, sender=stranger)
    assert owed(serving) == PART
    assert ledger.locked_wei(serving) == 0


def test_copied_leaf__as_a_later_answer__is_displaced(
    market, one, post, serving, second, outputs, owed, ledger, stranger, pass_time
):
    root = post(serving, [(one, outputs)])
    pass_time(60)
    market.answer(one, outputs, sender=second)
    pass_time(WINDOW_S - 30)
    receipt = market.settle_root(root.root_id, root.leaves, sender=stranger)
    [event] = receipt.decode_logs(market.Displaced)
    assert event.operator == second
    assert (owed(serving), owed(second)) == (PART, 0)
    request = market.get_request(one)
    assert (request.status, request.is_displaced) == (4, True)
    assert ledger.locked_wei(second) == LOCK_WEI
    with ape.reverts("settle: window is open"):
        market.settle([one], sender=stranger)
    pass_time(60)
    market.settle([one, one], sender=stranger)
    assert ledger.locked_wei(second) == 0
    assert (owed(serving), owed(second)) == (PART, 0)
    assert not market.get_request(one).is_displaced


def test_copied_leaf__made_wrong_and_displaced__is_slashed_still(
    market, one, post, serving, second, outputs, wrong, owed, ledger, features, stranger,
    requester, pass_time,
):  # fmt: skip
    root = post(serving, [(one, outputs)])
    pass_time(60)
    market.answer(one, wrong, sender=second)
    pass_time(WINDOW_S - 30)
    market.settle_root(root.root_id, root.leaves, sender=stranger)
    market.challenge(one, features, sender=stranger)
    assert ledger.stake_wei(second) == LOCK_WEI
    assert ledger.bounty_wei(stranger) == LOCK_WEI // 2
    assert owed(requester) == 0  # he has the root's answer, which stood
    assert market.get_request(one).status == 4
    with ape.reverts("challenge: no answer stands"):
        market.challenge(one, features, sender=stranger)


def test_earlier_answer__than_the_root__keeps_the_request(
    market, one, post, serving, second, outputs, owed, ledger, stranger, pass_time
):
    market.answer(one, outputs, sender=second)
    pass_time(5)
    root = post(serving, [(one, outputs)])
    pass_time(WINDOW_S + 1)
    market.settle_root(root.root_id, root.leaves, sender=stranger)
    market.settle([one], sender=stranger)
    assert (owed(serving), owed(second)) == (0, PART)
    assert ledger.locked_wei(serving) == 0
