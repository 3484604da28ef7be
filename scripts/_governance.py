"""Proposals in an alliance's governor, in the words by which `cairn proposal` shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ape.api import AccountAPI, ReceiptAPI
from ape.contracts import ContractInstance
from eth_utils import keccak

from cairn.chain import Call, Currencies
from cairn.governance import ChainNames, Contracts, compose, describe
from cairn.settings import ConnectionSettings
from scripts._system import Alliance

Words = Callable[[Call], str]
"""What people read of a call."""

PRODUCTION = b"production".ljust(32, b"\0")
AGAINST, FOR, ABSTAIN = range(3)


@dataclass(frozen=True)
class Action:
    """One call that the timelock is to make."""

    method: Any  # an Ape contract method
    args: tuple[Any, ...]

    @property
    def call(self) -> Call:
        return Call(self.method.contract.address, bytes(self.method.encode_input(*self.args)))


@dataclass(frozen=True)
class Proposal:
    """What a proposal would do, as the governor identifies it."""

    proposal_id: int
    targets: Sequence[str]
    values: Sequence[int]
    calldatas: Sequence[bytes]
    description: str
    words: Sequence[str]  # of each action

    @property
    def key(self) -> tuple[Any, ...]:
        """What queue, execute and cancel take."""
        return (
            list(self.targets),
            list(self.values),
            list(self.calldatas),
            keccak(text=self.description),
        )


def words_of(settings: ConnectionSettings, alliance: Alliance) -> Words:
    """The words for an alliance's calls; the settings name a deployment that is written down."""
    system = settings.connect()
    contracts = Contracts.of(
        system,
        governor=alliance.governor.address,
        timelock=alliance.timelock.address,
        shares=alliance.share_token.address,
        charter=alliance.charter.address,
    )
    names = ChainNames(system, contracts, Currencies(system.node))
    return lambda call: describe(call, contracts, names).words


def propose(
    governor: ContractInstance,
    actions: Sequence[Action],
    title: str,
    proposer: AccountAPI,
    words: Words,
) -> tuple[Proposal, ReceiptAPI]:
    """Propose actions. The description lists them in words, and ends with the suffix by which
    nobody but the proposer can put the same proposal under way."""
    calls = [action.call for action in actions]
    lines = [words(call) for call in calls]
    description = compose(title, lines, str(proposer.address))
    targets = [call.to for call in calls]
    values = [call.value for call in calls]
    calldatas = [call.data for call in calls]
    receipt = governor.propose(targets, values, calldatas, description, sender=proposer)
    [event] = receipt.decode_logs(governor.ProposalCreated)
    return Proposal(event.proposalId, targets, values, calldatas, description, lines), receipt
