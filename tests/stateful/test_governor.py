"""Governor and Timelock against a model: whatever holders, proposers and thieves do, in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boa
from eth_abi import encode
from eth_utils import keccak
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.stateful._boa_system import load

NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
SHARE = 10**18
NONE = bytes(32)
PENDING, ACTIVE, CANCELED, DEFEATED, SUCCEEDED, QUEUED, _EXPIRED, EXECUTED = range(8)
AGAINST, FOR, ABSTAIN = range(3)
BOUNDS = {
    "setVotingDelay": (1, 30 * 86_400),
    "setVotingPeriod": (60, 60 * 86_400),
    "updateQuorumNumerator": (1, 50),
    "setLateQuorumVoteExtension": (0, 14 * 86_400),
}
LIMITS = {**BOUNDS, "updateDelay": (60, 30 * 86_400), "mint": (1, 20 * SHARE)}
KINDS = ["note"] * 4 + ["mint", "updateDelay", "smuggle", *BOUNDS]
TYPES = {
    "setVotingDelay": "uint48",
    "setVotingPeriod": "uint32",
    "updateQuorumNumerator": "uint256",
    "setLateQuorumVoteExtension": "uint48",
}

# Keeps, in order, what the timelock did here.
LEDGER = """
# pragma version 0.4.3

done: public(DynArray[uint256, 1024])
timelock: public(address)

@deploy
def __init__(timelock: address):
    self.timelock = timelock

@external
def note(number: uint256):
    assert msg.sender == self.timelock, "ledger: not the timelock"
    self.done.append(number)

@view
@external
def n_done() -> uint256:
    return len(self.done)
