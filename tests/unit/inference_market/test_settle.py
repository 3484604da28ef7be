import ape

from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, WINDOW_S


def test_settle__after_the_window__shares_the_price_out(
    market, answered, serving, ledger, owed, alliance, pass_time, stranger
):
    pass_time(WINDOW_S + 1)
    market.settle([answered], sender=stranger)
    assert market.get_request(answered).status == 4
    assert owed(serving) == PRICE * 3 // 10
    assert owed(alliance.share_token) == PRICE // 2
    assert owed(alliance.timelock) == PRICE // 5
    assert ledger.locked_wei(serving) == 0
    assert ledger.free_wei(serving) == 2 * LOCK_WEI


def test_settle__in_the_window__reverts(market, answered, stranger, pass_time):
    pass_time(WINDOW_S - 10)
    with ape.reverts("settle: window is open"):
        market.settle([answered], sender=stranger)


def test_settle__settled_or_repeated__is_passed_over(
    market, answered, stranger, serving, owed, ledger, pass_time
):
    pass_time(WINDOW_S + 1)
    receipt = market.settle([answered, answered], sender=stranger)
    assert len(receipt.decode_logs(market.Settled)) == 1
    market.settle([answered], sender=stranger)
    assert owed(serving) == PRICE * 3 // 10
    assert ledger.free_wei(serving) == 2 * LOCK_WEI


def test_settle__unanswered__reverts(market, request_id, stranger):
    with ape.reverts("settle: no answer stands"):
        market.settle([request_id], sender=stranger)


def test_settle__new_terms_meanwhile__keeps_those_of_the_request(
    market, answered, model_id, system, timelock, owed, serving, pass_time, stranger
):
    system.model_registry.set_terms(
        model_id, 9 * PRICE, 0, 0, 7 * 86_400, 10 * LOCK_WEI, 0, sender=timelock
    )
    pass_time(WINDOW_S + 1)
    market.settle([answered], sender=stranger)
    assert owed(serving) == PRICE * 3 // 10
