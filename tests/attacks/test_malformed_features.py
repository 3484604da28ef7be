"""A requester sends features that overflow, are missing or malformed, so that no answer to them can be
right and every operator who answers is slashed; or so that a wrong answer cannot be judged.

Every features string that the market takes has one right outcome, outputs or `invalid`: the right
one stands, any other falls.
"""

import ape
import pytest

from tests.unit.inference_market.conftest import PRICE

HIGHEST, LOWEST, MISSING = b"\x7f\xff\xff\xff", b"\x80\0\0\1", b"\x80\0\0\0"


@pytest.mark.parametrize("feature", [HIGHEST, LOWEST, MISSING, b"\xff\xff\xff\xff"])
def test_features__extreme_or_missing__have_one_right_outcome(
    market, model_id, requester, serving, published_program, chain, challenger, feature
):
    features = feature * published_program.n_features
    right = published_program.run_packed(features)
    deadline = chain.blocks.head.timestamp + 1_000
    args = (model_id, features, PRICE, deadline)
    for _ in range(2):
        market.request(*args, value=PRICE, sender=requester)
    second = market.n_requests()
    first = second - 1
    market.answer(first, right, sender=serving)
    with ape.reverts("challenge: the answer is right"):
        market.challenge(first, features, sender=challenger)
    other = b"\0\0\0\1" if not right else b""
    market.answer(second, other, sender=serving)
    market.challenge(second, features, sender=challenger)
    assert [market.get_request(one).status for one in (first, second)] == [2, 1]


def test_features__of_another_length__are_not_taken(market, model_id, requester, features, chain):
    deadline = chain.blocks.head.timestamp + 1_000
    for bad in (b"", features[:-1], features + b"\0", features * 2):
        with ape.reverts("request: wrong number of features"):
            market.request(model_id, bad, PRICE, deadline, value=PRICE, sender=requester)


def test_outputs__of_another_length__are_wrong(
    market, request_id, serving, outputs, features, challenger
):
    market.answer(request_id, outputs + bytes(4), sender=serving)
    market.challenge(request_id, features, sender=challenger)
    assert market.get_request(request_id).status == 1
