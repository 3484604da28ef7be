"""Our governance and OpenZeppelin's side by side: every step is taken on both, in the same block.

All calldata is encoded by OpenZeppelin's ABI, so what is made for their contracts is what ours are
called with. What the sides answer and log must be equal byte for byte, once each side's own
addresses, and what is derived from them, have the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import rlp
from eth_abi import decode, encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils import keccak, to_checksum_address
from web3 import Web3
from web3.types import RPCEndpoint

from tools._local_chain import Compiled, compile_contract, compile_source, deploy
from tools.governance.openzeppelin import compile_peers

SHARE = 10**18
NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
PENDING, ACTIVE, CANCELED, DEFEATED, SUCCEEDED, QUEUED, _EXPIRED, EXECUTED = range(8)
AGAINST, FOR, ABSTAIN = range(3)
ZERO = "0x" + "00" * 20
NONE = bytes(32)

NAME, SYMBOL = "Pioneers", "PIO"
DELAY_S, PERIOD_S, EXTENSION_S, LOCK_S = 100, 1_000, 300, 500
THRESHOLD, QUORUM_PERCENT = SHARE, 20
# Three who are a quorum each, and three who are none together; a quorum is 76.
HOLDINGS = (100, 100, 100, 30, 30, 20)
GAS = 12_000_000
DEPLOY_GAS = 30_000_000
# Of the development accounts: who mints in the rounds' place, and who leads the lone timelocks.
ROUNDS = KEEPER = 7

BOX = """
# pragma version 0.4.3

event Put:
    by: indexed(address)
    number: uint256
    coin: uint256

number: public(HashMap[address, uint256])

@payable
@external
def put(number: uint256):
    self.number[msg.sender] = number
    log Put(by=msg.sender, number=number, coin=msg.value)

@external
def fail():
    raise "box: it never works"
"""

Own = Callable[["Side"], Any]


class UnlikeError(AssertionError):
    """The sides differ, or do not do what the scenario says."""


@dataclass(frozen=True)
class Outcome:
    """What a transaction did."""

    succeeded: bool
    output: bytes  # what it returned, or reverted with
    logs: list[tuple[bytes, ...]]  # address, topics, data
    gas: int

    @property
    def reason(self) -> str:
        if self.output[:4] == keccak(text="Error(string)")[:4]:
            return str(decode(["string"], self.output[4:])[0])
        return "0x" + self.output[:4].hex()


@dataclass
class Side:
    """One of the two: its contracts by role, and the rest of what bears its own addresses."""

    name: str
    contracts: dict[str, str]
    own: dict[str, bytes] = field(default_factory=dict)

    def __getitem__(self, role: str) -> str:
        return self.contracts[role]


@dataclass(frozen=True)
class Actions:
    """Calls from the timelock, and why. What differs from side to side is a function of the side."""

    targets: list[str | Own]
    amounts: list[int]
    calldatas: list[bytes | Own]
    description: str = "Put a number into the box"

    @property
    def args(self) -> tuple[Any, ...]:
        return self.targets, self.amounts, self.calldatas, self.description

    @property
    def key(self) -> tuple[Any, ...]:
        return self.targets, self.amounts, self.calldatas, keccak(text=self.description)

    @property
    def are_own(self) -> bool:
        """Whether the sides' proposals differ."""
        return any(callable(part) for part in (*self.targets, *self.calldatas))

    def id(self, side: Side) -> int:
        """As OpenZeppelin's documentation has it, worked out by a third party."""
        types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
        return int.from_bytes(keccak(encode(types, own(self.key, side))), "big")

    def salt(self, side: Side) -> bytes:
        governor = bytes.fromhex(side["governor"][2:]) + bytes(12)
        pairs = zip(governor, keccak(text=self.description), strict=True)
        return bytes(a ^ b for a, b in pairs)

    def operation(self, side: Side) -> bytes:
        types = ["address[]", "uint256[]", "bytes[]", "bytes32", "bytes32"]
        batch = (*own(self.key, side)[:3], NONE, self.salt(side))
        return bytes(keccak(encode(types, batch)))


def own(value: Any, side: Side) -> Any:
    """A value as a side has it."""
    if callable(value):
        return value(side)
    if isinstance(value, list | tuple):
        return type(value)(own(part, side) for part in value)
    return value


