"""A stranger makes a model of his own on another alliance's shares, admits his own sensor to it and
opens a round whose pool is all that the cap leaves: the rounds, a minter of every alliance's shares,
would mint it to him.

A model's shares must name its creator as their timelock, so there is no such model.
"""

import ape
import pytest

from scripts.deploy import AllianceSettings, launch_alliance
from tests.conftest import SOME_CID

SCHEMA_HASH = bytes([1]) * 32


@pytest.fixture
def others(deployer, system, stranger):
    """The stranger's own alliance."""
    settings = AllianceSettings("Others", "OTH", {stranger.address: 10**20})
    return launch_alliance(deployer, system, settings)


def test_create_model__on_anothers_shares__is_refused(
    system, alliance, others, accounts, refused_to_outsiders
):
    registry = system.model_registry
    args = ("mine", alliance.share_token, SCHEMA_HASH, SOME_CID)
    refused_to_outsiders(registry.create_model, *args, reason="create_model: shares of another")
    hands = accounts[others.timelock.address]
    hands.balance += 10**18
    with ape.reverts("create_model: shares of another"):
        registry.create_model(*args, sender=hands)
    registry.create_model("mine", others.share_token, SCHEMA_HASH, SOME_CID, sender=hands)


def test_create_model__shares_of_other_rounds__is_refused(
    project, deployer, system, founders, stranger
):
    token = deployer.deploy(
        project.ShareToken,
        "Shares", "SHR", "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE", stranger, founders[0],
        10**24, 7 * 86_400, [stranger], [10**20],
    )  # fmt: skip
    with ape.reverts("create_model: shares of other rounds"):
        system.model_registry.create_model("m", token, SCHEMA_HASH, SOME_CID, sender=stranger)
