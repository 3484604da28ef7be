"""How the index follows the chain."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

from sqlalchemy import Connection, insert, select, union

from cairn.catalog._facts import (
    FACTS,
    OF_CHARTERS,
    OF_EVALUATIONS,
    OF_FACTORY,
    OF_GOVERNORS,
    OF_LEDGER,
    OF_REGISTRY,
    TABLES,
    fingerprint,
    origins,
    times,
)
from cairn.chain import (
    AllianceLaunched,
    Charter,
    Governor,
    Head,
    Lease,
    Log,
    LogCursor,
    Node,
    NodeBehind,
    Store,
    System,
    WrongNetwork,
    forget_position,
    insert_new,
    metadata,
)

SHARED, OF_ALLIANCES = "catalog", "catalog of alliances"
"""Names of the two cursors."""


class Emitter(Protocol):
    """A contract, as far as one reads its logs."""

    address: str

    def topics(self, *events: type[Any]) -> list[bytes]: ...

    def decode(self, log: Log) -> Any | None: ...


@dataclass(frozen=True)
class Sources:
    """What is followed: the shared contracts, and the governor and charter of each alliance that the
    factory launched.

    overlap_blocks: how far each page begins before the first new block, for a node behind a
    balancer that was late with a block's logs.
    """

    node: Node
    chain_id: int
    factory: Emitter
    registry: Emitter
    ledger: Emitter
    evaluations: Emitter
    first_block: int = 0
    page_blocks: int = 2_000
    confirmations: int = 0
    overlap_blocks: int = 16
    governor_at: Callable[[Node, str], Emitter] = Governor
    charter_at: Callable[[Node, str], Emitter] = Charter

    @classmethod
    def of(cls, system: System) -> Self:
        return cls(
            node=system.node,
            chain_id=system.network.chain_id,
            factory=system.factory,
            registry=system.models,
            ledger=system.stakes,
            evaluations=system.evaluations,
            first_block=system.deployment.first_block,
            page_blocks=system.network.log_page_blocks,
            confirmations=system.network.confirmations,
        )


class Follower:
    """Brings the index up to the chain's newest confirmed block, from wherever it stands.

    The index is a cache: if the chain, the deployment or the columns are others than those that it
    was made of, or the chain was rewritten deeper than confirmed, it is made again from nothing.
    """

    def __init__(self, store: Store, sources: Sources) -> None:
        self._store = store
        self._sources = sources

    def sync(self) -> None:
        """Read all that is new. Raises `StoreBusy` while another process does, and `NodeBehind`,
        `NodeUnreachable`, `NodeRefused`; what was read until then is kept."""
        with self._store.lease(SHARED) as lease:
            self._check_origin(lease)
            try:
                self._read(lease)
            except WrongNetwork:
                self._begin_anew(lease, self._origin())
                self._read(lease)
            self._note_times(lease)

    def rebuild(self) -> None:
        """Forget everything and read the chain from the first block on."""
        with self._store.lease(SHARED) as lease:
            self._begin_anew(lease, self._origin())
            self._read(lease)
            self._note_times(lease)

    def _shared(self) -> list[tuple[Emitter, tuple[type[Any], ...]]]:
        sources = self._sources
        return [
            (sources.factory, OF_FACTORY),
            (sources.registry, OF_REGISTRY),
            (sources.ledger, OF_LEDGER),
            (sources.evaluations, OF_EVALUATIONS),
        ]

    # --- where it stands ---------------------------------------------------------------------

    def _origin(self) -> str:
        sources = self._sources
        first = sources.node.block_hash(sources.first_block)
        if first is None:
            raise NodeBehind(
                f"the node has no block {sources.first_block}, where the deployment begins: it is "
                "catching up, or on another chain than the deployment"
            )
        return json.dumps(
            {
                "chain": sources.chain_id,
                "first": [sources.first_block, first.hex()],
                "contracts": [one.address for one, _ in self._shared()],
                "columns": fingerprint(),
            }
        )

    def _check_origin(self, lease: Lease) -> None:
        origin = self._origin()
        with self._store.read() as db:
            known = db.execute(select(origins.c.origin)).scalar_one_or_none()
        if known != origin:
            self._begin_anew(lease, origin)

    def _begin_anew(self, lease: Lease, origin: str) -> None:
        with self._store.begin() as db:
            lease.check(db)
            # Dropped, since an older release may have had other columns.
            metadata.drop_all(db, tables=TABLES)
            metadata.create_all(db, tables=TABLES)
            for name in (SHARED, OF_ALLIANCES):
                forget_position(db, name)
            db.execute(insert(origins).values(only=1, origin=origin))

    # --- reading -----------------------------------------------------------------------------

    def _read(self, lease: Lease) -> None:
        sources = self._sources
        shared = self._shared()
        head = sources.node.head()
        cursor = self._cursor(SHARED, shared, sources.first_block, sources.confirmations)
        cursor.advance(head, self._keep([one for one, _ in shared], lease))
        launched = FACTS[AllianceLaunched]
        query = select(launched.c.governor, launched.c.charter, launched.c.block)
        with self._store.read() as db:
            alliances = db.execute(query).all()
        if not alliances:
            return
        # Up to where the launches are known: no governor's log is passed over before its launch.
        known = Head(cursor.next_block - 1, head.timestamp, head.base_fee_wei)
        governors = [sources.governor_at(sources.node, row.governor) for row in alliances]
        charters = [sources.charter_at(sources.node, row.charter) for row in alliances]
        theirs = [(one, OF_GOVERNORS) for one in governors] + [
            (one, OF_CHARTERS) for one in charters
        ]
        first = min(row.block for row in alliances)
        cursor = self._cursor(OF_ALLIANCES, theirs, first, 0)
        cursor.advance(known, self._keep([*governors, *charters], lease))

    def _cursor(
        self,
        name: str,
        wanted: Sequence[tuple[Emitter, tuple[type[Any], ...]]],
        first_block: int,
        confirmations: int,
    ) -> LogCursor:
        topics = {topic for contract, events in wanted for topic in contract.topics(*events)}
        return LogCursor(
            self._store,
            self._sources.node,
            name,
            [contract.address for contract, _ in wanted],
            sorted(topics),
            first_block=first_block,
            confirmations=confirmations,
            page_blocks=self._sources.page_blocks,
            overlap_blocks=self._sources.overlap_blocks,
        )

    def _keep(
        self, contracts: Sequence[Emitter], lease: Lease
    ) -> Callable[[Connection, list[Log]], None]:
        at = {contract.address: contract for contract in contracts}

        def keep(db: Connection, logs: list[Log]) -> None:
            lease.check(db)
            rows: dict[type[Any], list[dict[str, Any]]] = {}
            for log in logs:
                event: Any = at[log.address].decode(log) if log.address in at else None
                if type(event) in FACTS:
                    said = {field.name: getattr(event, field.name) for field in fields(event)}
                    place = {"block": log.block_number, "place": log.log_index}
                    rows.setdefault(type(event), []).append(
                        {**place, "contract": log.address, **said}
                    )
            for kind, found in rows.items():
                insert_new(db, FACTS[kind], found)

        return keep

    def _note_times(self, lease: Lease) -> None:
        """The time of each block that said something: its logs do not tell."""
        said = union(*(select(table.c.block) for table in FACTS.values())).subquery()
        query = select(said.c.block).where(said.c.block.not_in(select(times.c.block)))
        with self._store.read() as db:
            blocks = sorted(db.execute(query).scalars())
        for first in range(0, len(blocks), 100):
            found = []
            for block in blocks[first : first + 100]:
                at = self._sources.node.block_time(block)
                if at is None:
                    raise NodeBehind(f"a node that gave logs of block {block} has it no more")
                found.append({"block": block, "at": at})
            with self._store.begin() as db:
                lease.check(db)
                insert_new(db, times, found)
