"""An alliance prices in a token that keeps a part of each transfer, so that the market owes more
than it holds and whoever is paid last pays for it.

The market refuses such a payment; nothing is owed.
"""

import ape
import pytest

from scripts.deploy import AllianceSettings, launch_alliance
from tests.conftest import PRODUCTION, SOME_CID

PRICE = 10**18


@pytest.fixture
def sale(system, deployer, founders, accounts, published_program, project):
    """Put a model on sale in a token with a fee; returns the token and the model id."""

    def sell(fee_bps):
        token = deployer.deploy(project.FeeToken, fee_bps)
        alliance = launch_alliance(
            deployer,
            system,
            AllianceSettings(
                "Tokens", "TOK", {founders[0].address: 10**20}, currency=token.address
            ),
        )
        hands = accounts[alliance.timelock.address]
        hands.balance += 10**20
        registry = system.model_registry
        registry.create_model("m", alliance.share_token, b"\1" * 32, SOME_CID, sender=hands)
        model_id = registry.n_models()
        registry.register_version(
            model_id, published_program.hash, SOME_CID, b"\1" * 32, b"\1" * 32, SOME_CID, 0, 0,
            sender=hands,
        )  # fmt: skip
        registry.set_alias(model_id, PRODUCTION, 1, sender=hands)
        registry.set_terms(model_id, PRICE, 0, 5_000, 3_600, 10**18, 0, sender=hands)
        return token, model_id, alliance

    return sell


def test_predict__token_keeps_a_fee__reverts(sale, market, features, requester):
    token, model_id, _ = sale(100)
    token.mint(requester, PRICE, sender=requester)
    token.approve(market, PRICE, sender=requester)
    with ape.reverts("money: token delivered less"):
        market.predict(model_id, features, PRICE, sender=requester)
    assert token.balanceOf(requester) == PRICE


def test_predict__honest_token__is_shared_out_in_it(sale, market, features, requester, stranger):
    token, model_id, alliance = sale(0)
    token.mint(requester, PRICE, sender=requester)
    token.approve(market, PRICE, sender=requester)
    with ape.reverts("money: currency is a token"):
        market.predict(model_id, features, PRICE, value=1, sender=requester)
    market.predict(model_id, features, PRICE, sender=requester)
    market.pay(alliance.share_token, token, sender=stranger)
    assert token.balanceOf(alliance.share_token) == PRICE // 2
