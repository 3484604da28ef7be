"""What is deployed, how it is wired, and for whom: the system and its alliances."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml
from ape import accounts, chain, networks, project
from ape.api import AccountAPI
from ape.api.accounts import TestAccountAPI
from ape.contracts import ContractInstance
from eth_abi import encode as abi_encode
from eth_utils import keccak, to_checksum_address
from pydantic import ValidationError

from cairn.chain import Network, check_development_chain
from cairn.domain.cid import Cid
from cairn.domain.programs import KERNELS
from cairn.errors import CairnError
from scripts._deployment import (
    ROOT,
    DeploymentError,
    Group,
    Journal,
    Step,
    check_unchanged,
    deploy_group,
    deployed,
)

# ERC-7528's name for the native coin.
NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
# Chains of this machine, by Ape's names: they come and go.
LOCAL_NETWORKS = {"dev", "local"}

ZERO = "0x0000000000000000000000000000000000000000"
# Who locks stake and slashes it.
JUDGES = ("TrainingRounds", "InferenceMarket", "ReceiptJudge", "Evaluations")
# What a charter creates, in this order.
ALLIANCE = ("ShareToken", "Timelock", "Governor")


@dataclass(frozen=True)
class SystemSettings:
    """What differs from network to network."""

    # Lost with a batch that fails its spot check: a multiple of what anchoring one costs.
    bond_wei: int = 10**18
    # IoTeX's identity contracts; empty where there are none.
    ioid_registry: str = ZERO
    ioid: str = ZERO
    # The native coin as an ERC-20; empty where there is none.
    wrapped_coin: str = ZERO

    @classmethod
    def of(cls, network: Mapping[str, Any]) -> SystemSettings:
        """From a network's file, which says other things too."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in network.items() if name in names})


def creation_code(name: str) -> bytes:
    """What a transaction has to carry to create a contract of this project."""
    return bytes(getattr(project, name).contract_type.get_deployment_bytecode())


def system_groups(
    settings: SystemSettings, creation_code: Callable[[str], bytes] = creation_code
) -> tuple[Group, ...]:
    """The shared contracts in the order of their deployment; those of one group name each other."""
    kernels = [creation_code(kernel.name) for kernel in KERNELS]
    return (
        (
            Step(
                "DeviceRegistry",
                lambda _: (settings.bond_wei, settings.ioid_registry, settings.ioid),
            ),
        ),
        (Step("ProgramStore", lambda _: (kernels,)),),
        (Step("Evaluator", lambda at: (at["ProgramStore"],)),),
        (
            Step(
                "StakeLedger",
                lambda at: (
                    [at[judge] for judge in JUDGES],
                    at["ModelRegistry"],
                ),
            ),
            Step("AccessPolicy", lambda at: (at["InferenceMarket"], at["DeviceRegistry"])),
            Step(
                "ModelRegistry",
                lambda at: (
                    at["TrainingRounds"],
                    at["ProgramStore"],
                    at["AccessPolicy"],
                    at["Evaluations"],
                    at["StakeLedger"],
                ),
            ),
            Step(
                "TrainingRounds",
                lambda at: (at["DeviceRegistry"], at["ModelRegistry"], at["StakeLedger"]),
            ),
            Step("PacketFeatures", lambda at: (at["ModelRegistry"], at["DeviceRegistry"])),
            Step(
                "InferenceMarket",
                lambda at: (
                    at["ModelRegistry"],
                    at["Evaluator"],
                    at["StakeLedger"],
                    at["AccessPolicy"],
                    at["PacketFeatures"],
                ),
            ),
            Step(
                "ReceiptJudge",
                lambda at: (at["ModelRegistry"], at["Evaluator"], at["StakeLedger"]),
            ),
            Step(
                "Evaluations",
                lambda at: (
                    at["ModelRegistry"],
                    at["ProgramStore"],
                    at["Evaluator"],
                    at["StakeLedger"],
                ),
            ),
        ),
        (Step("PaymentChannels"),),
        (Step("DepositCollector", lambda at: (at["PaymentChannels"],)),),
        (Step("RevenueSplitter", lambda at: (at["ModelRegistry"], settings.wrapped_coin)),),
        tuple(Step(name, blueprint=True) for name in ("Charter", *ALLIANCE)),
        (
            Step(
                "AllianceFactory",
                lambda at: (
                    at["CharterBlueprint"],
                    *(at[f"{name}Blueprint"] for name in ALLIANCE),
                    at["TrainingRounds"],
                ),
            ),
        ),
    )


