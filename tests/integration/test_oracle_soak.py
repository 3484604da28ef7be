"""Three operators, one of them a liar, killed at random under load, and the node with them.

At the end every request has ended once, every wrong answer was challenged and slashed, no honest
operator lost a wei of stake or answered anything twice, and the books balance to the wei. Short
here; `make soak-oracle` lasts ten minutes. CAIRN_SOAK_S, _REQUESTS, _SEED and _LIES change it.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from cairn.chain import (
    NATIVE_COIN,
    ZERO_ADDRESS,
    Answered,
    BountyWithdrawn,
    Challenged,
    Deployment,
    Displaced,
    Fees,
    LeafChallenged,
    Network,
    Refunded,
    Reopened,
    Requested,
    RootAnswered,
    RootSettled,
    Settled,
    Slashed,
    System,
)
from cairn.domain.answers import AnswerRoot
from cairn.domain.cid import cid_of
from cairn.domain.integers import MISSING, pack_features
from cairn.storage import EmbeddedStore
from tests.integration._support import (
    ALLIANCE,
    CHAIN_ID,
    COIN,
    OPERATOR,
    REQUESTER,
    RIVAL,
    ROOT,
    Anvil,
    FrailAnvil,
    Oracle,
    small_program,
)

SOAK_S = float(os.environ.get("CAIRN_SOAK_S", "12"))
REQUESTS = int(os.environ.get("CAIRN_SOAK_REQUESTS", "150"))
SEED = int(os.environ.get("CAIRN_SOAK_SEED", "4690"))
LIES = float(os.environ.get("CAIRN_SOAK_LIES", "0.2"))

LIAR = 7  # a development account, as are OPERATOR and RIVAL
OPERATORS = (OPERATOR, RIVAL, LIAR)
WINDOW_S = 1_800
TICK_S = 0.25
CHAIN_S_A_TICK = 2
DEADLINE_S = 6 * 86_400
STAKE_WEI = 20_000 * COIN
KILL_EVERY_S = 4.0
NODE_KILL_EVERY_S = 9.0
PATIENCE_S = 240.0
BURNT = "0x000000000000000000000000000000000000dEaD"


class Process:
    """One operator, honest or not, as a process that is killed and started again."""

    def __init__(self, index: int, environment: dict[str, str], log: Path) -> None:
        self.index = index
        self.lives = 0
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._words = [sys.executable, "-m", "cairn", "operator", "run"]
        if index == LIAR:
            self._words = [sys.executable, str(Path(__file__).with_name("_liar.py"))]

    def start(self) -> None:
        self.lives += 1
        changes = {"LIAR_SEED": str(SEED + self.lives), "LIAR_SHARE": str(LIES)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words,
                cwd=ROOT,
                env={**self._environment, **(changes if self.index == LIAR else {})},
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(60)

    def check(self) -> None:
        """Still at work."""
        assert self._process is not None and self._process.poll() is None, self.said()

    def said(self) -> str:
        return self._log.read_text()[-4_000:]


@dataclass
class Books:
    """All that the logs say, from the market's own events."""

    asked: dict[int, Requested] = field(default_factory=dict)
    answers: list[tuple[str, int, bytes]] = field(default_factory=list)
    """(operator, request, outputs), leaves included."""
    proved: list[str] = field(default_factory=list)
    """Operators, once for each answer proved wrong."""
    ends: Counter[int] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    given_back: int = 0
    slashed: Counter[str] = field(default_factory=Counter)
    slashed_wei: int = 0
    bounty_wei: int = 0
    withdrawn_wei: int = 0
    roots: int = 0
    roots_settled: int = 0
    displaced: int = 0
    reopened: int = 0

    @property
    def wrong(self) -> list[tuple[str, int, bytes]]:
        return [one for one in self.answers if one[2] != right(self.asked[one[1]].features)]

    @property
    def answered(self) -> set[int]:
        """Rightly, or never to be."""
        lies = set(self.wrong)
        return {one[1] for one in self.answers if one not in lies} | set(self.ends)


def right(features: bytes) -> bytes:
    return small_program().run_packed(features)


