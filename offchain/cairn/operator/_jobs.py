"""What the worker knows of requests and rounds: tables filled from logs, worked off in order."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    String,
    Table,
    func,
    insert,
    select,
    update,
)

from cairn.chain import Number, metadata
from cairn.domain.answers import AnswerRoot

CURSOR = "operator"
"""The name of the worker's position in the chain's logs."""


WANTS_STAKE = "too little free stake"
"""How the note of a job begins that waits for stake."""


class Job(StrEnum):
    """Where a request stands, for this operator. docs/spec/operator.md has the picture."""

    SEEN = "seen"
    """Open; not yet answered by us."""
    LEFT = "left"
    """Open or answered by another; nothing for us to do but to see how it ends."""
    ANSWERING = "answering"
    ROOTED = "rooted"
    """Our answer stands in a root; its window runs."""
    ANSWERED = "answered"
    """Our answer stands; its window runs."""
    SETTLING = "settling"
    OTHERS = "others"
    """Another operator's answer stands, which we have not checked yet."""
    CHALLENGING = "challenging"
    SETTLED = "settled"
    REFUNDED = "refunded"
    SLASHED = "slashed"


class RootJob(StrEnum):
    """Where a root of answers stands."""

    POSTING = "posting"
    """Ours, fixed, and on its way."""
    STANDING = "standing"
    """Ours, on chain; its window runs."""
    SETTLING = "settling"
    OTHERS = "others"
    """Another operator's, not checked yet."""
    CHECKED = "checked"
    """Another's; what is wrong in it is known."""
    ENDED = "ended"
    """Settled; or ours, and refused."""


class Leaf(StrEnum):
    """What is known of an answer in a root."""

    POSTED = "posted"
    WRONG = "wrong"
    """Another's, and to be challenged."""
    CHALLENGING = "challenging"
    SLASHED = "slashed"
    LEFT = "left"


ENDED = (Job.SETTLED, Job.REFUNDED, Job.SLASHED)


class RoundJob(StrEnum):
    OPEN = "open"
    POSTING = "posting"
    POSTED = "posted"
    """An aggregate stands; `is_ours` says whose."""
    FINALIZING = "finalizing"
    LEFT = "left"
    ENDED = "ended"


