"""What must outlive a crash: cursors, intents, signed transactions. SQLite, or PostgreSQL.

Kept small and plain: SQLAlchemy Core, one metadata that other packages add their tables to.
Numbers that may exceed 64 bits (wei) are kept as decimal text.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from cairn.chain._errors import StoreBusy

Number = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; SQLite's own integer is that, and only that one counts up by itself."""

_READS_ONLY = "cairn_reads_only"

metadata = MetaData()
"""Tables of everything that shares a store; import what declares them before `Store` is made."""

cursors = Table(
    "cursors",
    metadata,
    Column("name", String, primary_key=True),
    Column("next_block", Number, nullable=False),
    Column("last_hash", LargeBinary),  # of the block before next_block
    Column("page_blocks", Number, nullable=False),
)

intents = Table(
    "intents",
    metadata,
    Column("id", Number, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("account", String, nullable=False),
    Column("nonce", Number, nullable=False),
    Column("to_address", String, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("value_wei", String, nullable=False),
    Column("label", String, nullable=False),
    Column("gas", Number, nullable=False),
    Column("cap_wei", String),  # the most for each gas that it may offer; null: as the policy says
    Column("state", String, nullable=False, index=True),
    # The block at which the nonce was first found taken by others; negative: at which one below it
    # was found to be nobody's; 0: neither.
    Column("displaced", Number, nullable=False, default=0),
    Column("block_number", Number),
    Column("gas_used", Number),
    Column("cost_wei", String),
    Column("tx_hash", LargeBinary),  # the one that got into a block
    Column("reason", String),
    UniqueConstraint("account", "nonce"),
)

transactions = Table(
    "transactions",
    metadata,
    Column("tx_hash", LargeBinary, primary_key=True),
    Column("intent_id", Number, nullable=False, index=True),
    Column("nonce", Number, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("max_fee_wei", String, nullable=False),
    Column("tip_wei", String, nullable=False),
    Column("sent_at_block", Number),  # null: never handed to a node, as far as we know
)

leases = Table(
    "leases",
    metadata,
    Column("account", String, primary_key=True),
    Column("holder", String, nullable=False),
)


KEYS_A_QUERY = 500
"""Databases bound how many values a query may carry: SQLite once at 999."""

_T = TypeVar("_T")


def key_runs(keys: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Keys in their order, in runs that one query's IN may hold."""
    for at in range(0, len(keys), KEYS_A_QUERY):
        yield keys[at : at + KEYS_A_QUERY]


_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_new(db: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert those rows whose key is not there yet; of two writers, the first one's row stays."""
    if rows:
        db.execute(_INSERTS[db.dialect.name](table).on_conflict_do_nothing(), list(rows))


class Store:
    """One database. `url` is SQLAlchemy's, e.g. `sqlite:///var/operator.db`."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._path: Path | None = None
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            self._path = Path(str(parsed.database))
            self._path.parent.mkdir(parents=True, exist_ok=True)
        self.engine: Engine = create_engine(parsed)
        if parsed.get_backend_name() == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        metadata.create_all(self.engine)
        self._add_columns()

    def _add_columns(self) -> None:
        """Columns that a release before this one did not have; all such are null where unknown."""
        found = inspect(self.engine)
        for table in metadata.sorted_tables:
            there = {column["name"] for column in found.get_columns(table.name)}
            for column in table.columns:
                if column.name not in there:
                    kind = column.type.compile(self.engine.dialect)
                    with self.begin() as db:
                        db.execute(
                            text(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}')
                        )

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or none."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One transaction that only reads: it waits for no writer, and no writer for it."""
        with self.engine.connect() as connection:
            connection.execution_options(**{_READS_ONLY: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        self.engine.dispose()

    def lease(self, account: str) -> Lease:
        """Become the only process that sends for an account. Raises `StoreBusy`."""
        return Lease(self, account)


class Lease:
    """The right to send for one account: an operating system's lock, and a name in the store.

    The lock (a locked file beside SQLite, an advisory lock of PostgreSQL) ends with its holder,
    so a killed process never blocks its successor. The name guards against a holder that lost the
    lock without noticing: whoever takes the lease writes his own, and every transaction that
    allots a nonce checks that it is still there (`check`).
    """

    def __init__(self, store: Store, account: str) -> None:
        self.account = account
        self._store = store
        self._holder = uuid.uuid4().hex
        self._file: int | None = None
        self._connection: Connection | None = None
        backend = store.engine.url.get_backend_name()
        if backend == "postgresql":
            self._connection = store.engine.connect()
            query = text("SELECT pg_try_advisory_lock(hashtextextended(:account, 0))")
            taken = self._connection.execute(query, {"account": account}).scalar_one()
            self._connection.commit()
            if not taken:
                self._connection.close()
                raise self._busy()
        elif store._path is not None:
            path = store._path.with_name(f"{store._path.name}.{account.lower()}.lock")
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(self._file)
                raise self._busy() from None
        try:
            with store.begin() as db:
                mine = {"holder": self._holder}
                found = db.execute(update(leases).where(leases.c.account == account).values(**mine))
                if not found.rowcount:
                    db.execute(insert(leases).values(account=account, **mine))
        except BaseException:
            self.release()
            raise

    def _busy(self) -> StoreBusy:
        return StoreBusy(
            f"another process works for {self.account} on this store; stop it first, or give this "
            "one an account and a store of its own"
        )

    def check(self, db: Connection) -> None:
        """Within a transaction: still the holder, and locked to stay so until its end."""
        query = select(leases.c.holder).where(leases.c.account == self.account).with_for_update()
        if db.execute(query).scalar_one() != self._holder:
            raise StoreBusy(f"another process has taken over {self.account}; this one must stop")

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._connection is not None:
            # The lock is the session's: given back to the pool, it would be held on.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 10000")


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
