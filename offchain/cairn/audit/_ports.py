"""What an audit reads of the chain. Content comes from a `cairn.storage.ContentStore`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cairn.chain import (
    Aggregate,
    Answered,
    Batch,
    BatchAnchored,
    Device,
    MarketRequest,
    Model,
    Phase,
    Plan,
    Predicted,
    Requested,
    Terms,
    Update,
    UpdateSubmitted,
    Version,
)
from cairn.errors import CairnError


class Absent(CairnError):
    """The chain was read, and has no such record."""


class Ledger(Protocol):
    """What the contracts hold and have logged.

    Raises `Absent` for what they do not have, any other `CairnError` if they cannot be read now.
    """

    @property
    def chain_id(self) -> int: ...

    def now(self) -> int:
        """The newest block's time, unix seconds."""
        ...

    def receipt_judge(self) -> bytes:
        """The 20-byte address of the contract that judges receipts here."""
        ...

    def reserve(self, operator: str) -> tuple[int, int]:
        """What stands behind an operator's receipts, wei, and after which time's."""
        ...

    def request(self, request_id: int) -> MarketRequest: ...

    def requested(self, request_id: int) -> Requested: ...

    def answered(self, request_id: int) -> Answered: ...

    def predicted(self, tx_hash: bytes) -> Sequence[Predicted]:
        """The predictions that a transaction bought from the market itself."""
        ...

    def terms(self, terms_id: int) -> Terms: ...

    def model(self, model_id: int) -> Model: ...

    def version(self, model_id: int, version: int) -> Version: ...

    def plan(self, round_id: int) -> Plan: ...

    def phase(self, round_id: int) -> Phase: ...

    def updates(self, round_id: int) -> Sequence[tuple[Update, UpdateSubmitted]]:
        """The updates of a round in their order, each with the event that names its batches."""
        ...

    def aggregate(self, round_id: int) -> Aggregate: ...

    def batch(self, batch_id: int) -> Batch: ...

    def anchored(self, batch_id: int) -> BatchAnchored: ...

    def device(self, device: str) -> Device: ...
