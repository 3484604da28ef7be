"""A chain in memory, for tests: real signatures and nonces, contracts in Python.

Nothing outside of tests imports this. `FakeChain` is a `Node`; the contracts below have the same
methods as the typed clients, so a worker cannot tell them apart.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from cairn.chain import _types as t
from cairn.chain._errors import NodeRefused, Reverted
from cairn.chain._types import Call, Head, Log, Receipt
from cairn.domain.answers import TURN_S, AnswerRoot, turn_seed

GWEI = 10**9


@dataclass(frozen=True)
class _Waiting:
    tx_hash: bytes
    raw: bytes
    sender: str
    nonce: int
    to: str
    value: int
    data: bytes
    gas: int
    max_fee_wei: int
    tip_wei: int


@dataclass
class _Block:
    number: int
    timestamp: int
    hash: bytes
    logs: list[Log] = field(default_factory=list)
    receipts: dict[bytes, Receipt] = field(default_factory=dict)


class FakeContract:
    """A contract in Python: functions that change it are called `do_<name>(sender, value, ...)`."""

    EVENTS: tuple[type[Any], ...] = ()

    def __init__(self, chain: FakeChain, address: str) -> None:
        self.chain = chain
        self.address = str(to_checksum_address(address))
        self._emitted: list[Any] = []
        chain.contracts[self.address] = self

    def __deepcopy__(self, memo: dict[int, Any]) -> FakeContract:
        raise TypeError("the chain copies states, not contracts")

    def state(self) -> dict[str, Any]:
        kept = {k: v for k, v in vars(self).items() if k not in ("chain", "_emitted")}
        return copy.deepcopy(kept)

    def restore(self, state: dict[str, Any]) -> None:
        vars(self).update(copy.deepcopy(state))

    def call(self, function: str, *args: Any, value: int = 0) -> Call:
        data = json.dumps({"function": function, "args": [_plain(one) for one in args]})
        return Call(self.address, data.encode(), value, f"{type(self).__name__}.{function}")

    def execute(self, sender: str, value: int, data: bytes) -> None:
        wanted = json.loads(data)
        arguments = [_lively(one) for one in wanted["args"]]
        getattr(self, f"do_{wanted['function']}")(sender, value, *arguments)

    def emit(self, event: Any) -> None:
        self._emitted.append(event)

    def topics(self, *events: type[Any]) -> list[bytes]:
        return [keccak(text=event.__name__) for event in events or self.EVENTS]

    def decode(self, log: Log) -> Any | None:
        if log.address != self.address:
            return None
        for event in self.EVENTS:
            if log.topics[0] == keccak(text=event.__name__):
                values = json.loads(log.data)
                return event(**{name: _lively(value) for name, value in values.items()})
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x:" + value.hex()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def _lively(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("0x:"):
        return bytes.fromhex(value[3:])
    if isinstance(value, list):
        return [_lively(one) for one in value]
    return value


class FakeChain:
    """A chain of blocks in memory. With `auto_mine`, each transaction is a block at once."""

    def __init__(self, *, chain_id: int = 4690, auto_mine: bool = True) -> None:
        self.chain_id = chain_id
        self.auto_mine = auto_mine
        self.base_fee_wei = 1_000 * GWEI
        self.block_interval_s = 3
        self.timestamp = 1_800_000_000
        self.contracts: dict[str, FakeContract] = {}
        self.blocks = [_Block(0, self.timestamp, keccak(text="genesis"))]
        self.nonces: dict[str, int] = {}
        self.waiting: dict[tuple[str, int], _Waiting] = {}
        self.broadcasts: list[bytes] = []
        self.most_blocks_a_page: int | None = None
        self.faults: dict[str, list[Exception]] = {}
        self.on_broadcast: Callable[[str, bytes], None] = lambda when, raw: None
        self._states: list[dict[str, dict[str, Any]]] = [{}]
        self._fork = 0

    # --- what tests do -----------------------------------------------------------------------

    def fail(self, method: str, *errors: Exception) -> None:
        """The next calls of a method raise these."""
        self.faults.setdefault(method, []).extend(errors)

    def advance(self, seconds: int) -> None:
        """Let time pass: a block that much later."""
        self.timestamp += seconds - self.block_interval_s
        self.mine()

    def act(self, sender: str, call: Call) -> None:
        """Somebody else's transaction, in a block of its own. Raises `Reverted`."""
        self._mine_with(lambda block: self._run(call.to, sender, call.value, call.data, block))

    def mine(self, blocks: int = 1) -> None:
        """Put all that waits and can pay into the next block."""
        for _ in range(blocks):
            self._mine_with(self._include_waiting)

    def spend_nonce(self, account: str) -> None:
        """Another program uses the account."""
        nonce = self.nonces.get(account, 0)
        self.waiting.pop((account, nonce), None)
        self.nonces[account] = nonce + 1
        self.mine()

    def forget_waiting(self) -> None:
        """The node restarts and loses its pool."""
        self.waiting.clear()

    def reorganise(self, depth: int) -> None:
        """Throw the newest blocks away, and put empty ones in their place."""
        self._fork += 1
        del self.blocks[-depth:]
        del self._states[-depth:]
        states = copy.deepcopy(self._states[-1])
        self.nonces = states.pop("nonces", {})
        for address, state in states.items():
            self.contracts[address].restore(state)
        self.mine(depth)

    # --- Node --------------------------------------------------------------------------------

    def head(self) -> Head:
        self._maybe_fail("head")
        newest = self.blocks[-1]
        return Head(newest.number, newest.timestamp, self.base_fee_wei)

    def block_hash(self, number: int) -> bytes | None:
        self._maybe_fail("block_hash")
        return self.blocks[number].hash if number < len(self.blocks) else None

    def block_time(self, number: int) -> int | None:
        self._maybe_fail("block_time")
        return self.blocks[number].timestamp if number < len(self.blocks) else None

    def logs(
        self, addresses: Sequence[str], topics: Sequence[bytes], first: int, last: int
    ) -> list[Log]:
        self._maybe_fail("logs")
        if self.most_blocks_a_page is not None and last - first + 1 > self.most_blocks_a_page:
            raise NodeRefused("eth_getLogs", "block range is too wide", -32000)
        return [
            log
            for block in self.blocks[first : last + 1]
            for log in block.logs
            if log.address in addresses and (not topics or log.topics[0] in topics)
        ]

    def read(self, call: Call, sender: str | None = None) -> bytes:
        self._maybe_fail("read")
        self._dry_run(sender or t.ZERO_ADDRESS, call)
        return b""

    def estimate_gas(self, sender: str, call: Call) -> int:
        self._maybe_fail("estimate_gas")
        if call.to in self.contracts:
            self._dry_run(sender, call)
        return 21_000 + 16 * len(call.data)

    def nonce(self, account: str, *, pending: bool = False) -> int:
        self._maybe_fail("nonce")
        count = self.nonces.get(account, 0)
        while pending and (account, count) in self.waiting:
            count += 1
        return count

    def balance_wei(self, account: str) -> int:
        return 10**20

    def tip_wei(self) -> int:
        return GWEI

    def broadcast(self, raw: bytes) -> None:
        self._maybe_fail("broadcast")
        self.on_broadcast("before", raw)
        self._take(raw)
        self.broadcasts.append(raw)
        if self.auto_mine:
            self.mine()
        self.on_broadcast("after", raw)

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        self._maybe_fail("receipt")
        for block in self.blocks:
            if tx_hash in block.receipts:
                return block.receipts[tx_hash]
        return None

    def knows(self, tx_hash: bytes) -> bool:
        return self.receipt(tx_hash) is not None or any(
            one.tx_hash == tx_hash for one in self.waiting.values()
        )

    def client_version(self) -> str:
        return "anvil/fake"

    # --- inside ------------------------------------------------------------------------------

    def _maybe_fail(self, method: str) -> None:
        if self.faults.get(method):
            raise self.faults[method].pop(0)

    def _take(self, raw: bytes) -> None:
        fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        sender = str(Account.recover_transaction(HexBytes(raw)))
        one = _Waiting(
            tx_hash=keccak(raw),
            raw=raw,
            sender=sender,
            nonce=int(fields["nonce"]),
            to=str(to_checksum_address(fields["to"])),
            value=int(fields["value"]),
            data=bytes(fields["data"]),
            gas=int(fields["gas"]),
            max_fee_wei=int(fields["maxFeePerGas"]),
            tip_wei=int(fields["maxPriorityFeePerGas"]),
        )
        if self.receipt(one.tx_hash) is not None:
            raise NodeRefused("eth_sendRawTransaction", "already known")
        if one.nonce < self.nonces.get(sender, 0):
            raise NodeRefused("eth_sendRawTransaction", "nonce too low")
        before = self.waiting.get((sender, one.nonce))
        if before is not None and before.tx_hash != one.tx_hash:
            enough = before.max_fee_wei * 11 // 10
            if one.max_fee_wei < enough:
                raise NodeRefused("eth_sendRawTransaction", "replacement transaction underpriced")
        self.waiting[sender, one.nonce] = one

    def _mine_with(self, fill: Callable[[_Block], None]) -> None:
        number = len(self.blocks)
        self.timestamp += self.block_interval_s
        block = _Block(number, self.timestamp, keccak(text=f"{self._fork}:{number}"))
        fill(block)
        self.blocks.append(block)
        states = {address: one.state() for address, one in self.contracts.items()}
        self._states.append({**states, "nonces": dict(self.nonces)})

    def _include_waiting(self, block: _Block) -> None:
        progressed = True
        while progressed:
            progressed = False
            for (sender, nonce), one in sorted(self.waiting.items(), key=lambda item: item[0][1]):
                if nonce != self.nonces.get(sender, 0) or one.max_fee_wei < self.base_fee_wei:
                    continue
                del self.waiting[sender, nonce]
                self.nonces[sender] = nonce + 1
                succeeded = True
                try:
                    self._run(one.to, sender, one.value, one.data, block)
                except Reverted:
                    succeeded = False
                block.receipts[one.tx_hash] = Receipt(
                    one.tx_hash, block.number, succeeded, one.gas, self.base_fee_wei
                )
                progressed = True

    def _run(self, to: str, sender: str, value: int, data: bytes, block: _Block) -> None:
        contract = self.contracts.get(to)
        if contract is None:
            return
        before = {address: one.state() for address, one in self.contracts.items()}
        try:
            contract.execute(sender, value, data)
        except Reverted:
            for address, state in before.items():
                self.contracts[address].restore(state)
                self.contracts[address]._emitted.clear()
            raise
        for one in self.contracts.values():
            for event in one._emitted:
                values = {name: _plain(getattr(event, name)) for name in _names(event)}
                block.logs.append(
                    Log(
                        address=one.address,
                        topics=(keccak(text=type(event).__name__),),
                        data=json.dumps(values).encode(),
                        block_number=block.number,
                        log_index=len(block.logs),
                        tx_hash=b"",
                    )
                )
            one._emitted.clear()

    def _dry_run(self, sender: str, call: Call) -> None:
        before = {address: one.state() for address, one in self.contracts.items()}
        try:
            self._run(call.to, sender, call.value, call.data, _Block(0, 0, b""))
        except Reverted as error:
            raise Reverted(error.reason, call.label) from None
        finally:
            for address, state in before.items():
                self.contracts[address].restore(state)


