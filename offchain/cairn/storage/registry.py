"""The content that the chain names: what must stay retrievable for Cairn to be checkable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, Self

from sqlalchemy import Connection

from cairn.chain import (
    BatchAnchored,
    DeviceRegistry,
    Log,
    LogCursor,
    ModelRegistry,
    Node,
    Store,
    System,
    TrainingRounds,
)
from cairn.domain.cid import Cid, CidError

from ._upkeep import NamedCid

__all__ = ["AnchoredBatches", "Batches", "RegistryCids"]

_READ_AGAIN_BLOCKS: Final = 256
"""A later walk begins this far before the end of the last one, in case the chain was rewritten."""


class Batches(Protocol):
    """Names the batches whose owners said where their packets are."""

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        """What each is, and its CID as it stands on chain."""


class AnchoredBatches:
    """Batches by their anchor events: no contract keeps their CIDs.

    Most have none, since packets stay with their owner unless he publishes them. What was read is
    remembered, so a later walk reads only what is new. One thread at a time.
    """

    def __init__(
        self,
        devices: DeviceRegistry,
        node: Node,
        *,
        first_block: int = 0,
        page_blocks: int = 2_000,
        confirmations: int = 0,
    ) -> None:
        self._devices = devices
        self._node = node
        self._first_block = self._next_block = first_block
        self._page_blocks = page_blocks
        self._confirmations = confirmations
        self._found: dict[int, tuple[str, bytes]] = {}

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        # The cursor pages, and shrinks a page that the node refuses; its own place is not kept.
        store = Store("sqlite://")
        try:
            cursor = LogCursor(
                store,
                self._node,
                "batches",
                [self._devices.address],
                self._devices.topics(BatchAnchored),
                first_block=self._next_block,
                page_blocks=self._page_blocks,
                confirmations=self._confirmations,
            )
            cursor.advance(self._node.head(), self._note)
        finally:
            store.close()
        self._next_block = max(self._first_block, cursor.next_block - _READ_AGAIN_BLOCKS)
        yield from self._found.values()

    def _note(self, _: Connection, logs: list[Log]) -> None:
        for log in logs:
            event: Any = self._devices.decode(log)
            if isinstance(event, BatchAnchored) and event.cid:
                label = f"batch of device {event.device} from {event.first_timestamp}"
                self._found[event.batch_id] = label, event.cid


class RegistryCids:
    """Walks models, their versions, the rounds that made them, and batches. Implements `CidSource`.

    Anybody's alliance may register bytes that are no CID; those are told to `on_unreadable`, with
    what they were meant to be, and passed over.
    """

    def __init__(
        self,
        models: ModelRegistry,
        rounds: TrainingRounds,
        batches: Batches,
        *,
        on_unreadable: Callable[[str, str], None] = lambda label, reason: None,
    ) -> None:
        self._models = models
        self._rounds = rounds
        self._batches = batches
        self._on_unreadable = on_unreadable

    @classmethod
    def of(
        cls,
        system: System,
        *,
        on_unreadable: Callable[[str, str], None] = lambda label, reason: None,
    ) -> Self:
        """All that one deployment names."""
        batches = AnchoredBatches(
            system.devices,
            system.node,
            first_block=system.deployment.first_block,
            page_blocks=system.network.log_page_blocks,
            confirmations=system.network.confirmations,
        )
        return cls(system.models, system.rounds, batches, on_unreadable=on_unreadable)

    def named_cids(self) -> Iterator[NamedCid]:
        for label, cid in self._raw():
            # Empty where the contract lets one be left out.
            if not cid:
                continue
            try:
                yield NamedCid(Cid.from_bytes(cid), label)
            except CidError as error:
                self._on_unreadable(label, str(error))

    def _raw(self) -> Iterator[tuple[str, bytes]]:
        for model_id in range(1, self._models.n_models() + 1):
            yield f"schema of model {model_id}", self._models.model(model_id).schema_cid
            for number in range(1, self._models.latest_version(model_id) + 1):
                version = self._models.version(model_id, number)
                name = f"model {model_id}, version {number}"
                yield f"program of {name}", version.program_cid
                yield f"card of {name}", version.card_cid
        for round_id in range(1, self._rounds.n_rounds() + 1):
            yield f"plan of round {round_id}", self._rounds.plan(round_id).plan_cid
            for update in self._rounds.updates(round_id):
                yield f"update of {update.member} in round {round_id}", update.cid
            aggregate = self._rounds.aggregate_of(round_id)
            yield f"aggregate of round {round_id}", aggregate.cid
            yield f"program of round {round_id}", aggregate.program_cid
            yield f"card of round {round_id}", aggregate.card_cid
        yield from self._batches.labelled()
