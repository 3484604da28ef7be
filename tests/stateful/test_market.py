"""InferenceMarket, ReceiptJudge and StakeLedger under arbitrary sequences of calls; invariants as
docs/spec names them.
"""

from __future__ import annotations

import boa
from coincurve import PrivateKey
from eth_utils import keccak, to_checksum_address
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from cairn.domain.answers import AnswerRoot
from cairn.domain.integers import pack_features
from cairn.domain.receipts import Receipt, SigningDomain, input_commitment, prediction_leaf
from tests.conftest import PRODUCTION, SOME_CID, make_program
from tests.stateful._boa_system import deploy_system, load

OPEN, ANSWERED, SETTLED, REFUNDED, SLASHED = 1, 2, 4, 8, 16
WINDOW_S = 600
LOCK_WEI = 10**18
TURN_S = 15
ROOT_GRACE_S = 3_600
RECEIPT_LIFE_S = 7 * 86_400
ZERO = "0x0000000000000000000000000000000000000000"
SALT = bytes(range(32))
BURNT = "0x000000000000000000000000000000000000dEaD"
NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"

PRICES = st.integers(0, 10**18)
PARTS = st.integers(0, 5_000)


class Market(RuleBasedStateMachine):
    """Two operators, three requesters and a watcher; operators lie as often as not."""

    requests = Bundle("requests")
    roots = Bundle("roots")
    receipts = Bundle("receipts")

    @initialize()
    def deploy(self) -> None:
        self.system = deploy_system()
        self.market = self.system["InferenceMarket"]
        self.ledger = self.system["StakeLedger"]
        self.registry = self.system["ModelRegistry"]
        self.program = make_program()
        self.timelock = boa.env.generate_address("timelock")
        self.judge = self.system["ReceiptJudge"]
        self.keys = [PrivateKey(bytes([i + 1]) * 32) for i in range(2)]
        self.operators = [
            to_checksum_address(keccak(key.public_key.format(compressed=False)[1:])[12:])
            for key in self.keys
        ]
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
            self.ledger.deposit(value=LOCK_WEI, sender=operator)
            self.ledger.opt_in(self.model_id, sender=operator)
        # The model of the machine: what must be so, tracked apart from the contracts.
        self.asked: dict[int, dict] = {}
        self.staked = dict.fromkeys(self.operators, LOCK_WEI)
        self.unbonding = dict.fromkeys(self.operators, 0)
        self.reserve = dict.fromkeys(self.operators, 0)
        self.reserve_out = dict.fromkeys(self.operators, 0)
        self.posted: dict[bytes, dict] = {}
        self.newest_root_at: dict[int, int] = {}
        self.paid_in = self.paid_out = self.burnt = self.bounties = self.withdrawn = 0
        self.burnt_before = boa.env.get_balance(BURNT)

    def _terms(self):
        return self.registry.terms(self.registry.current_terms(self.model_id))

    @rule(which=st.integers(0, 1), amount=st.integers(1, 30 * 10**18))
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
        names=st.sampled_from([None, None, 0, 1]),
    )
    def request(
        self, who: int, excess: int, features: list[int], life_s: int, names: int | None
    ) -> int:
        named = ZERO if names is None else self.operators[names]
        packed = pack_features(features)
        price = self._terms().price
        call = (self.model_id, packed, price, boa.env.timestamp + life_s, named)
        paid = {"value": price + excess, "sender": self.requesters[who]}
        if named != ZERO and not self.ledger.is_serving(named, self.model_id):
            with boa.reverts("request: operator does not serve it"):
                self.market.request(*call, **paid)
            return multiple()
        request_id = self.market.request(*call, **paid)
        self.paid_in += price + excess
        self.asked[request_id] = {
            "terms_id": self.registry.current_terms(self.model_id),
            "made_at": boa.env.timestamp,
            "named": named,
            "displaced": False,
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
        outputs = self._said(asked, lies)
        in_turn = boa.env.timestamp <= asked["made_at"] + TURN_S
        if asked["status"] != OPEN:
            with boa.reverts("answer: request is not open"):
                self.market.answer(request_id, outputs, sender=operator)
        elif boa.env.timestamp > asked["deadline"]:
            with boa.reverts("answer: deadline has passed"):
                self.market.answer(request_id, outputs, sender=operator)
        elif asked["named"] not in (ZERO, operator):
            with boa.reverts("answer: another operator is named"):
                self.market.answer(request_id, outputs, sender=operator)
        elif in_turn and self.market.turn_of(request_id) not in (ZERO, operator):
            with boa.reverts("answer: it is another's turn"):
                self.market.answer(request_id, outputs, sender=operator)
        elif self.ledger.stake_wei(operator) < LOCK_WEI:
            with boa.reverts("lock: operator does not serve"):
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
        if asked["status"] != ANSWERED and not asked["displaced"]:
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
            back = 0
            if asked["displaced"]:
                asked["displaced"] = False
            elif asked["named"] != ZERO:
                asked["status"], back = SLASHED, asked["price"]
            else:
                asked["status"] = OPEN
            self._slashed(asked["operator"])
            assert self.market.owed(asked["requester"], NATIVE) == owed + back

    @rule(request_id=requests)
    def settle(self, request_id: int) -> None:
        """MARKET-3: the price goes by the terms of the request, whatever they are by now."""
        asked = self.asked[request_id]
        stands = asked["status"] == ANSWERED or asked["displaced"]
        if asked["status"] == OPEN:
            with boa.reverts("settle: no answer stands"):
                self.market.settle([request_id])
        elif stands and boa.env.timestamp <= asked["answered_at"] + WINDOW_S:
            with boa.reverts("settle: window is open"):
                self.market.settle([request_id])
        else:
            paid = [asked] if asked["status"] == ANSWERED else []
            self._check_parts(
                asked.get("operator", ZERO),
                paid,
                lambda: self.market.settle([request_id, request_id]),
            )
            for one in paid:
                one["status"] = SETTLED
            asked["displaced"] = False

    def _check_parts(self, operator: str, paid: list[dict], act) -> None:
        payees = (operator, self.token.address, self.timelock)
        before = [self.market.owed(payee, NATIVE) for payee in payees]
        act()
        parts = [
            self.market.owed(payee, NATIVE) - was for payee, was in zip(payees, before, strict=True)
        ]
        assert parts[0] == sum(a["price"] * a["terms"].operator_bps // 10_000 for a in paid)
        assert parts[1] == sum(a["price"] * a["terms"].holders_bps // 10_000 for a in paid)
        assert sum(parts) == sum(a["price"] for a in paid)

    def _said(self, asked: dict, lies: bool) -> bytes:
        outputs = self.program.run_packed(asked["features"])
        if lies:
            return outputs[:-1] + bytes([outputs[-1] ^ 1]) if outputs else b"\0\0\0\1"
        return outputs

    def _slashed(self, operator: str) -> None:
        self.staked[operator] -= LOCK_WEI
        self.burnt += LOCK_WEI - LOCK_WEI // 2
        self.bounties += LOCK_WEI // 2

    # --- roots

    @rule(
        target=roots,
        which=st.integers(0, 1),
        picks=st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=20),
    )
    def answer_root(self, which: int, picks: list[tuple[int, bool]]) -> bytes | None:
        """Of any requests, ended or not, asked or not, and some of them twice."""
        operator, terms_id = self.operators[which], self.registry.current_terms(self.model_id)
        leaves = []
        for number, lies in picks:
            request_id = number % (len(self.asked) + 2)
            asked = self.asked.get(request_id)
            leaves.append((request_id, self._said(asked, lies) if asked else bytes(4), lies))
        root = AnswerRoot.of(operator, terms_id, [leaf[:2] for leaf in leaves])
        act = lambda: self.market.answer_root(  # noqa: E731
            terms_id, root.output_bytes, root.leaves, sender=operator
        )
        if root.root_id in self.posted:
            with boa.reverts("root: posted already"):
                act()
        elif self.ledger.stake_wei(operator) < LOCK_WEI:
            with boa.reverts("lock: operator does not serve"):
                act()
        elif self.ledger.free_wei(operator) < len(leaves) * LOCK_WEI:
            with boa.reverts("lock: too little free stake"):
                act()
        else:
            assert act() == root.root_id
            self.posted[root.root_id] = {
                "root": root, "leaves": leaves, "at": boa.env.timestamp, "operator": operator,
                "slashed": set(), "settled": False, "lock": LOCK_WEI,
            }  # fmt: skip
            self.newest_root_at[terms_id] = boa.env.timestamp
            return root.root_id
        return None

    def _is_good(self, posted: dict, request_id: int) -> bool:
        asked = self.asked.get(request_id)
        if asked is None or asked["terms_id"] != posted["root"].terms_id:
            return False
        if asked["named"] == ZERO:
            return asked["made_at"] + TURN_S < posted["at"] <= asked["deadline"]
        is_his = asked["named"] == posted["operator"]
        return is_his and asked["made_at"] <= posted["at"] <= asked["deadline"]

    @rule(root_id=roots, pick=st.integers(0, 19))
    def challenge_leaf(self, root_id: bytes | None, pick: int) -> None:
        """MARKET-4 and MARKET-7, leaf by leaf."""
        if root_id is None:
            return
        posted = self.posted[root_id]
        root, index = posted["root"], pick % len(posted["leaves"])
        request_id, said, _ = posted["leaves"][index]
        asked = self.asked.get(request_id)
        act = lambda: self.market.challenge_leaf(  # noqa: E731
            root_id,
            index,
            root.group(index),
            list(root.proof(index)),
            asked["features"] if asked else b"",
            sender=self.watcher,
        )
        if boa.env.timestamp > posted["at"] + WINDOW_S:
            reason = "leaf: window is over"
        elif index in posted["slashed"]:
            reason = "leaf: slashed already"
        elif asked is None or asked["terms_id"] != root.terms_id or asked["made_at"] > posted["at"]:
            reason = "leaf: it answers nothing"
        elif self._said(asked, False) == said:
            reason = "leaf: the answer is right"
        else:
            reason = ""
        if reason:
            with boa.reverts(reason):
                act()
            return
        owed = self.market.owed(asked["requester"], NATIVE)
        act()
        posted["slashed"].add(index)
        self._slashed(posted["operator"])
        back = 0
        is_his = asked["named"] == posted["operator"]
        if is_his and asked["status"] == OPEN and self._is_good(posted, request_id):
            asked["status"] = SLASHED
            back = asked["price"]
        assert self.market.owed(asked["requester"], NATIVE) == owed + back

    @rule(root_id=roots)
    def settle_root(self, root_id: bytes | None) -> None:
        if root_id is None:
            return
        posted = self.posted[root_id]
        act = lambda: self.market.settle_root(root_id, posted["root"].leaves)  # noqa: E731
        if posted["settled"]:
            with boa.reverts("root: settled already"):
                act()
            return
        if boa.env.timestamp <= posted["at"] + WINDOW_S:
            with boa.reverts("root: window is open"):
                act()
            return
        paid, displaced = {}, []
        for index, (request_id, _, _) in enumerate(posted["leaves"]):
            asked = self.asked.get(request_id)
            if index in posted["slashed"] or request_id in paid:
                continue
            if not self._is_good(posted, request_id):
                continue
            later = asked["status"] == ANSWERED and asked["answered_at"] > posted["at"]
            if asked["status"] == OPEN or later:
                paid[request_id] = asked
                if later:
                    displaced.append(asked)
        self._check_parts(posted["operator"], list(paid.values()), act)
        for asked in paid.values():
            asked["status"] = SETTLED
        for asked in displaced:
            asked["displaced"] = True
        posted["settled"] = True

    # --- receipts

    @rule(which=st.integers(0, 1), amount=st.integers(1, 10**18))
    def deposit_reserve(self, which: int, amount: int) -> None:
        self.ledger.deposit_reserve(value=amount, sender=self.operators[which])
        self.reserve[self.operators[which]] += amount

    @rule(which=st.integers(0, 1), amount=st.integers(1, 10**18))
    def begin_unbonding_reserve(self, which: int, amount: int) -> None:
        operator = self.operators[which]
        if amount > self.reserve[operator]:
            with boa.reverts("reserve: more than is there"):
                self.ledger.begin_unbonding_reserve(amount, sender=operator)
            return
        self.ledger.begin_unbonding_reserve(amount, sender=operator)
        self.reserve[operator] -= amount
        self.reserve_out[operator] += amount

    @rule(which=st.integers(0, 1))
    def withdraw_reserve(self, which: int) -> None:
        operator = self.operators[which]
        if not self.reserve_out[operator]:
            with boa.reverts("reserve: nothing unbonding"):
                self.ledger.withdraw_reserve(sender=operator)
        elif boa.env.timestamp < self.ledger.reserve_ready_at(operator):
            with boa.reverts("reserve: still unbonding"):
                self.ledger.withdraw_reserve(sender=operator)
        else:
            self.ledger.withdraw_reserve(sender=operator)
            self.reserve_out[operator] = 0

    @rule(
        target=receipts,
        which=st.integers(0, 1),
        lies=st.booleans(),
        features=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=4, max_size=4),
        dated=st.integers(-1_000, 1_000),
    )
    def sign(self, which: int, lies: bool, features: list[int], dated: int) -> tuple:
        packed, terms_id = pack_features(features), self.registry.current_terms(self.model_id)
        said = self._said({"features": packed}, lies)
        receipt = Receipt(
            model_id=self.model_id,
            version=1,
            program_hash=self.program.hash,
            root=prediction_leaf(input_commitment(SALT, packed), said),
            issued_at=boa.env.timestamp + dated,
            terms_id=terms_id,
            operator=bytes.fromhex(self.operators[which][2:]),
        )
        domain = SigningDomain(boa.env.evm.patch.chain_id, bytes.fromhex(self.judge.address[2:]))
        return receipt, receipt.sign(self.keys[which], domain), said, packed, lies

    @rule(signed=receipts)
    def challenge_receipt(self, signed: tuple) -> None:
        """RECEIPT-1 and RECEIPT-2: a lie costs the whole reserve that was there, the truth nothing."""
        receipt, signature, said, packed, lies = signed
        operator = to_checksum_address(receipt.operator)
        fields = (
            receipt.model_id, receipt.version, receipt.program_hash, receipt.root,
            receipt.issued_at, receipt.terms_id, operator,
        )  # fmt: skip
        act = lambda: self.judge.challenge_receipt(  # noqa: E731
            fields, signature, said, SALT, packed, [], sender=self.watcher
        )
        lost = self.reserve[operator] + self.reserve_out[operator]
        if receipt.issued_at > boa.env.timestamp:
            reason = "receipt: from the future"
        elif boa.env.timestamp > receipt.issued_at + RECEIPT_LIFE_S:
            reason = "receipt: too old"
        elif receipt.issued_at <= self.ledger.reserve_since(operator):
            reason = "receipt: older than the reserve"
        elif not lies:
            reason = "receipt: the prediction is right"
        elif not lost:
            reason = "slash: no reserve"
        else:
            reason = ""
        if reason:
            with boa.reverts(reason):
                act()
            return
        act()
        self.reserve[operator] = self.reserve_out[operator] = 0
        self.burnt += lost - lost // 2
        self.bounties += lost // 2

    @rule()
    def withdraw_bounty(self) -> None:
        if not self.bounties:
            with boa.reverts("bounty: nothing earned"):
                self.ledger.withdraw_bounty(sender=self.watcher)
            return
        before = boa.env.get_balance(self.watcher)
        self.ledger.withdraw_bounty(sender=self.watcher)
        assert boa.env.get_balance(self.watcher) == before + self.bounties
        assert self.ledger.unburnt_wei(self.watcher) == 0
        self.bounties = 0

    # --- ends

    @rule(request_id=requests)
    def refund(self, request_id: int) -> None:
        asked = self.asked[request_id]
        if asked["status"] != OPEN:
            with boa.reverts("refund: request is not open"):
                self.market.refund(request_id)
        elif boa.env.timestamp <= asked["deadline"]:
            with boa.reverts("refund: deadline not over"):
                self.market.refund(request_id)
        elif boa.env.timestamp < self._refundable_at(asked):
            with boa.reverts("refund: a root may answer it"):
                self.market.refund(request_id)
        else:
            owed = self.market.owed(asked["requester"], NATIVE)
            self.market.refund(request_id)
            asked["status"] = REFUNDED
            assert self.market.owed(asked["requester"], NATIVE) == owed + asked["price"]

    def _refundable_at(self, asked: dict) -> int:
        newest, deadline = self.newest_root_at.get(asked["terms_id"], 0), asked["deadline"]
        if newest < asked["made_at"]:
            return deadline + 1
        return max(deadline, min(newest, deadline) + WINDOW_S + ROOT_GRACE_S) + 1

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

    @rule(seconds=st.sampled_from([1, 16, 100, WINDOW_S, WINDOW_S + 1, 2 * 86_400, 14 * 86_400]))
    def pass_time(self, seconds: int) -> None:
        boa.env.time_travel(seconds=seconds)

    @invariant()
    @precondition(lambda self: hasattr(self, "asked"))
    def stake_1(self) -> None:
        bounty = self.ledger.bounty_wei(self.watcher)
        assert bounty == self.bounties
        owed = sum(self.staked.values()) + sum(self.unbonding.values()) + bounty
        owed += sum(self.reserve.values()) + sum(self.reserve_out.values())
        unburnt = self.ledger.unburnt_wei(self.watcher)
        assert boa.env.get_balance(self.ledger.address) == owed + unburnt
        assert boa.env.get_balance(BURNT) - self.burnt_before + unburnt == self.burnt

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
                if (asked["status"] == ANSWERED or asked["displaced"])
                and asked["operator"] == operator
            ]
            of_roots = sum(
                len(posted["leaves"]) - len(posted["slashed"])
                for posted in self.posted.values()
                if posted["operator"] == operator and not posted["settled"]
            )
            assert self.ledger.locked_wei(operator) == LOCK_WEI * (len(open_) + of_roots)

    @invariant()
    @precondition(lambda self: hasattr(self, "asked"))
    def stake_6_and_stake_7(self) -> None:
        listed = self.ledger.serving(self.model_id, 0, 100)
        assert sorted(listed) == sorted(self.operators)
        for operator in self.operators:
            enough = self.staked[operator] >= LOCK_WEI
            assert self.ledger.is_serving(operator, self.model_id) == enough
            assert self.ledger.reserve_wei(operator) == self.reserve[operator]
            assert self.ledger.reserve_unbonding_wei(operator) == self.reserve_out[operator]

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
            assert request.is_displaced == asked["displaced"]

    @invariant()
    @precondition(lambda self: hasattr(self, "asked"))
    def market_7(self) -> None:
        for root_id, posted in self.posted.items():
            root = self.market.get_root(root_id)
            assert root.posted_at == posted["at"]
            assert root.is_settled == posted["settled"]
            assert root.n_slashed == len(posted["slashed"])
            for index in range(len(posted["leaves"])):
                slashed = index in posted["slashed"]
                assert self.market.is_leaf_slashed(root_id, index) == slashed


Market.TestCase.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)


class TestMarket(Market.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # Before the first example: titanoboa takes back what an example did.
        deploy_system()
