"""Logs that come again, at whatever stage a job is: nothing is done twice."""

import pytest

from cairn.chain import Phase, Status
from cairn.operator.manage import resume
from tests.unit.operator.world import FEATURES, RIGHT, WINDOW_S, WRONG


def replay(world, operator) -> None:
    """All logs of the chain once more."""
    with operator.store.begin() as db:
        operator.worker._note(db, [log for block in world.chain.blocks for log in block.logs])


@pytest.mark.parametrize("times", [1, 3])
def test_note__all_logs_again_after_each_step__each_job_is_done_once(world, start, times):
    operator = start(retry_after_steps=1)
    story = [
        lambda: world.open_round(b"one"),
        world.ask,
        world.ask,
        lambda: world.answer_as(world.rival, world.ask(), WRONG),
        lambda: world.answer_as(world.rival, world.ask(), RIGHT),
        lambda: world.ask(within_s=1),
        lambda: world.chain.advance(WINDOW_S + 1),
        lambda: world.chain.advance(WINDOW_S + 1),
        lambda: world.chain.advance(WINDOW_S + 1),
        world.chain.mine,
        world.chain.mine,
    ]
    for prepare in story:
        prepare()
        for _ in range(times):
            operator.step()
            replay(world, operator)
    assert world.market.answers == {1: [RIGHT], 2: [RIGHT], 3: [WRONG, RIGHT], 4: [RIGHT]}
    assert {world.status(n) for n in (1, 2, 3)} == {Status.SETTLED}
    assert world.rounds.n_aggregates == {1: 1}
    assert world.rounds.phases[1] is Phase.FINALIZED
    assert len(world.chain.broadcasts) == world.chain.nonces[world.signer.address]
    counts = operator.worker.counts()
    assert counts["requests"] == {"settled": 3, "left": 2}
    assert counts["rounds"] == {"ended": 1}


@pytest.mark.parametrize("state", ["settling", "answering"])
def test_note__transaction_on_its_way__is_not_sent_for_again(world, start, state):
    operator = start(retry_after_steps=1)
    world.ask()
    if state == "settling":
        operator.step(2)
        world.chain.advance(WINDOW_S + 1)
    world.chain.auto_mine = False
    before = len(world.chain.broadcasts)
    for _ in range(3):
        operator.step()
        replay(world, operator)
        assert operator.worker.counts()["requests"] == {state: 1}
    assert len(world.chain.broadcasts) == before + 1


def test_note__a_resumed_model__is_not_suspended_by_the_old_log(world, start):
    world.programs.published.clear()
    operator = start(database=world.url)
    operator.step()
    request_id = world.ask()
    operator.step()
    world.truth.update({key: bytes([4]) for key in world.truth})
    world.chain.act(world.rival.address, world.market.challenge(request_id, FEATURES))
    operator.step()
    assert operator.worker.counts()["suspended"] == {1: request_id}
    list(resume(operator.settings, 1))
    replay(world, operator)
    assert operator.worker.counts()["suspended"] == {}