"""

people = st.integers(0, 4)


@cache
def ledger() -> Any:
    return boa.loads_partial(LEDGER)


@dataclass
class Model:
    """A proposal as it should be."""

    actions: tuple[list[str], list[int], list[bytes]]
    description: str
    proposer: str
    snapshot: int
    deadline: int
    kind: str
    argument: int
    votes: list[int] = field(default_factory=lambda: [0, 0, 0])
    voted: set[str] = field(default_factory=set)
    quorum: int | None = None  # known once the snapshot has passed
    extended: bool = False
    canceled: bool = False
    eta: int = 0
    executed: bool = False

    @property
    def key(self) -> tuple[Any, ...]:
        return *self.actions, keccak(text=self.description)

    @property
    def id(self) -> int:
        types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
        return int.from_bytes(keccak(encode(types, self.key)), "big")


class Alliance(RuleBasedStateMachine):
    @initialize()
    def launch(self) -> None:
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        address = boa.env.generate_address
        self.rounds, self.thief = address(), address()
        self.people = [address() for _ in range(5)]
        places = {name: address() for name in ("token", "lock", "governor")}
        held = [100 * SHARE, 60 * SHARE, 30 * SHARE, 10 * SHARE]
        self.token = load("ShareToken").deploy(
            *("Shares", "SHR", NATIVE, places["lock"], self.rounds, 10**6 * SHARE, 7 * 86_400),
            *(self.people[:4], held),
            override_address=places["token"],
        )
        self.lock = load("Timelock").deploy(
            500, places["governor"], override_address=places["lock"]
        )
        self.settings = {
            "setVotingDelay": 100,
            "setVotingPeriod": 1_000,
            "updateQuorumNumerator": 20,
            "setLateQuorumVoteExtension": 300,
        }
        self.threshold, self.delay = SHARE, 500
        self.governor = load("Governor").deploy(
            *("Shares", places["token"], places["lock"], 100, 1_000, SHARE, 20, 300),
            override_address=places["governor"],
        )
        self.ledger = ledger().deploy(places["lock"])
        self.proposals: list[Model] = []
        self.minted = 200 * SHARE
        self.done: list[int] = []
        boa.env.time_travel(seconds=12)

    def teardown(self) -> None:
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    @property
    def now(self) -> int:
        return int(boa.env.timestamp)

    def state_of(self, proposal: Model) -> int:
        if proposal.executed:
            return EXECUTED
        if proposal.canceled:
            return CANCELED
        if self.now <= proposal.snapshot:
            return PENDING
        if self.now <= proposal.deadline:
            return ACTIVE
        if proposal.eta:
            return QUEUED
        against, in_favour, abstained = proposal.votes
        if in_favour <= against or in_favour + abstained < self.quorum_of(proposal):
            return DEFEATED
        return SUCCEEDED

    def quorum_of(self, proposal: Model) -> int:
        assert proposal.quorum is not None
        return proposal.quorum

    def pick(self, data: st.DataObject, *states: int) -> Model | None:
        """A proposal, of the states if some is in them."""
        fitting = [p for p in self.proposals if self.state_of(p) in states]
        return data.draw(st.sampled_from(fitting or self.proposals)) if self.proposals else None

    # --- holders ---

    @rule(seconds=st.one_of(st.integers(1, 60), st.sampled_from([101, 301, 501, 1_001, 2_000])))
    def pass_time(self, seconds: int) -> None:
        self.let_pass(seconds)

    def let_pass(self, seconds: int) -> None:
        """By steps, so that each quorum is learnt in the second after its snapshot."""
        until = self.now + seconds
        for at in sorted({p.snapshot + 1 for p in self.proposals} | {until}):
            if self.now < at <= until:
                boa.env.time_travel(seconds=at - self.now)
                for proposal in self.proposals:
                    if proposal.snapshot + 1 == at:
                        share = self.settings["updateQuorumNumerator"]
                        proposal.quorum = self.minted * share // 100

    @rule(i=people, j=people, amount=st.sampled_from([1, SHARE, 20 * SHARE, 90 * SHARE]))
    def transfer(self, i: int, j: int, amount: int) -> None:
        amount = min(amount, self.token.balanceOf(self.people[i]))
        self.token.transfer(self.people[j], amount, sender=self.people[i])

    @rule(i=people, j=people)
    def delegate(self, i: int, j: int) -> None:
        self.token.delegate(self.people[j], sender=self.people[i])

    @rule(i=people, amount=st.sampled_from([1, SHARE, 50 * SHARE]))
    def mint(self, i: int, amount: int) -> None:
        self.token.mint(self.people[i], amount, sender=self.rounds)
        self.minted += amount

    def calldata(self, kind: str, argument: int) -> tuple[str, bytes]:
        """What a proposal of this kind calls, and with what."""
        if kind == "note":
            signature, types, values = "note(uint256)", ["uint256"], [argument]
            target = self.ledger.address
        elif kind == "mint":
            signature, types = "mint(address,uint256)", ["address", "uint256"]
            target, values = self.token.address, [self.people[4], argument]
        elif kind == "updateDelay":
            signature, types, values = "updateDelay(uint256)", ["uint256"], [argument]
            target = self.lock.address
        elif kind == "smuggle":
            inner = keccak(text="schedule(address,uint256,bytes,bytes32,bytes32,uint256)")[:4]
            inner += encode(
                ["address", "uint256", "bytes", "bytes32", "bytes32", "uint256"],
                [self.ledger.address, 0, b"", NONE, NONE, 500],
            )
            signature, types = "relay(address,uint256,bytes)", ["address", "uint256", "bytes"]
            target, values = self.governor.address, [self.lock.address, 0, inner]
        else:
            signature, types, values = f"{kind}({TYPES[kind]})", [TYPES[kind]], [argument]
            target = self.governor.address
        return target, bytes(keccak(text=signature)[:4] + encode(types, values))

    @rule(i=people, kind=st.sampled_from(KINDS), data=st.data())
    def propose(self, i: int, kind: str, data: st.DataObject) -> None:
        argument = data.draw(self.arguments(kind))
        self.propose_as(self.people[i], kind, argument)

    def arguments(self, kind: str) -> st.SearchStrategy[int]:
        """Mostly small, so that a run has room for what follows; sometimes beyond the bounds."""
        least, most = LIMITS.get(kind, (0, 10**6))
        return st.one_of(st.integers(least, min(most, least + 300)), st.just(most + 1))

    def propose_as(self, proposer: str, kind: str, argument: int) -> Model | None:
        target, calldata = self.calldata(kind, argument)
        made = ([target], [0], [calldata])
        description = f"{len(self.proposals)}: {kind} {argument}"
        votes = self.token.getPastVotes(proposer, self.now - 1)
        if votes < self.threshold:
            with boa.reverts("propose: votes below the threshold"):
                self.governor.propose(*made, description, sender=proposer)
            return None
        if any(
            p.proposer == proposer and self.state_of(p) in (PENDING, ACTIVE) for p in self.proposals
        ):
            with boa.reverts("propose: an earlier one is open"):
                self.governor.propose(*made, description, sender=proposer)
            return None
        snapshot = self.now + self.settings["setVotingDelay"]
        deadline = snapshot + self.settings["setVotingPeriod"]
        proposal = Model(made, description, proposer, snapshot, deadline, kind, argument)
        assert self.governor.propose(*made, description, sender=proposer) == proposal.id
        self.proposals.append(proposal)
        return proposal

    @precondition(lambda self: self.proposals)
    @rule(i=people, support=st.sampled_from([FOR, FOR, FOR, AGAINST, ABSTAIN]), data=st.data())
    def vote(self, i: int, support: int, data: st.DataObject) -> None:
        proposal = self.pick(data, ACTIVE)
        assert proposal is not None
        self.vote_as(self.people[i], proposal, support)

    def vote_as(self, voter: str, proposal: Model, support: int) -> None:
        if self.state_of(proposal) != ACTIVE:
            with boa.reverts("vote: not open"):
                self.governor.castVote(proposal.id, support, sender=voter)
            return
        if voter in proposal.voted:
            with boa.reverts("vote: already cast"):
                self.governor.castVote(proposal.id, support, sender=voter)
            return
        # GOV-1: what it had then, whatever it has now.
        weight = self.token.getPastVotes(voter, proposal.snapshot)
        assert self.governor.castVote(proposal.id, support, sender=voter) == weight
        had = proposal.votes[FOR] + proposal.votes[ABSTAIN]
        proposal.votes[support] += weight
        proposal.voted.add(voter)
        has = proposal.votes[FOR] + proposal.votes[ABSTAIN]
        if had < self.quorum_of(proposal) <= has:
            end = self.now + self.settings["setLateQuorumVoteExtension"]
            if end > proposal.deadline:
                assert not proposal.extended  # GOV-6: once
                proposal.deadline, proposal.extended = end, True

    @rule(kind=st.sampled_from(KINDS), data=st.data(), last=st.sampled_from([QUEUED, EXECUTED]))
    def carry(self, kind: str, data: st.DataObject, last: int) -> None:
        """A proposal that all who may vote for, as far as it comes; the late among them at the end."""
        argument = data.draw(self.arguments(kind))
        proposer = data.draw(st.sampled_from(self.people))
        proposal = self.propose_as(proposer, kind, argument)
        if proposal is None:
            return
        self.let_pass(proposal.snapshot + 1 - self.now)
        late = data.draw(st.booleans())
        if late:
            self.let_pass(proposal.deadline - self.now)
        for voter in self.people:
            self.vote_as(voter, proposal, FOR)
        self.let_pass(proposal.deadline + 1 - self.now)
        self.queue_it(proposal)
        if last == EXECUTED and proposal.eta:
            self.let_pass(proposal.eta - self.now)
            self.execute_it(proposal)

    @precondition(lambda self: self.proposals)
    @rule(by_proposer=st.booleans(), data=st.data())
    def cancel(self, by_proposer: bool, data: st.DataObject) -> None:
        proposal = self.pick(data, PENDING)
        assert proposal is not None
        if not by_proposer:
            with boa.reverts("cancel: caller is not the proposer"):
                self.governor.cancel(*proposal.key, sender=self.thief)
        elif self.state_of(proposal) != PENDING:
            with boa.reverts("cancel: the vote has opened"):
                self.governor.cancel(*proposal.key, sender=proposal.proposer)
        else:
            self.governor.cancel(*proposal.key, sender=proposal.proposer)
            proposal.canceled = True

    @precondition(lambda self: self.proposals)
    @rule(data=st.data())
    def veto(self, data: st.DataObject) -> None:
        """The alliance takes back what it has not done yet."""
        proposal = self.pick(data, QUEUED)
        assert proposal is not None
        if self.state_of(proposal) in (EXECUTED, CANCELED):
            with boa.reverts("cancel: already final"):
                self.governor.cancel(*proposal.key, sender=self.lock.address)
        else:
            self.governor.cancel(*proposal.key, sender=self.lock.address)
            proposal.canceled = True

    @precondition(lambda self: self.proposals)
    @rule(data=st.data())
    def queue(self, data: st.DataObject) -> None:
        proposal = self.pick(data, SUCCEEDED)
        assert proposal is not None
        self.queue_it(proposal)

    def queue_it(self, proposal: Model) -> None:
        if self.state_of(proposal) != SUCCEEDED:
            with boa.reverts("queue: proposal has not succeeded"):
                self.governor.queue(*proposal.key, sender=self.thief)
            return
        self.governor.queue(*proposal.key, sender=self.thief)
        proposal.eta = self.now + self.delay

    @precondition(lambda self: self.proposals)
    @rule(data=st.data())
    def execute(self, data: st.DataObject) -> None:
        proposal = self.pick(data, QUEUED)
        assert proposal is not None
        self.execute_it(proposal)

    def execute_it(self, proposal: Model) -> None:
        if self.state_of(proposal) != QUEUED:
            with boa.reverts("execute: proposal is not queued"):
                self.governor.execute(*proposal.key, sender=self.thief)
        elif self.now < proposal.eta:
            with boa.reverts("timelock: operation is not ready"):
                self.governor.execute(*proposal.key, sender=self.thief)
        elif not self.is_possible(proposal):
            with boa.reverts():
                self.governor.execute(*proposal.key, sender=self.thief)
        else:
            self.governor.execute(*proposal.key, sender=self.thief)
            proposal.executed = True
            self.carried_out(proposal)

    def is_possible(self, proposal: Model) -> bool:
        """Within the bounds that no vote can leave."""
        if proposal.kind == "smuggle":
            return False
        if proposal.kind in ("note", "mint"):
            return True
        least, most = LIMITS[proposal.kind]
        return least <= proposal.argument <= most

    def carried_out(self, proposal: Model) -> None:
        kind, argument = proposal.kind, proposal.argument
        if kind == "note":
            self.done.append(argument)
        elif kind == "mint":
            self.minted += argument
        elif kind == "updateDelay":
            self.delay = argument
        else:
            self.settings[kind] = argument

    # --- thieves ---

    @rule(i=st.integers(0, 6), what=st.integers(0, 10))
    def reach_past_the_vote(self, i: int, what: int) -> None:
        """Whoever asks, in their own name: no."""
        who = [*self.people, self.thief, self.rounds][i]
        note = self.calldata("note", 666)[1]
        call = (self.ledger.address, 0, note, NONE, NONE)
        batch = ([self.ledger.address], [0], [note], NONE, NONE)
        attempts = [
            (self.lock.schedule, (*call, self.delay)),
            (self.lock.scheduleBatch, (*batch, self.delay)),
            (self.lock.execute, call),
            (self.lock.executeBatch, batch),
            (self.lock.cancel, (NONE,)),
            (self.lock.updateDelay, (60,)),
            (self.governor.relay, (self.ledger.address, 0, note)),
            (self.governor.setVotingDelay, (1,)),
            (self.governor.updateQuorumNumerator, (1,)),
            (self.ledger.note, (666,)),
            (self.token.set_cap, (10**26,)),
        ]
        method, arguments = attempts[what]
        with boa.reverts():
            method(*arguments, sender=who)

    # --- what always holds ---

    @invariant()
    def gov_2(self) -> None:
        for proposal in getattr(self, "proposals", []):
            assert list(self.governor.proposalVotes(proposal.id)) == proposal.votes
            assert sum(proposal.votes) <= self.minted

    @invariant()
    def gov_3(self) -> None:
        for proposal in getattr(self, "proposals", []):
            assert self.governor.state(proposal.id) == self.state_of(proposal)
            assert self.governor.proposalDeadline(proposal.id) == proposal.deadline
            assert self.governor.proposalEta(proposal.id) == proposal.eta

    @invariant()
    def gov_5(self) -> None:
        if not hasattr(self, "proposals"):
            return
        for person in self.people:
            open_ones = [
                p
                for p in self.proposals
                if p.proposer == person and self.governor.state(p.id) in (PENDING, ACTIVE)
            ]
            assert len(open_ones) <= 1
            if open_ones:
                assert self.governor.open_until(person) == open_ones[0].deadline

    @invariant()
    def gov_7(self) -> None:
        if not hasattr(self, "proposals"):
            return
        assert self.governor.votingDelay() == self.settings["setVotingDelay"]
        assert self.governor.votingPeriod() == self.settings["setVotingPeriod"]
        assert self.governor.quorumNumerator() == self.settings["updateQuorumNumerator"]
        extension = self.governor.lateQuorumVoteExtension()
        assert extension == self.settings["setLateQuorumVoteExtension"]
        assert self.governor.proposalThreshold() == self.threshold

    @invariant()
    def lock_1(self) -> None:
        """No path round it: what was done is what was voted, queued and waited for."""
        if not hasattr(self, "proposals"):
            return
        assert self.ledger.n_done() == len(self.done)
        if self.done:
            assert self.ledger.done(len(self.done) - 1) == self.done[-1]
        assert self.token.totalSupply() == self.minted

    @invariant()
    def lock_3(self) -> None:
        if not hasattr(self, "proposals"):
            return
        roles = [keccak(text=f"{name}_ROLE") for name in ("PROPOSER", "EXECUTOR", "CANCELLER")]
        for account in (*self.people, self.thief, self.rounds, self.lock.address):
            assert not any(self.lock.hasRole(role, account) for role in [NONE, *roles])
        assert all(self.lock.hasRole(role, self.governor.address) for role in roles)

    @invariant()
    def lock_4(self) -> None:
        if hasattr(self, "proposals"):
            assert self.lock.getMinDelay() == self.delay

    @invariant()
    def share_2(self) -> None:
        """Votes of all sum to the shares of all who have delegated."""
        if not hasattr(self, "proposals"):
            return
        zero = "0x" + "00" * 20
        delegated = sum(
            self.token.balanceOf(person)
            for person in self.people
            if self.token.delegates(person) != zero
        )
        assert sum(self.token.getVotes(person) for person in self.people) == delegated


TestAlliance = Alliance.TestCase
TestAlliance.settings = settings(
    max_examples=10,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
