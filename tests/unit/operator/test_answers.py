"""Requests: answered once, settled, and left alone where an answer would be wrong or refused."""

import time
from dataclasses import replace

import pytest

from cairn.chain import ZERO_ADDRESS, NodeRefused, Reverted, Status, StoreBusy
from cairn.operator import Health, OperatorError, _settling, _watching
from cairn.operator._jobs import requests
from cairn.operator.fakes import FakeProgram
from tests.unit.operator.world import COIN, FEATURES, PROGRAM, REQUESTER, RIGHT, WINDOW_S, Operator


def test_step__open_request__is_answered_then_settled(world, start):
    request_id = world.ask()
    operator = start()
    operator.step()
    assert world.market.answers == {request_id: [RIGHT]}
    assert world.ledger.locked[world.signer.address] == COIN
    operator.step()
    assert world.status(request_id) is Status.ANSWERED
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert world.status(request_id) is Status.SETTLED
    assert world.ledger.locked[world.signer.address] == 0
    assert operator.worker.counts()["requests"] == {"settled": 1}


def test_step__many_requests__are_settled_in_batches(world, start):
    operator = start(settle_batch=4, root_from=100)
    for _ in range(10):
        world.ask()
    operator.step(2)
    assert sorted(world.market.answers) == list(range(1, 11))
    before = len(world.chain.broadcasts)
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert {world.status(one) for one in range(1, 11)} == {Status.SETTLED}
    assert len(world.chain.broadcasts) - before == 3


def test_step__others_will_be_due_soon__settles_them_together(world, start):
    operator = start(settle_delay_s=100)
    first = world.ask()
    operator.step(2)
    world.chain.advance(80)
    second = world.ask()
    operator.step(2)
    world.chain.advance(WINDOW_S - 60)
    operator.step()
    assert world.status(first) is Status.ANSWERED
    before = len(world.chain.broadcasts)
    world.chain.advance(80)
    operator.step(2)
    assert (world.status(first), world.status(second)) == (Status.SETTLED, Status.SETTLED)
    assert len(world.chain.broadcasts) == before + 1


def test_step__nothing_else_is_due_soon__settles_at_once(world, start):
    operator = start(settle_delay_s=100)
    first = world.ask()
    operator.step(2)
    world.chain.advance(300)
    world.ask()
    operator.step(2)
    world.chain.advance(WINDOW_S - 290)
    operator.step(2)
    assert world.status(first) is Status.SETTLED


def test_step__features_are_invalid__answers_with_no_outputs(world, start):
    request_id = world.ask(b"")
    start().step()
    assert world.market.answers == {request_id: [b""]}


@pytest.mark.parametrize("within_s", [-1, 3])
def test_step__deadline_over_or_near__is_left(world, start, within_s):
    request_id = world.ask(within_s=within_s)
    operator = start(deadline_margin_s=5)
    operator.step(2)
    assert world.market.answers == {} and world.chain.broadcasts == []
    assert operator.worker.counts()["requests"] == {"left": 1}
    assert world.status(request_id) is Status.OPEN


def test_step__deadline__is_judged_by_the_chains_clock(world, start):
    """The fake chain's clock is years ahead of this machine's: an hour there is still an hour."""
    world.ask(within_s=3_600)
    world.chain.advance(3_500)
    start().step()
    assert world.market.answers == {1: [RIGHT]}


def test_step__another_operator_is_named__is_left(world, start):
    world.ask(operator=world.rival.address)
    operator = start()
    operator.step(2)
    assert world.market.answers == {}


def test_step__we_are_named__is_answered(world, start):
    request_id = world.ask(operator=world.signer.address)
    start().step()
    assert request_id in world.market.answers


def test_step__not_serving_yet__answers_after_opting_in(world, start):
    world.ledger.serving.clear()
    request_id = world.ask()
    operator = start(retry_after_steps=2)
    operator.step(2)
    assert world.market.answers == {}
    world.ledger.serving.add((world.signer.address, 1))
    operator.step(3)
    assert request_id in world.market.answers


def test_step__model_not_among_those_set__is_not_answered(world, start):
    world.ask()
    start(models="2,3").step(2)
    assert world.market.answers == {}


