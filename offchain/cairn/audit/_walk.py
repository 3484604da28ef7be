"""The walk from a prediction to the signatures of the sensors.

Every method looks at one link and returns its finding, with those of the links below it. Nothing is
believed that can be computed again. What cannot be seen from here is said to be so, never held.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from cairn.audit._findings import Finding, broken, held, unseen
from cairn.audit._ports import Absent, Ledger
from cairn.audit._receipts import reserve, signature
from cairn.chain import (
    Aggregate,
    Batch,
    BatchState,
    Model,
    Phase,
    Status,
    Update,
    UpdateSubmitted,
    Version,
)
from cairn.chain import Plan as PlanRecord
from cairn.devices import batch_id as hash_of_batch
from cairn.devices import split_batch
from cairn.domain.cid import Cid
from cairn.domain.integers import unpack_features
from cairn.domain.keccak import keccak256
from cairn.domain.merkle import MerkleTree, packet_leaves
from cairn.domain.packets import PacketError, PacketFormat, PacketVerifier
from cairn.domain.programs import Program
from cairn.domain.receipts import Receipt
from cairn.domain.signed_receipts import SignedReceipt
from cairn.errors import CairnError
from cairn.storage import BlockMismatch, ContentStore, MalformedContent, StorageError
from cairn.training import (
    Aggregate as AggregateFile,
)
from cairn.training import (
    Plan,
    PostedUpdate,
    UpdateError,
    data_root,
    decode_integers,
    integers_root,
    verify_round,
)
from cairn.training.updates import Int32s

_T = TypeVar("_T")

MAX_NAMED = 3
"""How many bad packets a finding names one by one."""


class _Stop(Exception):
    """A link that cannot be followed further; carries its finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


@dataclass(frozen=True, eq=False)
class _Start:
    """What a round went on from: the base version's parameters, and those of the version that it
    was trained from. None: there is no such version, or the round needs none.
    """

    base: Int32s | None = None
    previous: Int32s | None = None


def _quiet(_: str) -> None:
    return None


