"""Forgetting: requests that ended, or were left, long ago leave the database."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from cairn.chain import Head
from cairn.operator._desk import WorkDesk, say
from cairn.operator._jobs import ENDED, Job, RootJob, leaves, requests, roots

_STEPS_BETWEEN = 1_000
_MOST_AT_ONCE = 5_000
_MOST_ROOTS_AT_ONCE = 100


def forget(desk: WorkDesk, head: Head) -> None:
    """Now and then: forget requests that ended, or were left, long ago.

    None can be answered again for that: the market takes no answer after the deadline, which
    passed as long ago, and the cursor reads only its newest blocks again. Should those reach
    back as far, on a chain that hardly moves, they tell the request's whole story once more.
    """
    if desk.steps % _STEPS_BETWEEN != 1:
        return
    c, before = requests.c, head.timestamp - desk.settings.keep_ended_s
    query = select(c.request_id).where(
        c.state.in_([*ENDED, Job.LEFT]),
        c.deadline < before,
        func.coalesce(c.challengeable_until, 0) < before,
    )
    with desk.store.read() as db:
        old = db.execute(query.order_by(c.request_id).limit(_MOST_AT_ONCE)).scalars().all()
    _forget_roots(desk, before)
    if old:
        with desk.store.begin() as db:
            db.execute(delete(requests).where(c.request_id.in_(old)))
        say("forgot", requests=len(old))


def _forget_roots(desk: WorkDesk, before: int) -> None:
    """Roots whose window was over as long ago, settled or not: nothing can be done about them any more."""
    query = select(roots.c.id).where(
        roots.c.state.in_((RootJob.ENDED, RootJob.CHECKED)),
        func.coalesce(roots.c.challengeable_until, 0) < before,
    )
    with desk.store.read() as db:
        old = db.execute(query.order_by(roots.c.id).limit(_MOST_ROOTS_AT_ONCE)).scalars().all()
    if old:
        with desk.store.begin() as db:
            db.execute(delete(leaves).where(leaves.c.root.in_(old)))
            db.execute(delete(roots).where(roots.c.id.in_(old)))
        say("forgot", roots=len(old))
