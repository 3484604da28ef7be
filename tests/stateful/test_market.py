"""InferenceMarket and StakeLedger under arbitrary sequences of calls; invariants as docs/spec names
them.
"""

from __future__ import annotations

import boa
from eth_utils import keccak
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from cairn.domain.integers import pack_features
from tests.conftest import PRODUCTION, SOME_CID, make_program
from tests.stateful._boa_system import deploy_system, load

OPEN, ANSWERED, SETTLED, REFUNDED, SLASHED = 1, 2, 4, 8, 16
WINDOW_S = 600
LOCK_WEI = 10**18
BURNT = "0x000000000000000000000000000000000000dEaD"
NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"

PRICES = st.integers(0, 10**18)
PARTS = st.integers(0, 5_000)


class Market(RuleBasedStateMachine):
    """Two operators, three requesters and a watcher; operators lie as often as not."""

    requests = Bundle("requests")

    @initialize()
    def deploy(self) -> None:
        self.system = deploy_system()
        self.market = self.system["InferenceMarket"]
        self.ledger = self.system["StakeLedger"]
        self.registry = self.system["ModelRegistry"]
        self.program = make_program()
        self.timelock = boa.env.generate_address("timelock")
        self.operators = [boa.env.generate_address(f"operator {i}") for i in range(2)]
        self.requesters = [boa.env.generate_address(f"requester {i}") for i in range(3)]
        self.watcher = boa.env.generate_address("watcher")
        self.people = [*self.operators, *self.requesters, self.watcher, self.timelock]
        for person in self.people:
            boa.env.set_balance(person, 10**24)
        for name, arguments in self.program.publish_calls():
            getattr(self.system["ProgramStore"], name)(*arguments)
        self.token = load("ShareToken").deploy(
            "Shares", "SHR", NATIVE, self.timelock, self.system["TrainingRounds"].address,
            10**24, 7 * 86_400, [self.watcher], [10**18],
        )  # fmt: skip
        with boa.env.prank(self.timelock):
            self.model_id = self.registry.create_model("m", self.token, b"\1" * 32, SOME_CID)
            self.registry.register_version(
                self.model_id, self.program.hash, SOME_CID, b"\1" * 32, b"\1" * 32, SOME_CID, 0, 0
            )
            self.registry.set_alias(self.model_id, PRODUCTION, 1)
            self.registry.set_terms(self.model_id, 10**17, 3_000, 5_000, WINDOW_S, LOCK_WEI, 0)
        for operator in self.operators:
            self.ledger.opt_in(self.model_id, sender=operator)
        # The model of the machine: what must be so, tracked apart from the contracts.
        self.asked: dict[int, dict] = {}
        self.staked = dict.fromkeys(self.operators, 0)
        self.unbonding = dict.fromkeys(self.operators, 0)
        self.paid_in = self.paid_out = self.burnt = self.bounties = self.withdrawn = 0
        self.burnt_before = boa.env.get_balance(BURNT)

    def _terms(self):
        return self.registry.terms(self.registry.current_terms(self.model_id))

    @rule(which=st.integers(0, 1), amount=st.integers(1, 5 * 10**18))
    def deposit(self, which: int, amount: int) -> None:
        operator = self.operators[which]
        self.ledger.deposit(value=amount, sender=operator)
        self.staked[operator] += amount

    @rule(which=st.integers(0, 1), amount=st.integers(1, 10**18))
    def begin_unbonding(self, which: int, amount: int) -> None:
        operator = self.operators[which]
        if amount <= self.ledger.free_wei(operator):
            self.ledger.begin_unbonding(amount, sender=operator)
            self.staked[operator] -= amount
            self.unbonding[operator] += amount
        else:
            with boa.reverts("unbonding: more than is free"):
                self.ledger.begin_unbonding(amount, sender=operator)

    @rule(which=st.integers(0, 1))
    def withdraw(self, which: int) -> None:
        operator = self.operators[which]
        due = self.unbonding[operator]
        if due == 0:
            with boa.reverts("withdraw: nothing unbonding"):
                self.ledger.withdraw(sender=operator)
        elif boa.env.timestamp < self.ledger.unbonding_ready_at(operator):
            with boa.reverts("withdraw: still unbonding"):
                self.ledger.withdraw(sender=operator)
        else:
            self.ledger.withdraw(sender=operator)
            self.unbonding[operator] = 0
            self.withdrawn += due

    @rule(price=PRICES, operator_bps=PARTS, holders_bps=PARTS)
    def set_terms(self, price: int, operator_bps: int, holders_bps: int) -> None:
        self.registry.set_terms(
            self.model_id,
            price,
            operator_bps,
            holders_bps,
            WINDOW_S,
            LOCK_WEI,
            0,
            sender=self.timelock,
        )

    @rule(who=st.integers(0, 2), features=st.lists(st.integers(0, 1_000), min_size=4, max_size=4))
    def predict(self, who: int, features: list[int]) -> None:
        price = self._terms().price
        outputs = self.market.predict(
            self.model_id, pack_features(features), price, value=price, sender=self.requesters[who]
        )
        assert outputs == self.program.run_packed(pack_features(features))
        self.paid_in += price

    @rule(
        target=requests,
        who=st.integers(0, 2),
        excess=st.integers(0, 5),
        features=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=4, max_size=4),
        life_s=st.integers(1, 1_000),
    )
    def request(self, who: int, excess: int, features: list[int], life_s: int) -> int:
        packed = pack_features(features)
        price = self._terms().price
        request_id = self.market.request(
            self.model_id, packed, price, boa.env.timestamp + life_s,
            value=price + excess, sender=self.requesters[who],
        )  # fmt: skip
        self.paid_in += price + excess
        self.asked[request_id] = {
            "features": packed,
            "price": price,
            "requester": self.requesters[who],
            "deadline": boa.env.timestamp + life_s,
            "status": OPEN,
            "terms": self._terms(),
        }
        return request_id

    @rule(request_id=requests, which=st.integers(0, 1), lies=st.booleans())
    def answer(self, request_id: int, which: int, lies: bool) -> None:
        asked, operator = self.asked[request_id], self.operators[which]
        outputs = self.program.run_packed(asked["features"])
        if lies:
            outputs = outputs[:-1] + bytes([outputs[-1] ^ 1]) if outputs else b"\0\0\0\1"
        if asked["status"] != OPEN:
            with boa.reverts("answer: request is not open"):
                self.market.answer(request_id, outputs, sender=operator)
        elif boa.env.timestamp > asked["deadline"]:
            with boa.reverts("answer: deadline has passed"):
                self.market.answer(request_id, outputs, sender=operator)
        elif self.ledger.free_wei(operator) < LOCK_WEI:
            with boa.reverts("lock: too little free stake"):
                self.market.answer(request_id, outputs, sender=operator)
        else:
            self.market.answer(request_id, outputs, sender=operator)
            asked |= {
                "status": ANSWERED, "lies": lies, "operator": operator,
                "answered_at": boa.env.timestamp,
            }  # fmt: skip

    @rule(request_id=requests)
    def challenge(self, request_id: int) -> None:
        """MARKET-4: in the window, a lie is always slashed and a right answer never."""
        asked = self.asked[request_id]
        arguments = (request_id, asked["features"])
        if asked["status"] != ANSWERED:
            with boa.reverts("challenge: no answer stands"):
                self.market.challenge(*arguments, sender=self.watcher)
        elif boa.env.timestamp > asked["answered_at"] + WINDOW_S:
            with boa.reverts("challenge: window is over"):
                self.market.challenge(*arguments, sender=self.watcher)
        elif not asked["lies"]:
            with boa.reverts("challenge: the answer is right"):
                self.market.challenge(*arguments, sender=self.watcher)
        else:
            owed = self.market.owed(asked["requester"], NATIVE)
            self.market.challenge(*arguments, sender=self.watcher)
            asked["status"] = SLASHED
            self.staked[asked["operator"]] -= LOCK_WEI
            self.burnt += LOCK_WEI - LOCK_WEI // 2
            self.bounties += LOCK_WEI // 2
            assert self.market.owed(asked["requester"], NATIVE) == owed + asked["price"]

    @rule(request_id=requests)
    def settle(self, request_id: int) -> None:
        """MARKET-3: the price goes by the terms of the request, whatever they are by now."""
        asked = self.asked[request_id]
        if asked["status"] != ANSWERED:
            with boa.reverts("settle: no answer stands"):
                self.market.settle([request_id])
        elif boa.env.timestamp <= asked["answered_at"] + WINDOW_S:
            with boa.reverts("settle: window is open"):
                self.market.settle([request_id])
        else:
            payees = (asked["operator"], self.token.address, self.timelock)
            before = [self.market.owed(payee, NATIVE) for payee in payees]
            self.market.settle([request_id])
            asked["status"] = SETTLED
            parts = [
                self.market.owed(payee, NATIVE) - was
                for payee, was in zip(payees, before, strict=True)
            ]
            terms = asked["terms"]
            assert parts[0] == asked["price"] * terms.operator_bps // 10_000
            assert parts[1] == asked["price"] * terms.holders_bps // 10_000
            assert sum(parts) == asked["price"]

    @rule(request_id=requests)
    def refund(self, request_id: int) -> None:
        asked = self.asked[request_id]
        if asked["status"] != OPEN:
            with boa.reverts("refund: request is not open"):
                self.market.refund(request_id)
        elif boa.env.timestamp <= asked["deadline"]:
            with boa.reverts("refund: deadline not over"):
                self.market.refund(request_id)
        else:
            owed = self.market.owed(asked["requester"], NATIVE)
            self.market.refund(request_id)
            asked["status"] = REFUNDED
            assert self.market.owed(asked["requester"], NATIVE) == owed + asked["price"]

    @rule(which=st.integers(0, 6))
    def pay(self, which: int) -> None:
        person = self.people[which]
        owed = self.market.owed(person, NATIVE)
        if owed == 0:
            with boa.reverts("pay: nothing owed"):
                self.market.pay(person, NATIVE)
            return
        before = boa.env.get_balance(person)
        self.market.pay(person, NATIVE)
        assert boa.env.get_balance(person) == before + owed
        self.paid_out += owed

    @rule(seconds=st.sampled_from([1, 100, WINDOW_S, WINDOW_S + 1, 14 * 86_400]))
    def pass_time(self, seconds: int) -> None:
        boa.env.time_travel(seconds=seconds)

    @invariant()
    @precondition(lambda self: hasattr(self, "asked"))
    def stake_1(self) -> None:
        bounty = self.ledger.bounty_wei(self.watcher)
        assert bounty == self.bounties
        owed = sum(self.staked.values()) + sum(self.unbonding.values()) + bounty
        assert boa.env.get_balance(self.ledger.address) == owed
        assert boa.env.get_balance(BURNT) - self.burnt_before == self.burnt

    @invariant()
    @precondition(lambda self: hasattr(self, "asked"))
    def stake_2(self) -> None:
        for operator in self.operators:
            assert self.ledger.stake_wei(operator) == self.staked[operator]
            assert self.ledger.locked_wei(operator) <= self.ledger.stake_wei(operator)

    @invariant()
    @precondition(lambda self: hasattr(self, "asked"))
    def stake_3_and_market_5(self) -> None:
        for operator in self.operators:
            open_ = [
                asked
                for asked in self.asked.values()
                if asked["status"] == ANSWERED and asked["operator"] == operator
            ]
            assert self.ledger.locked_wei(operator) == LOCK_WEI * len(open_)

    @invariant()
    @precondition(lambda self: hasattr(self, "asked"))
    def market_1(self) -> None:
        escrow = sum(
            asked["price"] for asked in self.asked.values() if asked["status"] in (OPEN, ANSWERED)
        )
        payees = {*self.people, self.token.address}
        owed = sum(self.market.owed(payee, NATIVE) for payee in payees)
        balance = boa.env.get_balance(self.market.address)
        assert balance == escrow + owed == self.paid_in - self.paid_out

    @invariant()
    @precondition(lambda self: hasattr(self, "asked"))
    def market_2(self) -> None:
        for request_id, asked in self.asked.items():
            request = self.market.get_request(request_id)
            assert request.status == asked["status"]
            assert request.features_hash == keccak(asked["features"])


Market.TestCase.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)


class TestMarket(Market.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # Before the first example: titanoboa takes back what an example did.
        deploy_system()
