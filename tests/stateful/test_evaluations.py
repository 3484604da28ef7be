"""Evaluations and ModelRegistry's gate under arbitrary sequences of calls; invariants as docs/spec names
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

from cairn.domain.losses import LossKind
from cairn.domain.rows import Losses, ValidationSet, evaluate
from tests.conftest import PRODUCTION, SOME_CID, make_program
from tests.stateful._boa_system import deploy_system, load

OPEN, STANDS, VOID = 1, 2, 4
WINDOW_S = 600
LOCK_WEI = 2 * 10**18
BOND_WEI = 10**18
N_ROWS = 5
NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
KINDS = ("right", "wrong row", "wrong total", "made up")
ROW = st.integers(0, N_ROWS - 1)


class Evaluations(RuleBasedStateMachine):
    """Two operators who lie in every way, two watchers, and an alliance that changes its rule."""

    posted = Bundle("posted")

    @initialize()
    def deploy(self) -> None:
        self.system = deploy_system()
        self.evaluations = self.system["Evaluations"]
        self.registry = self.system["ModelRegistry"]
        self.ledger = self.system["StakeLedger"]
        self.timelock = boa.env.generate_address("timelock")
        self.operators = [boa.env.generate_address(f"operator {i}") for i in range(2)]
        self.watchers = [boa.env.generate_address(f"watcher {i}") for i in range(2)]
        for person in (*self.operators, *self.watchers):
            boa.env.set_balance(person, 10**24)
        program = make_program()
        for name, arguments in program.publish_calls():
            getattr(self.system["ProgramStore"], name)(*arguments)
        token = load("ShareToken").deploy(
            "Shares", "SHR", NATIVE, self.timelock, self.system["TrainingRounds"].address,
            10**24, 7 * 86_400, [self.watchers[0]], [10**18],
        )  # fmt: skip
        self.rows = ValidationSet.of(
            [[100 * i + j for j in range(4)] for i in range(N_ROWS)],
            [1_000_000 + i for i in range(N_ROWS)],
        )
        self.right = evaluate(program, self.rows, LossKind.SQUARED)
        self.lie = Losses(self.right.kind, (self.right.of_rows[0] - 1, *self.right.of_rows[1:]))
        with boa.env.prank(self.timelock):
            self.model_id = self.registry.create_model("m", token, b"\1" * 32, SOME_CID)
            for _ in range(3):
                self.registry.register_version(
                    self.model_id, program.hash, SOME_CID, b"\1" * 32, b"\1" * 32, SOME_CID, 0, 0
                )
            self.registry.accept_validation_set(self.model_id, self.rows.root, b"", True)
        self.known: dict[int, dict] = {}
        self.staked = dict.fromkeys(self.operators, 0)
        self.credits = dict.fromkeys((*self.operators, *self.watchers), 0)
        self.rule_id = 0
        self.is_required = False
        self.passed: dict[int, int] = {}
        self.passed_and_served: set[int] = set()
        self.deprecated: set[int] = set()

    @rule(which=st.integers(0, 1), locks=st.integers(1, 3))
    def deposit(self, which: int, locks: int) -> None:
        operator = self.operators[which]
        self.ledger.deposit(value=locks * LOCK_WEI, sender=operator)
        self.staked[operator] += locks * LOCK_WEI

    @rule(
        target=posted,
        which=st.integers(0, 1),
        kind=st.sampled_from(KINDS),
        version=st.integers(1, 3),
    )
    def post(self, which: int, kind: str, version: int) -> int:
        operator = self.operators[which]
        if self.ledger.free_wei(operator) < LOCK_WEI:
            self.deposit(which, 1)
        losses = self.lie if kind == "wrong row" else self.right
        top, total = losses.top, losses.total
        if kind == "wrong total":
            total -= 1
        if kind == "made up":
            top = keccak(text="nothing")
        evaluation_id = self.evaluations.post(
            self.model_id, version, N_ROWS, self.rows.top, int(losses.kind), total, top,
            WINDOW_S, LOCK_WEI, SOME_CID, SOME_CID, sender=operator,
        )  # fmt: skip
        now = boa.env.timestamp
        self.known[evaluation_id] = {
            "operator": operator, "kind": kind, "losses": losses, "version": version,
            "total": total, "top": top, "posted_at": now, "closes_at": now + WINDOW_S,
            "state": OPEN, "demands": {}, "shown": {},
        }  # fmt: skip
        return evaluation_id

    def _is_provable(self, kind: str, index: int) -> bool:
        return kind == "wrong total" or (kind == "wrong row" and index == 0)

    def _fall(self, one: dict) -> None:
        one["state"] = VOID
        self.staked[one["operator"]] -= LOCK_WEI

    @rule(evaluation_id=posted, index=ROW)
    def challenge(self, evaluation_id: int, index: int) -> None:
        """EVALUATION-3: in the window a wrong row always falls, and a right one never."""
        one = self.known[evaluation_id]
        proof = (self.rows.proof(index).as_argument(), one["losses"].proof(index).as_argument())
        watcher = self.watchers[0]
        if one["state"] != OPEN:
            reason = "evaluations: it has ended"
        elif boa.env.timestamp > one["closes_at"]:
            reason = "challenge_row: window is over"
        elif one["kind"] == "made up":
            reason = "loss: not what was posted"
        elif not self._is_provable(one["kind"], index):
            reason = "challenge_row: the row is right"
        else:
            bounty = self.ledger.bounty_wei(watcher)
            self.evaluations.challenge_row(evaluation_id, *proof, sender=watcher)
            assert self.ledger.bounty_wei(watcher) == bounty + LOCK_WEI // 2
            self._fall(one)
            return
        with boa.reverts(reason):
            self.evaluations.challenge_row(evaluation_id, *proof, sender=watcher)

    @rule(evaluation_id=posted, index=ROW, who=st.integers(0, 1))
    def demand(self, evaluation_id: int, index: int, who: int) -> None:
        one, watcher, now = self.known[evaluation_id], self.watchers[who], boa.env.timestamp
        if one["state"] != OPEN:
            reason = "evaluations: it has ended"
        elif index in one["demands"] or index in one["shown"]:
            reason = "demand: demanded already"
        elif now > one["closes_at"]:
            reason = "demand: window is over"
        elif now + 2 * WINDOW_S > one["posted_at"] + 8 * WINDOW_S:
            reason = "demand: too late to be answered"
        else:
            self.evaluations.demand(evaluation_id, index, value=BOND_WEI, sender=watcher)
            one["demands"][index] = (watcher, now + WINDOW_S)
            one["closes_at"] = max(one["closes_at"], now + 2 * WINDOW_S)
            return
        with boa.reverts(reason):
            self.evaluations.demand(evaluation_id, index, value=BOND_WEI, sender=watcher)

    @rule(evaluation_id=posted, index=ROW, which=st.integers(0, 1))
    def show(self, evaluation_id: int, index: int, which: int) -> None:
        one, operator = self.known[evaluation_id], self.operators[which]
        proof = (self.rows.proof(index).as_argument(), one["losses"].proof(index).as_argument())
        if one["state"] != OPEN:
            reason = "evaluations: it has ended"
        elif index not in one["demands"]:
            reason = "evaluations: row is not demanded"
        elif boa.env.timestamp > one["demands"][index][1]:
            reason = "show: too late"
        elif one["kind"] == "made up":
            reason = "loss: not what was posted"
        elif one["kind"] == "wrong total":
            reason = "show: the sums do not add up"
        else:
            self.evaluations.show(evaluation_id, *proof, sender=operator)
            demander, _ = one["demands"].pop(index)
            one["shown"][index] = (demander, operator)
            return
        with boa.reverts(reason):
            self.evaluations.show(evaluation_id, *proof, sender=operator)

    @rule(evaluation_id=posted, index=ROW)
    def void_unshown(self, evaluation_id: int, index: int) -> None:
        one = self.known[evaluation_id]
        if one["state"] != OPEN:
            reason = "evaluations: it has ended"
        elif index not in one["demands"]:
            reason = "evaluations: row is not demanded"
        elif boa.env.timestamp <= one["demands"][index][1]:
            reason = "void_unshown: still in time"
        else:
            demander, _ = one["demands"].pop(index)
            bounty = self.ledger.bounty_wei(demander)
            self.evaluations.void_unshown(evaluation_id, index)
            assert self.ledger.bounty_wei(demander) == bounty + LOCK_WEI // 2
            self.credits[demander] += BOND_WEI
            self._fall(one)
            return
        with boa.reverts(reason):
            self.evaluations.void_unshown(evaluation_id, index)

    @rule(evaluation_id=posted, index=ROW)
    def reclaim(self, evaluation_id: int, index: int) -> None:
        one = self.known[evaluation_id]
        if one["state"] == OPEN:
            reason = "reclaim: evaluation has not ended"
        elif index in one["demands"]:
            self.evaluations.reclaim(evaluation_id, index)
            demander, _ = one["demands"].pop(index)
            self.credits[demander] += BOND_WEI
            return
        elif index in one["shown"]:
            self.evaluations.reclaim(evaluation_id, index)
            demander, shown_by = one["shown"].pop(index)
            self.credits[shown_by if one["state"] == STANDS else demander] += BOND_WEI
            return
        else:
            reason = "reclaim: no bond lies for the row"
        with boa.reverts(reason):
            self.evaluations.reclaim(evaluation_id, index)

    @rule(evaluation_id=posted)
    def settle(self, evaluation_id: int) -> None:
        one = self.known[evaluation_id]
        if one["state"] != OPEN:
            reason = "evaluations: it has ended"
        elif not self._outlived(one):
            reason = "settle: may still be challenged"
        else:
            self.evaluations.settle(evaluation_id)
            one["state"] = STANDS
            return
        with boa.reverts(reason):
            self.evaluations.settle(evaluation_id)

    @rule(who=st.integers(0, 3))
    def withdraw(self, who: int) -> None:
        person = (*self.operators, *self.watchers)[who]
        if self.credits[person] == 0:
            with boa.reverts("evaluations: nothing to withdraw"):
                self.evaluations.withdraw(sender=person)
            return
        before = boa.env.get_balance(person)
        self.evaluations.withdraw(sender=person)
        assert boa.env.get_balance(person) == before + self.credits[person]
        self.credits[person] = 0

    @rule(is_required=st.booleans())
    def set_rule(self, is_required: bool) -> None:
        mean = self.right.total // N_ROWS + 1
        rule_ = (is_required, bytes(32), int(self.right.kind), mean, WINDOW_S, LOCK_WEI)
        self.registry.set_evaluation_rule(self.model_id, rule_, sender=self.timelock)
        self.rule_id += 1
        self.is_required = is_required

    @rule(evaluation_id=posted)
    def qualify(self, evaluation_id: int) -> None:
        one = self.known[evaluation_id]
        if one["state"] == VOID or (one["state"] == OPEN and not self._outlived(one)):
            with boa.reverts("qualify: evaluation does not stand"):
                self.registry.qualify(evaluation_id)
        elif self.rule_id == 0:
            with boa.reverts("qualify: model has no rule"):
                self.registry.qualify(evaluation_id)
        else:
            self.registry.qualify(evaluation_id)
            self.passed[one["version"]] = self.rule_id

    @rule()
    def accept_set_anew(self) -> None:
        """What passed on a set that is taken back has not passed the rule in force."""
        for accepted in (False, True):
            self.registry.accept_validation_set(
                self.model_id, self.rows.root, b"", accepted, sender=self.timelock
            )
        if self.rule_id != 0:
            self.rule_id += 1

    @rule(version=st.integers(1, 3))
    def promote(self, version: int) -> None:
        """MODEL-8, MODEL-9."""
        passed = self.passed.get(version, 0)
        may = not self.is_required or passed == self.rule_id
        may = may or (passed != 0 and version in self.passed_and_served)
        args = (self.model_id, PRODUCTION, version)
        assert self.registry.may_promote(self.model_id, version) == (
            may and version not in self.deprecated
        )
        if version in self.deprecated:
            with boa.reverts("set_alias: version is deprecated"):
                self.registry.set_alias(*args, sender=self.timelock)
        elif not may:
            with boa.reverts("set_alias: no evaluation lets it in"):
                self.registry.set_alias(*args, sender=self.timelock)
        else:
            self.registry.set_alias(*args, sender=self.timelock)
            if passed != 0:
                self.passed_and_served.add(version)

    @rule(version=st.integers(1, 3), is_sure=st.integers(0, 9))
    def deprecate(self, version: int, is_sure: int) -> None:
        if is_sure != 0 or version in self.deprecated:
            return
        self.registry.deprecate(self.model_id, version, "It drifted.", sender=self.timelock)
        self.deprecated.add(version)

    @rule(seconds=st.sampled_from([1, 100, WINDOW_S, WINDOW_S + 1, 3 * WINDOW_S]))
    def pass_time(self, seconds: int) -> None:
        boa.env.time_travel(seconds=seconds)

    def _outlived(self, one: dict) -> bool:
        return boa.env.timestamp > one["closes_at"] and not one["demands"]

    @invariant()
    @precondition(lambda self: hasattr(self, "known"))
    def evaluation_1_and_6(self) -> None:
        for evaluation_id, one in self.known.items():
            record = self.evaluations.evaluation(evaluation_id)
            assert record.state == one["state"]
            assert (record.total_loss, record.losses_top) == (one["total"], one["top"])
            assert (record.validation_root, record.n_rows) == (self.rows.root, N_ROWS)
            assert record.closes_at == one["closes_at"] <= one["posted_at"] + 8 * WINDOW_S
            assert record.n_open_demands == len(one["demands"])

    @invariant()
    @precondition(lambda self: hasattr(self, "known"))
    def evaluation_2(self) -> None:
        for operator in self.operators:
            open_ = [
                one
                for one in self.known.values()
                if one["state"] == OPEN and one["operator"] == operator
            ]
            assert self.ledger.locked_wei(operator) == LOCK_WEI * len(open_)
            assert self.ledger.stake_wei(operator) == self.staked[operator]

    @invariant()
    @precondition(lambda self: hasattr(self, "known"))
    def evaluation_4(self) -> None:
        lying = sum(len(one["demands"]) + len(one["shown"]) for one in self.known.values())
        bonds = lying * BOND_WEI
        credits = sum(self.credits.values())
        assert boa.env.get_balance(self.evaluations.address) == bonds + credits
        for person, credit in self.credits.items():
            assert self.evaluations.credit_wei(person) == credit

    @invariant()
    @precondition(lambda self: hasattr(self, "known"))
    def evaluation_5(self) -> None:
        for evaluation_id, one in self.known.items():
            stands = one["state"] == STANDS or (one["state"] == OPEN and self._outlived(one))
            assert self.evaluations.stands(evaluation_id) == stands
            if one["demands"]:
                assert not stands


Evaluations.TestCase.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)


class TestEvaluations(Evaluations.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        # Before the first example: titanoboa takes back what an example did.
        deploy_system()
