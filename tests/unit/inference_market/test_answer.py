import ape
from eth_utils import keccak

from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, WINDOW_S


def test_answer__serving_operator__stands_with_stake_behind_it(
    market, request_id, serving, outputs, ledger, chain
):
    receipt = market.answer(request_id, outputs, sender=serving)
    request = market.get_request(request_id)
    assert request.status == 2
    assert request.operator == serving
    assert request.outputs_hash == keccak(outputs)
    [event] = receipt.decode_logs(market.Answered)
    answered_at = chain.blocks[receipt.block_number].timestamp
    assert event.challengeable_until == answered_at + WINDOW_S
    assert ledger.locked_wei(serving) == LOCK_WEI


def test_answer__stranger__reverts(market, request_id, outputs, refused_to_outsiders):
    refused_to_outsiders(
        market.answer, request_id, outputs, reason="answer: caller does not serve it"
    )


def test_answer__twice__reverts(market, answered, serving, outputs):
    with ape.reverts("answer: request is not open"):
        market.answer(answered, outputs, sender=serving)


def test_answer__after_the_deadline__reverts(market, request_id, serving, outputs, pass_time):
    pass_time(1_001)
    with ape.reverts("answer: deadline has passed"):
        market.answer(request_id, outputs, sender=serving)


def test_answer__unknown_request__reverts(market, request_id, serving, outputs):
    with ape.reverts("market: unknown request"):
        market.answer(request_id + 1, outputs, sender=serving)


def test_answer__without_free_stake__reverts(market, request_id, serving, outputs, ledger):
    ledger.begin_unbonding(LOCK_WEI + 1, sender=serving)
    with ape.reverts("lock: too little free stake"):
        market.answer(request_id, outputs, sender=serving)


def test_answer__another_operator_is_named__reverts(
    market, model_id, features, requester, serving, outputs, ledger, challenger, chain
):
    ledger.deposit(value=LOCK_WEI, sender=challenger)
    ledger.opt_in(model_id, sender=challenger)
    deadline = chain.blocks.head.timestamp + 1_000
    market.request(model_id, features, PRICE, deadline, serving, value=PRICE, sender=requester)
    request_id = market.n_requests()
    with ape.reverts("answer: another operator is named"):
        market.answer(request_id, outputs, sender=challenger)
    market.answer(request_id, outputs, sender=serving)
