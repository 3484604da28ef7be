"""What the watchtower spends: a day's budget and a price ceiling, whatever dies between."""

from dataclasses import replace

import pytest

from cairn.chain import Head, Status
from cairn.operator._budget import Budget, TooDear, spent_on_challenges
from tests.unit.operator.test_kills import Boundaries, live
from tests.unit.operator.world import COIN, WRONG, make_world

GWEI = 10**9
DAY_S = 86_400


def lie(world, times: int = 1) -> list[int]:
    """The rival answers wrongly what nobody else may answer."""
    told = []
    for _ in range(times):
        told.append(world.ask(operator=world.rival.address))
        world.answer_as(world.rival, told[-1], WRONG)
    return told


def long_windows(world) -> None:
    world.registry.all_terms[1] = replace(world.registry.all_terms[1], window_s=3 * DAY_S)


def slashed(world) -> int:
    return sum(one.status is Status.SLASHED for one in world.market.requests.values())


def cost_of_one(world, start) -> int:
    """What a challenge costs in this world, by the operator's own count."""
    lie(world)
    operator = start()
    operator.step(2)
    return operator.worker.counts()["watch"]["spent_wei"]


def test_step__challenge_is_final__counts_what_it_cost(world, start):
    spent = cost_of_one(world, start)
    [receipt] = [one for block in world.chain.blocks for one in block.receipts.values()]
    assert spent == receipt.cost_wei > 0


