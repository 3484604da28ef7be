"""Proposals in an alliance's governor, from the words of the people who vote on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ape.api import AccountAPI, ReceiptAPI
from ape.contracts import ContractInstance
from eth_utils import keccak

from cairn.governance import compose

PRODUCTION = b"production".ljust(32, b"\0")
AGAINST, FOR, ABSTAIN = range(3)


@dataclass(frozen=True)
class Action:
    """One call that the timelock is to make."""

    words: str
    method: Any  # an Ape contract method
    args: tuple[Any, ...]
    value_wei: int = 0

    @property
    def target(self) -> str:
        return self.method.contract.address

    @property
    def calldata(self) -> bytes:
        return bytes(self.method.encode_input(*self.args))


@dataclass(frozen=True)
class Proposal:
    """What a proposal would do, as the governor identifies it."""

    proposal_id: int
    targets: Sequence[str]
    values: Sequence[int]
    calldatas: Sequence[bytes]
    description: str

    @property
    def key(self) -> tuple[Any, ...]:
        """What queue, execute and cancel take."""
        return (
            list(self.targets),
            list(self.values),
            list(self.calldatas),
            keccak(text=self.description),
        )


def propose(
    governor: ContractInstance,
    actions: Sequence[Action],
    title: str,
    proposer: AccountAPI,
) -> tuple[Proposal, ReceiptAPI]:
    """Propose actions. The description lists them in words, and ends with the suffix by which
    nobody but the proposer can put the same proposal under way."""
    description = compose(title, [action.words for action in actions], str(proposer.address))
    targets = [action.target for action in actions]
    values = [action.value_wei for action in actions]
    calldatas = [action.calldata for action in actions]
    receipt = governor.propose(targets, values, calldatas, description, sender=proposer)
    [event] = receipt.decode_logs(governor.ProposalCreated)
    return Proposal(event.proposalId, targets, values, calldatas, description), receipt
