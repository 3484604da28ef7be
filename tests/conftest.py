"""The chain under test: the system as scripts.deploy deploys it, one alliance on it, and the roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance

from scripts.deploy import Alliance, AllianceSettings, System, deploy_system, launch_alliance

DAY_S = 86_400
# A CIDv1 in its binary form: raw, sha2-256, some digest.
SOME_CID = bytes([1, 0x55, 0x12, 0x20]) + bytes(range(32))
PRODUCTION = b"production".ljust(32, b"\0")


@pytest.fixture(scope="session")
def deployer(accounts) -> AccountAPI:
    return accounts[0]


@pytest.fixture(scope="session")
def founders(accounts) -> list[AccountAPI]:
    """Three members, with 100 shares each."""
    return [accounts[1], accounts[2], accounts[3]]


@pytest.fixture(scope="session")
def operator(accounts) -> AccountAPI:
    return accounts[4]


@pytest.fixture(scope="session")
def requester(accounts) -> AccountAPI:
    return accounts[5]


@pytest.fixture(scope="session")
def challenger(accounts) -> AccountAPI:
    return accounts[6]


@pytest.fixture(scope="session")
def stranger(accounts) -> AccountAPI:
    return accounts[9]


@pytest.fixture(scope="session")
def system(deployer) -> System:
    return deploy_system(deployer)


@pytest.fixture(scope="session")
def alliance(deployer, system, founders) -> Alliance:
    settings = AllianceSettings(
        name="Pioneers",
        symbol="PIO",
        holders={founder.address: 100 * 10**18 for founder in founders},
    )
    return launch_alliance(deployer, system, settings)


@pytest.fixture(scope="session")
def timelock(alliance, accounts) -> AccountAPI:
    """The alliance's hands: what its timelock would do after a vote. Holds coin for gas."""
    account = accounts[alliance.timelock.address]
    account.balance += 10**20
    return account


@pytest.fixture(scope="session")
def caller(deployer, project) -> ContractInstance:
    """A contract in the place of an account."""
    return deployer.deploy(project.Caller)


@pytest.fixture
def refused_to_outsiders(stranger, caller) -> Callable[..., None]:
    """Assert that a call is refused with a reason to a stranger, and to a contract."""

    def check(method: Any, *args: Any, reason: str) -> None:
        with ape.reverts(reason):
            method(*args, sender=stranger)
        with ape.reverts(reason):
            caller.forward(method.contract.address, method.encode_input(*args), sender=stranger)

    return check


@pytest.fixture
def pass_time(chain) -> Callable[[int], None]:
    """Let seconds pass on the chain."""

    def pass_(seconds: int) -> None:
        chain.pending_timestamp = chain.blocks.head.timestamp + seconds
        chain.mine()

    return pass_
