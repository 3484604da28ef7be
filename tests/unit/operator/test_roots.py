"""Answers by a root: who waits, who is answered singly, what is settled, checked, challenged and lapses."""

from contextlib import contextmanager

import pytest
from sqlalchemy import delete, insert, select

from cairn.chain import NodeRefused, NodeUnreachable, Reverted, Status
from cairn.domain.answers import TURN_S
from cairn.operator._jobs import Leaf, leaves, requests, suspensions
from tests.unit.operator.test_kills import kill_at_each
from tests.unit.operator.test_replays import replay
from tests.unit.operator.world import COIN, REQUESTER, RIGHT, WINDOW_S, WRONG

ROOTS = {"root_from": 4, "root_delay_s": 0, "retry_after_steps": 1, "withdraw_bounties_wei": None}


def statuses(world, ids) -> set[Status]:
    return {world.status(one) for one in ids}


def n_roots(world, signer) -> int:
    return sum(root.operator == signer.address for root, _ in world.market.roots.values())


def later(world, seconds: int = TURN_S + 4) -> None:
    world.chain.advance(seconds)


def test_step__many_wait__one_root_answers_and_settles_them(world, start):
    ids = world.ask_many(10)
    later(world)
    operator = start(**ROOTS)
    operator.step(2)
    assert len(world.chain.broadcasts) == 1
    [(root, posted)] = world.market.roots.values()
    assert root.answers == [(one, world.right(one)) for one in ids]
    assert world.ledger.locked[world.signer.address] == 10 * COIN
    assert operator.worker.counts()["requests"] == {"rooted": 10}
    assert operator.worker.counts()["roots"] == {"standing": 1}
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert len(world.chain.broadcasts) == 2
    assert statuses(world, ids) == {Status.SETTLED}
    assert world.ledger.locked[world.signer.address] == 0
    assert operator.worker.counts()["requests"] == {"settled": 10}
    assert operator.worker.counts()["roots"] == {"ended": 1}
    assert posted.n_leaves == 10


def test_step__few_wait__are_answered_singly_at_once(world, start):
    ids = world.ask_many(3)
    start(**ROOTS).step()
    assert {one: len(world.market.answers[one]) for one in ids} == {1: 1, 2: 1, 3: 1}
    assert world.market.roots == {}


def test_step__turn_is_not_over__waits_with_the_root_until_it_is(world, start):
    world.ask_many(6)
    operator = start(**ROOTS)
    operator.step(2)
    assert world.chain.broadcasts == []
    later(world)
    operator.step()
    assert n_roots(world, world.signer) == 1
    assert all(
        posted.posted_at > request.made_at + TURN_S
        for _, posted in world.market.roots.values()
        for request in world.market.requests.values()
    )


def test_step__root_is_not_full__waits_for_others_until_it_is_late(world, start):
    operator = start(**{**ROOTS, "root_delay_s": 60})
    world.ask_many(4)
    later(world)
    operator.step()
    assert world.market.roots == {}
    world.ask_many(4)
    later(world)
    operator.step()
    assert world.market.roots == {}
    later(world)
    operator.step()
    [(root, _)] = world.market.roots.values()
    assert root.n_leaves == 8


def test_step__root_is_full__does_not_wait(world, start):
    world.ask_many(9)
    later(world)
    start(**{**ROOTS, "root_delay_s": 10_000, "root_most": 6}).step()
    [(root, _)] = world.market.roots.values()
    assert root.n_leaves == 6


def test_step__named_requests__are_rooted_at_once(world, start):
    ids = world.ask_many(6, operator=world.signer.address)
    start(**ROOTS).step()
    assert n_roots(world, world.signer) == 1
    assert statuses(world, ids) == {Status.OPEN}


def test_step__callback__is_answered_singly(world, start):
    world.ask_many(5)
    called = world.ask(callback="0x" + "cC" * 20)
    later(world)
    start(**ROOTS).step()
    assert called in world.market.answers
    [(root, _)] = world.market.roots.values()
    assert called not in dict(root.answers)


def test_step__deadline_before_the_turn_is_over__is_answered_singly(world, start):
    world.ask_many(5)
    soon = world.ask(within_s=TURN_S + 5)
    start(**ROOTS).step()
    assert list(world.market.answers) == [soon]