def test_step__budget_is_spent__challenges_no_more_until_the_day_is_over(world, start):
    long_windows(world)
    cost = cost_of_one(world, start)
    # A proof may cost a quarter more than it does: there is room for two more, not for three.
    settings = {"watch_budget_wei": 7 * cost // 2, "watch_max_fee_wei": 1_001 * GWEI}
    operator = start(retry_after_steps=1, **settings)
    lie(world, 3)
    for _ in range(6):
        operator.step()
        assert operator.worker.counts()["watch"]["spent_wei"] <= operator.settings.watch_budget_wei
    before = slashed(world)
    assert before == 3
    operator = start(retry_after_steps=1, **settings)
    operator.step(3)
    assert slashed(world) == before, "a restart spends no more"
    world.chain.advance(DAY_S + 1)
    operator.step(4)
    assert slashed(world) == 4


def test_step__no_budget__challenges_nothing_and_says_why(world, start):
    lie(world)
    operator = start(watch_budget_wei=0)
    operator.step(2)
    assert world.chain.broadcasts == []
    assert operator.worker.counts()["requests"] == {"others": 1}


def test_step__gas_above_the_ceiling__waits_for_it_to_fall(world, start):
    [request_id] = lie(world)
    operator = start(watch_max_fee_wei=500 * GWEI, retry_after_steps=1)
    operator.step(3)
    assert world.chain.broadcasts == []
    world.chain.base_fee_wei = 400 * GWEI
    operator.step(3)
    assert world.status(request_id) is Status.SLASHED


def test_step__challenge_is_stuck__never_offers_more_than_the_ceiling(world, start):
    ceiling = 1_300 * GWEI
    [request_id] = lie(world)
    world.chain.auto_mine = False
    operator = start(watch_max_fee_wei=ceiling, replace_after_blocks=1)
    operator.step()
    world.chain.base_fee_wei = 1_500 * GWEI
    for _ in range(6):
        world.chain.mine()
        operator.step()
    offered = {one.max_fee_wei for one in world.chain.waiting.values()}
    assert offered and max(offered) <= ceiling
    world.chain.base_fee_wei = 1_000 * GWEI
    world.chain.mine()
    operator.step(2)
    assert world.status(request_id) is Status.SLASHED


def test_step__challenge_is_stuck_and_others_wait__gives_way_within_the_budget(world, start):
    ceiling = 1_300 * GWEI
    [lied] = lie(world)
    world.chain.auto_mine = False
    settings = {"watch_max_fee_wei": ceiling, "replace_after_blocks": 2, "retry_after_steps": 1}
    operator = start(**settings)
    operator.step()
    [proof] = world.chain.waiting.values()
    reserved_wei = proof.gas * ceiling
    world.chain.base_fee_wei = 1_400 * GWEI
    asked = world.ask()
    for _ in range(10):
        operator.step()
        world.chain.mine()
        assert operator.worker.counts()["watch"]["spent_wei"] <= reserved_wei
    assert world.status(asked) is Status.ANSWERED
    assert world.status(lied) is Status.ANSWERED, "its proof waits for gas to get cheaper"
    assert operator.worker.counts()["watch"]["spent_wei"] > 0, "the empty one is paid for"
    world.chain.base_fee_wei = 1_000 * GWEI
    for _ in range(4):
        operator.step()
        world.chain.mine()
    assert world.status(lied) is Status.SLASHED


def test_step__challenge_was_stuck_for_days__counts_from_when_it_was_paid(world, start):
    long_windows(world)
    lie(world)
    world.chain.auto_mine = False
    operator = start(watch_max_fee_wei=1_300 * GWEI)
    operator.step()
    usual, world.chain.base_fee_wei = world.chain.base_fee_wei, 2_000 * GWEI
    world.chain.advance(2 * DAY_S + 1)
    operator.step()
    world.chain.base_fee_wei = usual
    world.chain.mine()
    operator.step()
    spent = operator.worker.counts()["watch"]["spent_wei"]
    assert spent > 0
    world.chain.advance(DAY_S - 10)
    operator.step()
    assert operator.worker.counts()["watch"]["spent_wei"] == spent
    world.chain.advance(20)
    operator.step()
    assert operator.worker.counts()["watch"]["spent_wei"] == 0


def test_step__challenge_under_way__counts_the_most_that_it_may_cost(world, start):
    lie(world)
    world.chain.auto_mine = False
    operator = start(watch_max_fee_wei=2_000 * GWEI)
    operator.step()
    [one] = world.chain.waiting.values()
    assert operator.worker.counts()["watch"]["spent_wei"] == one.gas * 2_000 * GWEI
    world.chain.mine()
    operator.step()
    assert operator.worker.counts()["watch"]["spent_wei"] == one.gas * world.chain.base_fee_wei


def test_killed_at_each_boundary__the_budget_holds(tmp_path):
    """Room for one proof: whatever dies where, one is sent, and it is counted."""
    for fatal in range(1, 60):
        world = make_world(f"sqlite:///{tmp_path}/{fatal}.db")
        lie(world, 2)
        one_proof = 7 * 10**16
        boundaries = Boundaries(fatal)
        deaths = 0
        settings = {"watch_budget_wei": one_proof, "watch_max_fee_wei": 2_000 * GWEI}
        while live(world, boundaries, 3, **settings):
            deaths += 1
        assert slashed(world) == 1, f"killed at boundary {fatal}"
        if not deaths:
            assert fatal > 5
            return
    raise AssertionError("more boundaries than were tried")


def test_reserve__nothing_was_signed__costs_nothing(world, start):
    operator = start(watch_budget_wei=100, watch_max_fee_wei=10)
    budget = Budget(operator.settings, operator.store)
    head = Head(1, 1_000_000, 1)
    assert budget.reserve("challenge:1", 10, 1, 2, head) == 10
    assert spent_on_challenges(operator.store, head.timestamp) == 0
    assert budget.reserve("challenge:1", 10, 1, 2, head) == 10
    with pytest.raises(TooDear, match="24 hours"):
        budget.reserve("challenge:2", 11, 1, 2, head)


def test_step__bounties_are_worth_it__are_taken_out_once(world, start):
    lie(world, 3)
    operator = start(withdraw_bounties_wei=None)
    operator.step(3)
    assert world.ledger.bounties[world.signer.address] == 3 * COIN // 2
    operator = start(withdraw_bounties_wei=COIN)  # looked at in its first step
    world.chain.auto_mine = False
    operator.step(3)
    operator = start(withdraw_bounties_wei=COIN)
    operator.step(3)
    world.chain.mine()
    operator.step()
    assert world.ledger.withdrawn == {world.signer.address: 3 * COIN // 2}
    assert len(set(world.chain.broadcasts)) == 4


def test_step__bounties_too_small__stay(world, start):
    lie(world)
    start().step(2)
    start().step(2)
    assert world.ledger.bounties[world.signer.address] == COIN // 2
