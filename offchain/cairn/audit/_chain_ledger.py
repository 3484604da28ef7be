"""The ledger of a real chain: the contracts' records, and their logs from the first block on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import Connection

from cairn.audit._ports import Absent
from cairn.chain import (
    Aggregate,
    Answered,
    Batch,
    BatchAnchored,
    Contract,
    Device,
    Log,
    LogCursor,
    MarketRequest,
    Model,
    Phase,
    Plan,
    Predicted,
    Requested,
    Reverted,
    Store,
    System,
    Terms,
    Update,
    UpdateSubmitted,
    Version,
)

_T = TypeVar("_T")
_E = TypeVar("_E", UpdateSubmitted, BatchAnchored)


class ChainLedger:
    """A `Ledger` over a deployment's contracts.

    Reads the events of batches and updates once, when first asked, and the market's once for each
    request; keeps of all of them only where they are, and of the request asked about what it says.

    No call is made "at block N": public nodes keep no past state, and nothing here ever changes.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._of_request: dict[int, dict[type[Any], Any]] = {}  # of the one asked about last

    @property
    def chain_id(self) -> int:
        return self._system.network.chain_id

    def now(self) -> int:
        return self._system.node.head().timestamp

    def receipt_judge(self) -> bytes:
        return bytes.fromhex(self._system.receipts.address[2:])

    def reserve(self, operator: str) -> tuple[int, int]:
        stakes = self._system.stakes
        return stakes.reserve_wei(operator), stakes.reserve_since(operator)

    # --- records -----------------------------------------------------------------------------

    def request(self, request_id: int) -> MarketRequest:
        return self._record(
            f"request {request_id}", lambda: self._system.market.get_request(request_id)
        )

    def terms(self, terms_id: int) -> Terms:
        return self._record(f"terms {terms_id}", lambda: self._system.models.terms(terms_id))

    def model(self, model_id: int) -> Model:
        return self._record(f"model {model_id}", lambda: self._system.models.model(model_id))

    def version(self, model_id: int, version: int) -> Version:
        what = f"version {version} of model {model_id}"
        return self._record(what, lambda: self._system.models.version(model_id, version))

    def plan(self, round_id: int) -> Plan:
        return self._record(f"round {round_id}", lambda: self._system.rounds.plan(round_id))

    def phase(self, round_id: int) -> Phase:
        return self._record(f"round {round_id}", lambda: self._system.rounds.phase(round_id))

    def aggregate(self, round_id: int) -> Aggregate:
        what = f"aggregate of round {round_id}"
        found = self._record(what, lambda: self._system.rounds.aggregate_of(round_id))
        if found.posted_at == 0:
            raise self._absent(what)
        return found

    def batch(self, batch_id: int) -> Batch:
        what = f"batch {batch_id}"
        found = self._record(what, lambda: self._system.devices.batch(batch_id))
        if found.anchored_at == 0:
            raise self._absent(what)
        return found

    def device(self, device: str) -> Device:
        what = f"device {device}"
        found = self._record(what, lambda: self._system.devices.device(device))
        if not found.format:
            raise self._absent(what)
        return found

    # --- events ------------------------------------------------------------------------------

    def requested(self, request_id: int) -> Requested:
        return self._market_event(Requested, request_id)

    def answered(self, request_id: int) -> Answered:
        return self._market_event(Answered, request_id)

    def anchored(self, batch_id: int) -> BatchAnchored:
        return self._event(self._system.devices, BatchAnchored, batch_id)

    def updates(self, round_id: int) -> Sequence[tuple[Update, UpdateSubmitted]]:
        what = f"round {round_id}"
        records = self._record(what, lambda: self._system.rounds.updates(round_id))
        pairs = []
        for record in records:
            pairs.append(
                (
                    record,
                    self._event(self._system.rounds, UpdateSubmitted, (round_id, record.member)),
                )
            )
        return pairs

    def predicted(self, tx_hash: bytes) -> Sequence[Predicted]:
        receipt = self._system.node.receipt(tx_hash)
        if receipt is None:
            raise self._absent(f"transaction 0x{tx_hash.hex()}")
        events = [self._system.market.decode(log) for log in receipt.logs]
        return [event for event in events if isinstance(event, Predicted)]

    def _market_event(self, kind: type[_T], request_id: int) -> _T:
        """An event of one request: the others, with their features, are let go as they are read."""
        if request_id not in self._of_request:
            market, found = self._system.market, {}

            def handle(_: Connection, logs: list[Log]) -> None:
                for log in logs:
                    event = market.decode(log)
                    if isinstance(event, (Requested, Answered)) and event.request_id == request_id:
                        found[type(event)] = event

            self._read([(market, (Requested, Answered))], handle)
            self._of_request = {request_id: found}
        event: _T | None = self._of_request[request_id].get(kind)
        if event is None:
            raise self._absent(f"{kind.__name__} event of {request_id}")
        return event

    @cached_property
    def _places(self) -> dict[tuple[type[Any], Any], int]:
        """The block of each batch's and update's event: which of them a walk asks for shows on its
        way, and what all of them say is too much to keep."""
        system = self._system
        found: dict[tuple[type[Any], Any], int] = {}

        def handle(_: Connection, logs: list[Log]) -> None:
            for log in logs:
                event = system.rounds.decode(log) or system.devices.decode(log)
                if isinstance(event, (UpdateSubmitted, BatchAnchored)):
                    found[type(event), _key(event)] = log.block_number

        wanted = [(system.rounds, (UpdateSubmitted,)), (system.devices, (BatchAnchored,))]
        self._read(wanted, handle)
        return found

    def _read(self, wanted: Sequence[tuple[Contract, tuple[type[Any], ...]]], handle: Any) -> None:
        """All logs of some events, from the deployment's first block on, a page at a time."""
        system = self._system
        # The cursor pages, and shrinks a page that the node refuses; nothing has to be kept.
        store = Store("sqlite://")
        try:
            cursor = LogCursor(
                store,
                system.node,
                "audit",
                [contract.address for contract, _ in wanted],
                [topic for contract, events in wanted for topic in contract.topics(*events)],
                first_block=system.deployment.first_block,
                page_blocks=system.network.log_page_blocks,
            )
            cursor.advance(system.node.head(), handle)
        finally:
            store.close()

    def _event(self, contract: Contract, kind: type[_E], key: Any) -> _E:
        block = self._places.get((kind, key))
        if block is not None:
            node = self._system.node
            for log in node.logs([contract.address], contract.topics(kind), block, block):
                event = contract.decode(log)
                if isinstance(event, kind) and _key(event) == key:
                    return event
        raise self._absent(f"{kind.__name__} event of {key}")

    def _record(self, what: str, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except Reverted as error:
            raise self._absent(what) from error

    def _absent(self, what: str) -> Absent:
        return Absent(f"there is no {what} on chain {self.chain_id}")


def _key(event: UpdateSubmitted | BatchAnchored) -> Any:
    if isinstance(event, UpdateSubmitted):
        return event.round_id, event.member
    return event.batch_id
