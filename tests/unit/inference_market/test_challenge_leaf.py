import ape
import pytest
from eth_utils import keccak

from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, TURN_S, WINDOW_S


@pytest.fixture
def ids(ask, pass_time):
    made = ask(20)
    pass_time(TURN_S + 1)
    return made


@pytest.fixture
def lying(ids, post, rich, outputs, wrong):
    """A root whose leaf 17, in its second group, is wrong."""
    return post(rich, [(one, wrong if i == 17 else outputs) for i, one in enumerate(ids)])


def test_challenge_leaf__wrong__costs_that_leafs_lock_alone(
    market,
    ids,
    lying,
    rich,
    ledger,
    challenge_leaf,
    challenger,
    requester,
    owed,
    outputs,
    pass_time,
):
    stake = ledger.stake_wei(rich)
    receipt = challenge_leaf(lying, 17, challenger)
    [event] = receipt.decode_logs(market.LeafChallenged)
    assert (event.request_id, event.index, event.is_refunded) == (ids[17], 17, False)
    assert bytes(event.outputs) == outputs
    assert market.get_request(ids[17]).status == 1  # others may answer it
    assert owed(requester) == 0
    assert ledger.stake_wei(rich) == stake - LOCK_WEI
    assert ledger.locked_wei(rich) == 19 * LOCK_WEI
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2
    assert market.is_leaf_slashed(lying.root_id, 17)
    assert not market.is_leaf_slashed(lying.root_id, 16)
    pass_time(WINDOW_S + 1)
    [settled] = market.settle_root(lying.root_id, lying.leaves, sender=challenger).decode_logs(
        market.RootSettled
    )
    assert (settled.n_settled, settled.n_lapsed) == (19, 0)
    assert ledger.locked_wei(rich) == 0
    assert owed(rich) == 19 * (PRICE * 3 // 10)


def test_challenge_leaf__right__reverts(market, lying, challenge_leaf, challenger):
    for index in (0, 16, 18, 19):
        with ape.reverts("leaf: the answer is right"):
            challenge_leaf(lying, index, challenger)


def test_challenge_leaf__twice__reverts(lying, challenge_leaf, challenger):
    challenge_leaf(lying, 17, challenger)
    with ape.reverts("leaf: slashed already"):
        challenge_leaf(lying, 17, challenger)


def test_challenge_leaf__at_the_last_second__counts(
    market, lying, challenge_leaf, challenger, chain
):
    chain.pending_timestamp = market.get_root(lying.root_id).posted_at + WINDOW_S
    challenge_leaf(lying, 17, challenger)


def test_challenge_leaf__after_the_window__reverts(lying, challenge_leaf, challenger, pass_time):
    pass_time(WINDOW_S + 1)
    with ape.reverts("leaf: window is over"):
        challenge_leaf(lying, 17, challenger)


def test_challenge_leaf__other_features_or_index__reverts(
    market, lying, challenge_leaf, challenger, features
):
    with ape.reverts("leaf: other features"):
        challenge_leaf(lying, 17, challenger, bytes(len(features)))
    with ape.reverts("leaf: no such leaf"):
        challenge_leaf_at = (lying.root_id, 20, lying.group(17), list(lying.proof(17)), features)
        market.challenge_leaf(*challenge_leaf_at, sender=challenger)
    with ape.reverts("root: unknown root"):
        market.challenge_leaf(
            keccak(b"x"), 17, lying.group(17), list(lying.proof(17)), features, sender=challenger
        )


def test_challenge_leaf__invalid_where_outputs_exist__is_slashed(
    market, ids, post, rich, outputs, challenge_leaf, challenger
):
    root = post(rich, [(ids[0], b""), (ids[1], outputs)])
    challenge_leaf(root, 0, challenger)
    assert market.is_leaf_slashed(root.root_id, 0)


def test_challenge_leaf__of_the_operator_named__gives_the_price_back(
    market, ask, post, rich, wrong, challenge_leaf, challenger, requester, owed
):
    [named] = ask(1, operator=rich)
    root = post(rich, [(named, wrong)])
    [event] = challenge_leaf(root, 0, challenger).decode_logs(market.LeafChallenged)
    assert event.is_refunded
    assert market.get_request(named).status == 16
    assert owed(requester) == PRICE


def test_challenge_leaf__request_ended_meanwhile__is_slashed_without_refund(
    market, ids, lying, second, outputs, challenge_leaf, challenger, requester, owed, ledger, rich
):
    market.answer(ids[17], outputs, sender=second)
    [event] = challenge_leaf(lying, 17, challenger).decode_logs(market.LeafChallenged)
    assert not event.is_refunded
    assert market.get_request(ids[17]).status == 2
    assert owed(requester) == 0
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2


def test_challenge_leaf__request_that_names_another__stays_open_for_him(
    market, ask, post, rich, second, outputs, wrong, challenge_leaf, challenger, owed, requester,
    pass_time,
):  # fmt: skip
    [named] = ask(1, operator=second)
    pass_time(TURN_S + 1)
    root = post(rich, [(named, wrong)])
    challenge_leaf(root, 0, challenger)
    assert market.get_request(named).status == 1
    market.answer(named, outputs, sender=second)


def test_challenge_leaf__of_no_request_or_other_terms__reverts(
    market, ask, post, rich, wrong, challenge_leaf, challenger, system, model_id, timelock,
    pass_time,
):  # fmt: skip
    [old] = ask(1)
    system.model_registry.set_terms(
        model_id, PRICE, 3_000, 5_000, WINDOW_S, LOCK_WEI, 0, sender=timelock
    )
    root = post(rich, [(old, wrong), (old + 1, wrong)])
    pass_time(1)
    ask(1)
    for index in (0, 1):
        with ape.reverts("leaf: it answers nothing"):
            challenge_leaf(root, index, challenger)
