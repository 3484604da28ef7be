"""Rounds: aggregated once after submission, finalized after the window."""

import time
from dataclasses import replace

import pytest

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
    register(world, first)
    second = world.open_round(b"two", base_version=2)
    world.chain.advance(1_001)
    operator.step(2)
    assert world.content.files[world.rounds.aggregates[second].cid] == b"onetwo"


def register(world, round_id: int, **changes) -> None:
    """Version 2, as finalizing a round registers it."""
    root = world.rounds.aggregates[round_id].root if round_id else bytes(32)
    version = replace(world.registry.versions[1, 1], round_id=round_id, parameters_root=root)
    world.registry.versions[1, 2] = replace(version, **changes)


def test_step__base_registered_without_a_round__posts_nothing(world, start, caplog):
    """Its members' updates are relative to parameters that nobody has shown."""
    register(world, 0)
    world.open_round(b"two", base_version=2)
    world.chain.advance(1_001)
    with caplog.at_level("WARNING", logger="cairn"):
        start(retry_after_steps=1).step(3)
    assert world.chain.broadcasts == []
    assert "registered without a round" in str([vars(one) for one in caplog.records])


def test_step__base_file_is_not_the_versions__posts_nothing(world, start):
    first = world.open_round(b"one")
    operator = start(retry_after_steps=1)
    world.chain.advance(1_001)
    operator.step(2)
    register(world, first, parameters_root=bytes([1]) * 32)
    second = world.open_round(b"two", base_version=2)
    world.chain.advance(1_001)
    operator.step(3)
    assert world.rounds.phases[second] is Phase.OPEN


@pytest.mark.parametrize("n_hanging", [1, 20])
def test_step__updates_hang__hold_up_nothing_and_are_gone_without_in_the_end(
    world, start, n_hanging
):
    updates = [b"hangs %d" % n for n in range(n_hanging)]
    round_id = world.open_round(b"shown", *updates)
    cids = [one.cid for one in world.rounds.all_updates[round_id][1:]]
    world.content.hanging.update(cids)
    request_id = world.ask(within_s=100_000)
    world.chain.advance(1_001)
    operator = start(patience_s=0.1, retry_after_steps=1)
    began = time.monotonic()
    operator.step(4)
    assert time.monotonic() - began < 2
    assert request_id in world.market.answers
    assert world.rounds.phases[round_id] is Phase.OPEN
    world.chain.advance(2_500)
    operator.step(2)
    assert world.rounds.phases[round_id] is Phase.OPEN, "they may still come"
    world.chain.advance(1_000)
    operator.step(2)
    aggregate = world.rounds.aggregates[round_id]
    assert world.content.files[aggregate.cid] == b"shown"
    assert len(world.content.fetched) == len(set(world.content.fetched)), "fetched twice"


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