@dataclass(frozen=True)
class Auditor:
    """Walks the evidence that a ledger and a store show; changes nothing anywhere.

    `progress` is told what is looked at, one line a link.
    """

    ledger: Ledger
    store: ContentStore
    progress: Callable[[str], None] = field(default=_quiet)

    # --- entrances ---------------------------------------------------------------------------

    def request(self, request_id: int) -> Finding:
        """Audit an answered request. Raises Absent if the market has no such request."""
        request = self.ledger.request(request_id)
        if request.status == Status.NONE:
            raise Absent(f"the market on chain {self.ledger.chain_id} has no request {request_id}")
        link, subject = "prediction", f"request {request_id}"
        try:
            asked = self._see(link, subject, lambda: self.ledger.requested(request_id))
        except _Stop as stop:
            return stop.finding
        for recorded, logged, what in (
            (request.features_hash, keccak256(asked.features), "features"),
            (request.terms_id, asked.terms_id, "terms"),
        ):
            if recorded != logged:
                return broken(link, subject, f"the {what} logged are not those recorded")
        answer, outputs = self._answer(request_id)
        sold = [] if outputs is None else [(asked.features, outputs)]
        return held(
            link,
            subject,
            f"asked by {request.requester} on chain {self.ledger.chain_id}; "
            f"features {_numbers(asked.features)}",
            answer,
            self._terms(request.terms_id, asked.model_id, sold),
        )

    def purchase(self, tx_hash: bytes) -> Finding:
        """Audit what a transaction bought by `predict`. Raises Absent if it bought nothing."""
        bought = self.ledger.predicted(tx_hash)
        name = f"transaction 0x{tx_hash.hex()}"
        if not bought:
            raise Absent(f"{name} bought no prediction on chain {self.ledger.chain_id}")
        return held(
            "prediction",
            name,
            f"computed by the contract on chain {self.ledger.chain_id}",
            *(
                self._terms(one.terms_id, one.model_id, [(one.features, one.outputs)])
                for one in bought
            ),
        )

    def receipt(self, signed: SignedReceipt) -> Finding:
        """Audit what an operator signed over HTTP: who signed it, what stands behind it, and whether
        the program says the same.
        """
        receipt = signed.receipt
        link, subject = "prediction", f"receipt 0x{receipt.digest(signed.domain).hex()}"
        sold = [(one.features, one.outputs) for one in signed.predictions]
        return held(
            link,
            subject,
            f"{len(sold)} of {'a row' if len(sold) == 1 else 'rows'}, issued at "
            f"{receipt.issued_at} for chain {signed.domain.chain_id}",
            signature(signed, self.ledger),
            reserve(signed, self.ledger),
            self._terms(receipt.terms_id, receipt.model_id, sold, receipt),
        )

    def version(self, model_id: int, version: int) -> Finding:
        """Audit a version: its program, its round, its data. Raises Absent if there is none."""
        self.ledger.version(model_id, version)
        return self._version(model_id, version)

    def batch(self, batch_id: int) -> Finding:
        """Audit one batch of readings. Raises Absent if there is none."""
        self.ledger.batch(batch_id)
        return self._batch(batch_id, None, None)

    # --- what was sold -----------------------------------------------------------------------

    def _answer(self, request_id: int) -> tuple[Finding, bytes | None]:
        link, subject = "answer", f"request {request_id}"
        request = self.ledger.request(request_id)
        status = (request.status.name or "?").lower()
        if request.answered_at == 0:
            return unseen(link, subject, f"nobody answered it; it is {status}"), None
        try:
            answered = self._see(link, subject, lambda: self.ledger.answered(request_id))
        except _Stop as stop:
            return stop.finding, None
        outputs = answered.outputs
        if keccak256(outputs) != request.outputs_hash:
            return broken(link, subject, "the outputs logged are not those recorded"), outputs
        if request.status == Status.SLASHED:
            detail = f"a challenge proved {_numbers(outputs)} wrong; its operator was slashed"
            return broken(link, subject, detail), outputs
        detail = f"{_numbers(outputs)} by {answered.operator}, {status}"
        return held(link, subject, detail), outputs

    def _terms(
        self,
        terms_id: int,
        model_id: int,
        sold: Sequence[tuple[bytes, bytes]],
        receipt: Receipt | None = None,
    ) -> Finding:
        """Of predictions sold under them: (features, outputs), packed."""
        link, subject = "terms", f"terms {terms_id}"
        try:
            terms = self._see(link, subject, lambda: self.ledger.terms(terms_id))
        except _Stop as stop:
            return stop.finding
        if terms.model_id != model_id:
            detail = f"they are of model {terms.model_id}, not of model {model_id}"
            return broken(link, subject, detail)
        if receipt is not None and (terms.version, terms.program_hash) != (
            receipt.version,
            receipt.program_hash,
        ):
            detail = f"they are of version {terms.version}, not of what the receipt names"
            return broken(link, subject, detail)
        return held(
            link,
            subject,
            f"name version {terms.version} of model {model_id}",
            self._version(model_id, terms.version, sold),
        )

    def _version(
        self, model_id: int, number: int, sold: Sequence[tuple[bytes, bytes]] = ()
    ) -> Finding:
        link, subject = "version", f"version {number} of model {model_id}"
        self.progress(subject)
        try:
            version = self._see(link, subject, lambda: self.ledger.version(model_id, number))
            model = self._see(link, subject, lambda: self.ledger.model(model_id))
        except _Stop as stop:
            return stop.finding
        children = [
            self._program(version, sold),
            self._round(model_id, model, version),
        ]
        if version.parent:
            children.append(self._version(model_id, version.parent))
        detail = f"of {model.name}, registered at {version.registered_at}"
        return held(link, subject, detail, *children)

    def _program(self, version: Version, sold: Sequence[tuple[bytes, bytes]]) -> Finding:
        link, subject = "program", _hex(version.program_hash)
        try:
            data = self._fetch(link, subject, version.program_cid)
            program = self._read(link, subject, lambda: Program.from_bytes(data))
        except _Stop as stop:
            return stop.finding
        if program.hash != version.program_hash:
            return broken(link, subject, f"its content hashes to {_hex(program.hash)}")
        children = [_outputs(program, sold)] if sold else []
        return held(link, subject, f"{len(data)} bytes have this hash", *children)

    # --- how it was trained ------------------------------------------------------------------

    def _round(self, model_id: int, model: Model, version: Version) -> Finding:
        link, subject = "round", f"round {version.round_id}"
        if version.round_id == 0:
            detail = "governance registered this version: its training is not on record"
            return unseen(link, "no round", detail)
        self.progress(subject)
        ledger, round_id = self.ledger, version.round_id
        try:
            record = self._see(link, subject, lambda: ledger.plan(round_id))
            phase = self._see(link, subject, lambda: ledger.phase(round_id))
            aggregate = self._see(link, subject, lambda: ledger.aggregate(round_id))
            updates = self._see(link, subject, lambda: ledger.updates(round_id))
        except _Stop as stop:
            return stop.finding
        of_updates = keccak256(b"".join(update.data_root for update, _ in updates))
        wrong = [
            complaint
            for is_wrong, complaint in (
                (phase != Phase.FINALIZED, "it was not finalized"),
                (record.model_id != model_id, f"it trained model {record.model_id}"),
                (record.base_version != version.parent, "it began from another version"),
                (aggregate.program_hash != version.program_hash, "its program is another"),
                (aggregate.root != version.parameters_root, "its aggregate's root is another"),
                (of_updates != version.data_root, "its updates have another data root"),
            )
            if is_wrong
        ]
        plan, plan_found = self._plan(record)
        links, usable = [], []
        for index, (update, submitted) in enumerate(updates):
            finding, is_usable = self._update(index, update, submitted, record, model)
            links.append(finding)
            usable.append(is_usable)
        start = self._start_of(model_id, version.parent, plan)
        made = self._aggregate(aggregate, plan, updates, usable, start)
        children = (plan_found, made, *links)
        if wrong:
            return broken(link, subject, "; ".join(wrong), *children)
        detail = f"finalized with {len(updates)} updates; it registered this version"
        return held(link, subject, detail, *children)

    def _plan(self, record: PlanRecord) -> tuple[Plan | None, Finding]:
        link, subject = "plan", _hex(record.plan_hash)
        try:
            data = self._fetch(link, subject, record.plan_cid)
            if keccak256(data) != record.plan_hash:
                raise _Stop(broken(link, subject, f"its file hashes to {_hex(keccak256(data))}"))
            plan = self._read(link, subject, lambda: Plan.from_json(data))
        except _Stop as stop:
            return None, stop.finding
        if plan.rule.weight_cap != record.weight_cap:
            detail = f"it caps weights at {plan.rule.weight_cap}, the chain at {record.weight_cap}"
            return plan, broken(link, subject, detail)
        return plan, held(link, subject, f"{len(data)} bytes have this hash")

    def _start_of(self, model_id: int, parent: int, plan: Plan | None) -> _Start | Finding:
        """What a round went on from; a finding if it is out of sight."""
        if parent == 0:
            return _Start()
        try:
            version, base = self._parameters(model_id, parent)
            if base is None:
                subject = f"parameters of version {parent}"
                detail = "governance registered it: they are not known"
                raise _Stop(unseen("derivation", subject, detail))
            if plan is None or not plan.rule.momentum_permille or version.parent == 0:
                return _Start(base)
            # None where governance registered it: then nothing carries on.
            _, previous = self._parameters(model_id, version.parent)
        except _Stop as stop:
            return stop.finding
        return _Start(base, previous)

    def _parameters(self, model_id: int, number: int) -> tuple[Version, Int32s | None]:
        """A version and the parameters that its round posted; None if no round made it."""
        link, subject = "derivation", f"parameters of version {number}"
        version = self._see(link, subject, lambda: self.ledger.version(model_id, number))
        if version.round_id == 0:
            return version, None
        posted = self._see(link, subject, lambda: self.ledger.aggregate(version.round_id))
        data = self._fetch(link, subject, posted.cid)
        file = self._read(link, subject, lambda: _aggregate_file(data))
        if file.root != version.parameters_root:
            raise _Stop(broken(link, subject, f"its file has root {_hex(file.root)}"))
        return version, file.parameters

    def _aggregate(
        self,
        aggregate: Aggregate,
        plan: Plan | None,
        updates: Sequence[tuple[Update, UpdateSubmitted]],
        usable: Sequence[bool],
        start: _Start | Finding,
    ) -> Finding:
        link, subject = "aggregate", _hex(aggregate.root)
        try:
            data = self._fetch(link, subject, aggregate.cid)
            file = self._read(link, subject, lambda: _aggregate_file(data))
        except _Stop as stop:
            return stop.finding
        if file.root != aggregate.root:
            return broken(link, subject, f"its file has root {_hex(file.root)}")
        detail = f"posted by {aggregate.operator}; its file has this root"
        return held(
            link, subject, detail, _derivation(aggregate, data, plan, updates, usable, start)
        )

    def _update(
        self,
        index: int,
        update: Update,
        submitted: UpdateSubmitted,
        record: PlanRecord,
        model: Model,
    ) -> tuple[Finding, bool]:
        """The finding, and whether the update's bytes are here and have the posted root."""
        link, subject = "update", f"update {index} by {update.member}"
        self.progress(subject)
        children = [
            self._batch(batch_id, update.member, model.alliance) for batch_id in submitted.batch_ids
        ]
        wrong = []
        if update.data_root != _data_root(submitted.batch_ids):
            wrong.append("its data root is not that of the batches it names")
        try:
            readings = sum(self.ledger.batch(b).count for b in submitted.batch_ids)
            if update.weight != min(readings, record.weight_cap):
                wrong.append(f"it weighs {update.weight}, its batches hold {readings} readings")
        except CairnError:
            pass  # the batch's own finding says so
        try:
            data = self._fetch(link, subject, update.cid)
            root = self._read(link, subject, lambda: _update_root(data))
        except _Stop as stop:
            if not wrong:
                return replace(stop.finding, children=tuple(children)), False
            wrong.append(stop.finding.detail)
            return broken(link, subject, "; ".join(wrong), *children), False
        if root != update.root:
            wrong.append(f"its file has root {_hex(root)}, posted was {_hex(update.root)}")
        if wrong:
            return broken(link, subject, "; ".join(wrong), *children), root == update.root
        detail = f"weighs {update.weight} readings; its file has the root that was posted"
        return held(link, subject, detail, *children), True

    # --- what it was trained on --------------------------------------------------------------

    def _batch(self, batch_id: int, member: str | None, alliance: str | None) -> Finding:
        link, subject = "batch", f"batch {_short(batch_id)}"
        self.progress(subject)
        try:
            batch = self._see(link, subject, lambda: self.ledger.batch(batch_id))
        except _Stop as stop:
            return stop.finding
        detail = f"{batch.count} readings of {batch.device}, anchored at {batch.anchored_at}"
        children = (self._packets(batch_id, batch),)
        if member is not None and batch.owner != member:
            return broken(link, subject, f"it is of {batch.owner}, not of {member}", *children)
        if alliance is not None and batch.alliance != alliance:
            detail = f"it was anchored for another alliance, {batch.alliance}"
            return broken(link, subject, detail, *children)
        if batch.state is BatchState.VOID:
            return broken(link, subject, "it was proved faulty or never opened: void", *children)
        if batch.state is not BatchState.MATURE:
            return replace(unseen(link, subject, "its spot check is not over"), children=children)
        return held(link, subject, detail, *children)

    def _packets(self, batch_id: int, batch: Batch) -> Finding:
        link, subject = "packets", f"packets of batch {_short(batch_id)}"
        try:
            anchored = self._see(link, subject, lambda: self.ledger.anchored(batch_id))
            if not anchored.cid:
                raise _Stop(unseen(link, subject, "their owner keeps them and named no file"))
            data = self._fetch(link, subject, anchored.cid)
            device, packets = self._read(link, subject, lambda: split_batch(data))
        except _Stop as stop:
            return stop.finding
        signatures = self._signatures(batch_id, batch, packets)
        wrong = []
        address = bytes.fromhex(batch.device[2:])
        if hash_of_batch(address, anchored.root) != batch_id:
            wrong.append(f"the id does not commit to the root logged, {_hex(anchored.root)}")
        if device != address:
            wrong.append(f"the file is of device {_hex(device)}")
        if len(packets) != batch.count:
            wrong.append(f"the file has {len(packets)}, anchored were {batch.count}")
        if packets:
            root = MerkleTree(packet_leaves(address, packets)).root
            if root != anchored.root:
                anchor = _hex(anchored.root)
                wrong.append(f"their Merkle root is {_hex(root)}, anchored was {anchor}")
        if wrong:
            return broken(link, subject, "; ".join(wrong), signatures)
        detail = f"{len(packets)} packets have the anchored root {_hex(anchored.root)}"
        return held(link, subject, detail, signatures)

    def _signatures(self, batch_id: int, batch: Batch, packets: Sequence[bytes]) -> Finding:
        link, subject = "signatures", f"signatures of batch {_short(batch_id)}"
        try:
            device = self._see(link, subject, lambda: self.ledger.device(batch.device))
        except _Stop as stop:
            return stop.finding
        verifier = PacketVerifier(bytes.fromhex(batch.device[2:]), PacketFormat(int(device.format)))
        wrong: list[str] = []
        times: list[int] = []
        for index, raw in enumerate(packets):
            try:
                timestamp = verifier.verify(raw)[0].timestamp
            except PacketError as error:
                wrong.append(f"packet {index}: {error}")
                continue
            gap = timestamp - times[-1] if times else device.period_s
            if gap <= 0:
                wrong.append(f"packet {index} is not later than the one before it")
            elif gap < device.period_s:
                wrong.append(
                    f"packet {index} is {gap} s after the one before it, a period is "
                    f"{device.period_s} s"
                )
            times.append(timestamp)
        if not packets:
            wrong.append("there are none")
        elif not wrong and (times[0], times[-1]) != (batch.first_timestamp, batch.last_timestamp):
            wrong.append(
                f"they run from {times[0]} to {times[-1]}, anchored were "
                f"{batch.first_timestamp} to {batch.last_timestamp}"
            )
        if wrong:
            more = f"; and {len(wrong) - MAX_NAMED} more" if len(wrong) > MAX_NAMED else ""
            return broken(link, subject, "; ".join(wrong[:MAX_NAMED]) + more)
        detail = f"device {batch.device} signed each of the {len(packets)} packets"
        return held(link, subject, detail)

    # --- looking -----------------------------------------------------------------------------

    @staticmethod
    def _see(link: str, subject: str, look: Callable[[], _T]) -> _T:
        """Read the chain. A record that others name and that is not there breaks the link."""
        try:
            return look()
        except Absent as error:
            raise _Stop(broken(link, subject, str(error))) from error
        except CairnError as error:
            raise _Stop(unseen(link, subject, f"the chain cannot be read: {error}")) from error

    def _fetch(self, link: str, subject: str, cid: bytes) -> bytes:
        """Fetch content. Bytes that are not what their id says break the link."""
        try:
            return self.store.fetch(Cid.from_bytes(cid))
        except (BlockMismatch, MalformedContent) as error:
            raise _Stop(broken(link, subject, str(error))) from error
        except StorageError as error:
            raise _Stop(unseen(link, subject, str(error))) from error
        except CairnError as error:
            raise _Stop(broken(link, subject, f"no content id: {error}")) from error

    @staticmethod
    def _read(link: str, subject: str, work: Callable[[], _T]) -> _T:
        """Decode bytes that match their id. What is malformed breaks the link."""
        try:
            return work()
        except CairnError as error:
            raise _Stop(broken(link, subject, str(error))) from error