def _names(event: Any) -> list[str]:
    return list(type(event).__dataclass_fields__)


class FakeLedger(FakeContract):
    """StakeLedger: stakes, locks, who serves what."""

    EVENTS = (t.OptedIn, t.OptedOut, t.Slashed, t.BountyWithdrawn)

    def __init__(self, chain: FakeChain, address: str) -> None:
        super().__init__(chain, address)
        self.stakes: dict[str, int] = {}
        self.locked: dict[str, int] = {}
        self.serving: set[tuple[str, int]] = set()
        self.bounties: dict[str, int] = {}
        self.withdrawn: dict[str, int] = {}
        self.turns: dict[int, str] = {}
        """Seed -> whose turn it is, as the test says; nobody's if it does not."""

    def operators_of(self, model_id: int) -> list[str]:
        return sorted(operator for operator, served in self.serving if served == model_id)

    def turn_of(self, model_id: int, seed: int, asked_at: int) -> str:
        return self.turns.get(seed, t.ZERO_ADDRESS)

    def bounty_wei(self, challenger: str) -> int:
        return self.bounties.get(challenger, 0)

    def withdraw_bounty(self) -> Call:
        return self.call("withdraw_bounty")

    def do_withdraw_bounty(self, sender: str, value: int) -> None:
        amount_wei = self.bounties.pop(sender, 0)
        if not amount_wei:
            raise Reverted("bounty: nothing earned")
        self.withdrawn[sender] = self.withdrawn.get(sender, 0) + amount_wei
        self.emit(t.BountyWithdrawn(sender, amount_wei))

    def is_serving(self, operator: str, model_id: int) -> bool:
        return (operator, model_id) in self.serving

    def free_wei(self, operator: str) -> int:
        return self.stakes.get(operator, 0) - self.locked.get(operator, 0)

    def lock(self, operator: str, amount_wei: int) -> None:
        if self.free_wei(operator) < amount_wei:
            raise Reverted("lock: not enough free stake")
        self.locked[operator] = self.locked.get(operator, 0) + amount_wei

    def release(self, operator: str, amount_wei: int) -> None:
        self.locked[operator] -= amount_wei

    def slash(self, judge: str, operator: str, amount_wei: int, bounty_to: str) -> None:
        self.locked[operator] -= amount_wei
        self.stakes[operator] -= amount_wei
        self.bounties[bounty_to] = self.bounties.get(bounty_to, 0) + amount_wei // 2
        self.emit(t.Slashed(operator, judge, amount_wei, bounty_to, amount_wei // 2))


class FakeRegistry(FakeContract):
    """ModelRegistry: terms and versions, put there by the test."""

    def __init__(self, chain: FakeChain, address: str) -> None:
        super().__init__(chain, address)
        self.all_terms: dict[int, t.Terms] = {}
        self.versions: dict[tuple[int, int], t.Version] = {}

    def terms(self, terms_id: int) -> t.Terms:
        return self.all_terms[terms_id]

    def version(self, model_id: int, version: int) -> t.Version:
        return self.versions[model_id, version]


class FakeMarket(FakeContract):
    """InferenceMarket: requests, answers, roots, challenges. `evaluate` says what is right."""

    EVENTS = (
        t.Requested,
        t.Answered,
        t.RootAnswered,
        t.Settled,
        t.RootSettled,
        t.Displaced,
        t.DisplacedReleased,
        t.Refunded,
        t.Challenged,
        t.Reopened,
        t.LeafChallenged,
    )

    def __init__(
        self,
        chain: FakeChain,
        address: str,
        registry: FakeRegistry,
        ledger: FakeLedger,
        evaluate: Callable[[bytes, bytes], bytes],
    ) -> None:
        super().__init__(chain, address)
        self.requests: dict[int, t.MarketRequest] = {}
        self.named: set[int] = set()
        self.answers: dict[int, list[bytes]] = {}
        self.roots: dict[bytes, tuple[AnswerRoot, t.Root]] = {}
        self.slashed_leaves: set[tuple[bytes, int]] = set()
        self._parts = _Parts(registry, ledger, evaluate)

    def state(self) -> dict[str, Any]:
        return {
            "requests": dict(self.requests),
            "named": set(self.named),
            "answers": {k: list(v) for k, v in self.answers.items()},
            "roots": dict(self.roots),
            "slashed_leaves": set(self.slashed_leaves),
        }

    # what clients read
    def get_request(self, request_id: int) -> t.MarketRequest:
        return self.requests[request_id]

    def get_root(self, root_id: bytes) -> t.Root:
        return self.roots[root_id][1]

    # what clients build
    def answer(self, request_id: int, outputs: bytes) -> Call:
        return self.call("answer", request_id, outputs)

    def answer_batch(self, answers: Sequence[tuple[int, bytes]]) -> Call:
        return self.call("answer_batch", [one for one, _ in answers], [one for _, one in answers])

    def answer_root(self, root: AnswerRoot) -> Call:
        return self.call("answer_root", root.terms_id, root.output_bytes, root.leaves)

    def settle_root(self, root: AnswerRoot) -> Call:
        return self.call("settle_root", root.root_id, root.leaves)

    def challenge_leaf(self, root: AnswerRoot, index: int, features: bytes) -> Call:
        proof = list(root.proof(index))
        return self.call("challenge_leaf", root.root_id, index, root.group(index), proof, features)

    def challenge(self, request_id: int, features: bytes) -> Call:
        return self.call("challenge", request_id, features)

    def settle(self, request_ids: Sequence[int]) -> Call:
        return self.call("settle", list(request_ids))

    def request(
        self,
        terms_id: int,
        features: bytes,
        deadline: int,
        operator: str = t.ZERO_ADDRESS,
        callback: str = t.ZERO_ADDRESS,
    ) -> Call:
        return self.call("request", terms_id, features, deadline, operator, callback)

    # what the contract does
    def _at(self, request_id: int, status: t.Status, where: str) -> t.MarketRequest:
        found = self.requests.get(request_id)
        if found is None or found.status != status:
            raise Reverted(f"{where}: not {status.name.lower()}")  # type: ignore[union-attr]
        return found

    def do_request(
        self,
        sender: str,
        value: int,
        terms_id: int,
        features: bytes,
        deadline: int,
        operator: str,
        callback: str,
    ) -> None:
        request_id = len(self.requests) + 1
        self.requests[request_id] = t.MarketRequest(
            requester=sender,
            terms_id=terms_id,
            deadline=deadline,
            status=t.Status.OPEN,
            features_hash=keccak(features),
            operator=operator,
            answered_at=0,
            outputs_hash=bytes(32),
            made_at=self.chain.timestamp,
            callback=callback,
        )
        if operator != t.ZERO_ADDRESS:
            self.named.add(request_id)
        terms = self._parts.registry.terms(terms_id)
        self.emit(
            t.Requested(request_id, terms.model_id, sender, terms_id, operator, deadline, features)
        )

    def do_answer(self, sender: str, value: int, request_id: int, outputs: bytes) -> None:
        found = self._at(request_id, t.Status.OPEN, "answer")
        if self.chain.timestamp > found.deadline:
            raise Reverted("answer: deadline has passed")
        terms = self._parts.registry.terms(found.terms_id)
        if found.operator not in (t.ZERO_ADDRESS, sender):
            raise Reverted("answer: another operator is named")
        if found.operator == t.ZERO_ADDRESS and self.chain.timestamp <= found.made_at + TURN_S:
            seed = turn_seed(request_id, found.features_hash)
            turn = self._parts.ledger.turn_of(terms.model_id, seed, found.made_at)
            if turn not in (sender, t.ZERO_ADDRESS):
                raise Reverted("answer: it is another's turn")
        if not self._parts.ledger.is_serving(sender, terms.model_id):
            raise Reverted("answer: not serving this model")
        self._parts.ledger.lock(sender, terms.lock_wei)
        self.answers.setdefault(request_id, []).append(outputs)
        self.requests[request_id] = replace(
            found,
            status=t.Status.ANSWERED,
            operator=sender,
            answered_at=self.chain.timestamp,
            outputs_hash=keccak(outputs),
        )
        until = self.chain.timestamp + terms.window_s
        self.emit(t.Answered(request_id, sender, until, outputs))

    def do_answer_batch(
        self, sender: str, value: int, request_ids: list[int], outputs: list[bytes]
    ) -> None:
        for request_id, one in zip(request_ids, outputs, strict=True):
            self.do_answer(sender, value, request_id, one)

    def do_answer_root(
        self, sender: str, value: int, terms_id: int, output_bytes: int, leaves: bytes
    ) -> None:
        root = AnswerRoot(sender, terms_id, output_bytes, leaves)
        if root.root_id in self.roots:
            raise Reverted("root: posted already")
        terms = self._parts.registry.terms(terms_id)
        if not self._parts.ledger.is_serving(sender, terms.model_id):
            raise Reverted("root: not serving this model")
        self._parts.ledger.lock(sender, root.n_leaves * terms.lock_wei)
        now = self.chain.timestamp
        posted = t.Root(sender, terms_id, now, root.n_leaves, output_bytes, 0, False)
        self.roots[root.root_id] = root, posted
        until = now + terms.window_s
        self.emit(t.RootAnswered(root.root_id, sender, terms_id, until, output_bytes, leaves))

    def _may_take(self, root: AnswerRoot, posted_at: int, request_id: int) -> bool:
        """Whether a leaf of the root was the request's to answer."""
        found = self.requests[request_id]
        if found.terms_id != root.terms_id or posted_at > found.deadline:
            return False
        if found.callback != t.ZERO_ADDRESS:
            return False
        if request_id in self.named:
            return found.made_at <= posted_at and found.operator == root.operator
        return found.made_at + TURN_S < posted_at

    def do_settle_root(self, sender: str, value: int, root_id: bytes, leaves: bytes) -> None:
        if root_id not in self.roots:
            raise Reverted("root: unknown root")
        root, posted = self.roots[root_id]
        terms = self._parts.registry.terms(root.terms_id)
        if posted.is_settled:
            raise Reverted("root: settled already")
        if self.chain.timestamp <= posted.posted_at + terms.window_s:
            raise Reverted("root: window is open")
        if leaves != root.leaves:
            raise Reverted("root: not what was posted")
        n_settled = 0
        for index, (request_id, outputs) in enumerate(root.answers):
            found = self.requests.get(request_id)
            if found is None or (root_id, index) in self.slashed_leaves:
                continue
            displaces = found.status == t.Status.ANSWERED and found.answered_at > posted.posted_at
            if found.status != t.Status.OPEN and not displaces:
                continue
            if not self._may_take(root, posted.posted_at, request_id):
                continue
            n_settled += 1
            if displaces:
                self.emit(t.Displaced(request_id, found.operator))
            self.requests[request_id] = replace(
                found, status=t.Status.SETTLED, is_displaced=displaces
            )
            self.answers.setdefault(request_id, []).append(outputs)
            self.emit(t.Settled(request_id, root.operator))
        self.roots[root_id] = root, replace(posted, is_settled=True)
        n_free = root.n_leaves - posted.n_slashed
        self._parts.ledger.release(root.operator, n_free * terms.lock_wei)
        self.emit(t.RootSettled(root_id, root.operator, n_settled, n_free - n_settled))

    def do_challenge_leaf(
        self,
        sender: str,
        value: int,
        root_id: bytes,
        index: int,
        group: bytes,
        proof: list[bytes],
        features: bytes,
    ) -> None:
        if root_id not in self.roots:
            raise Reverted("root: unknown root")
        root, posted = self.roots[root_id]
        terms = self._parts.registry.terms(root.terms_id)
        if self.chain.timestamp > posted.posted_at + terms.window_s:
            raise Reverted("leaf: window is over")
        if (root_id, index) in self.slashed_leaves:
            raise Reverted("leaf: slashed already")
        if group != root.group(index) or tuple(proof) != root.proof(index):
            raise Reverted("leaf: not what was posted")
        request_id, outputs = root.answers[index]
        found = self.requests.get(request_id)
        if found is None or found.terms_id != root.terms_id or found.made_at > posted.posted_at:
            raise Reverted("leaf: it answers nothing")
        if keccak(features) != found.features_hash:
            raise Reverted("leaf: other features")
        right = self._parts.evaluate(terms.program_hash, features)
        if right == outputs:
            raise Reverted("leaf: the answer is right")
        self.slashed_leaves.add((root_id, index))
        self.roots[root_id] = root, replace(posted, n_slashed=posted.n_slashed + 1)
        refunded = (
            request_id in self.named
            and found.status == t.Status.OPEN
            and self._may_take(root, posted.posted_at, request_id)
        )
        if refunded:
            self.requests[request_id] = replace(found, status=t.Status.SLASHED)
        self._parts.ledger.slash(self.address, root.operator, terms.lock_wei, sender)
        self.emit(
            t.LeafChallenged(root_id, request_id, root.operator, sender, index, refunded, right)
        )

    def do_challenge(self, sender: str, value: int, request_id: int, features: bytes) -> None:
        found = self.requests.get(request_id)
        if found is None or not (found.status == t.Status.ANSWERED or found.is_displaced):
            raise Reverted("challenge: no answer stands")
        terms = self._parts.registry.terms(found.terms_id)
        if self.chain.timestamp > found.answered_at + terms.window_s:
            raise Reverted("challenge: window is over")
        if keccak(features) != found.features_hash:
            raise Reverted("challenge: other features")
        right = self._parts.evaluate(terms.program_hash, features)
        if keccak(right) == found.outputs_hash:
            raise Reverted("challenge: the answer is right")
        self._parts.ledger.slash(self.address, found.operator, terms.lock_wei, sender)
        self.emit(t.Challenged(request_id, found.operator, sender, right))
        if found.is_displaced:
            after = replace(found, status=t.Status.SETTLED, is_displaced=False)
        elif request_id in self.named or found.callback != t.ZERO_ADDRESS:
            after = replace(found, status=t.Status.SLASHED)
        else:
            after = replace(found, status=t.Status.OPEN, operator=t.ZERO_ADDRESS, answered_at=0)
            self.emit(t.Reopened(request_id))
        self.requests[request_id] = replace(after, outputs_hash=bytes(32))

    def do_settle(self, sender: str, value: int, request_ids: list[int]) -> None:
        for request_id in request_ids:
            found = self.requests.get(request_id)
            if found is None or found.status == t.Status.OPEN:
                raise Reverted("settle: no answer stands")
            if found.status != t.Status.ANSWERED and not found.is_displaced:
                continue  # ended already
            terms = self._parts.registry.terms(found.terms_id)
            if self.chain.timestamp <= found.answered_at + terms.window_s:
                raise Reverted("settle: window is open")
            self._parts.ledger.release(found.operator, terms.lock_wei)
            self.requests[request_id] = replace(found, status=t.Status.SETTLED, is_displaced=False)
            if found.is_displaced:
                self.emit(t.DisplacedReleased(request_id, found.operator))
            else:
                self.emit(t.Settled(request_id, found.operator))


class FakePrograms(FakeContract):
    """ProgramStore and Evaluator: what is published, and what it says."""

    def __init__(
        self, chain: FakeChain, address: str, evaluate: Callable[[bytes, bytes], bytes]
    ) -> None:
        super().__init__(chain, address)
        self.published: set[bytes] = set()
        self._judge = _Judge(evaluate)

    def is_published(self, program_hash: bytes) -> bool:
        return program_hash in self.published

    def evaluate(self, program_hash: bytes, features: bytes) -> bytes:
        self.chain._maybe_fail("read")
        if program_hash not in self.published:
            raise Reverted("evaluator: program unpublished")
        return self._judge.evaluate(program_hash, features)


class FakeRounds(FakeContract):
    """TrainingRounds: opened and filled by the test, aggregated and finalized by an operator."""

    EVENTS = (
        t.RoundOpened,
        t.UpdateSubmitted,
        t.AggregatePosted,
        t.RoundFinalized,
        t.RoundCancelled,
    )

    def __init__(self, chain: FakeChain, address: str) -> None:
        super().__init__(chain, address)
        self.plans: dict[int, t.Plan] = {}
        self.phases: dict[int, t.Phase] = {}
        self.all_updates: dict[int, list[t.Update]] = {}
        self.aggregates: dict[int, t.Aggregate] = {}
        self.n_aggregates: dict[int, int] = {}

    def plan(self, round_id: int) -> t.Plan:
        return self.plans[round_id]

    def phase(self, round_id: int) -> t.Phase:
        return self.phases[round_id]

    def updates(self, round_id: int) -> list[t.Update]:
        return list(self.all_updates[round_id])

    def aggregate_of(self, round_id: int) -> t.Aggregate:
        return self.aggregates[round_id]

    def open(self, plan: t.Plan) -> Call:
        return self.call("open", {name: _plain(value) for name, value in asdict(plan).items()})

    def submit(self, round_id: int, root: bytes, cid: bytes, weight: int) -> Call:
        return self.call("submit", round_id, root, cid, weight)

    def aggregate(
        self,
        round_id: int,
        root: bytes,
        cid: bytes,
        program_hash: bytes,
        program_cid: bytes,
        card_cid: bytes,
    ) -> Call:
        return self.call("aggregate", round_id, root, cid, program_hash, program_cid, card_cid)

    def finalize(self, round_id: int) -> Call:
        return self.call("finalize", round_id)

    def cancel(self, round_id: int) -> Call:
        return self.call("cancel", round_id)

    def do_open(self, sender: str, value: int, plan: dict[str, Any]) -> None:
        round_id = len(self.plans) + 1
        made = t.Plan(**{name: _lively(one) for name, one in plan.items()})
        self.plans[round_id] = made
        self.phases[round_id] = t.Phase.OPEN
        self.all_updates[round_id] = []
        self.emit(
            t.RoundOpened(
                round_id,
                made.model_id,
                sender,
                made.base_version,
                made.plan_hash,
                made.plan_cid,
                made.share_pool,
                made.weight_cap,
                made.submit_until,
                made.aggregate_until,
                made.window_s,
                made.lock_wei,
            )
        )

    def do_submit(
        self, sender: str, value: int, round_id: int, root: bytes, cid: bytes, weight: int
    ) -> None:
        if self.chain.timestamp > self.plans[round_id].submit_until:
            raise Reverted("submit: too late")
        self.all_updates[round_id].append(t.Update(sender, root, cid, weight, bytes(32)))
        self.emit(t.UpdateSubmitted(round_id, sender, root, cid, weight, ()))

    def do_aggregate(
        self,
        sender: str,
        value: int,
        round_id: int,
        root: bytes,
        cid: bytes,
        program_hash: bytes,
        program_cid: bytes,
        card_cid: bytes,
    ) -> None:
        plan = self.plans[round_id]
        if self.phases[round_id] != t.Phase.OPEN:
            raise Reverted("aggregate: not open")
        if self.chain.timestamp <= plan.submit_until:
            raise Reverted("aggregate: too early")
        if self.chain.timestamp > plan.aggregate_until:
            raise Reverted("aggregate: too late")
        self.phases[round_id] = t.Phase.AGGREGATED
        self.n_aggregates[round_id] = self.n_aggregates.get(round_id, 0) + 1
        self.aggregates[round_id] = t.Aggregate(
            operator=sender,
            root=root,
            cid=cid,
            program_hash=program_hash,
            program_cid=program_cid,
            card_cid=card_cid,
            posted_at=self.chain.timestamp,
            total_weight=sum(update.weight for update in self.all_updates[round_id]),
        )
        self.emit(
            t.AggregatePosted(round_id, sender, root, cid, program_hash, program_cid, card_cid)
        )

    def do_finalize(self, sender: str, value: int, round_id: int) -> None:
        plan = self.plans[round_id]
        if self.phases[round_id] != t.Phase.AGGREGATED:
            raise Reverted("finalize: not aggregated")
        if self.chain.timestamp <= self.aggregates[round_id].posted_at + plan.window_s:
            raise Reverted("finalize: window open")
        self.phases[round_id] = t.Phase.FINALIZED
        self.emit(t.RoundFinalized(round_id, plan.model_id, plan.base_version + 1))

    def do_cancel(self, sender: str, value: int, round_id: int) -> None:
        if self.phases[round_id] != t.Phase.OPEN:
            raise Reverted("cancel: not open")
        if self.chain.timestamp <= self.plans[round_id].aggregate_until:
            raise Reverted("cancel: too early")
        self.phases[round_id] = t.Phase.CANCELLED
        self.emit(t.RoundCancelled(round_id))


@dataclass(frozen=True)
class _Judge:
    evaluate: Callable[[bytes, bytes], bytes]

    def __deepcopy__(self, memo: dict[int, Any]) -> _Judge:
        return self


@dataclass(frozen=True)
class _Parts:
    """What the market calls; kept apart from its state."""

    registry: FakeRegistry
    ledger: FakeLedger
    evaluate: Callable[[bytes, bytes], bytes]

    def __deepcopy__(self, memo: dict[int, Any]) -> _Parts:
        return self


class FakeTally(FakeContract):
    """The smallest contract: counts under names, and refuses a name that is empty."""

    def __init__(self, chain: FakeChain, address: str) -> None:
        super().__init__(chain, address)
        self.counts: dict[str, int] = {}

    @dataclass(frozen=True)
    class Counted:
        name: str

    EVENTS = (Counted,)

    def add(self, name: str) -> Call:
        return self.call("add", name)

    def do_add(self, sender: str, value: int, name: str) -> None:
        if not name:
            raise Reverted("add: no name")
        self.counts[name] = self.counts.get(name, 0) + 1
        self.emit(self.Counted(name))


__all__ = [
    "FakeChain",
    "FakeContract",
    "FakeLedger",
    "FakeMarket",
    "FakePrograms",
    "FakeRegistry",
    "FakeRounds",
    "FakeTally",
]