def test_step__stake_for_two_of_three__answers_two_then_the_third(world, start):
    world.ledger.stakes[world.signer.address] = 2 * COIN
    world.chain.auto_mine = False
    for _ in range(3):
        world.ask()
    operator = start(retry_after_steps=1)
    operator.step(3)
    world.chain.mine()
    assert sorted(world.market.answers) == [1, 2]
    operator.step()
    world.chain.auto_mine = True
    world.chain.advance(WINDOW_S + 1)
    operator.step(4)
    assert sorted(world.market.answers) == [1, 2, 3]


def test_counts__stake_is_nearly_used_up__say_how_many_more_it_backs(world, start):
    world.ledger.stakes[world.signer.address] = 3 * COIN
    operator = start(retry_after_steps=1)
    world.ask()
    operator.step(2)
    stake = operator.worker.counts()["stake"]
    assert stake == {"free_wei": 2 * COIN, "answers_backed": {1: 2}, "answers_waiting": 0}
    for _ in range(4):
        world.ask()
    operator.step(3)
    stake = operator.worker.counts()["stake"]
    assert stake == {"free_wei": 0, "answers_backed": {1: 0}, "answers_waiting": 2}
    health = Health(60, lambda: 0.0)
    health.stepped(operator.worker.counts())
    lines = health.metrics().decode().splitlines()
    assert "cairn_operator_free_stake_wei 0.0" in lines
    assert 'cairn_operator_answers_backed{model="1"} 0.0' in lines
    assert "cairn_operator_answers_waiting_for_stake 2.0" in lines
    again = start(retry_after_steps=1)
    again.step()
    assert again.worker.counts()["stake"]["answers_backed"] == {1: 0}, "known from the life before"


def test_step__more_rest_than_fit_on_a_page__holds_up_no_other(world, start):
    """More than are looked at in all the steps that each of them rests for."""
    second_model(world, b"gone")
    singly = {"operator": ZERO_ADDRESS, "callback": "0x" + "cC" * 20}
    deadline = world.chain.timestamp + 3_600
    flood = [world.market.request(2, FEATURES, deadline, **singly)] * (5 * 64 + 10)
    world.all_at_once(REQUESTER, flood)
    request_id = world.ask()
    operator = start()
    operator.step(10)
    assert world.market.answers == {request_id: [RIGHT]}
    world.content.files[b"gone"] = bytes([9])
    operator.step(6)
    assert len(world.market.answers) > 1, "nor do those that rest starve"


def test_step__many_to_models_not_served__hold_up_no_other_and_are_let_go(world, start):
    second_model(world, b"gone")
    world.ledger.serving.discard((world.signer.address, 2))
    deadline = world.chain.timestamp + 3_600
    world.all_at_once(REQUESTER, [world.market.request(2, FEATURES, deadline)] * (5 * 256 + 10))
    request_id = world.ask()
    operator = start()
    operator.step(8)
    assert world.market.answers == {request_id: [RIGHT]}
    assert operator.worker.counts()["requests"] == {"answered": 1, "seen": 1_290}
    world.chain.advance(3_600)
    operator.step()
    assert operator.worker.counts()["requests"]["left"] == 1_290


def test_in_turn__new_ones_never_end__the_rested_have_their_share(start):
    desk = start().worker._desk
    desk.steps = 10
    desk._rests[requests] = {1: 9, 2: 8, 3: 11}
    assert desk.in_turn(requests, range(1, 100), 8) == [4, 5, 6, 2, 7, 8, 9, 1]
    assert desk.in_turn(requests, [1, 2, 3], 8) == [2, 1]


def test_step__node_refuses_a_batch__the_step_goes_on(world, start):
    request_id = world.ask()
    operator = start(retry_after_steps=1)
    operator.step(2)
    world.chain.advance(WINDOW_S + 1)
    later = world.ask()
    world.chain.fail("estimate_gas", *[NodeRefused("eth_estimateGas", "no")] * 2)
    operator.step()
    assert world.status(request_id) is Status.ANSWERED
    operator.step(3)
    assert (world.status(request_id), world.status(later)) == (Status.SETTLED, Status.ANSWERED)


