"""What the ingester keeps: packets as received, once each, and the batches made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Index,
    LargeBinary,
    String,
    Table,
    func,
    select,
    tuple_,
    update,
)

from cairn.chain import Number, Store, insert_new, metadata
from cairn.devices.ingest._answers import Answer


class Place(StrEnum):
    """Where a stored packet stands."""

    WAITING = "waiting"
    """For its batch."""
    BATCHED = "batched"
    LEFT_OUT = "left_out"
    """Within a period of the one before, or later than a batch of a later time: in no batch."""


packets = Table(
    "ingest_packets",
    metadata,
    Column("device", LargeBinary(20), primary_key=True),
    Column("timestamp", Number, primary_key=True),
    Column("raw", LargeBinary, nullable=False),
    Column("received_at", Number, nullable=False),
    Column("place", String, nullable=False),
    Column("batch_id", String),
    Index("ingest_packets_by_place", "place", "device", "timestamp"),
    Index("ingest_packets_by_batch", "batch_id", "timestamp"),
)

batches = Table(
    "ingest_batches",
    metadata,
    Column("batch_id", String, primary_key=True),  # hexadecimal, 64 digits
    Column("device", LargeBinary(20), nullable=False),
    Column("alliance", String, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("count", Number, nullable=False),
    Column("first", Number, nullable=False),
    Column("last", Number, nullable=False),
    Column("cid", LargeBinary, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("attempt", Number, nullable=False),  # of the step under way, from 0
    Column("reason", String),
)

# Those that our account owns, in use.
devices = Table(
    "ingest_devices",
    metadata,
    Column("device", LargeBinary(20), primary_key=True),
    Column("format", Number, nullable=False),
    Column("period_s", Number, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet that was checked."""

    device: bytes
    timestamp: int
    raw: bytes
    received_at: int


class PacketStore:
    """Packets in a store; every method is a transaction that is on disk when it returns."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def keep(self, arrivals: Sequence[Arrival]) -> list[Answer]:
        """Write all that are new in one transaction; the answer to each. Raises as SQLAlchemy."""
        first: dict[tuple[bytes, int], Arrival] = {}
        for arrival in arrivals:
            first.setdefault((arrival.device, arrival.timestamp), arrival)
        with self.store.begin() as db:
            before = self._raw_of(db, list(first))
            rows = [
                {
                    "device": arrival.device,
                    "timestamp": arrival.timestamp,
                    "raw": arrival.raw,
                    "received_at": arrival.received_at,
                    "place": Place.WAITING,
                }
                for key, arrival in first.items()
                if key not in before
            ]
            # Where another process writes too, the packet that came first stays.
            insert_new(db, packets, rows)
            kept = before | self._raw_of(db, [key for key in first if key not in before])
        answers = []
        for arrival in arrivals:
            key = (arrival.device, arrival.timestamp)
            if kept.get(key) != arrival.raw:
                answers.append(Answer.CONFLICT)
            elif key in before or first[key] is not arrival:
                answers.append(Answer.KNOWN)
            else:
                answers.append(Answer.STORED)
        return answers

    def _raw_of(self, db: Connection, keys: list[tuple[bytes, int]]) -> dict[Any, bytes]:
        if not keys:
            return {}
        rows = db.execute(
            select(packets.c.device, packets.c.timestamp, packets.c.raw).where(
                tuple_(packets.c.device, packets.c.timestamp).in_(keys)
            )
        ).all()
        return {(bytes(row.device), row.timestamp): bytes(row.raw) for row in rows}

    def waiting(self) -> list[tuple[bytes, int, int]]:
        """(device, packets that wait for a batch, the oldest's timestamp), by device."""
        with self.store.begin() as db:
            rows = db.execute(
                select(packets.c.device, func.count(), func.min(packets.c.timestamp))
                .where(packets.c.place == Place.WAITING)
                .group_by(packets.c.device)
                .order_by(packets.c.device)
            ).all()
        return [(bytes(device), count, oldest) for device, count, oldest in rows]

    def read_waiting(self, device: bytes, until: int, most: int) -> list[tuple[int, bytes]]:
        """The oldest packets of a device not after `until` that wait: (timestamp, bytes)."""
        with self.store.begin() as db:
            rows = db.execute(
                select(packets.c.timestamp, packets.c.raw)
                .where(
                    packets.c.place == Place.WAITING,
                    packets.c.device == device,
                    packets.c.timestamp <= until,
                )
                .order_by(packets.c.timestamp)
                .limit(most)
            ).all()
        return [(row.timestamp, bytes(row.raw)) for row in rows]

    def batch_packets(self, batch_id: str) -> list[bytes]:
        """The packets of a batch, in its order."""
        with self.store.begin() as db:
            rows = db.execute(
                select(packets.c.raw)
                .where(packets.c.batch_id == batch_id)
                .order_by(packets.c.timestamp)
            ).all()
        return [bytes(row.raw) for row in rows]

    def counts(self) -> dict[str, int]:
        """Stored packets by place."""
        with self.store.begin() as db:
            rows = db.execute(select(packets.c.place, func.count()).group_by(packets.c.place)).all()
        return {str(place): count for place, count in rows}

    def place(
        self,
        db: Connection,
        device: bytes,
        timestamps: Sequence[int],
        place: Place,
        batch_id: str | None = None,
    ) -> None:
        """Within a transaction: say where waiting packets have gone."""
        for at in range(0, len(timestamps), 500):
            db.execute(
                update(packets)
                .where(
                    packets.c.device == device,
                    packets.c.timestamp.in_(timestamps[at : at + 500]),
                    packets.c.place == Place.WAITING,
                )
                .values(place=place, batch_id=batch_id)
            )
