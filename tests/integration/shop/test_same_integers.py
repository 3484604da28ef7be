"""The same integers, whoever answers: the contract, an operator, the API, the Python interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ape import reverts

from cairn.devices import AIR_QUALITY
from cairn.domain.integers import INT32_MAX, MISSING, pack_features, unpack_features
from scripts._story import HOUR_S, PRICE_WEI, QUESTION
from tests.integration.shop.conftest import Shop

pytestmark = pytest.mark.slow

ANSWERED = 2
LOWEST = tuple(column.low for column in AIR_QUALITY.features)
HIGHEST = tuple(column.high for column in AIR_QUALITY.features)
FEATURES = {
    "the story's question": AIR_QUALITY.encode(QUESTION),
    "the least that the schema allows": LOWEST,
    "the most that the schema allows": HIGHEST,
    "the least integers": (MISSING + 1,) * 4,
    "the largest integers": (INT32_MAX,) * 4,
    "both": (MISSING + 1, INT32_MAX, MISSING + 1, INT32_MAX),
    "zeros": (0, 0, 0, 0),
    "below zero": (-1, -1, -1, -1),
}
INVALID = {
    "one missing": (MISSING, 4_800, 100_920, 35_000),
    "the last missing": (2_450, 4_800, 100_920, MISSING),
    "all missing": (MISSING,) * 4,
}


def ask_operator(
    shop: Shop, market: Any, features: bytes, wait_for: Callable[[str, Callable[[], bool]], None]
) -> bytes:
    deadline = shop.stage.now() + HOUR_S
    args = (shop.cast.model_id, features, PRICE_WEI, deadline)
    receipt = market.request(*args, value=PRICE_WEI, sender=shop.cast.buyer)
    [requested] = receipt.decode_logs(market.Requested)
    request_id = requested.request_id
    wait_for("the operator answers", lambda: market.get_request(request_id).status == ANSWERED)
    [answer] = [e for e in shop.stage.events(market.Answered) if e.request_id == request_id]
    return bytes(answer.outputs)


@pytest.mark.parametrize("name", FEATURES)
def test_same_integers__features__get_one_answer_from_all(
    shop: Shop, market, wait_for, settle, name: str
):
    features = FEATURES[name]
    expected = shop.program().run(features)
    assert expected is not None
    packed = pack_features(features)

    args = (shop.cast.model_id, packed, PRICE_WEI)
    receipt = market.predict(*args, value=PRICE_WEI, sender=shop.cast.buyer)
    [event] = receipt.decode_logs(market.Predicted)
    assert unpack_features(bytes(event.outputs)) == expected
    assert unpack_features(ask_operator(shop, market, packed, wait_for)) == expected
    settle()
    response = shop.ask_http(features)
    assert response.status_code == 200, response.text
    [tensor] = response.json()["outputs"]
    assert tuple(tensor["data"]) == expected


@pytest.mark.parametrize("name", INVALID)
def test_same_integers__missing_without_a_stand_in__is_invalid_to_all(
    shop: Shop, market, wait_for, settle, name: str
):
    features = INVALID[name]
    packed = pack_features(features)
    assert shop.program().run(features) is None
    with reverts("predict: features are invalid"):
        market.predict(
            shop.cast.model_id, packed, PRICE_WEI, value=PRICE_WEI, sender=shop.cast.buyer
        )
    assert ask_operator(shop, market, packed, wait_for) == b""
    settle()
    response = shop.ask_http(features)
    assert response.status_code == 422, response.text
    assert "invalid to this program" in response.text


def test_same_integers__answers__are_not_all_alike(shop: Shop):
    """A program that always says the same would make the others worthless."""
    program = shop.program()
    assert len({program.run(features) for features in FEATURES.values()}) > 3
