"""Requests that are open again, since an answer to them was proved wrong: taken up where we had
been, each lie challenged by itself, and never answered twice.
"""

import pytest
from sqlalchemy import delete

from cairn.chain import Status
from cairn.domain.answers import TURN_S
from cairn.operator._jobs import suspensions
from tests.unit.operator.test_kills import kill_at_each
from tests.unit.operator.test_replays import replay
from tests.unit.operator.world import COIN, FEATURES, REQUESTER, RIGHT, WINDOW_S, WRONG

ROOTS = {"root_from": 2, "root_delay_s": 0, "retry_after_steps": 1}


def confess(world, request_id: int, features: bytes = FEATURES) -> None:
    """The liar's own other account proves him wrong."""
    world.chain.act(REQUESTER, world.market.challenge(request_id, features))


def test_step__lie_proved_by_another__is_answered_by_us(world, start):
    request_id = world.ask()
    world.answer_as(world.rival, request_id, WRONG)
    operator = start(watch="none")
    operator.step()
    confess(world, request_id)
    operator.step(2)
    assert world.market.answers == {request_id: [WRONG, RIGHT]}
    replay(world, operator)
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    replay(world, operator)
    assert world.status(request_id) is Status.SETTLED
    assert operator.worker.counts()["requests"] == {"settled": 1}


def test_step__lie_after_our_root__is_challenged_and_our_root_is_paid(world, start):
    ids = world.ask_many(2)
    world.chain.advance(TURN_S + 1)
    operator = start(**ROOTS)
    operator.step(2)
    assert operator.worker.counts()["requests"] == {"rooted": 2}
    world.answer_as(world.rival, ids[1], WRONG)
    operator.step(3)
    assert world.ledger.stakes[world.rival.address] == 99 * COIN
    assert operator.worker.counts()["requests"] == {"rooted": 2}
    replay(world, operator)
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert {world.status(one) for one in ids} == {Status.SETTLED}
    assert operator.worker.counts()["requests"] == {"settled": 2}
    assert world.market.answers[ids[1]] == [WRONG, world.right(ids[1])]


def test_step__lies_again_and_again__each_is_challenged_once(world, start):
    request_id = world.ask(within_s=10_000)
    world.ledger.serving.discard((world.signer.address, 1))
    operator = start(watch="all", withdraw_bounties_wei=None)
    for n in range(1, 4):
        world.answer_as(world.rival, request_id, WRONG)
        operator.step(2)
        replay(world, operator)
        operator.step()
        assert world.ledger.stakes[world.rival.address] == (100 - n) * COIN
        assert len(world.chain.broadcasts) == n
    assert world.status(request_id) is Status.OPEN


def test_step__our_own_lie__is_not_followed_by_another_answer(world, start):
    world.programs.published.clear()
    operator = start(retry_after_steps=1)
    request_id = world.ask()
    operator.step()
    world.truth.update({key: bytes([4]) for key in world.truth})
    confess(world, request_id)
    operator.step(2)
    with operator.store.begin() as db:
        db.execute(delete(suspensions))  # a person has looked
    replay(world, operator)
    operator.step(2)
    assert world.status(request_id) is Status.OPEN
    assert operator.worker.counts()["requests"] == {"left": 1}
    assert len(world.chain.broadcasts) == 1


def test_step__our_answer_is_still_on_its_way__no_other_is_sent(world, start):
    request_id = world.ask()
    world.chain.auto_mine = False
    operator = start(watch="none", retry_after_steps=1)
    operator.step()
    world.answer_as(world.rival, request_id, WRONG)
    operator.step()
    assert operator.worker.counts()["requests"] == {"others": 1}
    confess(world, request_id)
    operator.step(3)
    assert len(world.chain.broadcasts) == 1
    world.chain.mine()
    operator.step(2)
    assert world.market.answers == {request_id: [WRONG, RIGHT]}
    assert operator.worker.counts()["requests"] == {"answered": 1}
    assert len(set(world.chain.broadcasts)) == 1


def test_step__our_root_is_still_on_its_way__its_request_stays_in_it(world, start):
    ids = world.ask_many(2)
    world.chain.advance(TURN_S + 1)
    world.chain.auto_mine = False
    operator = start(**ROOTS, watch="none")
    operator.step()
    world.answer_as(world.rival, ids[0], WRONG)
    operator.step()
    confess(world, ids[0], bytes([0, 0, 0, 0]))
    operator.step(2)
    assert operator.worker.counts()["requests"] == {"answering": 2}
    world.chain.mine()
    operator.step(2)
    assert operator.worker.counts()["requests"] == {"rooted": 2}
    assert len(set(world.chain.broadcasts)) == 1


def test_step__reopened_after_the_deadline__is_left(world, start):
    request_id = world.ask(within_s=60)
    world.answer_as(world.rival, request_id, WRONG)
    world.chain.advance(100)
    operator = start()
    operator.step(3)
    assert world.status(request_id) is Status.OPEN
    assert world.market.answers == {request_id: [WRONG]}
    assert operator.worker.counts()["requests"] == {"left": 1}


def test_step__reopened__those_who_may_answer_step_in_one_after_another(world, start):
    request_id = world.ask()
    world.give_turn(request_id, world.rival.address)
    world.answer_as(world.rival, request_id, WRONG)
    operator = start(courtesy_s=40)
    world.chain.advance(300)
    operator.step(2)
    assert world.status(request_id) is Status.OPEN
    operator.step(2)
    assert world.status(request_id) is Status.OPEN, "the one in turn may mend it first"
    world.chain.advance(41)
    operator.step(2)
    assert world.market.answers == {request_id: [WRONG, RIGHT]}


@pytest.mark.slow
def test_killed_at_each_boundary__a_reopened_request_is_paid_for_once(tmp_path):
    def tell(world):
        def ask():
            world.ask_many(2)
            world.chain.advance(TURN_S + 1)

        return [
            (ask, 2),
            (lambda: world.answer_as(world.rival, 1, WRONG), 2),
            (lambda: world.chain.advance(WINDOW_S + 1), 3),
        ]

    def check(world):
        assert world.ledger.stakes[world.rival.address] == 99 * COIN
        assert {world.status(n) for n in (1, 2)} == {Status.SETTLED}
        assert world.market.answers == {1: [WRONG, world.right(1)], 2: [world.right(2)]}

    assert kill_at_each(tmp_path, tell, check, **ROOTS) > 12