@dataclass(frozen=True)
class System:
    """The contracts that all alliances share."""

    device_registry: ContractInstance
    program_store: ContractInstance
    evaluator: ContractInstance
    stake_ledger: ContractInstance
    access_policy: ContractInstance
    model_registry: ContractInstance
    training_rounds: ContractInstance
    packet_features: ContractInstance
    inference_market: ContractInstance
    receipt_judge: ContractInstance
    evaluations: ContractInstance
    payment_channels: ContractInstance
    deposit_collector: ContractInstance
    revenue_splitter: ContractInstance
    alliance_factory: ContractInstance


@dataclass(frozen=True)
class Alliance:
    """The contracts of one alliance; its timelock is its id, its treasury and its hands."""

    charter: ContractInstance
    share_token: ContractInstance
    governor: ContractInstance
    timelock: ContractInstance


@dataclass(frozen=True)
class AllianceSettings:
    """How an alliance is launched; the contracts say which bounds hold."""

    name: str
    symbol: str
    holders: Mapping[str, int]  # founder -> shares, in 10**-18
    currency: str = NATIVE
    cap: int = 1_000_000 * 10**18
    stream_period_s: int = 7 * 86_400
    voting_delay_s: int = 3_600
    voting_period_s: int = 3 * 86_400
    proposal_threshold: int = 10**18
    quorum_percent: int = 20
    late_quorum_extension_s: int = 86_400
    timelock_delay_s: int = 86_400
    constitution: str = ""  # CID of the rules in words

    def founding(self) -> tuple[Any, ...]:
        """As AllianceFactory.launch takes it."""
        return (
            self.name,
            self.symbol,
            self.currency,
            self.cap,
            self.stream_period_s,
            list(self.holders),
            list(self.holders.values()),
            self.voting_delay_s,
            self.voting_period_s,
            self.proposal_threshold,
            self.quorum_percent,
            self.late_quorum_extension_s,
            self.timelock_delay_s,
            Cid.parse(self.constitution).binary if self.constitution else b"",
        )


