"""ShareToken against a model in exact fractions: whatever holders, minters and payers do, in any
order.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import boa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

CONTRACT = Path(__file__).parents[2] / "contracts" / "alliance" / "ShareToken.vy"
NATIVE = "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE"
ZERO = "0x" + "00" * 20
SHARE = 10**18
PERIOD_S = 7 * 86_400


@cache
def compiled() -> Any:
    return boa.load_partial(str(CONTRACT))


holder_indexes = st.integers(0, 4)
# Parts of shares, whole shares, and everything: roundings bite at the small end.
parts = st.one_of(st.integers(0, 10), st.integers(0, 10**3), st.integers(0, 10**6)).flatmap(
    lambda n: st.sampled_from([n, n * 10**12, n * SHARE])
)
incomes = st.one_of(st.integers(1, 10), st.integers(1, 10**6), st.integers(1, 10**24))
times_s = st.one_of(st.integers(0, 5), st.integers(1, 86_400), st.integers(1, 3 * PERIOD_S))


class Shares(RuleBasedStateMachine):
    @initialize(founded=st.lists(st.integers(SHARE // 2, 10**6 * SHARE), min_size=2, max_size=3))
    def launch(self, founded):
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.timelock, self.rounds = boa.env.generate_address(), boa.env.generate_address()
        self.payer = boa.env.generate_address()
        self.holders = [boa.env.generate_address() for _ in range(5)]
        boa.env.set_balance(self.payer, 10**40)
        self.token = compiled().deploy(
            "Shares", "SHR", NATIVE, self.timelock, self.rounds, 10**9 * SHARE, PERIOD_S,
            self.holders[: len(founded)], founded,
        )  # fmt: skip
        self.balances = defaultdict(int, zip(self.holders, founded, strict=False))
        self.delegates = dict.fromkeys(self.holders, ZERO)
        for holder in self.holders[: len(founded)]:
            self.delegates[holder] = holder
        self.now = boa.env.timestamp
        self.left = Fraction(0)  # income that has yet to flow
        self.ends_at = self.now
        self.sent = self.recognised = 0
        self.earned = defaultdict(Fraction)  # exactly
        self.paid = defaultdict(int)
        self.claims = defaultdict(int)
        self.history = defaultdict(dict)  # account -> second -> votes at its end
        self.note()

    def teardown(self):
        if hasattr(self, "anchor"):
            self.anchor.__exit__(None, None, None)

    @property
    def supply(self):
        return sum(self.balances.values())

    def votes(self, account):
        return sum(
            balance for holder, balance in self.balances.items()
            if self.delegates[holder] == account
        )  # fmt: skip

    def note(self):
        for account in self.holders:
            self.history[account][self.now] = self.votes(account)
        self.history[ZERO][self.now] = self.supply

    def flow(self):
        """Let the model's income flow until now."""
        then, self.now = self.now, boa.env.timestamp
        elapsed = min(self.now, self.ends_at) - then
        if elapsed > 0:
            flowed = self.left * elapsed / (self.ends_at - then)
            self.left -= flowed
            for holder, balance in self.balances.items():
                self.earned[holder] += flowed * balance / self.supply

    @rule(seconds=times_s)
    def pass_time(self, seconds):
        boa.env.time_travel(seconds=seconds)
        self.flow()
        self.note()

    @rule(i=holder_indexes, j=holder_indexes, amount=parts)
    def transfer(self, i, j, amount):
        giver, taker = self.holders[i], self.holders[j]
        amount = min(amount, self.balances[giver])
        self.token.transfer(taker, amount, sender=giver)
        self.balances[giver] -= amount
        self.balances[taker] += amount
        self.note()

    @rule(i=holder_indexes, j=holder_indexes)
    def transfer_too_much(self, i, j):
        giver = self.holders[i]
        with boa.reverts("share: balance too small"):
            self.token.transfer(self.holders[j], self.balances[giver] + 1, sender=giver)

    @rule(i=holder_indexes, j=st.integers(0, 5))
    def delegate(self, i, j):
        delegatee = [*self.holders, ZERO][j]
        self.token.delegate(delegatee, sender=self.holders[i])
        self.delegates[self.holders[i]] = delegatee
        self.note()

    @rule(i=holder_indexes, amount=parts, by_rounds=st.booleans())
    def mint(self, i, amount, by_rounds):
        amount = min(amount, self.token.cap() - self.supply)
        self.token.mint(self.holders[i], amount, sender=self.rounds if by_rounds else self.timelock)
        self.balances[self.holders[i]] += amount
        self.note()

    @rule(amount=incomes)
    def pay(self, amount):
        boa.env.raw_call(self.token.address, sender=self.payer, value=amount)
        self.sent += amount

    @rule()
    def sync(self):
        new = self.sent - self.recognised
        assert self.token.sync(sender=self.payer) == new
        if new:
            left_s = max(self.ends_at - self.now, 0)
            total = self.left + new
            expected = (self.left * left_s + Fraction(new * PERIOD_S)) / total
            self.ends_at = self.token.streaming()[1]
            # REV-3: within a second of the exact average; no sooner than before, nor later than
            # a full period from now.
            assert expected - 1 <= self.ends_at - self.now <= expected
            assert left_s <= self.ends_at - self.now <= PERIOD_S
            self.left = total
            self.recognised = self.sent

    @rule(i=holder_indexes)
    def claim(self, i):
        holder = self.holders[i]
        claimable = self.token.claimable(holder)
        before = boa.env.get_balance(holder)
        assert self.token.claim(holder, sender=self.payer) == claimable
        assert boa.env.get_balance(holder) - before == claimable
        self.paid[holder] += claimable
        self.claims[holder] += claimable > 0

    @precondition(lambda self: len(self.history[ZERO]) > 1)
    @rule(data=st.data(), i=holder_indexes)
    def look_back(self, data, i):
        past = [second for second in self.history[ZERO] if second < self.now]
        if not past:
            return
        second = data.draw(st.sampled_from(past))
        later = [s for s in self.history[ZERO] if s > second]
        between = data.draw(st.integers(second, min([*later, self.now]) - 1))
        account = self.holders[i]
        assert self.token.getPastVotes(account, between) == self.history[account][second]
        assert self.token.getPastTotalSupply(between) == self.history[ZERO][second]
        assert self.token.getPastVotes(account, min(self.history[ZERO]) - 1) == 0

    @invariant()
    def share_1(self):
        if not hasattr(self, "token"):
            return
        for holder in self.holders:
            assert self.token.balanceOf(holder) == self.balances[holder]
        assert self.token.totalSupply() == self.supply <= self.token.cap()

    @invariant()
    def share_2(self):
        if not hasattr(self, "token"):
            return
        for account in self.holders:
            assert self.token.getVotes(account) == self.votes(account)
            assert self.token.delegates(account) == self.delegates[account]

    @invariant()
    def share_3_and_5(self):
        if not hasattr(self, "token"):
            return
        total = 0
        for holder in self.holders:
            got = self.paid[holder] + self.token.claimable(holder)
            total += got
            loss = self.earned[holder] - got
            assert 0 <= loss < 1 + Fraction(self.claims[holder] + 1, 1000)
        assert total <= self.recognised

    @invariant()
    def share_4(self):
        if not hasattr(self, "token"):
            return
        held = boa.env.get_balance(self.token.address)
        income, accounted = self.token.income()
        assert income == self.recognised
        assert accounted == self.recognised - sum(self.paid.values())
        assert held == self.sent - sum(self.paid.values()) >= accounted
        assert self.token.unrecognised() == self.sent - self.recognised


TestShares = Shares.TestCase
TestShares.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
