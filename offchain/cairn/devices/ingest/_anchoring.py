"""From stored packets to mature batches: makes, anchors and opens them, however often it is killed.

A batch is kept, with its packets bound to it, before the chain hears of it; its id is made of its
content, the outbox sends one transaction for each step of it, and the registry takes a root once:
so nothing is anchored twice. Each step can be repeated; what the chain says decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import func, insert, select, update

from cairn.chain import Batch as AnchoredBatch
from cairn.chain import BatchState as OnChain
from cairn.chain import (
    Call,
    Device,
    Head,
    Intent,
    Log,
    LogCursor,
    Outbox,
    Reverted,
    State,
)
from cairn.devices._batches import Batch, build_batch, thin_packets
from cairn.devices.ingest._roster import KnownDevice, Roster
from cairn.devices.ingest._settings import IngestSettings
from cairn.devices.ingest._store import PacketStore, Place, batches
from cairn.domain.packets import PacketFormat

_log = logging.getLogger(__name__)

OPENING_WINDOW_S = 86_400
"""As the registry's: so long may a batch wait for its openings."""


class BatchState(StrEnum):
    """Where a batch stands, for this owner."""

    MADE = "made"
    """Its packets are bound to it; not on chain yet."""
    ANCHORED = "anchored"
    """Its spot check is to be answered."""
    MATURE = "mature"
    VOID = "void"
    LAPSED = "lapsed"
    """Never opened in time: its bond is lost."""
    REFUSED = "refused"
    """The registry will never take it."""


# What the registry says of a batch that it will never take: later batches may still do.
_FOR_GOOD = (
    "anchor: window overlaps an earlier one",
    "anchor: more than one a period",
    "anchor: device is revoked",
    "device: caller is not its owner",
)


class Registry(Protocol):
    """What of the DeviceRegistry's client is wanted here."""

    def device(self, device: str) -> Device: ...

    def decode(self, log: Log) -> object | None: ...

    def last_anchored(self, alliance: str, device: str) -> int: ...

    def batch(self, batch_id: int) -> AnchoredBatch: ...

    def bond_wei(self) -> int: ...

    def credit_wei(self, holder: str) -> int: ...

    def drawn_leaves(self, batch_id: int) -> list[int]: ...

    def anchor_batch(
        self,
        alliance: str,
        device: str,
        root: bytes,
        count: int,
        first_timestamp: int,
        last_timestamp: int,
        cid: bytes,
        *,
        bond_wei: int = 0,
    ) -> Call: ...

    def draw(self, batch_id: int, *, bond_wei: int = 0) -> Call: ...

    def mature_batch(
        self, batch_id: int, openings: Sequence[tuple[bytes, Sequence[bytes]]]
    ) -> Call: ...

    def withdraw(self) -> Call: ...