def deploy_system(
    deployer: AccountAPI,
    settings: SystemSettings | None = None,
    journal: Journal | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> System:
    """Deploy what of the system is not deployed yet, and return all of it."""
    journal = journal or _journal_in_memory()
    known: dict[str, str] = {}
    for group in system_groups(settings or SystemSettings()):
        deploy_group(group, deployer, journal, known, say=say)
    return System(**{_attribute(name): _at(name, known[name]) for name in _names(System)})


def launch_alliance(
    deployer: AccountAPI,
    system: System,
    settings: AllianceSettings,
    journal: Journal | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Alliance:
    """Launch an alliance in one transaction, unless the journal or the chain has it already.

    A deployer launches an alliance of one name once; whoever launches keeps no power over it.
    """
    journal = journal or _journal_in_memory()
    section = journal.section(settings.name)
    if section:
        for name, record in section.items():
            check_unchanged(Step(name), record)
    else:
        charter = _charter_address(deployer.address, system, settings)
        if not chain.provider.get_code(charter):
            system.alliance_factory.launch(
                settings.founding(), _salt(settings.name), sender=deployer
            )
        at = _at("Charter", charter)
        parts = zip(ALLIANCE, (at.shares(), at.timelock(), at.governor()), strict=True)
        for name, address in (("Charter", charter), *parts):
            section[name] = deployed(Step(name), address)
            say(f"{name} at {address}")
        journal.save()
    return Alliance(
        **{_attribute(name): _at(name, section[name]["address"]) for name in _names(Alliance)}
    )


def _salt(name: str) -> bytes:
    return keccak(text=name)


def _charter_address(launcher: str, system: System, settings: AllianceSettings) -> str:
    """Where the factory creates the charter (EIP-1014)."""
    factory = system.alliance_factory
    blueprints = (factory.SHARE_TOKEN(), factory.TIMELOCK(), factory.GOVERNOR())
    constructor = project.Charter.constructor
    arguments = constructor.encode_input(*blueprints, factory.ROUNDS(), settings.founding())
    salt = keccak(abi_encode(["address", "bytes32"], [launcher, _salt(settings.name)]))
    initcode = creation_code("Charter") + arguments
    digest = keccak(b"\xff" + bytes.fromhex(factory.address[2:]) + salt + keccak(initcode))
    return to_checksum_address(digest[12:])


def network_name() -> str:
    """The name of the connected network's files, e.g. iotex-testnet."""
    network = networks.active_provider.network
    return f"{network.ecosystem.name}-{network.name}"


class _ConnectedNode:
    """The connected node, for the rule that services and scripts share."""

    def client_version(self) -> str:
        return str(networks.active_provider.make_request("web3_clientVersion", []))


def node_url() -> str:
    """The connected node's endpoint; empty if it has none."""
    provider = networks.active_provider
    return str(getattr(provider, "uri", None) or getattr(provider, "http_uri", ""))


def check_local() -> None:
    """Raise CairnError unless the connected node is a development chain of this machine: only there
    is the development mnemonic accepted, and is a chain that lost its contracts one begun anew.
    """
    uri = node_url()
    try:
        network = Network(rpc_url=uri, chain_id=chain.chain_id)
    except ValidationError as error:
        raise CairnError(f"{uri!r} is no HTTP endpoint on this machine") from error
    check_development_chain(_ConnectedNode(), network)


def is_local() -> bool:
    """Whether the connected node is a development chain of this machine."""
    try:
        check_local()
    except CairnError:
        return False
    return True


def deployment_file() -> Path:
    """Where the connected network's addresses are: in deployments/, or where CAIRN_DEPLOYMENT says."""
    named = os.environ.get("CAIRN_DEPLOYMENT")
    return Path(named) if named else ROOT / "deployments" / f"{network_name()}.json"


def open_journal() -> Journal:
    """The connected network's deployment file; that of a local chain which is gone is begun anew.

    Elsewhere a node that shows no code at an address may just not be there yet: nothing is
    forgotten, whichever node was asked.
    """
    journal = Journal(deployment_file(), network_name(), chain.chain_id)
    recorded = list(journal.record["contracts"].values())
    may_be_gone = networks.active_provider.network.name in LOCAL_NETWORKS and is_local()
    if may_be_gone and recorded and not chain.provider.get_code(recorded[0]["address"]):
        journal.discard()
    return journal


def load_network(name: str, folder: Path = ROOT / "networks") -> dict[str, Any]:
    """The settings in the folder's <name>.yaml."""
    path = folder / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise DeploymentError(f"there is no {path.name} in {folder.name}/; there are: {known}")
    settings: dict[str, Any] = yaml.safe_load(path.read_text())
    if settings["chain_id"] != chain.chain_id:
        raise DeploymentError(
            f"{path.name} is for chain {settings['chain_id']}, this node is of {chain.chain_id}"
        )
    return settings


def account_named(alias: str) -> AccountAPI:
    """An Ape account by alias, or TEST::n for one of the development mnemonic, on a local node
    only.
    """
    if alias.startswith("TEST::"):
        account: AccountAPI = accounts.test_accounts[int(alias.removeprefix("TEST::"))]
    else:
        account = accounts.load(alias)
    refuse_development_key(account)
    return account


def refuse_development_key(account: AccountAPI) -> None:
    """Everybody knows the development keys: what they hold on a public chain is stolen at once."""
    if not isinstance(account, TestAccountAPI):
        return
    try:
        check_local()
    except CairnError as error:
        raise DeploymentError(
            f"the development mnemonic is refused: {error}; make one with "
            "`ape accounts generate <alias>` and name it with --account"
        ) from error


def _journal_in_memory() -> Journal:
    return Journal(None, network_name(), chain.chain_id)


def _names(system: type) -> Sequence[str]:
    return ["".join(part.title() for part in field.name.split("_")) for field in fields(system)]


def _attribute(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _at(name: str, address: str) -> ContractInstance:
    return getattr(project, name).at(address)