def read_books(oracle: Oracle, first_block: int) -> Books:
    market, ledger, node = oracle.market, oracle.system.stakes, oracle.system.node
    books = Books()
    logs = node.logs([market.address, ledger.address], [], first_block, node.head().number)
    for log in logs:
        event: Any = market.decode(log) or ledger.decode(log)
        if isinstance(event, Requested):
            books.asked[event.request_id] = event
        elif isinstance(event, Answered):
            books.answers.append((event.operator, event.request_id, event.outputs))
        elif isinstance(event, RootAnswered):
            root = AnswerRoot(event.operator, event.terms_id, event.output_bytes, event.leaves)
            books.answers += [(event.operator, *answer) for answer in root.answers]
            books.roots += 1
        elif isinstance(event, RootSettled):
            books.roots_settled += 1
        elif isinstance(event, Displaced):
            books.displaced += 1
        elif isinstance(event, Settled):
            books.ends[event.request_id] += 1
            books.settled[event.operator] += 1
        elif isinstance(event, Refunded):
            books.ends[event.request_id] += 1
        elif isinstance(event, Challenged):
            books.proved.append(event.operator)
            books.ends[event.request_id] += 1
            books.given_back += 1
        elif isinstance(event, Reopened):  # the challenge just before did not end it
            books.ends[event.request_id] -= 1
            books.given_back -= 1
            books.reopened += 1
        elif isinstance(event, LeafChallenged):
            books.proved.append(event.operator)
            books.ends[event.request_id] += event.is_refunded
            books.given_back += event.is_refunded
        elif isinstance(event, Slashed):
            books.slashed[event.operator] += 1
            books.slashed_wei += event.amount_wei
            books.bounty_wei += event.bounty_wei
        elif isinstance(event, BountyWithdrawn):
            books.withdrawn_wei += event.amount_wei
    books.ends = +books.ends  # those that did end
    return books


@pytest.fixture
def node(anvil: Anvil, deployment_file: Path, tmp_path: Path) -> Iterator[FrailAnvil]:
    """A node that starts with what the tests' node has."""
    with FrailAnvil(tmp_path, anvil) as one:
        yield one


@pytest.fixture
def shop(node: FrailAnvil, deployment_file: Path) -> Oracle:
    """A model on sale, three operators with much stake, a rich requester."""
    network = Network(rpc_url=node.url, chain_id=CHAIN_ID)
    oracle = Oracle(System.connect(network, Deployment.load(deployment_file)), node)
    node.ask("evm_setAutomine", True)
    for index in (*OPERATORS, REQUESTER):
        node.ask("anvil_setBalance", oracle.signer(index).address, hex(STAKE_WEI + 1_000 * COIN))
    program = small_program()
    oracle.put_on_sale(program, cid_of(program.to_bytes()).binary)
    terms = oracle.system.models.set_terms(
        oracle.model_id, oracle.price, 5_000, 3_000, WINDOW_S, COIN
    )
    oracle.send(ALLIANCE, terms)
    ledger = oracle.system.stakes
    for index in OPERATORS:
        oracle.send(
            index, ledger.deposit(STAKE_WEI - ledger.stake_wei(oracle.signer(index).address))
        )
    oracle.send(LIAR, ledger.opt_in(oracle.model_id))
    node.ask("evm_setAutomine", False)
    node._now = node.timestamp()
    return oracle


@pytest.fixture
def operators(shop: Oracle, deployment_file: Path, tmp_path: Path) -> Iterator[dict[int, Process]]:
    found = {}
    for index in OPERATORS:
        store = tmp_path / f"store-{index}"
        EmbeddedStore(store).add(small_program().to_bytes())
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("CAIRN_")},
            "PYTHONPATH": os.pathsep.join([str(ROOT / "offchain"), str(ROOT)]),
            "CAIRN_RPC_URL": shop.anvil.url,
            "CAIRN_DEPLOYMENT": str(deployment_file),
            "CAIRN_STORE": str(store),
            "CAIRN_OPERATOR_ACCOUNT": f"TEST::{index}",
            "CAIRN_OPERATOR_DATABASE": f"sqlite:///{tmp_path / f'{index}.db'}",
            "CAIRN_OPERATOR_MODELS": str(shop.model_id),
            "CAIRN_OPERATOR_POLL_INTERVAL_S": "0.2",
            "CAIRN_OPERATOR_RETRY_AFTER_STEPS": "2",
            "CAIRN_OPERATOR_ROOT_FROM": "4",
            "CAIRN_OPERATOR_COURTESY_S": "60",
            "CAIRN_OPERATOR_WATCH_BUDGET_WEI": str(1_000 * COIN),
            "CAIRN_OPERATOR_AGGREGATE": "no",
            "CAIRN_OPERATOR_CONTENT_CHECK_INTERVAL_S": "0",
        }
        found[index] = Process(index, environment, tmp_path / f"{index}.log")
    yield found
    for one in found.values():
        one.end()