def at(role: str) -> Own:
    """A side's own contract."""
    return lambda side: side[role]


class Pair:
    """Two alliances on one chain, alike but for who wrote their contracts."""

    def __init__(self, w3: Web3, ours: Side, theirs: Side, box: str, wallet: str) -> None:
        self.w3 = w3
        self.ours, self.theirs = ours, theirs
        self.box, self.wallet = box, wallet
        self.accounts = accounts_of(w3)
        self.founders = self.accounts[1 : 1 + len(HOLDINGS)]
        self.keeper = self.accounts[KEEPER]
        self.stranger, self.payee = self.accounts[8], self.accounts[9]
        self.signer: LocalAccount = Account.from_key(keccak(text="a signer without coin"))

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.ours, self.theirs

    @property
    def now(self) -> int:
        return int(self.w3.eth.get_block("latest")["timestamp"])

    def rpc(self, method: str, *params: Any) -> Any:
        return rpc(self.w3, method, *params)

    def balance(self, account: str) -> int:
        return int(self.rpc("eth_getBalance", account, "latest"), 16)

    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self.mine(self.now + seconds)

    def mine(self, timestamp: int) -> None:
        self.rpc("evm_setNextBlockTimestamp", timestamp)
        self.rpc("evm_mine")

    def fund(self, role: str) -> None:
        """Let a side's own contract pay for gas, or for what a proposal pays."""
        for side in self.sides:
            self.rpc("anvil_setBalance", side[role], hex(10**18))

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What happens within has not happened afterwards."""
        snapshot = self.rpc("evm_snapshot")
        kept = [dict(side.own) for side in self.sides]
        try:
            yield
        finally:
            self.rpc("evm_revert", snapshot)
            for side, was in zip(self.sides, kept, strict=True):
                side.own = was

    # --- calls ---

    def data(self, role: str, function: str, *args: Any, side: Side | None = None) -> bytes:
        """Calldata by OpenZeppelin's ABI."""
        selector, inputs, _ = _function(role, function, len(args))
        return selector + bytes(encode(inputs, own(args, side or self.ours)))

    def send(
        self,
        role: str,
        function: str,
        *args: Any,
        sender: str | Own,
        value: int = 0,
        when: int | None = None,
    ) -> tuple[Outcome, Outcome]:
        """Call both sides in one block, a second after the last unless told when."""
        hashes = []
        for side in self.sides:
            transaction = {
                "from": own(sender, side),
                "to": side[role],
                "data": "0x" + self.data(role, function, *args, side=side).hex(),
                "value": hex(value),
                "gas": hex(GAS),
            }
            hashes.append(self.rpc("eth_sendTransaction", transaction))
        self.mine(self.now + 1 if when is None else when)
        ours, theirs = (self.outcome(sent) for sent in hashes)
        return ours, theirs

    def outcome(self, sent: str) -> Outcome:
        receipt = self.rpc("eth_getTransactionReceipt", sent)
        if receipt is None:
            raise RuntimeError(f"{sent} was not mined")
        traced = self.rpc("debug_traceTransaction", sent, {"tracer": "callTracer"})
        return Outcome(
            receipt["status"] == "0x1",
            _raw(traced.get("output", "0x")),
            [
                (_raw(log["address"]), *(_raw(topic) for topic in log["topics"]), _raw(log["data"]))
                for log in receipt["logs"]
            ],
            int(receipt["gasUsed"], 16),
        )

    def does(self, role: str, function: str, *args: Any, **options: Any) -> Outcome:
        """Both sides do it, return the same and log the same; ours is returned."""
        ours, theirs = self.send(role, function, *args, **options)
        where = f"{role}.{function}"
        for side, outcome in zip(self.sides, (ours, theirs), strict=True):
            if not outcome.succeeded:
                raise UnlikeError(f"{where}: {side.name} refused it: {outcome.reason}")
        if ours.output != self.as_ours(theirs.output):
            raise UnlikeError(f"{where}: {ours.output.hex()} returned, not {theirs.output.hex()}")
        logged = [tuple(self.as_ours(part) for part in log) for log in theirs.logs]
        if ours.logs != logged:
            raise UnlikeError(f"{where}: logs differ:\n{_hex(ours.logs)}\n{_hex(logged)}")
        return ours

    def refuses(
        self, role: str, function: str, *args: Any, alike: bool = False, **options: Any
    ) -> str:
        """Both sides refuse it, with the same words if they are to be alike; ours are returned."""
        ours, theirs = self.send(role, function, *args, **options)
        for side, outcome in zip(self.sides, (ours, theirs), strict=True):
            if outcome.succeeded:
                raise UnlikeError(f"{role}.{function}: {side.name} did it")
            if outcome.gas >= GAS:
                raise UnlikeError(f"{role}.{function}: {side.name} ran out of gas")
        if alike and ours.output != theirs.output:
            raise UnlikeError(f"{role}.{function}: {ours.reason}, not {theirs.reason}")
        return ours.reason

    def sees(self, role: str, function: str, *args: Any, expect: Any = None) -> Any:
        """Both sides' view answers the same; decoded, and what is expected if that is said."""
        ours, theirs = (self.call(side, role, function, *args) for side in self.sides)
        where = f"{role}.{function}"
        if ours is None or theirs is None:
            raise UnlikeError(f"{where}: refused by {'ours' if ours is None else 'theirs'}")
        if ours != self.as_ours(theirs):
            raise UnlikeError(f"{where}: {ours.hex()}, not {theirs.hex()}")
        found = decode(_function(role, function, len(args))[2], ours)
        found = found[0] if len(found) == 1 else found
        if expect is not None and found != expect:
            raise UnlikeError(f"{where}: {found}, and {expect} was expected")
        return found

    def sees_nothing(self, role: str, function: str, *args: Any) -> None:
        """Both sides' view refuses to answer."""
        for side in self.sides:
            if self.call(side, role, function, *args) is not None:
                raise UnlikeError(f"{role}.{function}: {side.name} answered")

    def call(self, side: Side, role: str, function: str, *args: Any) -> bytes | None:
        data = self.data(role, function, *args, side=side)
        transaction = {"to": side[role], "data": "0x" + data.hex()}
        answer = self.w3.provider.make_request(RPCEndpoint("eth_call"), [transaction, "latest"])
        return None if "error" in answer else _raw(answer["result"])

    def as_ours(self, content: bytes) -> bytes:
        """What the other side said, with our addresses and what is derived from them."""
        for role, address in self.theirs.contracts.items():
            content = content.replace(_raw(address), _raw(self.ours[role]))
        for name, derived in self.theirs.own.items():
            content = content.replace(derived, self.ours.own[name])
        return content

    # --- proposals ---

    def putting(self, number: int = 7, coin: int = 0, description: str = "") -> Actions:
        """A proposal that puts a number into the box: the same on both sides, so of the same id."""
        data = keccak(text="put(uint256)")[:4] + encode(["uint256"], [number])
        return Actions(
            [self.box], [coin], [bytes(data)], description or f"Put {number} into the box"
        )

    def calling(self, *calls: tuple[Any, ...], description: str = "Change ourselves") -> Actions:
        """A proposal of calls of a side's own contracts: (role, function, argument, ...) each."""

        def data(call: tuple[Any, ...]) -> Own:
            return lambda side: self.data(call[0], call[1], *call[2:], side=side)

        targets: list[str | Own] = [at(call[0]) for call in calls]
        return Actions(targets, [0] * len(calls), [data(call) for call in calls], description)

    def know(self, actions: Actions) -> None:
        """The ids that bear a side's own addresses: the timelock's, and the proposal's if its calls do."""
        for side in self.sides:
            side.own[f"salt {actions.description}"] = actions.salt(side)
            side.own[f"operation {actions.description}"] = actions.operation(side)
            if actions.are_own:
                side.own[f"proposal {actions.description}"] = actions.id(side).to_bytes(32, "big")

    def propose(self, actions: Actions, proposer: int = 0, wait: bool = True) -> Own:
        """Propose; by default wait until the vote is open. The id is a function of the side."""
        self.know(actions)
        done = self.does("governor", "propose", *actions.args, sender=self.founders[proposer])
        if int.from_bytes(done.output, "big") != actions.id(self.ours):
            raise UnlikeError("propose: the id is not the hash of the proposal")
        if wait:
            self.advance(DELAY_S + 1)
        return actions.id

    def vote(self, proposal: Own, voter: int, support: int = FOR) -> Outcome:
        return self.does("governor", "castVote", proposal, support, sender=self.founders[voter])

    def succeed(self, actions: Actions, proposer: int = 0) -> Own:
        """Propose, have two vote for it, and wait until the vote is over."""
        proposal = self.propose(actions, proposer)
        self.vote(proposal, 0)
        self.vote(proposal, 1)
        self.advance(PERIOD_S)  # and a second a vote
        self.state(proposal, SUCCEEDED)
        return proposal

    def queue(self, actions: Actions, proposer: int = 0) -> Own:
        proposal = self.succeed(actions, proposer)
        self.does("governor", "queue", *actions.key, sender=self.stranger)
        return proposal

    def execute(self, actions: Actions, proposer: int = 0) -> Own:
        """A proposal's whole way."""
        proposal = self.queue(actions, proposer)
        self.advance(LOCK_S)
        self.does("governor", "execute", *actions.key, sender=self.stranger)
        return proposal

    def state(self, proposal: Own, expect: int) -> None:
        self.sees("governor", "state", proposal, expect=expect)

    # --- signatures ---

    def signed(self, role: str, struct: str, fields: str, **message: Any) -> Own:
        """The signer's signature in a side's own domain; the fields as in the struct's type."""

        def sign(side: Side) -> bytes:
            domain = {
                "name": NAME,
                "version": "1",
                "chainId": self.w3.eth.chain_id,
                "verifyingContract": side[role],
            }
            types = {
                struct: [
                    dict(zip(("type", "name"), f.split(), strict=True)) for f in fields.split(",")
                ]
            }
            said = {name: own(value, side) for name, value in message.items()}
            signature = self.signer.sign_message(encode_typed_data(domain, types, said))
            return bytes(signature.signature)

        return sign


