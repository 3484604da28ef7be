"""An alliance changes the terms or the policy after a request was made: to raise its price, to take
the operator's part, to void the answer's window or its lock, or to lock the requester out of what he
paid for. Or it ends the sale.

A request keeps the terms that it was made under; a policy is asked when a prediction is bought, and
never again.
"""

from dataclasses import astuple

import ape

from cairn.chain import Mode, Rules
from tests.unit.inference_market.conftest import LOCK_WEI, PRICE, WINDOW_S


def test_terms__changed_under_an_open_request__do_not_touch_it(
    market, request_id, model_id, serving, outputs, system, timelock, owed, ledger, alliance,
    stranger, pass_time,
):  # fmt: skip
    registry = system.model_registry
    registry.set_terms(model_id, 50 * PRICE, 0, 0, 7 * 86_400, 50 * LOCK_WEI, 0, sender=timelock)
    registry.end_sale(model_id, sender=timelock)
    market.answer(request_id, outputs, sender=serving)
    assert ledger.locked_wei(serving) == LOCK_WEI
    pass_time(WINDOW_S + 1)
    market.settle([request_id], sender=stranger)
    assert owed(serving) == PRICE * 3 // 10
    assert owed(alliance.share_token) == PRICE // 2


def test_terms__changed_between_look_and_purchase__are_refused_by_who_named_his(
    market, model_id, features, requester, system, timelock, chain
):
    """The price alone does not say it all: with his terms' id he gets those or nothing."""
    price, _, terms_id = market.quote(model_id, requester)
    system.model_registry.set_terms(
        model_id, price, 0, 10_000, WINDOW_S, LOCK_WEI, 0, sender=timelock
    )
    deadline = chain.blocks.head.timestamp + 1_000
    zero = "0x" + 40 * "0"
    with ape.reverts("predict: other terms are in force"):
        market.predict(model_id, features, price, terms_id, value=price, sender=requester)
    with ape.reverts("request: other terms are in force"):
        market.request(
            model_id, features, price, deadline, zero, zero, 0, terms_id,
            value=price, sender=requester,
        )  # fmt: skip
    _, _, now_in_force = market.quote(model_id, requester)
    market.predict(model_id, features, price, now_in_force, value=price, sender=requester)


def test_policy__changed_under_an_open_request__does_not_touch_it(
    market, request_id, model_id, features, serving, outputs, system, timelock, requester, owed,
    stranger, chain, pass_time,
):  # fmt: skip
    policies = system.access_policy
    policies.create_policy(astuple(Rules(mode=Mode.LISTED)), sender=timelock)
    policy_id = policies.n_policies()
    system.model_registry.set_terms(
        model_id, PRICE, 3_000, 5_000, WINDOW_S, LOCK_WEI, policy_id, sender=timelock
    )
    assert market.may_ask(model_id, requester) != ""
    deadline = chain.blocks.head.timestamp + 1_000
    for buy in (
        lambda: market.request(model_id, features, PRICE, deadline, value=PRICE, sender=requester),
        lambda: market.predict(model_id, features, PRICE, value=PRICE, sender=requester),
    ):
        with ape.reverts(market.may_ask(model_id, requester)):
            buy()
    market.answer(request_id, outputs, sender=serving)
    pass_time(WINDOW_S + 1)
    market.settle([request_id], sender=stranger)
    assert owed(serving) == PRICE * 3 // 10
    policies.set_listed(policy_id, [requester], True, sender=timelock)
    assert market.may_ask(model_id, requester) == ""
    market.predict(model_id, features, PRICE, value=PRICE, sender=requester)
