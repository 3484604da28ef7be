import ape

from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, TURN_S, WINDOW_S, ZERO


def test_challenge__wrong_answer__costs_the_lock_and_opens_the_request_again(
    market, lied, features, outputs, ledger, serving, challenger, requester, owed
):
    receipt = market.challenge(lied, features, sender=challenger)
    [event] = receipt.decode_logs(market.Challenged)
    assert bytes(event.outputs) == outputs
    [again] = receipt.decode_logs(market.Reopened)
    assert again.request_id == lied
    request = market.get_request(lied)
    assert (request.status, request.operator, request.answered_at) == (1, ZERO, 0)
    assert bytes(request.outputs_hash) == bytes(32)
    assert ledger.stake_wei(serving) == LOCK_WEI
    assert ledger.locked_wei(serving) == 0
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2
    assert owed(requester) == 0


def test_challenge__opened_again__is_answered_and_paid_for_once(
    market, lied, features, outputs, second, challenger, stranger, owed, pass_time
):
    market.challenge(lied, features, sender=challenger)
    pass_time(TURN_S)
    market.answer(lied, outputs, sender=second)
    with ape.reverts("challenge: the answer is right"):
        market.challenge(lied, features, sender=challenger)
    pass_time(WINDOW_S + 1)
    market.settle([lied], sender=stranger)
    assert market.get_request(lied).status == 4
    assert owed(second) == PRICE * 3 // 10


def test_challenge__wrong_answer_of_the_operator_named__gives_the_price_back(
    market, ask, serving, wrong, features, challenger, requester, owed, ledger
):
    [named] = ask(1, operator=serving)
    market.answer(named, wrong, sender=serving)
    receipt = market.challenge(named, features, sender=challenger)
    assert list(receipt.decode_logs(market.Reopened)) == []
    assert market.get_request(named).status == 16
    assert owed(requester) == PRICE
    assert ledger.locked_wei(serving) == 0


def test_challenge__wrong_answer_that_a_callback_was_told__gives_the_price_back(
    market, ask, serving, wrong, features, challenger, requester, owed, deployer, project
):
    receiver = deployer.deploy(project.Receiver)
    [called] = ask(1, operator=ZERO, callback=receiver, callback_gas=200_000)
    market.answer(called, wrong, sender=serving)
    receipt = market.challenge(called, features, sender=challenger)
    assert list(receipt.decode_logs(market.Reopened)) == []
    assert market.get_request(called).status == 16
    assert owed(requester) == PRICE


def test_challenge__right_answer__reverts(market, answered, features, challenger):
    with ape.reverts("challenge: the answer is right"):
        market.challenge(answered, features, sender=challenger)


def test_challenge__says_invalid_where_outputs_exist__is_slashed(
    market, request_id, serving, features, challenger
):
    market.answer(request_id, b"", sender=serving)
    market.challenge(request_id, features, sender=challenger)
    assert market.get_request(request_id).status == 1


def test_challenge__at_the_last_second__counts(market, lied, features, challenger, chain):
    chain.pending_timestamp = market.get_request(lied).answered_at + WINDOW_S
    market.challenge(lied, features, sender=challenger)


def test_challenge__after_the_window__reverts(market, lied, features, challenger, pass_time):
    pass_time(WINDOW_S + 1)
    with ape.reverts("challenge: window is over"):
        market.challenge(lied, features, sender=challenger)


def test_challenge__other_features__reverts(market, lied, features, challenger):
    with ape.reverts("challenge: other features"):
        market.challenge(lied, bytes(len(features)), sender=challenger)


def test_challenge__no_answer_stands__reverts(market, request_id, features, challenger):
    with ape.reverts("challenge: no answer stands"):
        market.challenge(request_id, features, sender=challenger)


def test_challenge__twice__reverts(market, lied, features, challenger):
    market.challenge(lied, features, sender=challenger)
    with ape.reverts("challenge: no answer stands"):
        market.challenge(lied, features, sender=challenger)
