"""A chain of its own, the system on it as scripts.deploy deploys it, and one model on sale."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from ape import accounts, networks, project

from cairn.chain import Deployment, Network, System
from cairn.domain.cid import cid_of
from scripts._deployment import Journal
from scripts._system import NATIVE
from scripts.deploy import AllianceSettings, deploy_system, launch_alliance
from tests.integration._support import (
    ALLIANCE,
    CHAIN_ID,
    ROOT,
    Anvil,
    Gate,
    Oracle,
    Worker,
    small_program,
)


@pytest.fixture(scope="session")
def anvil() -> Iterator[Anvil]:
    with Anvil() as node:
        yield node


@pytest.fixture(scope="session")
def deployment_file(anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("deployments") / "test.json"
    journal = Journal(path, "iotex-dev", CHAIN_ID)
    with networks.parse_network_choice(f"iotex:dev:{anvil.url}"):
        deployer = accounts.test_accounts[0]
        system = deploy_system(deployer, journal=journal)
        founders = {accounts.test_accounts[1].address: 10**20}
        launch_alliance(deployer, system, AllianceSettings("Air", "AIR", founders), journal=journal)
        # Shares whose timelock is an account, so that tests decide without a vote.
        hands, rounds = accounts.test_accounts[ALLIANCE], system.training_rounds
        shares = deployer.deploy(
            project.ShareToken,
            "Air", "AIR", NATIVE, hands, rounds, 10**24, 604_800, [*founders], [*founders.values()],
        )  # fmt: skip
        journal.section("Air")["ShareToken"]["address"] = shares.address
    journal.save()
    return path


@pytest.fixture(scope="session")
def shared_oracle(anvil: Anvil, deployment_file: Path) -> Oracle:
    network = Network(rpc_url=anvil.url, chain_id=CHAIN_ID)
    oracle = Oracle(System.connect(network, Deployment.load(deployment_file)), anvil)
    program = small_program()
    oracle.put_on_sale(program, cid_of(program.to_bytes()).binary)
    return oracle


@pytest.fixture
def oracle(shared_oracle: Oracle) -> Iterator[Oracle]:
    """Who asks and who operates. The chain mines at once, and does so again after the test."""
    yield shared_oracle
    shared_oracle.anvil.automine(True)


@pytest.fixture
def gate(anvil: Anvil) -> Iterator[Gate]:
    """A way to the node that can be shut for some methods."""
    with Gate(anvil.url) as one:
        yield one


@pytest.fixture
def store_folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def worker(
    tmp_path: Path, store_folder: Path, gate: Gate, deployment_file: Path
) -> Iterator[Worker]:
    """`cairn operator run` as a process: started and killed as the test says."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("CAIRN_")},
        "PYTHONPATH": str(ROOT / "offchain"),
        "CAIRN_OPERATOR_ACCOUNT": "TEST::4",
        "CAIRN_OPERATOR_DATABASE": f"sqlite:///{tmp_path / 'operator.db'}",
        "CAIRN_OPERATOR_POLL_INTERVAL_S": "0.1",
        "CAIRN_RPC_URL": gate.url,
        "CAIRN_DEPLOYMENT": str(deployment_file),
        "CAIRN_STORE": str(store_folder),
    }
    one = Worker(environment, tmp_path / "operator.log")
    yield one
    one.kill()