class Anchorer:
    """Works for one owner and one alliance. `step` does all that can be done now."""

    def __init__(
        self,
        settings: IngestSettings,
        store: PacketStore,
        roster: Roster,
        registry: Registry,
        outbox: Outbox,
        cursor: LogCursor,
        alliance: str,
        clock: Callable[[], float],
        publish: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """`alliance`: its timelock's address. `publish`: puts a batch file where others can read
        it, and returns its binary CID; without it the files stay here.
        """
        self._settings = settings
        self._store = store
        self._roster = roster
        self._registry = registry
        self._outbox = outbox
        self._cursor = cursor
        self._alliance = alliance
        self._clock = clock
        self._publish = publish
        self._bond_wei: int | None = None

    def step(self, head: Head) -> None:
        """Raises `NodeUnreachable`, `NodeRefused` or SQLAlchemy's errors: then come again."""
        self._roster.follow(self._cursor, head, self._registry, self._outbox.account)
        self._outbox.tick(head)
        self._make_batches()
        for row in self._rows(BatchState.MADE, one_a_device=True):
            self._anchor(row, head)
        for row in self._rows(BatchState.ANCHORED):
            self._open(row, head)
        self._withdraw(head)

    def counts(self) -> dict[str, int]:
        """Batches by state."""
        with self._store.store.begin() as db:
            rows = db.execute(select(batches.c.state, func.count()).group_by(batches.c.state)).all()
        return {str(state): count for state, count in rows}

    # --- making -----------------------------------------------------------------------------

    def _make_batches(self) -> None:
        until = int(self._clock()) - self._settings.grace_s
        for device, count, oldest in self._store.waiting():
            known = self._roster.get(device)
            is_due = oldest <= until - self._settings.batch_every_s
            if known is None or not (is_due or count >= self._settings.batch_most):
                continue
            while self._make_batch(known, until, 1 if is_due else self._settings.batch_most):
                pass

    def _make_batch(self, known: KnownDevice, until: int, least: int) -> bool:
        """Bind a device's oldest packets to a batch; False if there were less than `least`."""
        device = known.device
        found = self._store.read_waiting(device, until, self._settings.batch_most)
        if len(found) < least:
            return False
        after = max(
            self._last_bound(device), self._registry.last_anchored(self._alliance, _hex(device))
        )
        late = [timestamp for timestamp, _ in found if timestamp <= after]
        fresh = [raw for timestamp, raw in found if timestamp > after]
        kept = thin_packets(fresh, known.period_s)
        batch = build_batch(kept, device, known.period_s, known.format) if kept else None
        bound = set() if batch is None else {packet.timestamp for packet in batch.packets}
        thinned = [at for at, _ in found if at > after and at not in bound]
        cid = b""
        if batch is not None and self._publish is not None:
            cid = self._publish(batch.file)
        with self._store.store.begin() as db:
            self._store.place(db, device, [*late, *thinned], Place.LEFT_OUT)
            if batch is not None:
                batch_id = f"{batch.batch_id:064x}"
                self._store.place(db, device, sorted(bound), Place.BATCHED, batch_id)
                db.execute(
                    insert(batches).values(
                        batch_id=batch_id,
                        device=device,
                        alliance=self._alliance,
                        root=batch.root,
                        count=batch.count,
                        first=batch.first,
                        last=batch.last,
                        cid=cid,
                        state=BatchState.MADE,
                        attempt=0,
                    )
                )
        if batch is not None:
            _tell("batch made", batch_id=batch_id, device=_hex(device), count=batch.count)
        if late:
            _tell("packets too late for a batch", device=_hex(device), count=len(late))
        return True

    def _last_bound(self, device: bytes) -> int:
        with self._store.store.begin() as db:
            query = select(func.max(batches.c.last)).where(
                batches.c.device == device,
                batches.c.alliance == self._alliance,
                batches.c.state != BatchState.REFUSED,
            )
            return int(db.execute(query).scalar_one() or 0)

    # --- anchoring --------------------------------------------------------------------------

    def _anchor(self, row: Any, head: Head) -> None:
        found = self._on_chain(row)
        if found.device != _ZERO:
            if found.alliance == row.alliance:
                self._move(row, BatchState.ANCHORED)
            else:
                # The same packets, cut alike, for another alliance: a root is anchored once.
                self._move(row, BatchState.REFUSED, f"anchored for {found.alliance}")
            return
        call = self._registry.anchor_batch(
            row.alliance,
            _hex(row.device),
            bytes(row.root),
            row.count,
            row.first,
            row.last,
            bytes(row.cid),
            bond_wei=self._bond(),
        )
        reason = self._do("anchor", row, call, head)
        if reason in _FOR_GOOD:
            self._move(row, BatchState.REFUSED, reason)

    # --- the spot check ---------------------------------------------------------------------

    def _open(self, row: Any, head: Head) -> None:
        found = self._on_chain(row)
        if found.device == _ZERO:  # its block is gone: anchor again
            self._move(row, BatchState.MADE)
        elif found.state == OnChain.MATURE:
            self._move(row, BatchState.MATURE)
        elif found.state == OnChain.VOID:
            self._move(row, BatchState.VOID)
        elif head.timestamp > found.anchored_at + OPENING_WINDOW_S:
            self._move(row, BatchState.LAPSED, "not opened within a day")
        elif head.number > found.draw_block:
            self._show_leaves(row, found, head)

    def _show_leaves(self, row: Any, found: AnchoredBatch, head: Head) -> None:
        batch_id = int(row.batch_id, 16)
        try:
            leaves = self._registry.drawn_leaves(batch_id)
        except Reverted as error:
            if error.reason != "drawn: the draw has lapsed":
                raise
            # Another bond is burnt, or this one is: the batch is worth the same money.
            call = self._registry.draw(batch_id, bond_wei=self._bond())
            self._do(f"draw-{found.draw_block}", row, call, head)
            return
        batch = self._batch(row)
        openings = [batch.opening(index) for index in leaves]
        call = self._registry.mature_batch(
            batch_id, [(opening.packet, opening.proof) for opening in openings]
        )
        self._do("mature", row, call, head)

    def _batch(self, row: Any) -> Batch:
        device = bytes(row.device)
        packets = self._store.batch_packets(row.batch_id)
        record = self._registry.device(_hex(device))
        batch = build_batch(packets, device, record.period_s, _format(record))
        if batch.root != bytes(row.root):
            raise RuntimeError(f"batch {row.batch_id} is not what it was made of")
        return batch

    # --- money ------------------------------------------------------------------------------

    def _withdraw(self, head: Head) -> None:
        credit = self._registry.credit_wei(self._outbox.account)
        if credit < self._settings.withdraw_bonds * self._bond():
            return
        matured = self.counts().get(BatchState.MATURE, 0)
        try:
            self._outbox.post(f"ingest:withdraw:{matured}", self._registry.withdraw(), head)
        except Reverted as error:
            _log.warning("cannot withdraw", extra={"fields": {"why": error.reason}})

    def _bond(self) -> int:
        if self._bond_wei is None:
            self._bond_wei = self._registry.bond_wei()
        return self._bond_wei

    # --- parts ------------------------------------------------------------------------------

    def _do(self, what: str, row: Any, call: Call, head: Head) -> str | None:
        """Have a call of a batch made once. Returns why the contract refuses it, if it does."""
        intent = self._intent(what, row)
        if intent is not None:
            if intent.state == State.REVERTED:
                # It changed nothing. Whether it is worth another try, the next estimate says.
                self._again(row)
                return intent.reason or None
            return None
        try:
            self._outbox.post(self._key(what, row), call, head)
        except Reverted as error:
            _log.warning(
                f"cannot {what}",
                extra={"fields": {"batch_id": row.batch_id, "why": error.reason}},
            )
            return error.reason
        _tell(f"{what} sent", batch_id=row.batch_id)
        return None

    def _key(self, what: str, row: Any) -> str:
        return f"ingest:{what}:{row.batch_id}:{row.attempt}"

    def _intent(self, what: str, row: Any) -> Intent | None:
        return self._outbox.get(self._key(what, row))

    def _again(self, row: Any) -> None:
        with self._store.store.begin() as db:
            db.execute(
                update(batches)
                .where(batches.c.batch_id == row.batch_id)
                .values(attempt=row.attempt + 1)
            )

    def _move(self, row: Any, state: BatchState, reason: str | None = None) -> None:
        with self._store.store.begin() as db:
            db.execute(
                update(batches)
                .where(batches.c.batch_id == row.batch_id)
                .values(state=state, reason=reason)
            )
        _tell(f"batch {state.value}", batch_id=row.batch_id, why=reason)

    def _on_chain(self, row: Any) -> AnchoredBatch:
        return self._registry.batch(int(row.batch_id, 16))

    def _rows(self, state: BatchState, *, one_a_device: bool = False) -> list[Any]:
        """Batches in a state, the oldest first; of each device the oldest only, if so wished:
        windows move forward, so a later one is anchored after it.
        """
        with self._store.store.begin() as db:
            rows = db.execute(
                select(batches)
                .where(batches.c.state == state, batches.c.alliance == self._alliance)
                .order_by(batches.c.first)
            ).all()
        if not one_a_device:
            return list(rows)
        first: dict[bytes, Any] = {}
        for row in rows:
            first.setdefault(bytes(row.device), row)
        return list(first.values())


_ZERO = "0x" + 40 * "0"


def _hex(device: bytes) -> str:
    return "0x" + bytes(device).hex()


def _format(record: Device) -> PacketFormat:
    return PacketFormat(int(record.format))


def _tell(event: str, **fields: Any) -> None:
    _log.info(event, extra={"fields": {k: v for k, v in fields.items() if v is not None}})