class Crowd:
    """Who asks: signs requests one after another, and again what a dying node lost."""

    def __init__(self, shop: Oracle, dice: random.Random) -> None:
        self._shop = shop
        self._dice = dice
        self._signer = shop.signer(REQUESTER)
        self._names = [shop.signer(index).address for index in OPERATORS]
        self._first = shop.system.node.nonce(self._signer.address)
        self.asked = 0

    def in_blocks(self) -> int:
        return self._shop.system.node.nonce(self._signer.address) - self._first

    def ask(self, n: int) -> None:
        """Up to n more, after those that are in blocks: what is not may be lost."""
        system, market = self._shop.system, self._shop.market
        self.asked = self.in_blocks()
        head = system.node.head()
        for _ in range(min(n, REQUESTS - self.asked)):
            a = MISSING if self._dice.random() < 0.02 else self._dice.randrange(-1_500, 1_500)
            features = pack_features([a, self._dice.randrange(-1_500, 1_500)])
            named = self._dice.choice(self._names) if self._dice.random() < 0.2 else ZERO_ADDRESS
            call = market.request(
                self._shop.model_id,
                features,
                self._shop.price,
                head.timestamp + DEADLINE_S,
                named,
                value=self._shop.price,
            )
            raw, _ = self._signer.sign(
                call,
                chain_id=CHAIN_ID,
                nonce=self._first + self.asked,
                gas=400_000,
                fees=Fees(3 * head.base_fee_wei + 10**9, 10**9),
            )
            system.node.broadcast(raw)
            self.asked += 1


def wait(node: FrailAnvil, operators: dict[int, Process], is_so: Callable[[], bool]) -> None:
    """Let blocks come until it is so."""
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        for one in operators.values():
            one.check()
        told = "\n".join(one.said() for one in operators.values())
        assert time.monotonic() < until, f"not within {PATIENCE_S:.0f} s:\n{told}"
        node.tick(CHAIN_S_A_TICK)
        threading.Event().wait(TICK_S)


@pytest.mark.slow
@pytest.mark.timeout(SOAK_S + 3 * PATIENCE_S)
def test_oracle__one_lies_and_all_are_killed__every_lie_is_slashed_and_the_books_balance(
    node: FrailAnvil, shop: Oracle, operators: dict[int, Process]
) -> None:
    print(f"\n{REQUESTS} requests in {SOAK_S:.0f} s, seed {SEED}")
    dice = random.Random(SEED)
    system = shop.system
    first_block = system.node.head().number + 1
    before = Holdings.of(shop)
    in_market = system.node.balance_wei(shop.market.address)
    owed_before = owed(shop)
    crowd = Crowd(shop, dice)
    for one in operators.values():
        one.start()

    # Load, and kills.
    began = time.monotonic()
    kill_at, node_kill_at = began + KILL_EVERY_S, began + NODE_KILL_EVERY_S
    a_tick = REQUESTS / SOAK_S * TICK_S
    while crowd.in_blocks() < REQUESTS:
        now = time.monotonic()
        assert now - began < SOAK_S + PATIENCE_S, "the load did not end"
        due = REQUESTS * (now - began) / SOAK_S - crowd.in_blocks()
        if due > 0 and dice.random() < 0.25:  # in bursts
            crowd.ask(round(due + a_tick))
        if now >= kill_at:
            kill_at = now + KILL_EVERY_S
            victim = operators[dice.choice(OPERATORS)]
            victim.end(signal.SIGKILL)
            victim.start()
        if now >= node_kill_at:
            node_kill_at = now + NODE_KILL_EVERY_S
            node.die()
            threading.Event().wait(dice.uniform(0.0, 1.0))
            node.come_back()
        node.tick(CHAIN_S_A_TICK)
        threading.Event().wait(TICK_S)
        for one in operators.values():
            one.check()

    def all_judged() -> bool:
        books = read_books(shop, first_block)
        return len(books.answered) == REQUESTS and len(books.proved) == len(books.wrong)

    def all_ended() -> bool:
        books = read_books(shop, first_block)
        is_free = Holdings.of(shop).locked == before.locked
        return len(books.ends) == REQUESTS and books.roots == books.roots_settled and is_free

    wait(node, operators, all_judged)
    took_s = time.monotonic() - began
    node.tick(WINDOW_S + 1)
    wait(node, operators, all_ended)
    assert {one.end(signal.SIGTERM) for one in operators.values()} == {0}

    books = read_books(shop, first_block)
    liar = shop.signer(LIAR).address
    check_statements(books, liar)
    check_stakes(shop, books, before)
    check_money(shop, books, owed_before, in_market)
    lives = sum(one.lives for one in operators.values())
    print(
        f"{len(books.asked)} requests, {len(books.answers)} answers in {books.roots} roots and singly, "
        f"{books.displaced} displaced, {books.reopened} open again; {lives - 3} kills of operators, "
        f"{node.kills} of the node; "
        f"wrong answers made {len(books.wrong)} = challenged {len(books.proved)} = "
        f"slashed {sum(books.slashed.values())}; {took_s:.0f} s"
    )


