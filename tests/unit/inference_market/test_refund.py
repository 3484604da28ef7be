import ape

from tests.unit.inference_market.conftest import PRICE, WINDOW_S


def test_refund__unanswered_after_the_deadline__gives_the_price_back(
    market, request_id, requester, owed, stranger, pass_time
):
    pass_time(1_001)
    market.refund(request_id, sender=stranger)
    assert market.get_request(request_id).status == 8
    assert owed(requester) == PRICE
    with ape.reverts("refund: request is not open"):
        market.refund(request_id, sender=stranger)


def test_refund__before_the_deadline__reverts(market, request_id, refused_to_outsiders):
    refused_to_outsiders(market.refund, request_id, reason="refund: deadline not over")


def test_refund__answered__reverts(market, answered, requester, pass_time):
    pass_time(WINDOW_S + 1)
    with ape.reverts("refund: request is not open"):
        market.refund(answered, sender=requester)
