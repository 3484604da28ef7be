"""The chain under test: the system as scripts.deploy deploys it, one alliance on it, and the roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import ape
import pytest
from ape.api import AccountAPI
from ape.contracts import ContractInstance

from cairn.chain import Mode, Rules
from cairn.domain.integers import MISSING
from cairn.domain.programs import Program, linear_program_from_aggregate
from scripts.deploy import Alliance, AllianceSettings, System, deploy_system, launch_alliance

DAY_S = 86_400
# A CIDv1 in its binary form: raw, sha2-256, some digest.
SOME_CID = bytes([1, 0x55, 0x12, 0x20]) + bytes(range(32))
TERMS = ("price", "operator_bps", "holders_bps", "window_s", "lock_wei")
PRODUCTION = b"production".ljust(32, b"\0")


@pytest.fixture(scope="session", autouse=True)
def _reverts_without_a_stack():
    """Ape rebuilds and prints the source's call stack for every revert, which takes up to minutes.
    These tests compare a revert's reason, which the node itself gives.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ape.exceptions._get_ape_traceback_from_tx", lambda txn: None)
        patch.setattr("ape_ethereum.trace.Trace.show", lambda *_, **__: None)
        yield


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


@dataclass(frozen=True)
class World:
    """All that tests share on the chain."""

    system: System
    alliance: Alliance
    caller: ContractInstance
    program: Program


@pytest.fixture(scope="session")
def world(deployer, founders, accounts, project) -> World:
    """Deployed in one go, before any test: what came later could be taken back with a test."""
    system = deploy_system(deployer)
    settings = AllianceSettings(
        name="Pioneers",
        symbol="PIO",
        holders={founder.address: 100 * 10**18 for founder in founders},
    )
    alliance = launch_alliance(deployer, system, settings)
    accounts[alliance.timelock.address].balance += 10**20  # for the gas of what it does in tests
    program = make_program()
    for name, arguments in program.publish_calls():
        getattr(system.program_store, name)(*arguments, sender=deployer)
    return World(system, alliance, deployer.deploy(project.Caller), program)


@pytest.fixture(scope="session")
def system(world) -> System:
    return world.system


@pytest.fixture(scope="session")
def alliance(world) -> Alliance:
    return world.alliance


@pytest.fixture(scope="session")
def timelock(world, accounts) -> AccountAPI:
    """The alliance's hands: what its timelock would do after a vote. Holds coin for gas."""
    return accounts[world.alliance.timelock.address]


@pytest.fixture(scope="session")
def caller(world) -> ContractInstance:
    """A contract in the place of an account."""
    return world.caller


@pytest.fixture(scope="session")
def published_program(world) -> Program:
    """make_program's, published."""
    return world.program


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


def make_program() -> Program:
    """A linear program of four features and one output."""
    return linear_program_from_aggregate(
        aggregate=[30_000, -20_000, 5_000, 70_000, 1_000],
        centers=[2_000, 5_000, 100_000, 300],
        shifts=[11, 12, 10, 8],
        target_center=1_000_000,
        target_shift=18,
        lo=[-4_000, 0, 30_000, 0],
        hi=[8_500, 10_000, 110_000, 100_000],
        imputed=[2_000, 5_000, 100_000, MISSING],
    )


@pytest.fixture
def policy(system, timelock) -> Callable[..., int]:
    """Create a policy of the alliance's, or of another creator's; open and unlimited but for what is
    given, by Rules' names.
    """

    def create(creator: AccountAPI = timelock, **rules: Any) -> int:
        written = Rules(**{"mode": Mode.OPEN} | rules)
        system.access_policy.create_policy(astuple(written), sender=creator)
        return system.access_policy.n_policies()

    return create


@pytest.fixture
def model_on_sale(system, alliance, timelock, published_program) -> Callable[..., int]:
    """Create a model whose version 1, the published program, is in production on the terms given."""

    def put_on_sale(**terms: int) -> int:
        registry = system.model_registry
        registry.create_model(
            "air-quality", alliance.share_token, bytes([1]) * 32, SOME_CID, sender=timelock
        )
        model_id = registry.n_models()
        registry.register_version(
            model_id,
            published_program.hash,
            SOME_CID,
            bytes([2]) * 32,
            bytes([3]) * 32,
            SOME_CID,
            0,
            0,
            sender=timelock,
        )
        registry.set_alias(model_id, PRODUCTION, 1, sender=timelock)
        registry.set_terms(
            model_id,
            *(terms[name] for name in TERMS),
            terms.get("policy_id", 0),
            sender=timelock,
        )
        return model_id

    return put_on_sale
