import ape

from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, WINDOW_S


def test_challenge__wrong_answer__costs_the_lock(
    market, lied, features, outputs, ledger, serving, challenger, requester, owed
):
    receipt = market.challenge(lied, features, sender=challenger)
    [event] = receipt.decode_logs(market.Challenged)
    assert bytes(event.outputs) == outputs
    assert market.get_request(lied).status == 16
    assert ledger.stake_wei(serving) == LOCK_WEI
    assert ledger.locked_wei(serving) == 0
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2
    assert owed(requester) == PRICE


def test_challenge__right_answer__reverts(market, answered, features, challenger):
    with ape.reverts("challenge: the answer is right"):
        market.challenge(answered, features, sender=challenger)


def test_challenge__says_invalid_where_outputs_exist__is_slashed(
    market, request_id, serving, features, challenger
):
    market.answer(request_id, b"", sender=serving)
    market.challenge(request_id, features, sender=challenger)
    assert market.get_request(request_id).status == 16


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
