"""The deployment on a chain of this machine: written down, resumed, refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ape import accounts, chain, networks, project
from ape.api import AccountAPI
from click.testing import CliRunner, Result

from cairn.chain import Deployment
from cairn.cli.processes import LOOPBACK, Processes, free_port, local_chain
from scripts._command import read_networks_once
from scripts._deployment import DeploymentError, Journal, commit
from scripts._system import AllianceSettings, SystemSettings, deploy_system, launch_alliance
from scripts.deploy import cli

CHAIN_ID = 4690
SYSTEM = (
    "DeviceRegistry", "ProgramStore", "Evaluator", "StakeLedger", "AccessPolicy", "ModelRegistry",
    "TrainingRounds", "PacketFeatures", "InferenceMarket", "ReceiptJudge", "Evaluations",
    "PaymentChannels", "DepositCollector", "RevenueSplitter", "CharterBlueprint",
    "ShareTokenBlueprint", "TimelockBlueprint", "GovernorBlueprint", "AllianceFactory",
)  # fmt: skip
ALLIANCE = ("Charter", "ShareToken", "Timelock", "Governor")
# An alliance takes one transaction.
N_STEPS = len(SYSTEM) + 1
NAME = "Pioneers"


class Interrupted(Exception):
    """The run was ended from outside."""


class Interrupting:
    """An account whose run ends right after some transaction of it, before anyone could note it."""

    def __init__(self, account: AccountAPI, after: int = 1) -> None:
        self._account = account
        self._left = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._account, name)

    def deploy(self, *args: Any, **options: Any) -> Any:
        return self._counted(self._account.deploy(*args, **options))

    def declare(self, *args: Any, **options: Any) -> Any:
        return self._counted(self._account.declare(*args, **options))

    def _counted(self, sent: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            raise Interrupted
        return sent


@dataclass
class Run:
    """A deployment of the system and one alliance, with its file."""

    url: str
    file: Path

    @property
    def deployer(self) -> AccountAPI:
        return accounts.test_accounts[0]

    def command(self) -> Result:
        """`ape run deploy`, on this node and with this file."""
        return CliRunner().invoke(
            cli,
            ["--network", f"iotex:dev:{self.url}"],
            env={"CAIRN_DEPLOYMENT": str(self.file)},
        )

    def resume(self, account: Any = None) -> None:
        """What the command does, with an account that may be interrupted."""
        account = account or self.deployer
        journal = Journal(self.file, "iotex-dev", CHAIN_ID)
        holders = {member.address: 10**20 for member in accounts.test_accounts[1:4]}
        system = deploy_system(account, SystemSettings(), journal)
        launch_alliance(account, system, AllianceSettings(NAME, "PIO", holders), journal)

    def interrupt(self, after: int) -> None:
        with pytest.raises(Interrupted):
            self.resume(Interrupting(self.deployer, after))

    @property
    def record(self) -> dict[str, Any]:
        return json.loads(self.file.read_text())

    def edit(self, **changes: str) -> None:
        """Change what the file says of the evaluator."""
        record = self.record
        record["contracts"]["Evaluator"].update(changes)
        self.file.write_text(json.dumps(record))

    def check(self) -> None:
        """Assert that the file names the whole set, each with code and wired to each other."""
        record = self.record
        assert set(record["contracts"]) == set(SYSTEM)
        assert set(record["alliances"][NAME]) == set(ALLIANCE)
        assert "pending" not in record
        entries = {**record["contracts"], **record["alliances"][NAME]}
        at = {name: entry["address"] for name, entry in entries.items()}
        assert len(set(at.values())) == len(SYSTEM) + len(ALLIANCE)
        for name, entry in entries.items():
            code = bytes(chain.provider.get_code(entry["address"]))
            contract_type = getattr(project, name.removesuffix("Blueprint")).contract_type
            if name.endswith("Blueprint"):
                assert code.endswith(bytes(contract_type.get_deployment_bytecode())), name
            else:
                assert code.startswith(bytes(contract_type.get_runtime_bytecode())), name
            assert 0 < entry["block"] <= chain.blocks.height

        def of(name: str) -> Any:
            return getattr(project, name).at(at[name])

        assert of("Evaluator").PROGRAM_STORE() == at["ProgramStore"]
        judges = ("TrainingRounds", "InferenceMarket", "ReceiptJudge", "Evaluations")
        assert list(of("StakeLedger").judges()) == [at[name] for name in judges]
        assert of("StakeLedger").REGISTRY() == at["ModelRegistry"]
        assert of("TrainingRounds").DEVICES() == at["DeviceRegistry"]
        assert of("TrainingRounds").REGISTRY() == at["ModelRegistry"]
        assert of("TrainingRounds").LEDGER() == at["StakeLedger"]
        assert of("InferenceMarket").REGISTRY() == at["ModelRegistry"]
        assert of("InferenceMarket").EVALUATOR() == at["Evaluator"]
        assert of("InferenceMarket").LEDGER() == at["StakeLedger"]
        assert of("InferenceMarket").ACCESS_POLICY() == at["AccessPolicy"]
        assert of("InferenceMarket").PACKETS() == at["PacketFeatures"]
        assert of("PacketFeatures").REGISTRY() == at["ModelRegistry"]
        assert of("PacketFeatures").DEVICES() == at["DeviceRegistry"]
        assert of("ReceiptJudge").REGISTRY() == at["ModelRegistry"]
        assert of("ReceiptJudge").EVALUATOR() == at["Evaluator"]
        assert of("ReceiptJudge").LEDGER() == at["StakeLedger"]
        assert of("AccessPolicy").MARKET() == at["InferenceMarket"]
        assert of("AccessPolicy").DEVICES() == at["DeviceRegistry"]
        assert of("ModelRegistry").ACCESS_POLICY() == at["AccessPolicy"]
        assert of("DepositCollector").CHANNELS() == at["PaymentChannels"]
        assert of("RevenueSplitter").REGISTRY() == at["ModelRegistry"]
        assert of("ModelRegistry").EVALUATIONS() == at["Evaluations"]
        assert of("ModelRegistry").LEDGER() == at["StakeLedger"]
        assert of("Evaluations").REGISTRY() == at["ModelRegistry"]
        assert of("Evaluations").EVALUATOR() == at["Evaluator"]
        assert of("Evaluations").PROGRAM_STORE() == at["ProgramStore"]
        assert of("Evaluations").LEDGER() == at["StakeLedger"]
        assert of("AllianceFactory").charter_of(at["Timelock"]) == at["Charter"]
        assert of("AllianceFactory").ROUNDS() == at["TrainingRounds"]
        assert of("ShareToken").timelock() == at["Timelock"]
        assert of("ShareToken").rounds() == at["TrainingRounds"]
        assert of("Governor").token() == at["ShareToken"]
        assert of("Governor").timelock() == at["Timelock"]
        assert of("Timelock").governor() == at["Governor"]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A chain of this machine, for this module alone."""
    port = free_port()
    with Processes(tmp_path_factory.mktemp("node")) as processes:
        processes.start(local_chain(port, CHAIN_ID, ["--silent"]))
        yield f"http://{LOOPBACK}:{port}"