def v_r_s(signature: Own) -> tuple[Own, Own, Own]:
    """A signature in three arguments."""
    return (
        lambda side: signature(side)[64],
        lambda side: signature(side)[:32],
        lambda side: signature(side)[32:64],
    )


# --- how they come about ---


def rpc(w3: Web3, method: str, *params: Any) -> Any:
    answer = w3.provider.make_request(RPCEndpoint(method), list(params))
    if "error" in answer:
        raise RuntimeError(f"{method}: {answer['error']}")
    return answer["result"]


def accounts_of(w3: Web3) -> list[str]:
    """The development accounts, unlocked."""
    return [str(account) for account in w3.eth.accounts]


PEERS = {"governor": "PeerGovernor", "token": "PeerToken", "lock": "TimelockController"}


@cache
def peers() -> dict[str, Compiled]:
    return compile_peers()


def abi_of(role: str) -> list[Any]:
    """OpenZeppelin's ABI of a role's contract."""
    return peers()[PEERS["lock" if role == "hands" else role]].abi


@cache
def _function(role: str, name: str, n_args: int) -> tuple[bytes, list[str], list[str]]:
    """Selector, and the types of what goes in and comes out, by OpenZeppelin's ABI."""
    [entry] = [
        entry
        for entry in abi_of(role)
        if entry.get("name") == name and len(entry["inputs"]) == n_args
    ]
    inputs, outputs = ([_type(part) for part in entry[way]] for way in ("inputs", "outputs"))
    return bytes(keccak(text=f"{name}({','.join(inputs)})")[:4]), inputs, outputs


