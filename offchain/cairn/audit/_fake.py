"""A ledger in memory, for tests: records in dictionaries, free to be tampered with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from cairn.audit._ports import Absent
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

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass
class FakeLedger:
    """`failures` names methods that cannot be read now, with the error that they raise."""

    chain_id: int = 4690
    time: int = 1_700_000_000
    judge: bytes = bytes(20)
    reserves: dict[str, tuple[int, int]] = field(default_factory=dict)
    requests: dict[int, MarketRequest] = field(default_factory=dict)
    requested_events: dict[int, Requested] = field(default_factory=dict)
    answered_events: dict[int, Answered] = field(default_factory=dict)
    predicted_events: dict[bytes, list[Predicted]] = field(default_factory=dict)
    terms_records: dict[int, Terms] = field(default_factory=dict)
    models: dict[int, Model] = field(default_factory=dict)
    versions: dict[tuple[int, int], Version] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    phases: dict[int, Phase] = field(default_factory=dict)
    round_updates: dict[int, list[tuple[Update, UpdateSubmitted]]] = field(default_factory=dict)
    aggregates: dict[int, Aggregate] = field(default_factory=dict)
    batches: dict[int, Batch] = field(default_factory=dict)
    anchored_events: dict[int, BatchAnchored] = field(default_factory=dict)
    devices: dict[str, Device] = field(default_factory=dict)
    failures: dict[str, CairnError] = field(default_factory=dict)

    def now(self) -> int:
        self._fail("now")
        return self.time

    def receipt_judge(self) -> bytes:
        return self.judge

    def reserve(self, operator: str) -> tuple[int, int]:
        self._fail("reserve")
        return self.reserves.get(operator, (0, 0))

    def request(self, request_id: int) -> MarketRequest:
        return self._get("request", self.requests, request_id)

    def requested(self, request_id: int) -> Requested:
        return self._get("requested", self.requested_events, request_id)

    def answered(self, request_id: int) -> Answered:
        return self._get("answered", self.answered_events, request_id)

    def predicted(self, tx_hash: bytes) -> Sequence[Predicted]:
        self._fail("predicted")
        return self.predicted_events.get(tx_hash, [])

    def terms(self, terms_id: int) -> Terms:
        return self._get("terms", self.terms_records, terms_id)

    def model(self, model_id: int) -> Model:
        return self._get("model", self.models, model_id)

    def version(self, model_id: int, version: int) -> Version:
        return self._get("version", self.versions, (model_id, version))

    def plan(self, round_id: int) -> Plan:
        return self._get("plan", self.plans, round_id)

    def phase(self, round_id: int) -> Phase:
        return self._get("phase", self.phases, round_id)

    def updates(self, round_id: int) -> Sequence[tuple[Update, UpdateSubmitted]]:
        return self._get("updates", self.round_updates, round_id)

    def aggregate(self, round_id: int) -> Aggregate:
        return self._get("aggregate", self.aggregates, round_id)

    def batch(self, batch_id: int) -> Batch:
        return self._get("batch", self.batches, batch_id)

    def anchored(self, batch_id: int) -> BatchAnchored:
        return self._get("anchored", self.anchored_events, batch_id)

    def device(self, device: str) -> Device:
        return self._get("device", self.devices, device)

    def _fail(self, method: str) -> None:
        if method in self.failures:
            raise self.failures[method]

    def _get(self, method: str, records: Mapping[_K, _V], key: _K) -> _V:
        self._fail(method)
        if key not in records:
            raise Absent(f"chain {self.chain_id} has no {method} {key}")
        return records[key]