def test_step__invalid_features__are_a_leaf_that_says_so(world, start):
    ids = [*world.ask_many(4), world.ask(b"")]
    later(world)
    start(**ROOTS).step(2)
    [(root, _)] = world.market.roots.values()
    assert root.answers[-1] == (ids[-1], b"")


def test_step__stake_for_some__roots_those(world, start):
    world.ledger.stakes[world.signer.address] = 5 * COIN
    world.ask_many(8)
    later(world)
    operator = start(**ROOTS)
    operator.step(2)
    [(root, _)] = world.market.roots.values()
    assert root.n_leaves == 5
    assert operator.worker.counts()["stake"]["answers_waiting"] == 3


def test_step__anothers_turn__is_left_to_him_for_a_while(world, start):
    request_id = world.ask()
    world.give_turn(request_id, world.rival.address)
    operator = start(courtesy_s=30)
    operator.step(2)
    assert world.market.answers == {}
    later(world)
    operator.step(2)
    assert world.market.answers == {}, "his turn is over, and he may still be about to"
    later(world, 30)
    operator.step(2)
    assert world.market.answers == {request_id: [RIGHT]}


def test_step__silent_turn__the_others_step_in_one_after_another(world, start):
    """Of two others, one waits for twice as long as the other: they never answer together."""
    third = "0x" + "dD" * 20
    world.ledger.serving.add((third, 1))
    waited = set()
    for _ in range(12):
        request_id = world.ask()
        world.give_turn(request_id, third)
    operator = start(courtesy_s=50)
    operator.step()
    with operator.store.read() as db:
        for row in db.execute(select(requests)):
            waited.add((row.ours_at - max(row.made_at + TURN_S, world.chain.timestamp)) // 50)
    assert waited == {1, 2}


def test_step__our_turn__is_answered_in_it(world, start):
    request_id = world.ask()
    world.give_turn(request_id, world.signer.address)
    start().step()
    assert world.market.answers == {request_id: [RIGHT]}


def test_step__in_anothers_root__is_not_answered_too(world, start):
    ids = world.ask_many(6)
    later(world)
    world.root_as(world.rival, [(one, world.right(one)) for one in ids])
    operator = start(**ROOTS)
    operator.step(3)
    assert world.chain.broadcasts == []
    assert operator.worker.counts()["requests"] == {"left": 6}
    world.chain.advance(WINDOW_S + 1)
    [(root, _)] = world.market.roots.values()
    world.chain.act(world.rival.address, world.market.settle_root(root))
    operator.step()
    assert operator.worker.counts()["requests"] == {"settled": 6}


def test_step__anothers_root_in_the_turn__takes_nothing_from_us(world, start):
    """Its leaves lapse: whoever posts one keeps nobody from answering."""
    request_id = world.ask()
    world.root_as(world.rival, [(request_id, RIGHT)])
    later(world)
    start().step()
    assert world.market.answers == {request_id: [RIGHT]}


def test_step__anothers_root_lapsed__is_answered_then(world, start):
    first = world.ask()
    later(world)
    root = world.root_as(world.rival, [(first, RIGHT)])
    operator = start(**ROOTS)
    operator.step()
    assert operator.worker.counts()["requests"] == {"left": 1}
    world.market._may_take = lambda *_: False
    world.chain.advance(WINDOW_S + 1)
    world.chain.act(world.rival.address, world.market.settle_root(root))
    operator.step(2)
    assert world.market.answers == {first: [RIGHT]}


def test_step__wrong_leaves_of_anothers_root__are_each_challenged_and_replaced_once(world, start):
    ids, by = world.ask_many(40), world.rival.address
    later(world)
    lies = {3, 17, 18, 40}
    answers = [(one, WRONG if one in lies else world.right(one)) for one in ids]
    world.root_as(world.rival, answers)
    operator = start(**ROOTS)
    operator.step(4)
    assert {index + 1 for _, index in world.market.slashed_leaves} == lies
    assert world.ledger.stakes[world.rival.address] == (100 - 4) * COIN
    assert statuses(world, lies) == {Status.OPEN}
    [ours] = [root for root, _ in world.market.roots.values() if root.operator != by]
    assert ours.answers == [(one, world.right(one)) for one in sorted(lies)]
    assert len(world.chain.broadcasts) == 5
    assert operator.worker.counts()["requests"] == {"rooted": 4, "left": 36}
    replay(world, operator)
    operator.step(3)
    assert len(world.chain.broadcasts) == 5


def test_step__wrong_leaf_and_no_budget__is_challenged_when_there_is(world, start):
    ids = world.ask_many(4)
    later(world)
    world.root_as(world.rival, [(one, WRONG) for one in ids])
    operator = start(**ROOTS, watch_budget_wei=0)
    operator.step(3)
    assert world.market.slashed_leaves == set()
    start(**ROOTS).step(3)
    assert len(world.market.slashed_leaves) == 4


def test_step__our_leaf_was_wrong__suspends_the_model(world, start):
    world.programs.published.clear()
    operator = start(**ROOTS)
    ids = world.ask_many(6)
    later(world)
    operator.step(2)
    world.truth.update({key: bytes([4]) for key in world.truth})
    [(root, _)] = world.market.roots.values()
    features = bytes([0, 0, 0, 1])
    world.chain.act(world.rival.address, world.market.challenge_leaf(root, 1, features))
    operator.step()
    assert operator.worker.counts()["suspended"] == {1: ids[1]}
    assert world.status(ids[1]) is Status.OPEN
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert operator.worker.counts()["requests"] == {"settled": 5, "left": 1}
    assert world.ledger.locked[world.signer.address] == 0


def test_step__answer_displaced_by_an_older_root__is_released_by_settling(world, start):
    request_id = world.ask()
    later(world)
    world.chain.auto_mine = False
    operator = start()
    operator.step()
    root = world.root_as(world.rival, [(request_id, RIGHT)])
    world.chain.auto_mine = True
    world.chain.mine()
    operator.step()
    assert world.market.requests[request_id].operator == world.signer.address
    world.chain.advance(WINDOW_S - 3)
    world.chain.act(world.rival.address, world.market.settle_root(root))
    assert world.market.requests[request_id].is_displaced
    operator.step()
    assert world.ledger.locked[world.signer.address] == COIN
    world.chain.advance(20)
    operator.step(2)
    assert world.ledger.locked[world.signer.address] == 0
    assert operator.worker.counts()["requests"] == {"settled": 1}


def test_step__root_is_refused__its_requests_are_answered_singly(world, start):
    ids = world.ask_many(5)
    later(world)

    def refuse(*_):
        raise Reverted("root: out of luck")

    world.market.do_answer_root = refuse
    operator = start(**ROOTS)
    operator.step(4)
    assert sorted(world.market.answers) == ids
    assert operator.worker.counts()["roots"] == {"ended": 1}


def fix_a_root(world, start, **request):
    """An operator whose root is fixed and, since the node could not be reached, not sent."""
    world.ask_many(5, **request)
    later(world)
    operator = start(**ROOTS)
    world.chain.fail("estimate_gas", NodeUnreachable("gone"))
    with pytest.raises(NodeUnreachable):
        operator.step()
    assert operator.worker.counts()["roots"] == {"posting": 1}
    return operator


def test_step__suspended_since_a_root_was_fixed__it_is_not_sent(world, start):
    operator = fix_a_root(world, start)
    with operator.store.begin() as db:
        db.execute(insert(suspensions).values(model_id=1, request_id=1))
    operator.step(3)
    assert world.chain.broadcasts == []
    assert operator.worker.counts()["roots"] == {"ended": 1}
    assert operator.worker.counts()["requests"] == {"seen": 5}


def test_step__deadline_is_near_since_a_root_was_fixed__it_is_not_sent(world, start):
    operator = fix_a_root(world, start, within_s=100)
    in_time = world.ask()
    world.chain.advance(70)
    operator.step(3)
    assert world.market.roots == {}
    assert list(world.market.answers) == [in_time]
    assert operator.worker.counts()["requests"] == {"left": 5, "answered": 1}


def test_step__node_refuses_a_root__the_step_goes_on(world, start):
    ids = world.ask_many(5)
    later(world)
    operator = start(**ROOTS)
    world.chain.fail("estimate_gas", NodeRefused("eth_estimateGas", "no"))
    operator.step()
    assert world.market.roots == {}
    operator.step(2)
    [(root, _)] = world.market.roots.values()
    assert [one for one, _ in root.answers] == ids


def test_step__our_leaf_was_wrong_as_was_anothers_answer__suspends(world, start):
    [request_id] = world.ask_many(1)
    later(world)
    root = world.root_as(world.signer, [(request_id, WRONG)])
    world.answer_as(world.rival, request_id, WRONG)
    features = bytes([0, 0, 0, 0])
    world.chain.act(REQUESTER, world.market.challenge(request_id, features))
    operator = start(**ROOTS)
    operator.step()
    assert operator.worker.counts()["requests"] == {"rooted": 1}
    assert operator.worker.counts()["suspended"] == {}
    world.chain.act(REQUESTER, world.market.challenge_leaf(root, 0, features))
    operator.step()
    assert operator.worker.counts()["suspended"] == {1: request_id}
    with operator.store.begin() as db:
        db.execute(delete(suspensions))
    replay(world, operator)
    operator.step()
    assert operator.worker.counts()["suspended"] == {}, "the old log counts once"
    assert operator.worker.counts()["requests"] == {"left": 1}


def test_step__anothers_root_lapsed_and_a_third_has_answered__is_left(world, start):
    first = world.ask()
    later(world)
    root = world.root_as(world.rival, [(first, RIGHT)])
    operator = start(**ROOTS)
    operator.step()
    world.answer_as(world.rival, first, RIGHT)
    operator.step()
    world.market._may_take = lambda *_: False
    world.chain.advance(WINDOW_S + 1)
    world.chain.act(world.rival.address, world.market.settle_root(root))
    operator.step()
    assert operator.worker.counts()["requests"] == {"left": 1}


def test_step__leaf_is_older_than_its_request__is_no_lie(world, start):
    world.ask_many(1)
    later(world)
    world.root_as(world.rival, [(1, world.right(1)), (2, WRONG)])
    world.ask(operator=world.rival.address)
    operator = start(**ROOTS)
    operator.step(2)
    with operator.store.read() as db:
        states = db.execute(select(leaves.c.state).order_by(leaves.c.place)).scalars().all()
    assert states == [Leaf.POSTED, Leaf.LEFT] and world.chain.broadcasts == []


def test_step__root_of_unknown_terms__they_are_asked_for_while_nobody_waits_to_write(world, start):
    world.ask_many(1)
    world.root_as(world.rival, [(1, RIGHT)])
    operator = start(**ROOTS)
    begin, ask, writing, asked = operator.store.begin, world.registry.terms, [], []

    @contextmanager
    def begin_and_tell():
        with begin() as db:
            writing.append(db)
            yield db
            writing.pop()

    def ask_and_tell(terms_id):
        asked.append(bool(writing))
        return ask(terms_id)

    operator.store.begin, world.registry.terms = begin_and_tell, ask_and_tell
    operator.step()
    assert asked and not any(asked)


def test_start__database_lost__neither_answers_nor_settles_a_root_twice(world, start, tmp_path):
    ids = world.ask_many(6)
    later(world)
    start(**ROOTS).step(2)
    start(**ROOTS).end()
    world.url = f"sqlite:///{tmp_path}/restored.db"
    operator = start(**ROOTS)
    operator.step(3)
    assert len(world.chain.broadcasts) == 1
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert statuses(world, ids) == {Status.SETTLED}
    assert len(world.chain.broadcasts) == 2


@pytest.mark.slow
@pytest.mark.parametrize("auto_mine", [True, False], ids=["mined-at-once", "mined-later"])
def test_killed_at_each_boundary__each_request_is_in_one_root(tmp_path, auto_mine):
    def tell(world):
        def ask():
            world.ask_many(3)
            later(world)

        world.chain.auto_mine = auto_mine
        return [
            (ask, 2),
            (world.chain.mine, 2),
            (lambda: world.chain.advance(WINDOW_S + 1), 3),
            (world.chain.mine, 2),
        ]

    def check(world):
        assert n_roots(world, world.signer) == 1
        assert [len(one) for one in world.market.answers.values()] == [1, 1, 1]
        assert statuses(world, (1, 2, 3)) == {Status.SETTLED}

    assert kill_at_each(tmp_path, tell, check, root_from=2, root_delay_s=0) > 12