def _derivation(
    aggregate: Aggregate,
    data: bytes,
    plan: Plan | None,
    updates: Sequence[tuple[Update, UpdateSubmitted]],
    usable: Sequence[bool],
    start: _Start | Finding,
) -> Finding:
    """Whether the updates, averaged again, make the aggregate, and that the program."""
    link, subject = "derivation", _hex(aggregate.program_hash)
    if isinstance(start, Finding):
        return replace(start, subject=subject, detail=f"{start.subject}: {start.detail}")
    if plan is None:
        return unseen(link, subject, "the plan cannot be read, so it cannot be followed again")
    posted = [PostedUpdate(i, update.root, update.weight) for i, (update, _) in enumerate(updates)]
    out_of_sight = {i for i, is_usable in enumerate(usable) if not is_usable}
    verdict = verify_round(
        plan,
        posted,
        data,
        aggregate_root=aggregate.root,
        program_hash=aggregate.program_hash,
        base=start.base,
        previous=start.previous,
        unusable=out_of_sight,
    )
    if not verdict.matches:
        return broken(link, subject, verdict.reason)
    return held(link, subject, "the updates, averaged again, make this aggregate and program")


def _outputs(program: Program, sold: Sequence[tuple[bytes, bytes]]) -> Finding:
    """Whether a program, run again, says what was sold: (features, outputs), packed."""
    wrong = [
        (place, again, outputs)
        for place, (features, outputs) in enumerate(sold)
        if (again := program.run_packed(features)) != outputs
    ]
    link = "outputs"
    if wrong:
        place, again, outputs = wrong[0]
        more = f", and {len(wrong) - 1} more rows are wrong" if len(wrong) > 1 else ""
        where = f" of row {place}" if len(sold) > 1 else ""
        detail = f"the program, run again, gives {_numbers(again)}{where}{more}"
        return broken(link, _numbers(outputs), detail)
    if len(sold) == 1:
        outputs = sold[0][1]
        detail = f"the program, run again, gives {_numbers(outputs)}"
        return held(link, _numbers(outputs), detail)
    return held(link, f"of {len(sold)} rows", "the program, run again, gives the same for each")


def _aggregate_file(data: bytes) -> AggregateFile:
    """An aggregate's file, of however many parameters it says."""
    return AggregateFile.from_bytes(data, n_parameters=int.from_bytes(data[64:68], "big"))


def _update_root(data: bytes) -> bytes:
    if not data or len(data) % 4:
        raise UpdateError(f"{len(data)} bytes are no row of int32")
    return integers_root(decode_integers(data, len(data) // 4))


def _data_root(batch_ids: Sequence[int]) -> bytes | None:
    try:
        return data_root(batch_ids)
    except UpdateError:
        return None


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _short(batch_id: int) -> str:
    """A batch's id for people: a hash is cut to its ends."""
    text = f"{batch_id}" if batch_id < 10**9 else f"0x{batch_id:064x}"
    return text if len(text) < 20 else f"{text[:10]}…{text[-6:]}"


def _numbers(packed: bytes) -> str:
    """Packed integers for people; empty bytes are the outcome `invalid`."""
    if not packed:
        return "invalid"
    try:
        return "[" + ", ".join(map(str, unpack_features(packed))) + "]"
    except CairnError:
        return _hex(packed)