requests = Table(
    "operator_requests",
    metadata,
    Column("request_id", Number, primary_key=True, autoincrement=False),
    Column("model_id", Number, nullable=False),
    Column("terms_id", Number, nullable=False),
    Column("named", String, nullable=False),  # the only operator who may answer; zero: any
    Column("deadline", Number, nullable=False),
    Column("features", LargeBinary, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("attempt", Number, nullable=False, default=0),
    Column("intent", String),
    Column("answered_by", String),
    Column("outputs", LargeBinary),
    Column("challengeable_until", Number),
    Column("note", String),  # for people: why it waits, or was left
    # What was found of it, once it was looked at: when it was made and from when it is ours to answer, in
    # unix seconds, and who is told of its answer (zero: nobody).
    Column("made_at", Number),
    Column("ours_at", Number),
    Column("callback", String),
    Column(
        "in_root", Number, index=True
    ),  # the root, ours or another's, that holds an answer to it
    # How often it was open again since an answer was proved wrong, and the place on the chain of the
    # newest log of its single answers that was noted: logs come again, out of step with the job.
    Column("reopened", Number),
    Column("told_at", Number),
    Column("proved_wrong", Number),  # 1: an answer of ours was; we give no other
)

roots = Table(
    "operator_roots",
    metadata,
    Column("id", Number, primary_key=True),
    Column("root_id", LargeBinary, nullable=False, unique=True),
    Column("operator", String, nullable=False),
    Column("terms_id", Number, nullable=False),
    Column("output_bytes", Number, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    Column("posted_at", Number),  # unix seconds; null: not on chain yet
    Column("challengeable_until", Number),
    Column("state", String, nullable=False, index=True),
    Column("attempt", Number, nullable=False, default=0),
    Column("intent", String),
    Column("note", String),
    sqlite_autoincrement=True,  # a number names an intent: it is never used again
)

leaves = Table(
    "operator_leaves",
    metadata,
    Column("id", Number, primary_key=True),
    Column("root", Number, nullable=False, index=True),
    Column("place", Number, nullable=False),
    Column("request_id", Number, nullable=False, index=True),
    Column("state", String, nullable=False, index=True),
    Column("attempt", Number, nullable=False, default=0),
    Column("intent", String),
    Column("note", String),
)

rounds = Table(
    "operator_rounds",
    metadata,
    Column("round_id", Number, primary_key=True, autoincrement=False),
    Column("model_id", Number, nullable=False),
    Column("submit_until", Number, nullable=False),
    Column("aggregate_until", Number, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("attempt", Number, nullable=False, default=0),
    Column("intent", String),
    Column("posted_by", String),
    Column("final_from", Number),  # unix seconds: the aggregate's window is over after it
    Column("note", String),
)

suspensions = Table(
    "operator_suspensions",
    metadata,
    Column("model_id", Number, primary_key=True, autoincrement=False),
    Column("request_id", Number, nullable=False),  # whose answer of ours was proved wrong
)
"""Models that no more answers are given for until a person has looked."""

challenge_costs = Table(
    "operator_challenge_costs",
    metadata,
    Column("intent", String, primary_key=True),
    Column("reserved_at", Number, nullable=False),  # unix seconds, by the chain's clock
    Column("reserved_wei", String, nullable=False),  # the most that it may cost
    Column("final_at", Number),  # from when a day is counted; null: not final, or not found to be
)
"""What challenges were allowed to cost. What one did cost, once it is final, its intent says."""

bindings = Table(
    "operator_bindings",
    metadata,
    Column("chain_id", Number, primary_key=True, autoincrement=False),
    Column("market", String, nullable=False),
    Column("account", String, nullable=False),
)

origins = Table(
    "operator_origins",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),  # of that block, on the chain that was begun with
)


def add_once(db: Connection, table: Table, key: Column[Any], values: dict[str, Any]) -> None:
    """Insert a row unless its key is there. The store has one writer, so look first."""
    if db.execute(select(key).where(key == values[key.name])).first() is None:
        db.execute(insert(table).values(**values))


def change(
    db: Connection,
    table: Table,
    key: Any,
    *,
    only_if: ColumnElement[bool] | None = None,
    **values: Any,
) -> bool:
    """Change a row; whether there was one, and one of that kind."""
    (column,) = table.primary_key.columns
    query = update(table).where(column == key)
    if only_if is not None:
        query = query.where(only_if)
    return bool(db.execute(query.values(**values)).rowcount)


def in_full(row: Any) -> str:
    """A request as the keys of its intents name it: open again, it is answered and checked anew."""
    return f"{row.request_id}/{row.reopened}" if row.reopened else str(row.request_id)


def root_of(row: Any) -> AnswerRoot:
    """What was posted, or is to be, from a row of `roots`."""
    return AnswerRoot(row.operator, row.terms_id, row.output_bytes, row.leaves)


def add_root(db: Connection, root: AnswerRoot, **values: Any) -> int:
    """A root and its leaves; returns its number here."""
    number = db.execute(
        insert(roots)
        .values(
            root_id=root.root_id,
            operator=root.operator,
            terms_id=root.terms_id,
            output_bytes=root.output_bytes,
            leaves=root.leaves,
            **values,
        )
        .returning(roots.c.id)
    ).scalar_one()
    found = [
        {"root": number, "place": place, "request_id": request_id, "state": Leaf.POSTED}
        for place, (request_id, _) in enumerate(root.answers)
    ]
    db.execute(insert(leaves), found)
    return int(number)


def suspended(db: Connection) -> dict[int, int]:
    """Model -> the request whose answer by this operator was proved wrong."""
    return {row.model_id: row.request_id for row in db.execute(select(suspensions))}


def waiting_for_stake(db: Connection) -> int:
    """How many open requests wait for stake to become free."""
    where = (requests.c.state == Job.SEEN, requests.c.note.startswith(WANTS_STAKE))
    return int(db.execute(select(func.count()).where(*where)).scalar_one())


def count_by_state(db: Connection, table: Table) -> dict[str, int]:
    query = select(table.c.state, func.count()).group_by(table.c.state)
    return {row[0]: row[1] for row in db.execute(query)}
