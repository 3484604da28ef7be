"""Rounds: aggregated once after submission, finalized after the window."""

from dataclasses import replace

from cairn.chain import Phase
from cairn.domain.keccak import keccak256
from tests.unit.operator.world import COIN, WINDOW_S


def test_step__submission_over__posts_the_aggregate_then_finalizes(world, start):
    round_id = world.open_round(b"one", b"two")
    operator = start()
    operator.step(2)
    assert world.rounds.phases[round_id] is Phase.OPEN
    world.chain.advance(1_001)
    operator.step(2)
    assert world.rounds.phases[round_id] is Phase.AGGREGATED
    aggregate = world.rounds.aggregates[round_id]
    assert aggregate.root == keccak256(b"onetwo")
    assert world.content.files[aggregate.cid] == b"onetwo"
    assert world.content.files[aggregate.program_cid] == bytes([2])
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert world.rounds.phases[round_id] is Phase.FINALIZED
    assert operator.worker.counts()["rounds"] == {"ended": 1}


def test_step__no_update_can_be_used__posts_nothing(world, start):
    round_id = world.open_round(b"one")
    cid = world.rounds.all_updates[round_id][0].cid
    world.content.files[cid] = b"other"
    world.chain.advance(1_001)
    operator = start(retry_after_steps=1)
    operator.step(2)
    assert world.chain.broadcasts == []
    world.content.files[cid] = b"one"
    operator.step(3)
    assert world.rounds.phases[round_id] is Phase.AGGREGATED


def test_step__update_cannot_be_had__is_waited_for_half_of_the_time(world, start):
    round_id = world.open_round(b"one", b"two")
    del world.content.files[world.rounds.all_updates[round_id][1].cid]
    world.chain.advance(1_001)
    operator = start(retry_after_steps=1)
    operator.step(3)
    assert world.chain.broadcasts == []
    world.chain.advance(2_500)
    operator.step(3)
    aggregate = world.rounds.aggregates[round_id]
    assert world.content.files[aggregate.cid] == b"one"


def test_step__round_builds_on_a_version__gets_its_aggregate(world, start):
    first = world.open_round(b"one")
    operator = start()
    world.chain.advance(1_001)
    operator.step(2)
    world.registry.versions[1, 2] = replace(world.registry.versions[1, 1], round_id=first)
    second = world.open_round(b"two", base_version=2)
    world.chain.advance(1_001)
    operator.step(2)
    assert world.content.files[world.rounds.aggregates[second].cid] == b"onetwo"


def test_step__plan_is_not_the_rounds__posts_nothing(world, start):
    round_id = world.open_round(b"one")
    world.content.files[world.rounds.plans[round_id].plan_cid] = b'{"x":1}'
    world.chain.advance(1_001)
    start().step(2)
    assert world.chain.broadcasts == []


def test_step__nobody_handed_in_or_too_late__is_left(world, start):
    world.open_round()
    world.open_round(b"one")
    world.chain.advance(5_001)
    operator = start()
    operator.step(2)
    assert world.chain.broadcasts == []
    assert operator.worker.counts()["rounds"] == {"left": 2}


def test_step__too_little_stake_or_not_serving__posts_nothing(world, start):
    world.open_round(b"one")
    world.chain.advance(1_001)
    world.ledger.stakes[world.signer.address] = COIN - 1
    operator = start(retry_after_steps=1)
    operator.step(2)
    world.ledger.stakes[world.signer.address] = COIN
    world.ledger.serving.clear()
    operator.step(2)
    assert world.chain.broadcasts == []


def test_step__aggregating_is_off__posts_nothing(world, start):
    world.open_round(b"one")
    world.chain.advance(1_001)
    start(aggregate=False).step(2)
    assert world.chain.broadcasts == []


def test_step__rival_posted_first__leaves_the_round_to_him(world, start):
    round_id = world.open_round(b"one")
    world.chain.advance(1_001)
    call = world.rounds.aggregate(round_id, b"\1" * 32, b"c", b"\2" * 32, b"p", b"d")
    world.chain.act(world.rival.address, call)
    operator = start()
    operator.step(2)
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert world.chain.broadcasts == []
