import ape
from eth_utils import keccak

from cairn.domain.answers import turn_seed
from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, TURN_S, WINDOW_S, ZERO


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
    refused_to_outsiders(market.answer, request_id, outputs, reason="lock: operator does not serve")


def test_answer__twice__reverts(market, answered, serving, outputs):
    with ape.reverts("answer: request is not open"):
        market.answer(answered, outputs, sender=serving)


def test_answer__after_the_deadline__reverts(market, request_id, serving, outputs, pass_time):
    pass_time(1_001)
    with ape.reverts("answer: deadline has passed"):
        market.answer(request_id, outputs, sender=serving)


def test_answer__unknown_request__reverts(market, request_id, serving, outputs):
    with ape.reverts("answer: request is not open"):
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


def test_answer__in_anothers_turn__waits_until_it_is_over(
    market, two_in_turn, outputs, ask, pass_time
):
    [request_id] = ask(1)
    [other] = [one for one in two_in_turn if one != market.turn_of(request_id)]
    with ape.reverts("answer: it is another's turn"):
        market.answer(request_id, outputs, sender=other)
    pass_time(TURN_S + 1)
    assert market.turn_of(request_id) == ZERO
    market.answer(request_id, outputs, sender=other)
    assert market.get_request(request_id).operator == other


def test_answer__in_the_callers_turn__is_taken_at_once(market, two_in_turn, outputs, ask, accounts):
    [request_id] = ask(1)
    market.answer(request_id, outputs, sender=accounts[market.turn_of(request_id)])


def test_answer__turn_of_one_who_lost_his_stake__is_anyones(
    market, two_in_turn, ledger, outputs, ask
):
    [request_id] = ask(1)
    turn = market.turn_of(request_id)
    idle, other = sorted(two_in_turn, key=lambda one: one != turn)
    ledger.begin_unbonding(ledger.free_wei(idle), sender=idle)
    assert market.turn_of(request_id) == ZERO
    market.answer(request_id, outputs, sender=other)


def test_turn_of__many_requests__falls_on_each_operator(market, two_in_turn, ask):
    assert {market.turn_of(one) for one in ask(12)} == {one.address for one in two_in_turn}


def test_turn_of__any_request__is_what_the_client_computes(
    market, two_in_turn, ledger, model_id, ask
):
    for one in ask(4):
        asked = market.get_request(one)
        seed = turn_seed(one, bytes(asked.features_hash))
        assert market.turn_of(one) == ledger.turn_of(model_id, seed, asked.made_at)


def test_turn_of__named_operator__is_his_to_the_end(
    market, model_id, features, requester, serving, chain, pass_time
):
    deadline = chain.blocks.head.timestamp + 1_000
    market.request(model_id, features, PRICE, deadline, serving, value=PRICE, sender=requester)
    pass_time(900)
    assert market.turn_of(market.n_requests()) == serving