@cache
def compiled(name: str) -> Compiled:
    return compile_contract(name)


def open_pair(w3: Web3) -> Pair:
    """Launch an alliance of ours, put one together of theirs, and let a second pass."""
    rounds = accounts_of(w3)[ROUNDS]
    keeper = accounts_of(w3)[KEEPER]
    factory = open_factory(w3, rounds)
    contracts, _ = launch(w3, factory, HOLDINGS)
    ours = Side("ours", contracts)
    hands = deploy(w3, compiled("alliance/Timelock"), LOCK_S, keeper)
    ours.contracts["hands"] = hands.address
    theirs = Side("OpenZeppelin's", put_together(w3, HOLDINGS))
    made = peers()["TimelockController"]
    theirs.contracts["hands"] = deploy(w3, made, LOCK_S, [keeper], [keeper], ZERO).address
    box = deploy(w3, compile_source(BOX)).address
    wallet_owner = Account.from_key(keccak(text="a signer without coin")).address
    wallet = deploy(w3, compiled("mocks/Wallet"), wallet_owner).address
    pair = Pair(w3, ours, theirs, box, wallet)
    for role in ("lock", "hands"):
        pair.fund(role)
    pair.rpc("anvil_autoImpersonateAccount", True)
    pair.rpc("evm_setAutomine", False)
    pair.advance(10)
    return pair


