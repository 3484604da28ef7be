import ape

from tests.unit.inference_market.conftest import PRICE


def test_predict__paid__gives_the_programs_outputs(
    market, model_id, features, outputs, requester, owed, alliance
):
    receipt = market.predict(model_id, features, PRICE, value=PRICE, sender=requester)
    assert receipt.return_value == outputs
    [event] = receipt.decode_logs(market.Predicted)
    assert (event.caller, event.price) == (requester.address, PRICE)
    assert (bytes(event.features), bytes(event.outputs)) == (features, outputs)
    assert owed(alliance.share_token) == PRICE // 2
    assert owed(alliance.timelock) == PRICE // 2
    assert market.balance == PRICE


def test_predict__too_little_sent__reverts(market, model_id, features, requester):
    with ape.reverts("money: too little sent"):
        market.predict(model_id, features, PRICE, value=PRICE - 1, sender=requester)


def test_predict__sent_above_the_price__is_owed_back(market, model_id, features, requester, owed):
    market.predict(model_id, features, PRICE, value=PRICE + 7, sender=requester)
    assert owed(requester) == 7


def test_predict__price_above_the_callers_limit__reverts(market, model_id, features, requester):
    with ape.reverts("predict: price above max_price"):
        market.predict(model_id, features, PRICE - 1, value=PRICE, sender=requester)


def test_predict__invalid_features__reverts_unpaid(market, model_id, features, requester):
    for wrong in (b"", features[:-1], features[:-4], features + bytes(4)):
        with ape.reverts("predict: features are invalid"):
            market.predict(model_id, wrong, PRICE, value=PRICE, sender=requester)
    assert market.balance == 0


def test_predict__unknown_model__reverts(market, model_id, features, requester):
    with ape.reverts("predict: model is not for sale"):
        market.predict(model_id + 1, features, PRICE, value=PRICE, sender=requester)


def test_predict__sale_ended__reverts(market, model_id, features, requester, system, timelock):
    system.model_registry.end_sale(model_id, sender=timelock)
    with ape.reverts("predict: model is not for sale"):
        market.predict(model_id, features, PRICE, value=PRICE, sender=requester)
    assert market.quote(model_id, requester)[2] == 0


def test_predict__by_a_contract__works_alike(
    market, model_id, features, outputs, caller, requester
):
    data = market.predict.encode_input(model_id, features, PRICE)
    receipt = caller.forward(market, data, value=PRICE, sender=requester)
    assert outputs in bytes(receipt.return_value)


def test_quote__on_sale__tells_the_price(market, model_id, requester, alliance, system):
    price, currency, terms_id = market.quote(model_id, requester)
    assert (price, currency) == (PRICE, alliance.share_token.currency())
    assert terms_id == system.model_registry.current_terms(model_id)
