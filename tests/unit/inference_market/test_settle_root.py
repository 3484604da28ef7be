import ape
import pytest

from cairn.domain.answers import MAX_LEAVES
from scripts._gas import cost_of
from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, ROOT_GRACE_S, TURN_S, WINDOW_S


@pytest.fixture
def posted(post, ask, rich, outputs, pass_time):
    """Twenty requests, answered by one root."""
    ids = ask(20)
    pass_time(TURN_S + 1)
    return ids, post(rich, [(one, outputs) for one in ids])


def test_settle_root__after_the_window__pays_for_all_at_once(
    market, posted, rich, ledger, owed, alliance, stranger, pass_time
):
    ids, root = posted
    pass_time(WINDOW_S + 1)
    receipt = market.settle_root(root.root_id, root.leaves, sender=stranger)
    assert [e.request_id for e in receipt.decode_logs(market.Settled)] == ids
    [event] = receipt.decode_logs(market.RootSettled)
    assert (event.n_settled, event.n_lapsed) == (20, 0)
    assert {market.get_request(one).status for one in ids} == {4}
    assert owed(rich) == 20 * (PRICE * 3 // 10)
    assert owed(alliance.share_token) == 20 * (PRICE // 2)
    assert owed(alliance.timelock) == 20 * (PRICE // 5)
    assert ledger.locked_wei(rich) == 0
    assert market.get_root(root.root_id).is_settled
    with ape.reverts("root: settled already"):
        market.settle_root(root.root_id, root.leaves, sender=stranger)


def test_settle_root__in_the_window__reverts(market, posted, stranger, pass_time):
    _, root = posted
    pass_time(WINDOW_S - 5)
    with ape.reverts("root: window is open"):
        market.settle_root(root.root_id, root.leaves, sender=stranger)


def test_settle_root__other_leaves_or_unknown__reverts(market, posted, stranger, pass_time):
    _, root = posted
    pass_time(WINDOW_S + 1)
    swapped = root.leaves[12:24] + root.leaves[:12] + root.leaves[24:]
    with ape.reverts("root: not what was posted"):
        market.settle_root(root.root_id, swapped, sender=stranger)
    with ape.reverts("root: other leaves"):
        market.settle_root(root.root_id, root.leaves[:-12], sender=stranger)
    with ape.reverts("root: unknown root"):
        market.settle_root(bytes(32), root.leaves, sender=stranger)


def test_settle_root__leaves_that_answer_nothing__lapse(
    market, ask, post, rich, second, outputs, system, model_id, timelock, caller, owed, ledger,
    stranger, features, requester, chain, pass_time,
):  # fmt: skip
    good, short = ask(1)[0], ask(1, life_s=2)[0]
    named_other = ask(1, operator=second)[0]
    named_self = ask(1, operator=rich)[0]
    deadline = chain.blocks.head.timestamp + 1_000
    market.request(
        model_id, features, PRICE, deadline, rich, caller, 50_000, value=PRICE, sender=requester
    )
    with_callback = market.n_requests()
    pass_time(TURN_S + 1)
    in_its_turn = ask(1)[0]
    not_yet_asked = in_its_turn + 1
    ids = [good, short, named_other, with_callback, in_its_turn, not_yet_asked, good, named_self]
    root = post(rich, [(one, outputs) for one in ids])
    ask(1)  # the one that was not yet asked
    system.model_registry.set_terms(
        model_id, PRICE, 3_000, 5_000, WINDOW_S, LOCK_WEI, 0, sender=timelock
    )
    other_terms = ask(1)[0]
    pass_time(WINDOW_S + 1)
    receipt = market.settle_root(root.root_id, root.leaves, sender=stranger)
    assert [e.request_id for e in receipt.decode_logs(market.Settled)] == [good, named_self]
    [event] = receipt.decode_logs(market.RootSettled)
    assert (event.n_settled, event.n_lapsed) == (2, 6)
    lapsed = [short, named_other, with_callback, in_its_turn, not_yet_asked, other_terms]
    assert {market.get_request(one).status for one in lapsed} == {1}
    assert owed(rich) == 2 * (PRICE * 3 // 10)
    assert ledger.locked_wei(rich) == 0


def test_settle_root__of_other_terms__lapses(
    market, ask, post, rich, outputs, system, model_id, timelock, stranger, owed, pass_time
):
    old = ask(1)[0]
    system.model_registry.set_terms(
        model_id, PRICE, 3_000, 5_000, WINDOW_S, LOCK_WEI, 0, sender=timelock
    )
    pass_time(TURN_S + 1)
    root = post(rich, [(old, outputs)])  # under the new terms
    pass_time(WINDOW_S + 1)
    market.settle_root(root.root_id, root.leaves, sender=stranger)
    assert market.get_request(old).status == 1
    assert owed(rich) == 0


def test_settle_root__says_invalid__is_settled_too(
    market, model_id, requester, post, rich, owed, chain, stranger, published_program, pass_time
):
    missing = b"\x80\0\0\0" * published_program.n_features
    assert published_program.run_packed(missing) == b""
    deadline = chain.blocks.head.timestamp + 1_000
    market.request(model_id, missing, PRICE, deadline, value=PRICE, sender=requester)
    pass_time(TURN_S + 1)
    root = post(rich, [(market.n_requests(), b"")])
    with ape.reverts("leaf: the answer is right"):
        market.challenge_leaf(root.root_id, 0, root.group(0), [], missing, sender=stranger)
    pass_time(WINDOW_S + 1)
    market.settle_root(root.root_id, root.leaves, sender=stranger)
    assert owed(rich) == PRICE * 3 // 10


def test_refund__a_root_may_answer_it__waits_for_its_settlement(
    market, posted, requester, owed, stranger, pass_time, chain
):
    ids, root = posted
    posted_at = market.get_root(root.root_id).posted_at
    until = posted_at + WINDOW_S + ROOT_GRACE_S
    assert market.refundable_at(ids[0]) == until + 1
    chain.pending_timestamp = until
    with ape.reverts("refund: a root may answer it"):
        market.refund(ids[0], sender=stranger)
    chain.pending_timestamp = until + 1
    market.refund(ids[0], sender=stranger)
    assert owed(requester) == PRICE
    # Who comes so late has the rest.
    market.settle_root(root.root_id, root.leaves, sender=stranger)
    assert [market.get_request(one).status for one in ids] == [8] + [4] * 19


def test_refund__roots_before_it_was_made__do_not_hold_it_up(
    market, posted, ask, stranger, pass_time
):
    pass_time(1)  # a root of the same second might be the later of the two
    [late] = ask(1, life_s=10)
    assert market.refundable_at(late) == market.get_request(late).deadline + 1
    pass_time(11)
    market.refund(late, sender=stranger)


def test_settle_root__full_and_every_leaf_displaces_an_answer__fits_a_block_of_iotex(
    market, ask, post, rich, second, ledger, outputs, stranger, pass_time
):
    """The dearest settlement, by IoTeX's formula, told from two that are smaller."""
    few, many = 4, 14
    ledger.deposit(value=(few + many) * LOCK_WEI, sender=second)

    def cost_of_settling(n: int) -> int:
        ids = ask(n)
        pass_time(TURN_S + 1)
        root = post(rich, [(one, outputs) for one in ids])
        pass_time(1)
        market.answer_batch(ids, [outputs] * n, sender=second)
        pass_time(WINDOW_S + 1)
        receipt = market.settle_root(root.root_id, root.leaves, sender=stranger)
        assert len(list(receipt.decode_logs(market.Displaced))) == n
        return cost_of("settle_root", receipt).iotex

    cost_of_settling(1)  # the first income of all
    least, most = cost_of_settling(few), cost_of_settling(many)
    each = (most - least) / (many - few)
    print(f"a leaf takes {each:,.0f} gas, a full root {least + each * (MAX_LEAVES - few):,.0f}")
    assert least + each * (MAX_LEAVES - few) < 0.8 * 25_000_000
