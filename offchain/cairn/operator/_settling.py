"""Settling: our answers whose window is over, in batches by count or age, fixed before they are sent."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import func, select

from cairn.chain import Head, Reverted
from cairn.operator._desk import WorkDesk, key_of, say
from cairn.operator._jobs import Job, RootJob, change, requests, root_of, roots

_SETTLED_A_STEP = 512
_BATCHES_A_STEP = 16


class Settling:
    def __init__(self, desk: WorkDesk) -> None:
        self._desk = desk

    def work(self, head: Head) -> None:
        self._gather(head)
        self._post(head)
        where = (roots.c.challengeable_until < head.timestamp,)
        due = self._desk.rows(roots, RootJob.STANDING, _BATCHES_A_STEP, where=where)
        self._desk.each(due, roots, head, self._settle_root)

    def follow_up(self) -> None:
        """Refused batches are split: their jobs are looked at again, one by one."""
        batches: dict[str, list[Any]] = {}
        for row, _ in self._desk.refused(requests, (Job.SETTLING,)):
            batches.setdefault(row.intent, []).append(row)
        for batch in batches.values():
            self._split(batch, "the batch was refused")
        for row, reason in self._desk.refused(roots, (RootJob.SETTLING,)):
            self._desk.again(roots, row, RootJob.STANDING, RootJob.STANDING, reason)

    def _settle_root(self, row: Any, head: Head) -> None:
        """One call shares out the price of all that a root answered."""
        desk = self._desk
        key = key_of("settle_root", row.id, row.attempt)
        try:
            desk.outbox.post(key, desk.contracts.market.settle_root(root_of(row)), head)
        except Reverted as error:
            why = f"the market would refuse the root: {error.reason}"
            desk.wait(roots, row, why, level=logging.DEBUG)
            return
        desk.set(roots, row.id, state=RootJob.SETTLING, intent=key, note=None)
        say("settling a root", root=row.id)

    def _gather(self, head: Head) -> None:
        """Put answers whose window is over into batches; a batch is fixed before it is sent."""
        c, settings = requests.c, self._desk.settings
        due = self._desk.rows(
            requests,
            Job.ANSWERED,
            _SETTLED_A_STEP,
            columns=(c.challengeable_until, c.attempt),
            where=(c.challengeable_until < head.timestamp,),
        )
        if not due:
            return
        with self._desk.store.read() as db:  # when the next one will be due
            query = select(func.min(c.challengeable_until)).where(
                c.state == Job.ANSWERED, c.challengeable_until >= head.timestamp
            )
            next_at = db.execute(query).scalar_one()
        alone = [[row] for row in due if row.attempt > 0]  # refused in company: one by one
        rest = sorted((row for row in due if row.attempt == 0), key=lambda r: r.challengeable_until)
        size = settings.settle_batch
        batches = [rest[at : at + size] for at in range(0, len(rest), size)]
        for batch in alone + batches:
            wait_until = batch[0].challengeable_until + settings.settle_delay_s
            company = next_at is not None and next_at <= wait_until
            if batch[0].attempt == 0 and len(batch) < size and company:
                continue
            key = key_of("settle", min(row.request_id for row in batch), batch[0].attempt)
            with self._desk.store.begin() as db:
                for row in batch:
                    change(db, requests, row.request_id, state=Job.SETTLING, intent=key)

    def _post(self, head: Head) -> None:
        desk, c = self._desk, requests.c
        columns = (c.request_id, c.intent, c.attempt, c.note)
        with desk.store.read() as db:
            query = select(*columns).where(c.state == Job.SETTLING).order_by(c.request_id)
            rows = db.execute(query).all()
        known = desk.outbox.get_many(list({row.intent for row in rows}))
        batches: dict[str, list[Any]] = {}
        for row in rows:
            if row.intent not in known:
                batches.setdefault(row.intent, []).append(row)
        firsts = {batch[0].request_id: batch for batch in batches.values()}

        def post(row: Any, head: Head) -> None:
            self._post_batch(firsts[row.request_id], head)

        next_ = desk.in_turn(requests, firsts, _BATCHES_A_STEP)
        desk.each([firsts[one][0] for one in next_], requests, head, post)

    def _post_batch(self, batch: list[Any], head: Head) -> None:
        ids = [row.request_id for row in batch]
        try:
            self._desk.outbox.post(batch[0].intent, self._desk.contracts.market.settle(ids), head)
        except Reverted as error:
            self._split(batch, error.reason)
        else:
            say("settling", requests=ids)

    def _split(self, batch: list[Any], reason: str) -> None:
        """A batch was refused: somebody settled one of it. The others go one by one."""
        with self._desk.store.begin() as db:
            for row in batch:
                change(
                    db,
                    requests,
                    row.request_id,
                    state=Job.ANSWERED,
                    intent=None,
                    attempt=row.attempt + 1,
                    note=reason,
                )
        for row in batch:
            self._desk.rest(requests, row, 2 ** min(row.attempt, 8))
