"""Transactions whose gas is noted, and votes that carry them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ape import chain
from ape.api import AccountAPI, ReceiptAPI
from ape.contracts import ContractInstance
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from scripts._governance import FOR, Action, Proposal, Words, propose, words_of
from scripts._stage import Stage
from scripts._system import Alliance, System

COIN = 10**18
DAY_S = 86_400
WINDOW_S = 3_600
PRICE_WEI = COIN // 2
LOCK_WEI = 2 * COIN
CID = bytes([1, 0x55, 0x12, 0x20]) + bytes(range(32))
ROOT = keccak(text="a root")


@dataclass
class Bench:
    """The chain, the contracts and the people by whose transactions the gas is measured."""

    stage: Stage
    system: System
    alliance: Alliance

    @property
    def members(self) -> list[AccountAPI]:
        return list(self.stage.accounts[1:4])

    @property
    def operator(self) -> AccountAPI:
        return self.stage.accounts[4]

    @property
    def buyer(self) -> AccountAPI:
        return self.stage.accounts[5]

    @cached_property
    def words(self) -> Words:
        """The words for the alliance's calls."""
        self.stage.deployed()
        return words_of(self.stage.connection(), self.alliance)

    def note(self, operation: str, receipt: ReceiptAPI) -> ReceiptAPI:
        return self.stage.note(operation, receipt)

    def send(self, contract: ContractInstance, function: str, *args: Any, **options: Any) -> Any:
        """Note what a function costs; `detail` tells apart several of its costs."""
        detail = options.pop("detail", "")
        # Within a second of the last change a checkpoint is overwritten, later a new one is written:
        # a second on, every run costs the same, and the estimate what the block does.
        self.stage.advance(1, "a second apart")
        # By its name: some names are Ape's own on a contract instance.
        receipt = contract.invoke_transaction(function, *args, **options)
        operation = f"{contract.contract_type.name}.{function}"
        return self.note(f"{operation}, {detail}" if detail else operation, receipt)

    def send_view(
        self, contract: ContractInstance, function: str, *args: Any, detail: str
    ) -> ReceiptAPI:
        """Note what a view costs as a transaction of its own."""
        data = getattr(contract, function).encode_input(*args)
        operation = f"{contract.contract_type.name}.{function}, {detail}"
        return self.note(operation, self.buyer.transfer(contract.address, 0, data=data))

    def put_to_vote(self, title: str, action: Action) -> Proposal:
        """Propose, and wait until the vote is open."""
        governor = self.alliance.governor
        proposal, receipt = propose(governor, [action], title, self.members[0], self.words)
        self.note("Governor.propose, one action", receipt)
        self.stage.advance(governor.votingDelay() + 1, "voting begins")
        return proposal

    def carry(self, proposal: Proposal, operation: str) -> None:
        """From a proposal's votes to its execution."""
        governor = self.alliance.governor
        self.stage.advance(governor.votingPeriod() + 1, "voting ends")
        self.send(governor, "queue", *proposal.key, detail="one action", sender=self.buyer)
        self.stage.advance(self.alliance.timelock.getMinDelay() + 1, "the delay is over")
        receipt = governor.execute(*proposal.key, sender=self.buyer)
        self.note("Governor.execute, one action", receipt)
        self.note(operation, receipt)

    def vote(
        self, contract: ContractInstance, function: str, *args: Any, detail: str = "by vote"
    ) -> None:
        """Have the alliance do something; what is noted is its execution."""
        name = f"{contract.contract_type.name}.{function}"
        proposal = self.put_to_vote(name, Action(getattr(contract, function), args))
        for member in self.members[:2]:
            self.send(self.alliance.governor, "castVote", proposal.proposal_id, FOR, sender=member)
        self.carry(proposal, f"{name}, {detail}")

    def sign(
        self,
        signer: AccountAPI,
        contract: ContractInstance,
        struct: str,
        fields: str,
        **message: Any,
    ) -> tuple[int, bytes, bytes]:
        """A signature by EIP-712; the fields as in the struct's type."""
        domain = {
            "name": contract.name(),
            "version": "1",
            "chainId": chain.chain_id,
            "verifyingContract": contract.address,
        }
        types = {
            struct: [dict(zip(("type", "name"), f.split(), strict=True)) for f in fields.split(",")]
        }
        signature = signer.sign_message(encode_typed_data(domain, types, message))
        if signature is None:
            raise self.stage.failure(f"{signer.address} did not sign")
        # Ape leaves out the zeros that one in 128 signatures begins a half with.
        r, s = (bytes(half).rjust(32, b"\0") for half in (signature.r, signature.s))
        return signature.v, r, s
