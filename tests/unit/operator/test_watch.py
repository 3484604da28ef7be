"""Others' answers: recomputed, and the wrong ones challenged in their window."""

from dataclasses import replace

from cairn.chain import NodeRefused, Status
from tests.unit.operator.world import COIN, FEATURES, REQUESTER, RIGHT, WINDOW_S, WRONG


def test_step__wrong_answer_of_another__is_challenged_once(world, start):
    request_id = world.ask(operator=world.rival.address)
    world.answer_as(world.rival, request_id, WRONG)
    operator = start()
    operator.step(3)
    assert world.status(request_id) is Status.SLASHED
    assert world.ledger.stakes[world.rival.address] == 99 * COIN
    assert len(world.chain.broadcasts) == 1
    assert operator.worker.counts()["requests"] == {"slashed": 1}


def test_step__right_answer_of_another__is_left_standing(world, start):
    request_id = world.ask()
    world.answer_as(world.rival, request_id, RIGHT)
    start().step(3)
    assert world.status(request_id) is Status.ANSWERED and world.chain.broadcasts == []


def test_step__window_is_over__does_not_try(world, start):
    request_id = world.ask()
    world.answer_as(world.rival, request_id, WRONG)
    world.chain.advance(WINDOW_S + 1)
    start().step(2)
    assert world.chain.broadcasts == []


def test_step__somebody_challenged_first__is_not_tried_again(world, start):
    request_id = world.ask(operator=world.rival.address)
    world.answer_as(world.rival, request_id, WRONG)
    world.chain.auto_mine = False
    operator = start(retry_after_steps=1)
    operator.step()
    world.chain.act("0x" + "cC" * 20, world.market.challenge(request_id, bytes([0, 0, 0, 5])))
    world.chain.mine()
    operator.step(4)
    assert len(world.chain.broadcasts) == 1
    assert operator.worker.counts()["requests"] == {"slashed": 1}


def test_step__bounty_below_the_gas__is_left_unless_told_otherwise(world, start):
    world.registry.all_terms[1] = replace(world.registry.all_terms[1], lock_wei=1_000)
    request_id = world.ask(operator=world.rival.address)
    world.answer_as(world.rival, request_id, WRONG)
    start().step(2)
    assert world.status(request_id) is Status.ANSWERED
    other = world.ask(operator=world.rival.address)
    world.answer_as(world.rival, other, WRONG)
    start(challenge_at_a_loss=True).step(2)
    assert world.status(other) is Status.SLASHED


def test_step__gas_gets_cheaper_in_the_window__is_challenged_then(world, start):
    request_id = world.ask(operator=world.rival.address)
    world.answer_as(world.rival, request_id, WRONG)
    usual, world.chain.base_fee_wei = world.chain.base_fee_wei, 10**18
    operator = start(retry_after_steps=1)
    operator.step(2)
    assert world.status(request_id) is Status.ANSWERED and world.chain.broadcasts == []
    world.chain.base_fee_wei = usual
    operator.step(2)
    assert world.status(request_id) is Status.SLASHED


def test_step__gas_stays_dear__is_left_when_the_window_is_over(world, start):
    world.answer_as(world.rival, world.ask(), WRONG)
    world.chain.base_fee_wei = 10**18
    operator = start(retry_after_steps=1)
    operator.step(2)
    world.chain.advance(WINDOW_S + 1)
    operator.step(2)
    assert world.chain.broadcasts == []
    assert operator.worker.counts()["requests"] == {"left": 1}


def test_step__watching_is_off__leaves_all(world, start):
    request_id = world.ask()
    world.answer_as(world.rival, request_id, WRONG)
    start(watch="none").step(2)
    assert world.status(request_id) is Status.ANSWERED


def test_step__model_not_served__is_checked_only_if_all_are(world, start):
    world.ledger.serving.discard((world.signer.address, 1))
    request_id = world.ask(operator=world.rival.address)
    world.answer_as(world.rival, request_id, WRONG)
    start().step(2)
    assert world.status(request_id) is Status.ANSWERED
    other = world.ask(operator=world.rival.address)
    world.answer_as(world.rival, other, WRONG)
    start(watch="all").step(2)
    assert world.status(other) is Status.SLASHED


def test_step__many_lies_that_do_not_pay__hold_up_no_other(world, start):
    terms = world.registry.all_terms
    terms[2] = replace(terms[1], lock_wei=1_000)
    n, deadline = 5 * 64 + 10, world.chain.timestamp + 3_600
    world.all_at_once(REQUESTER, [world.market.request(2, FEATURES, deadline)] * n)
    lies = [world.market.answer(one, WRONG) for one in range(1, n + 1)]
    world.all_at_once(world.rival.address, lies)
    request_id = world.ask(operator=world.rival.address)
    world.answer_as(world.rival, request_id, WRONG)
    start().step(10)
    assert world.status(request_id) is Status.SLASHED
    assert len(world.chain.broadcasts) == 1


def test_step__node_has_no_word_for_the_tip__challenges_all_the_same(world, start, monkeypatch):
    request_id = world.ask(operator=world.rival.address)
    world.answer_as(world.rival, request_id, WRONG)

    def refuse():
        raise NodeRefused("eth_maxPriorityFeePerGas", "unknown method")

    monkeypatch.setattr(world.chain, "tip_wei", refuse)
    start().step(2)
    assert world.status(request_id) is Status.SLASHED