def test_step__many_due__are_settled_a_bounded_number_at_a_time(world, start, monkeypatch):
    monkeypatch.setattr(_settling, "_SETTLED_A_STEP", 2)
    operator = start()
    for _ in range(3):
        world.ask()
    operator.step(2)
    world.chain.advance(WINDOW_S + 1)
    operator.step()
    assert operator.worker.counts()["requests"] == {"settling": 2, "answered": 1}
    operator.step(2)
    assert {world.status(one) for one in (1, 2, 3)} == {Status.SETTLED}


def test_step__ended_long_ago__is_forgotten_and_never_answered_again(world, start):
    settled, left = world.ask(), world.ask(within_s=1)
    operator = start(keep_ended_s=86_400)
    operator.step(2)
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    world.chain.advance(86_400)
    world.chain.mine(20)
    open_ = world.ask()
    operator = start(keep_ended_s=86_400)
    operator.step(2)
    assert operator.worker.counts()["requests"] == {"settled": 1, "answered": 1}
    world.chain.advance(3_601)
    operator = start(keep_ended_s=86_400)
    operator.step(3)
    assert operator.worker.counts()["requests"] == {"settled": 1}
    assert world.market.answers == {settled: [RIGHT], open_: [RIGHT]}
    assert world.status(left) is Status.OPEN


def test_step__rival_answered_first__does_not_answer(world, start):
    request_id = world.ask()
    world.answer_as(world.rival, request_id, RIGHT)
    operator = start()
    operator.step(2)
    assert world.market.answers == {request_id: [RIGHT]} and world.chain.broadcasts == []


def test_step__rival_gets_in_before_our_transaction__is_not_answered_again(world, start):
    world.chain.auto_mine = False
    request_id = world.ask()
    operator = start(retry_after_steps=1)
    operator.step()
    world.answer_as(world.rival, request_id, RIGHT)
    world.chain.mine()
    operator.step(5)
    assert world.market.answers == {request_id: [RIGHT]}
    assert len(world.chain.broadcasts) == 1
    assert operator.worker.counts()["requests"] == {"left": 1}


def test_step__answer_refused_in_its_block__is_tried_again_with_a_new_key(world, start):
    world.chain.auto_mine = False
    request_id = world.ask()
    operator = start(retry_after_steps=1)
    operator.step()
    do_answer = world.market.do_answer

    def refuse(*_):
        raise Reverted("answer: out of luck")

    world.market.do_answer = refuse
    world.chain.mine()
    world.market.do_answer = do_answer
    operator.step(3)
    world.chain.mine()
    operator.step()
    assert world.market.answers == {request_id: [RIGHT]}
    assert len(world.chain.broadcasts) == 2


def test_step__features_in_the_log_are_not_the_markets__does_not_answer(world, start):
    request_id = world.ask()
    logs = world.chain.logs

    def forged(*args):
        return [
            type(log)(
                log.address,
                log.topics,
                log.data.replace(FEATURES.hex().encode(), b"00000006"),
                log.block_number,
                log.log_index,
                log.tx_hash,
            )
            for log in logs(*args)
        ]

    world.chain.logs = forged
    start().step(2)
    assert world.market.answers == {} and request_id == 1


def test_step__program_is_another_than_the_chain_says__is_never_run(world, start):
    cid = world.registry.versions[1, 1].program_cid
    world.content.files[cid] = bytes([4])
    request_id = world.ask()
    operator = start(retry_after_steps=1)
    operator.step(2)
    assert world.market.answers == {}
    world.content.files[cid] = PROGRAM
    operator.step(2)
    assert world.market.answers == {request_id: [RIGHT]}


def second_model(world, cid: bytes) -> None:
    """Another model on sale and served, whose program is under this CID."""
    registry = world.registry
    program_hash = FakeProgram(bytes([9])).hash
    registry.versions[2, 1] = replace(
        registry.versions[1, 1], program_hash=program_hash, program_cid=cid
    )
    registry.all_terms[2] = replace(registry.all_terms[1], model_id=2, program_hash=program_hash)
    world.ledger.serving.add((world.signer.address, 2))


