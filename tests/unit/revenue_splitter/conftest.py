"""A splitter of an alliance that earns in an ERC-20, and of one that earns in the coin."""

import pytest

from scripts.deploy import AllianceSettings, launch_alliance
from tests.conftest import PRODUCTION, SOME_CID

SHARE = 10**18
NOBODY = "0x" + "00" * 20
PARTS = (3_000, 5_000)  # operator, holders; the treasury has the rest


@pytest.fixture
def maker(system):
    return system.revenue_splitter


@pytest.fixture
def dollar(deployer, project):
    return deployer.deploy(project.AuthorizedToken)


@pytest.fixture
def dollar_alliance(deployer, system, founders, dollar, accounts):
    settings = AllianceSettings(
        name="Dealers",
        symbol="DEA",
        currency=dollar.address,
        holders={founder.address: 100 * SHARE for founder in founders},
    )
    alliance = launch_alliance(deployer, system, settings)
    accounts[alliance.timelock.address].balance += 10**20
    return alliance


@pytest.fixture
def put_on_sale(system, accounts, published_program):
    """A model of an alliance, on sale with PARTS; returns (model id, a setter of other parts)."""

    def put(alliance):
        registry, hands = system.model_registry, accounts[alliance.timelock.address]
        registry.create_model("m", alliance.share_token, b"\1" * 32, SOME_CID, sender=hands)
        model_id = registry.n_models()
        registry.register_version(
            model_id,
            published_program.hash,
            SOME_CID,
            b"\2" * 32,
            b"\3" * 32,
            SOME_CID,
            0,
            0,
            sender=hands,
        )
        registry.set_alias(model_id, PRODUCTION, 1, sender=hands)

        def set_parts(operator_bps, holders_bps):
            registry.set_terms(
                model_id, 10, operator_bps, holders_bps, 3_600, 10**18, 0, sender=hands
            )

        set_parts(*PARTS)
        return model_id, set_parts

    return put


@pytest.fixture
def sale(put_on_sale, dollar_alliance):
    return put_on_sale(dollar_alliance)


@pytest.fixture
def model_id(sale):
    return sale[0]


@pytest.fixture
def splitter(maker, model_id, operator, project, stranger):
    made = maker.create(model_id, operator, sender=stranger).return_value
    return project.RevenueSplitter.at(made)