def open_factory(w3: Web3, rounds: str) -> Any:
    blueprints = [
        blueprint(w3, compiled(f"alliance/{name}"))
        for name in ("Charter", "ShareToken", "Timelock", "Governor")
    ]
    return deploy(w3, compiled("alliance/AllianceFactory"), *blueprints, rounds)


def blueprint(w3: Web3, made: Compiled) -> str:
    """ERC-5202: the creation code, to be instantiated by another contract."""
    content = b"\xfe\x71\x00" + made.bytecode
    creation = b"\x61" + len(content).to_bytes(2, "big") + bytes.fromhex("3d81600a3d39f3") + content
    return str(deploy(w3, Compiled([], creation)).address)


def founding(w3: Web3, holdings: tuple[int, ...]) -> tuple[Any, ...]:
    """As AllianceFactory.launch takes it."""
    return (
        NAME,
        SYMBOL,
        NATIVE,
        10**6 * SHARE,
        7 * 86_400,
        accounts_of(w3)[1 : 1 + len(holdings)],
        [held * SHARE for held in holdings],
        DELAY_S,
        PERIOD_S,
        THRESHOLD,
        QUORUM_PERCENT,
        EXTENSION_S,
        LOCK_S,
        bytes([1, 0x55, 0x12, 0x20]) + bytes(range(32)),
    )


def launch(
    w3: Web3, factory: Any, holdings: tuple[int, ...], salt: int = 1
) -> tuple[dict[str, str], int]:
    """Returns the three contracts, and the gas."""
    call = factory.functions.launch(founding(w3, holdings), salt.to_bytes(32, "big"))
    transaction = {"from": accounts_of(w3)[0], "gas": DEPLOY_GAS}
    charter = w3.eth.contract(
        address=to_checksum_address(call.call(transaction)), abi=compiled("alliance/Charter").abi
    )
    receipt = w3.eth.wait_for_transaction_receipt(call.transact(transaction))
    contracts = {
        "token": charter.functions.shares().call(),
        "lock": charter.functions.timelock().call(),
        "governor": charter.functions.governor().call(),
    }
    return contracts, int(receipt["gasUsed"])


def put_together(w3: Web3, holdings: tuple[int, ...]) -> dict[str, str]:
    """OpenZeppelin's three, wired as ours are: the governor alone proposes, executes and cancels."""
    deployer = accounts_of(w3)[0]
    nonce = int(rpc(w3, "eth_getTransactionCount", deployer, "latest"), 16)
    # The token names the timelock, the timelock the governor, which is created third.
    lock, governor = (_created(deployer, nonce + n) for n in (1, 2))
    holders = accounts_of(w3)[1 : 1 + len(holdings)]
    amounts = [held * SHARE for held in holdings]
    token = deploy(w3, peers()["PeerToken"], NAME, SYMBOL, lock, holders, amounts).address
    made = deploy(w3, peers()["TimelockController"], LOCK_S, [governor], [governor], ZERO)
    brain = deploy(
        w3,
        peers()["PeerGovernor"],
        *(NAME, token, lock, DELAY_S, PERIOD_S, THRESHOLD, QUORUM_PERCENT, EXTENSION_S),
    )
    assert (made.address, brain.address) == (lock, governor)
    return {"token": token, "lock": lock, "governor": governor}


def _created(creator: str, nonce: int) -> str:
    return to_checksum_address(keccak(rlp.encode([_raw(creator), nonce]))[12:])


def _type(output: dict[str, Any]) -> str:
    if not output["type"].startswith("tuple"):
        return str(output["type"])
    return f"({','.join(_type(part) for part in output['components'])})"


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(logs: list[tuple[bytes, ...]]) -> str:
    return "\n".join("  " + " ".join(part.hex() for part in log) for log in logs)
