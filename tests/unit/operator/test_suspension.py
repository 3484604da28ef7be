"""Our own answers proved wrong: the model is suspended, and what the chain contradicts is not posted."""

import pytest

from cairn.chain import NodeRefused, Reverted, Status
from cairn.operator import Health
from cairn.operator.fakes import FakeProgram
from cairn.operator.manage import resume
from tests.unit.operator.world import COIN, FEATURES, PROGRAM, RIGHT

HASH = FakeProgram(PROGRAM).hash


@pytest.fixture
def proved_wrong(world, start):
    """An operator whose one answer was challenged: his program says 8, the contract 9."""
    world.programs.published.clear()
    operator = start(retry_after_steps=1)
    request_id = world.ask()
    operator.step()
    world.truth[HASH] = bytes([4])
    world.chain.act(world.rival.address, world.market.challenge(request_id, FEATURES))
    return operator


def test_step__our_answer_was_wrong__answers_no_more_for_that_model(world, proved_wrong):
    later = [world.ask() for _ in range(3)]
    proved_wrong.step(4)
    assert {world.status(one) for one in later} == {Status.OPEN}
    assert world.ledger.stakes[world.signer.address] == 99 * COIN
    counts = proved_wrong.worker.counts()
    assert counts["suspended"] == {1: 1}
    health = Health(60, lambda: 0.0)
    health.stepped(counts)
    assert 'cairn_operator_suspended{model="1"} 1.0' in health.metrics().decode().splitlines()


def test_start__suspended_before__stays_so_until_resumed(world, proved_wrong, start):
    proved_wrong.step()
    request_id = world.ask()
    operator = start(retry_after_steps=1, database=world.url)
    operator.step(2)
    assert world.status(request_id) is Status.OPEN
    assert list(resume(operator.settings, 1)) == ["model 1 is answered for again"]
    assert list(resume(operator.settings, 1)) == ["model 1 is not suspended"]
    operator.step(2)
    assert world.status(request_id) is Status.ANSWERED
    world.chain.mine(3)
    operator.step(2)
    assert operator.worker.counts()["suspended"] == {}, "the old log counts once"


def test_step__suspended__still_challenges_others(world, proved_wrong):
    proved_wrong.step()
    world.truth[HASH] = PROGRAM
    request_id = world.ask()
    world.answer_as(world.rival, request_id, bytes([0, 0, 0, 1]))
    proved_wrong.step(2)
    assert world.status(request_id) is Status.OPEN
    assert world.ledger.stakes[world.rival.address] == 99 * COIN


def test_step__suspended__posts_no_aggregate(world, proved_wrong):
    proved_wrong.step()
    world.open_round(b"one")
    world.chain.advance(1_001)
    proved_wrong.step(3)
    assert world.rounds.n_aggregates == {}


def test_step__chain_says_otherwise__does_not_post(world, start):
    request_id = world.ask()
    world.truth[HASH] = bytes([4])
    operator = start(retry_after_steps=1)
    operator.step(2)
    assert world.chain.broadcasts == [] and world.ledger.locked == {}
    world.truth[HASH] = PROGRAM
    operator.step(2)
    assert world.market.answers == {request_id: [RIGHT]}


@pytest.mark.parametrize("error", [Reverted(""), NodeRefused("eth_call", "gas")])
def test_step__judge_cannot_be_run__answers_all_the_same(world, start, error):
    request_id = world.ask()
    world.chain.fail("read", error)
    start().step()
    assert world.market.answers == {request_id: [RIGHT]}
