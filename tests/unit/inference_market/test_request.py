import ape
from eth_utils import keccak

from tests.unit.inference_market.conftest import PRICE


def test_request__paid__is_open_in_escrow(
    market, model_id, features, requester, request_id, system, owed, alliance
):
    request = market.get_request(request_id)
    assert request.requester == requester
    assert request.status == 1
    assert request.terms_id == system.model_registry.current_terms(model_id)
    assert request.features_hash == keccak(features)
    assert market.balance == PRICE
    assert owed(alliance.share_token) == owed(alliance.timelock) == 0


def test_request__bad_arguments__reverts_unpaid(market, model_id, features, requester, chain):
    now = chain.blocks.head.timestamp
    good = (model_id, features, PRICE, now + 1_000)
    for changes, value, reason in [
        ({0: model_id + 1}, PRICE, "request: model is not for sale"),
        ({1: features[:-4]}, PRICE, "request: wrong number of features"),
        ({1: features + b"\0"}, PRICE, "request: wrong number of features"),
        ({2: PRICE - 1}, PRICE, "request: price above max_price"),
        ({3: now}, PRICE, "request: deadline has passed"),
        ({3: now + 8 * 86_400}, PRICE, "request: deadline too far"),
        ({}, PRICE - 1, "money: too little sent"),
    ]:
        arguments = [changes.get(i, value_) for i, value_ in enumerate(good)]
        with ape.reverts(reason):
            market.request(*arguments, value=value, sender=requester)
    assert market.balance == 0


def test_request__named_operator_not_serving__reverts(
    market, model_id, features, requester, stranger, chain
):
    deadline = chain.blocks.head.timestamp + 1_000
    with ape.reverts("request: operator does not serve it"):
        market.request(model_id, features, PRICE, deadline, stranger, value=PRICE, sender=requester)


def test_request__sent_above_the_price__is_owed_back(
    market, model_id, features, requester, chain, owed
):
    deadline = chain.blocks.head.timestamp + 1_000
    market.request(model_id, features, PRICE, deadline, value=PRICE + 3, sender=requester)
    assert owed(requester) == 3


def test_get_request__unknown__reverts(market, request_id):
    for unknown in (0, request_id + 1):
        with ape.reverts("market: unknown request"):
            market.get_request(unknown)