def ask_second(world) -> int:
    deadline = world.chain.timestamp + 3_600
    world.chain.act("0x" + "aa" * 20, world.market.request(2, FEATURES, deadline))
    return len(world.market.requests)


def test_step__program_cannot_be_had__holds_up_no_other_model(world, start):
    second_model(world, b"gone")
    ask_second(world)
    request_id = world.ask()
    start().step(2)
    assert world.market.answers == {request_id: [RIGHT]}


def test_step__program_hangs__holds_up_no_other_model_and_is_waited_for_once(world, start):
    """However many want it: a step waits for it no longer than for one."""
    second_model(world, b"mute")
    world.content.hanging.add(b"mute")
    wanting = [ask_second(world) for _ in range(20)]
    request_id = world.ask()
    operator = start(patience_s=0.2, retry_after_steps=1, root_from=100)
    began = time.monotonic()
    operator.step()
    assert time.monotonic() - began < 20 * 0.2 / 2
    assert world.market.answers == {request_id: [RIGHT]}
    assert world.content.fetched.count(b"mute") == 1
    operator.step()
    assert world.content.fetched.count(b"mute") == 1
    world.content.files[b"mute"] = bytes([9])
    world.content.let_go()
    operator.step(4)
    assert sorted(world.market.answers) == sorted([*wanting, request_id])


def test_step__program_fails__is_asked_for_once_a_step(world, start):
    second_model(world, b"gone")
    for _ in range(5):
        ask_second(world)
    operator = start(retry_after_steps=1)
    operator.step()
    assert world.content.fetched.count(b"gone") == 1
    operator.step()
    assert world.content.fetched.count(b"gone") == 2


def test_step__many_answers_of_others__are_checked_a_bounded_number_at_a_time(
    world, start, monkeypatch
):
    monkeypatch.setattr(_watching, "_CHECKS_A_STEP", 2)
    for _ in range(3):
        world.answer_as(world.rival, world.ask(), RIGHT)
    operator = start()
    operator.step()
    assert operator.worker.counts()["requests"] == {"left": 2, "others": 1}
    operator.step()
    assert operator.worker.counts()["requests"] == {"left": 3}


def test_step__program_once_fetched__is_kept(world, start):
    operator = start()
    for _ in range(3):
        world.ask()
        operator.step()
    assert len(world.content.fetched) == 1


def test_step__somebody_settled_one_of_a_batch__the_others_are_settled(world, start):
    operator = start(retry_after_steps=1)
    for _ in range(3):
        world.ask()
    operator.step(2)
    world.chain.advance(WINDOW_S + 1)
    world.chain.auto_mine = False
    operator.step()
    world.chain.act(world.rival.address, world.market.settle([2]))
    world.chain.mine()
    world.chain.auto_mine = True
    operator.step(6)
    assert {world.status(one) for one in (1, 2, 3)} == {Status.SETTLED}


def test_step__logs_not_deep_enough__waits_for_confirmations(world, start):
    request_id = world.ask()
    operator = start(confirmations=3)
    operator.step(2)
    assert world.market.answers == {}
    world.chain.mine(3)
    operator.step()
    assert request_id in world.market.answers


def test_start__second_process_for_the_account__is_refused(world, start):
    start()
    with pytest.raises(StoreBusy, match="another process"):
        Operator(world)


def test_start__store_of_another_account__is_refused(world, start):
    start().end()
    with pytest.raises(OperatorError, match="a store of its own"):
        Operator(world, signer=world.rival)


def test_start__store_lost__answers_nothing_twice(world, start, tmp_path):
    for _ in range(3):
        world.ask()
    operator = start()
    operator.step()
    operator.end()
    world.ask()
    world.url = f"sqlite:///{tmp_path}/restored.db"
    operator = start()
    operator.step(2)
    assert world.market.answers == {n: [RIGHT] for n in (1, 2, 3, 4)}
    assert len(world.chain.broadcasts) == 4
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert {world.status(n) for n in (1, 2, 3, 4)} == {Status.SETTLED}
