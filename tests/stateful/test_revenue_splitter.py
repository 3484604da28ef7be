"""RevenueSplitter under arbitrary sequences of calls; invariants as docs/spec/payments.md names them."""

from __future__ import annotations

import boa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.conftest import PRODUCTION, SOME_CID, make_program
from tests.stateful._boa_system import deploy_system, load

PARTS = st.integers(0, 5_000)
NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
COIN = 10**18


class Splitter(RuleBasedStateMachine):
    """One model that earns in the coin, whose terms change and which leaves the market at times."""

    @initialize()
    def deploy(self) -> None:
        system = deploy_system()
        self.registry = system["ModelRegistry"]
        self.program = make_program()
        self.timelock, self.operator, self.payer = (
            boa.env.generate_address(name) for name in ("timelock", "operator", "payer")
        )
        boa.env.set_balance(self.payer, 10**30)
        for name, arguments in self.program.publish_calls():
            getattr(system["ProgramStore"], name)(*arguments)
        self.shares = load("ShareToken").deploy(
            "Shares", "SHR", NATIVE, self.timelock, system["TrainingRounds"].address,
            10**24, 7 * 86_400, [self.payer], [COIN],
        )  # fmt: skip
        self.wrapped = load("AuthorizedToken").deploy()
        self.maker = load("RevenueSplitter").deploy(self.registry, self.wrapped)
        with boa.env.prank(self.timelock):
            self.model_id = self.registry.create_model("m", self.shares, b"\1" * 32, SOME_CID)
            self.registry.register_version(
                self.model_id, self.program.hash, SOME_CID, b"\1" * 32, b"\1" * 32, SOME_CID, 0, 0
            )
            self.registry.set_alias(self.model_id, PRODUCTION, 1)
        self.set_terms(3_000, 5_000)
        made = self.maker.create(self.model_id, self.operator)
        self.splitter = load("RevenueSplitter").at(made)
        # Tracked apart from the contract.
        self.waiting = 0
        self.accounts = {"operator": self.operator, "holders": self.shares.address}
        self.accounts["treasury"] = self.timelock
        self.owed = dict.fromkeys(self.accounts, 0)
        self.paid = dict.fromkeys(self.accounts, 0)

    @rule(operator_bps=PARTS, holders_bps=PARTS)
    def set_terms(self, operator_bps: int, holders_bps: int) -> None:
        self.registry.set_terms(
            self.model_id, 1, operator_bps, holders_bps, 600, COIN, 0, sender=self.timelock
        )
        self.parts, self.on_sale = (operator_bps, holders_bps), True

    @rule()
    def end_sale(self) -> None:
        if self.on_sale:
            self.registry.end_sale(self.model_id, sender=self.timelock)
            self.on_sale = False

    @rule(amount=st.integers(1, 10**20), wrapped=st.booleans())
    def pay(self, amount: int, wrapped: bool) -> None:
        if wrapped:
            self.wrapped.deposit(value=amount, sender=self.payer)
            self.wrapped.transfer(self.splitter, amount, sender=self.payer)
        else:
            boa.env.set_balance(
                self.splitter.address, boa.env.get_balance(self.splitter.address) + amount
            )
        self.waiting += amount

    @rule()
    def split(self) -> None:
        """SPLIT-2: the parts add up; by the terms in force, or those that the sale ended with."""
        assert self.splitter.split(sender=self.payer) == self.waiting
        operator, holders = (self.waiting * bps // 10_000 for bps in self.parts)
        self.owed["operator"] += operator
        self.owed["holders"] += holders
        self.owed["treasury"] += self.waiting - operator - holders
        self.waiting = 0

    @rule(who=st.sampled_from(["operator", "holders", "treasury"]))
    def release(self, who: str) -> None:
        if self.owed[who] == 0:
            with boa.reverts("release: nothing owed"):
                self.splitter.release(self.accounts[who])
        else:
            assert self.splitter.release(self.accounts[who]) == self.owed[who]
            self.paid[who] += self.owed[who]
            self.owed[who] = 0

    @invariant()
    def split_1(self) -> None:
        """It holds what it owes and what is to be shared out, to the unit."""
        held = boa.env.get_balance(self.splitter.address) + self.wrapped.balanceOf(self.splitter)
        assert held == sum(self.owed.values()) + self.waiting

    @invariant()
    def split_4(self) -> None:
        """Each has his own part and no other's."""
        for who, account in self.accounts.items():
            assert self.splitter.owed(account, NATIVE) == self.owed[who]
            assert boa.env.get_balance(account) == self.paid[who]


TestSplitter = Splitter.TestCase
TestSplitter.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
