"""Deploying contracts whose constructors name each other, so that it can be stopped at any point
and resumed.

The address of a contract follows from its deployer and the deployer's nonce. Contracts that name
each other form a group: their addresses are worked out before the first is sent, and the group's
first nonce is written down. Whoever resumes finds on chain what was sent, and goes on; if the nonce
was used for something else in between, the group is deployed anew, since contracts that name
addresses which never came are of no use.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlp
from ape import chain, project
from ape.api import AccountAPI
from ape.contracts import ContractContainer
from eth_utils import keccak, to_checksum_address

ROOT = Path(__file__).parent.parent

Addresses = Mapping[str, str]


class DeploymentError(Exception):
    """A deployment cannot go on; the message says what to do."""


@dataclass(frozen=True)
class Step:
    """One contract to deploy. `args` is called with the addresses known by then, the own group's
    included.
    """

    name: str
    args: Callable[[Addresses], tuple[Any, ...]] = lambda _: ()
    blueprint: bool = False  # ERC-5202: code to be instantiated by another contract

    @property
    def key(self) -> str:
        """What the deployment calls it: a blueprint is not an instance."""
        return f"{self.name}Blueprint" if self.blueprint else self.name

    @property
    def container(self) -> ContractContainer:
        return getattr(project, self.name)

    @property
    def initcode_hash(self) -> str:
        return "0x" + keccak(bytes(self.container.contract_type.get_deployment_bytecode())).hex()


Group = tuple[Step, ...]


class Journal:
    """What is deployed, as JSON; on disk if it has a path. Every change is written before the next
    step.
    """

    def __init__(self, path: Path | None, network: str, chain_id: int) -> None:
        self._path = path
        self.record: dict[str, Any] = {
            "network": network,
            "chain_id": chain_id,
            "contracts": {},
            "alliances": {},
        }
        if path is not None and path.exists():
            self.record = json.loads(path.read_text())
            if self.record["chain_id"] != chain_id:
                raise DeploymentError(
                    f"{path.name} is of chain {self.record['chain_id']}, this node is of {chain_id}: "
                    "connect to the right network"
                )

    def section(self, alliance: str | None) -> dict[str, Any]:
        """The records of the system's contracts, or of one alliance's."""
        if alliance is None:
            return self.record["contracts"]
        return self.record["alliances"].setdefault(alliance, {})

    def save(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.record, indent=2) + "\n")
        os.replace(temporary, self._path)

    def discard(self) -> None:
        """Forget everything: the local chain that it was about is gone."""
        self.record["contracts"], self.record["alliances"] = {}, {}
        for key in ("pending", "commit", "deployer"):
            self.record.pop(key, None)


def commit() -> str:
    """The commit that is deployed, with a mark if the tree differs from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"


def created_address(deployer: str, nonce: int) -> str:
    """The address of the contract that `deployer` creates with its transaction number `nonce`."""
    return to_checksum_address(keccak(rlp.encode([bytes.fromhex(deployer[2:]), nonce]))[12:])


def deploy_group(
    group: Group,
    deployer: AccountAPI,
    journal: Journal,
    known: dict[str, str],
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Deploy what of a group is not deployed yet, and add its addresses to `known`."""
    section = journal.section(None)
    if all(step.key in section for step in group):
        for step in group:
            check_unchanged(step, section[step.key])
            known[step.key] = section[step.key]["address"]
        return

    first_nonce = _first_nonce(group, deployer, journal, say)
    predicted = {
        step.key: created_address(deployer.address, first_nonce + index)
        for index, step in enumerate(group)
    }
    for index, step in enumerate(group):
        address = predicted[step.key]
        if deployer.nonce <= first_nonce + index:
            _send(step, deployer, step.args({**known, **predicted}), address)
        if not chain.provider.get_code(address):
            raise DeploymentError(f"{step.key} is not at {address} after its deployment: try again")
        section[step.key] = deployed(step, address)
        journal.save()
        say(f"{step.key} at {address}")
    journal.record.pop("pending", None)
    journal.save()
    known.update(predicted)


def deployed(step: Step, address: str) -> dict[str, Any]:
    """What the journal keeps of a contract that is there."""
    return {
        "address": address,
        "block": chain.provider.get_block("latest").number,
        "initcode_hash": step.initcode_hash,
    }


def _send(step: Step, deployer: AccountAPI, args: tuple[Any, ...], address: str) -> None:
    if step.blueprint:
        # Named, for the node to estimate with: Ape adds the sender only later.
        created = deployer.declare(step.container, sender=deployer.address).contract_address
    else:
        created = deployer.deploy(step.container, *args).address
    if created != address:
        raise DeploymentError(
            f"{step.key} came to {created} instead of {address}: the account {deployer.address} was "
            "used for something else meanwhile; run the deployment again"
        )


def _first_nonce(
    group: Group,
    deployer: AccountAPI,
    journal: Journal,
    say: Callable[[str], None],
) -> int:
    """The nonce of the group's first contract: of the interrupted attempt, if that can be gone on
    with.
    """
    section = journal.section(None)
    names = [step.key for step in group]
    pending = journal.record.get("pending")
    nonce = deployer.nonce
    if pending and pending["names"] == names and pending["deployer"] == deployer.address:
        sent = nonce - pending["first_nonce"]
        landed = all(
            _is_of(step, created_address(deployer.address, pending["first_nonce"] + index))
            for index, step in enumerate(group[: max(sent, 0)])
        )
        if 0 <= sent <= len(group) and landed:
            return pending["first_nonce"]
        say(f"the account was used for something else: {', '.join(names)} are deployed anew")
    for name in names:
        section.pop(name, None)
    journal.record["pending"] = {
        "names": names,
        "deployer": deployer.address,
        "first_nonce": nonce,
    }
    journal.save()
    return nonce


def _is_of(step: Step, address: str) -> bool:
    """Whether the contract at an address was made from a step's sources; its immutables come last."""
    contract_type = step.container.contract_type
    code = bytes(chain.provider.get_code(address))
    if step.blueprint:
        return code.endswith(bytes(contract_type.get_deployment_bytecode()))
    return code.startswith(bytes(contract_type.get_runtime_bytecode()))


def check_unchanged(step: Step, record: Mapping[str, Any]) -> None:
    """Refuse to go on from a record whose contract is gone, or was made from other sources."""
    if not chain.provider.get_code(record["address"]):
        raise DeploymentError(
            f"the deployment file has {step.name} at {record['address']}, where this node has no code: "
            "connect to the right node, or move the file away to deploy anew"
        )
    if record["initcode_hash"] != step.initcode_hash:
        raise DeploymentError(
            f"{step.name} was deployed from other sources: check out the commit named in the deployment "
            "file, or move that file away to deploy anew"
        )