def check_statements(books: Books, liar: str) -> None:
    assert len(books.asked) == REQUESTS
    assert set(books.ends.values()) == {1}, "a request ended twice"
    assert len(books.wrong) == len(books.proved) == sum(books.slashed.values()) > 0
    assert {operator for operator, _, _ in books.wrong} == set(books.proved) == {liar}
    twice = Counter((operator, request_id) for operator, request_id, _ in books.answers)
    assert set(twice.values()) == {1}, "an operator answered a request twice"
    # Turns keep most of the work from being done twice, whoever is dead; the soak had what it is for.
    assert len(books.answers) - len(books.wrong) < 2 * REQUESTS
    assert books.roots > 0 and len({operator for operator, _, _ in books.answers}) == 3


@dataclass(frozen=True)
class Holdings:
    """What lies where, wei. Tests before this one, on the same chain, left answers that nobody settles
    here, and bounties.
    """

    stakes: dict[str, int]
    locked: dict[str, int]
    bounties: int
    unburnt: int
    burnt: int
    ledger: int

    @classmethod
    def of(cls, shop: Oracle) -> Self:
        ledger, node = shop.system.stakes, shop.system.node
        people = [shop.signer(index).address for index in OPERATORS]
        return cls(
            stakes={one: ledger.stake_wei(one) for one in people},
            locked={one: ledger.locked_wei(one) for one in people},
            bounties=sum(ledger.bounty_wei(one) for one in people),
            unburnt=sum(int(ledger.read("unburnt_wei", one)) for one in people),
            burnt=node.balance_wei(BURNT),
            ledger=node.balance_wei(ledger.address),
        )


def check_stakes(shop: Oracle, books: Books, before: Holdings) -> None:
    after = Holdings.of(shop)
    assert after.locked == before.locked
    for operator, stake_wei in before.stakes.items():
        assert after.stakes[operator] == stake_wei - COIN * books.slashed[operator]
    not_bounty = books.slashed_wei - books.bounty_wei
    assert books.slashed_wei == COIN * len(books.proved) and not_bounty >= books.bounty_wei
    # It is burnt as the bounties are withdrawn.
    burnt = after.burnt - before.burnt
    assert burnt == not_bounty - (after.unburnt - before.unburnt)
    assert after.ledger == before.ledger - burnt - books.withdrawn_wei
    assert after.bounties - before.bounties == books.bounty_wei - books.withdrawn_wei


def owed(shop: Oracle) -> dict[str, int]:
    """What the market owes everybody who may earn here, in wei."""
    _, holders, treasury = shop.system.models.read_all("payees", shop.model_id)
    people = [shop.signer(index).address for index in (*OPERATORS, REQUESTER)]
    return {one: shop.market.owed(one, NATIVE_COIN) for one in [*people, holders, treasury]}


def check_money(shop: Oracle, books: Books, before: dict[str, int], in_market: int) -> None:
    """Prices in: to operators, holders and treasury by the terms, back to the requester what was slashed."""
    _, holders, treasury = shop.system.models.read_all("payees", shop.model_id)
    n, price = sum(books.settled.values()), shop.price
    expected = {shop.signer(i).address: books.settled[shop.signer(i).address] for i in OPERATORS}
    expected = {address: count * (price // 2) for address, count in expected.items()}
    expected[shop.signer(REQUESTER).address] = books.given_back * price
    expected[holders] = n * (price * 3 // 10)
    expected[treasury] = n * (price - price // 2 - price * 3 // 10)
    after = owed(shop)
    assert {one: after[one] - before[one] for one in after} == expected
    assert n + books.given_back == REQUESTS
    assert sum(expected.values()) == REQUESTS * price
    assert shop.system.node.balance_wei(shop.market.address) == in_market + REQUESTS * price