@pytest.fixture
def run(node: str, tmp_path: Path) -> Iterator[Run]:
    """Nothing deployed yet; the chain is taken back to that in the end."""
    with networks.parse_network_choice(f"iotex:dev:{node}") as provider:
        read_networks_once()
        snapshot = provider.make_request("evm_snapshot", [])
        yield Run(node, tmp_path / "iotex-dev.json")
        provider.make_request("evm_revert", [snapshot])


def test_deploy__nothing_there__writes_down_the_whole_set(run: Run):
    result = run.command()
    assert result.exit_code == 0, result.output
    run.check()
    record = run.record
    assert (record["network"], record["chain_id"]) == ("iotex-dev", CHAIN_ID)
    assert record["commit"] == commit()
    assert record["deployer"] == run.deployer.address
    assert (record["confirmations"], record["log_page_blocks"]) == (0, 2_000)
    assert run.deployer.nonce == N_STEPS
    # As Cairn's own processes read it.
    deployment = Deployment.load(run.file)
    assert deployment.contract("Evaluator").address == record["contracts"]["Evaluator"]["address"]

    written = run.file.read_bytes()
    result = run.command()
    assert result.exit_code == 0, result.output
    assert run.file.read_bytes() == written
    assert run.deployer.nonce == N_STEPS


def test_deploy__interrupted_after_each_transaction__goes_on(run: Run):
    for _ in SYSTEM:
        run.interrupt(after=1)
    run.resume()
    record = run.record
    record["alliances"].clear()  # as if the run had ended right after the launch
    run.file.write_text(json.dumps(record))
    run.resume()
    run.check()
    assert run.deployer.nonce == N_STEPS  # nothing was deployed or launched twice


def test_deploy__account_pays_within_a_group__deploys_the_group_anew(run: Run):
    run.interrupt(after=5)  # two of the four that name each other
    run.deployer.transfer(accounts.test_accounts[1], 1)
    run.resume()
    run.check()
    assert run.deployer.nonce == 5 + 1 + N_STEPS - 3


def test_deploy__account_creates_something_else_within_a_group__deploys_it_anew(run: Run):
    run.interrupt(after=4)  # the stake ledger, of the four that name each other
    run.deployer.deploy(project.Caller)  # where the model registry was to be
    run.resume()
    run.check()
    assert run.deployer.nonce == 4 + 1 + N_STEPS - 3


def test_deploy__local_chain_began_anew__begins_anew(run: Run):
    nothing = chain.provider.make_request("evm_snapshot", [])
    assert run.command().exit_code == 0
    run.file.write_text(run.file.read_text().replace(commit(), "of long ago"))
    chain.provider.make_request("evm_revert", [nothing])
    assert run.deployer.nonce == 0
    result = run.command()
    assert result.exit_code == 0, result.output
    run.check()
    assert run.record["commit"] == commit()


def test_deploy__file_of_other_sources__is_refused(run: Run):
    run.resume()
    run.edit(initcode_hash="0x" + "00" * 32)
    with pytest.raises(DeploymentError, match="Evaluator was deployed from other sources"):
        run.resume()
    result = run.command()
    assert result.exit_code == 1
    assert "Evaluator was deployed from other sources: check out the commit" in result.output
    assert run.deployer.nonce == N_STEPS


def test_deploy__address_without_code__is_refused(run: Run):
    run.resume()
    run.edit(address="0x" + "11" * 20)
    with pytest.raises(DeploymentError, match="Evaluator at 0x1111.* has no code"):
        run.resume()


def test_deploy__file_of_another_chain__is_refused(run: Run):
    run.file.write_text(json.dumps({"network": "iotex-mainnet", "chain_id": 4689}))
    result = run.command()
    assert result.exit_code == 1
    assert "is of chain 4689, this node is of 4690" in result.output
    assert run.deployer.nonce == 0
