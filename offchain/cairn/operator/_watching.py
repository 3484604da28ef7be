"""Watching: others' answers recomputed, the wrong ones challenged within a budget, bounties taken in."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import select, update

from cairn.chain import Call, Head, Reverted, key_runs, offer
from cairn.operator._budget import Budget, spent_on_challenges
from cairn.operator._desk import WorkDesk, key_of, say
from cairn.operator._jobs import (
    Job,
    Leaf,
    RootJob,
    change,
    in_full,
    leaves,
    requests,
    root_of,
    roots,
)

_CHECKS_A_STEP = 64
_ROOTS_A_STEP = 4
_STEPS_BETWEEN_BOUNTIES = 100
_BOUNTY = "bounty"


class Watching:
    def __init__(self, desk: WorkDesk) -> None:
        self._desk = desk
        self._budget = Budget(desk.settings, desk.store)

    def work(self, head: Head) -> None:
        if self._desk.settings.watch == "none":
            return
        self._budget.look(head)
        others = self._desk.rows(requests, Job.OTHERS, _CHECKS_A_STEP)
        self._desk.each(others, requests, head, self._check)
        found = self._desk.rows(roots, RootJob.OTHERS, _ROOTS_A_STEP)
        self._desk.each(found, roots, head, self._check_root)
        wrong = self._desk.rows(leaves, Leaf.WRONG, _CHECKS_A_STEP)
        self._desk.each(wrong, leaves, head, self._challenge_leaf)
        self._take_bounties(head)

    def figures(self) -> dict[str, int]:
        """The budget for 24 hours, and what of it is spent."""
        return {
            "budget_wei": self._desk.settings.watch_budget_wei,
            "spent_wei": spent_on_challenges(self._desk.store, self._desk.now),
        }

    def follow_up(self) -> None:
        """Refused challenges: their answers are looked at again."""
        for row, reason in self._desk.refused(requests, (Job.CHALLENGING,)):
            self._desk.again(requests, row, Job.OTHERS, Job.LEFT, reason)
        for row, reason in self._desk.refused(leaves, (Leaf.CHALLENGING,)):
            self._desk.again(leaves, row, Leaf.WRONG, Leaf.LEFT, reason)

    def _check(self, row: Any, head: Head) -> None:
        desk, request_id = self._desk, row.request_id
        if head.timestamp > row.challengeable_until:
            desk.leave(row, "its window is over")
            return
        if desk.settings.watch == "served" and not desk.has_opted_in(row.model_id):
            desk.leave(row, "answered by another; the model is not watched")
            return
        terms = desk.terms_of(row.terms_id)
        right = desk.run(terms, row.features)
        if right == row.outputs:
            desk.set(requests, request_id, state=Job.LEFT, note="another's, and right")
            return
        key = key_of("challenge", in_full(row), row.attempt)
        call = desk.contracts.market.challenge(request_id, row.features)
        try:
            if not self._prove(key, call, terms.lock_wei // 2, head):
                desk.wait(requests, row, "wrong, but its bounty does not pay for the gas yet")
                return
        except Reverted as error:
            why = f"the market would refuse the proof: {error.reason}"
            desk.wait(requests, row, why, level=logging.DEBUG)
            return
        desk.set(requests, request_id, state=Job.CHALLENGING, intent=key, note=None)
        say(
            "challenging",
            level=logging.WARNING,
            request=request_id,
            operator=row.answered_by,
            answered=row.outputs.hex(),
            right=right.hex(),
        )

    def _check_root(self, row: Any, head: Head) -> None:
        """Recompute every answer of another's root; note those that are wrong."""
        desk, terms = self._desk, self._desk.terms_of(row.terms_id)
        if head.timestamp > row.challengeable_until or (
            desk.settings.watch == "served" and not desk.has_opted_in(terms.model_id)
        ):
            desk.set(roots, row.id, state=RootJob.CHECKED, note="not checked")
            return
        root = root_of(row)
        asked: dict[int, bytes] = {}
        with desk.store.read() as db:
            c = requests.c
            ids = [request_id for request_id, _ in root.answers]
            for run in key_runs(ids):
                # What answers no request under its terms is no statement, and cannot be judged.
                some = c.request_id.in_(run)
                query = select(c.request_id, c.features).where(some, c.terms_id == row.terms_id)
                asked.update((one.request_id, one.features) for one in db.execute(query))
        wrong = [
            place
            for place, (request_id, outputs) in enumerate(root.answers)
            if request_id in asked and desk.run(terms, asked[request_id]) != outputs
        ]
        with desk.store.begin() as db:
            change(db, roots, row.id, state=RootJob.CHECKED, note=None)
            for place in wrong:
                db.execute(
                    update(leaves)
                    .where(
                        leaves.c.root == row.id,
                        leaves.c.place == place,
                        leaves.c.state == Leaf.POSTED,
                    )
                    .values(state=Leaf.WRONG)
                )
        say("checked a root", root=row.id, operator=row.operator, wrong=len(wrong))

    def _challenge_leaf(self, row: Any, head: Head) -> None:
        desk = self._desk
        with desk.store.read() as db:
            posted = db.execute(select(roots).where(roots.c.id == row.root)).one()
            c = requests.c
            query = select(c.features, c.made_at).where(c.request_id == row.request_id)
            asked = db.execute(query).one()
        if head.timestamp > posted.challengeable_until:
            desk.set(leaves, row.id, state=Leaf.LEFT, note="its window is over")
            return
        made_at = asked.made_at or desk.contracts.market.get_request(row.request_id).made_at
        if made_at > posted.posted_at:
            desk.set(leaves, row.id, state=Leaf.LEFT, note="the request is younger than the root")
            return
        key = f"{key_of('leaf', posted.id, row.attempt)}/{row.place}"
        call = desk.contracts.market.challenge_leaf(root_of(posted), row.place, asked.features)
        bounty_wei = desk.terms_of(posted.terms_id).lock_wei // 2
        try:
            if not self._prove(key, call, bounty_wei, head):
                desk.wait(leaves, row, "wrong, but its bounty does not pay for the gas yet")
                return
        except Reverted as error:
            why = f"the market would refuse the proof: {error.reason}"
            desk.wait(leaves, row, why, level=logging.DEBUG)
            return
        desk.set(leaves, row.id, state=Leaf.CHALLENGING, intent=key, note=None)
        say(
            "challenging a leaf",
            level=logging.WARNING,
            request=row.request_id,
            operator=posted.operator,
            place=row.place,
        )

    def _prove(self, key: str, call: Call, bounty_wei: int, head: Head) -> bool:
        """Send a proof, once, if it pays (or need not) and the budget has it; whether it was sent.

        Gas may get cheaper, and the budget is a day's: until its window is over the answer is
        looked at again. Raises `TooDear` and what `Outbox.post` raises.
        """
        desk = self._desk
        if desk.outbox.get(key) is not None:  # sent in a life before
            return True
        gas = desk.outbox.gas_limit(call)
        fees = offer(desk.node, head, least_tip_wei=desk.settings.least_tip_wei)
        price_wei = head.base_fee_wei + fees.tip_wei
        if not desk.settings.challenge_at_a_loss and gas.estimate * price_wei > bounty_wei:
            return False
        cap_wei = self._budget.reserve(key, gas.limit, price_wei, fees.max_fee_wei, head)
        desk.outbox.post(key, call, head, gas_limit=gas.limit, cap_wei=cap_wei)
        return True

    def _take_bounties(self, head: Head) -> None:
        """Now and then: bounties that are worth the gas leave the ledger for the account."""
        desk, least_wei = self._desk, self._desk.settings.withdraw_bounties_wei
        if least_wei is None or desk.steps % _STEPS_BETWEEN_BOUNTIES != 1:
            return
        if any(one.key.startswith(f"{_BOUNTY}:") for one in desk.outbox.live()):
            return
        ledger = desk.contracts.ledger
        bounty_wei = ledger.bounty_wei(desk.account)
        if bounty_wei < least_wei:
            return
        try:
            # A block has one: should the process die after this, the next finds the first alive.
            desk.outbox.post(f"{_BOUNTY}:{head.number}", ledger.withdraw_bounty(), head)
        except Reverted as error:
            say("bounty refused", level=logging.WARNING, why=error.reason)
        else:
            say("taking bounties", wei=bounty_wei)
