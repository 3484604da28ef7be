import ape

from tests.unit.inference_market.conftest import PRICE


def test_pay__called_by_anyone__pays_the_account_once(
    market, model_id, features, requester, alliance, stranger
):
    market.predict(model_id, features, PRICE, value=PRICE, sender=requester)
    currency = alliance.share_token.currency()
    market.pay(alliance.share_token, currency, sender=stranger)
    assert alliance.share_token.balance == PRICE // 2
    with ape.reverts("pay: nothing owed"):
        market.pay(alliance.share_token, currency, sender=stranger)
    market.pay(alliance.timelock, currency, sender=stranger)
    assert market.balance == 0


def test_pay__stranger__has_nothing(market, alliance, stranger, refused_to_outsiders):
    currency = alliance.share_token.currency()
    refused_to_outsiders(market.pay, stranger, currency, reason="pay: nothing owed")


def test_pay__receiver_refuses__keeps_its_claim(
    market, model_id, features, requester, alliance, caller, stranger
):
    currency = alliance.share_token.currency()
    data = market.predict.encode_input(model_id, features, PRICE)
    caller.forward(market, data, value=PRICE + 5, sender=requester)
    caller.set_refusing(True, sender=stranger)
    with ape.reverts("money: receiver refused"):
        market.pay(caller, currency, sender=stranger)
    assert market.owed(caller, currency) == 5
