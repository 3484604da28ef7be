"""Evaluations: say how good a version is, recompute what others said, and find the row that is wrong.

`cairn.domain.rows` has the arithmetic; here it meets the chain and the store.
"""

from __future__ import annotations

from dataclasses import dataclass

from cairn.chain import Call, Evaluation, EvaluationPosted, Receipt, System
from cairn.domain.cid import Cid
from cairn.domain.losses import LossKind, mean_loss
from cairn.domain.programs import Program, ProgramError
from cairn.domain.rows import Losses, RowError, ValidationSet, evaluate, first_wrong_row
from cairn.storage import ContentStore, StorageError
from cairn.training.errors import EvaluationError

__all__ = [
    "Assessment",
    "assess",
    "challenge_call",
    "compare",
    "find_posted",
    "load_set",
    "post_call",
    "posted_id",
    "program_of",
    "show_call",
]


@dataclass(frozen=True)
class Assessment:
    """Whether an evaluation is what its program and validation set make.

    row: the first row that proves it wrong in a challenge; None if it is right, or if the losses are
    withheld, so that one has to be demanded.
    """

    matches: bool
    reason: str
    row: int | None = None


def program_of(system: System, store: ContentStore, model_id: int, version: int) -> Program:
    """A version's program, checked against the registry's hash."""
    record = system.models.version(model_id, version)
    content = _fetch(store, record.program_cid, f"the program of version {version}")
    try:
        program = Program.from_bytes(content)
    except ProgramError as error:
        raise EvaluationError(f"the program of version {version}: {error}") from None
    if program.hash != record.program_hash:
        raise EvaluationError(f"the program of version {version} is not the one registered")
    return program


def post_call(
    system: System,
    store: ContentStore,
    model_id: int,
    version: int,
    rows: ValidationSet,
    kind: LossKind,
    *,
    window_s: int,
    lock_wei: int,
    sealed: bool = False,
) -> tuple[Call, Losses]:
    """Evaluate a version on a set, and the call that says so with the caller's stake behind it.

    Adds the file of losses to the store; that of the set too, unless it is sealed.
    """
    losses = evaluate(program_of(system, store, model_id, version), rows, kind)
    call = system.evaluations.post(
        model_id,
        version,
        rows,
        losses,
        window_s=window_s,
        lock_wei=lock_wei,
        validation_cid=b"" if sealed else store.add(rows.to_bytes()).binary,
        losses_cid=store.add(losses.to_bytes()).binary,
    )
    return call, losses


def posted_id(system: System, receipt: Receipt) -> int:
    """The id of the evaluation that a transaction posted, from its own logs."""
    for log in receipt.logs:
        event = system.evaluations.decode(log)
        if isinstance(event, EvaluationPosted):
            return event.evaluation_id
    raise EvaluationError(f"transaction 0x{receipt.tx_hash.hex()} posted no evaluation")


def compare(
    posted: Evaluation, program: Program, rows: ValidationSet, losses: Losses | None
) -> Assessment:
    """Recompute an evaluation, and say match or the first wrong row. Pure.

    losses: the file that its operator published; None if nobody has it. A watcher challenges `row`,
    or demands a row where there is none to challenge.
    """
    if rows.root != posted.validation_root:
        raise EvaluationError(
            f"this set's root is 0x{rows.root.hex()}, the evaluation is on "
            f"0x{posted.validation_root.hex()}: get the right file"
        )
    kind = LossKind(posted.loss_kind)
    right = evaluate(program, rows, kind)
    said = mean_loss(kind, posted.total_loss, posted.n_rows)
    if (right.top, right.total) == (posted.losses_top, posted.total_loss):
        return Assessment(True, f"every row is right; a row loses {said:.6g} in the mean")
    is_posted = (
        losses is not None
        and losses.kind is kind
        and len(losses.of_rows) == posted.n_rows
        and losses.top == posted.losses_top
    )
    found = mean_loss(kind, right.total, posted.n_rows)
    if losses is None or not is_posted:
        return Assessment(
            False,
            f"the losses are others (in the mean {found:.6g}, not {said:.6g}), and the file of what "
            "was posted is not at hand: demand rows",
        )
    row = first_wrong_row(losses, right)
    if row is None:
        return Assessment(False, "the rows are right and the total is not their sum", 0)
    return Assessment(
        False, f"row {row} loses {right.of_rows[row]}, not {losses.of_rows[row]}", row
    )


def find_posted(system: System, evaluation_id: int) -> EvaluationPosted:
    """What was posted with an evaluation, from the log; raises EvaluationError if there is none."""
    contract, node = system.evaluations, system.node
    first = system.deployment.contract("Evaluations").block
    last = node.head().number
    topics = contract.topics(EvaluationPosted)
    while first <= last:
        page = min(last, first + system.network.log_page_blocks - 1)
        for log in node.logs([contract.address], topics, first, page):
            event = contract.decode(log)
            if isinstance(event, EvaluationPosted) and event.evaluation_id == evaluation_id:
                return event
        first = page + 1
    raise EvaluationError(f"there is no evaluation {evaluation_id} on this chain")


def load_set(store: ContentStore, posted: EvaluationPosted) -> ValidationSet:
    """The validation set of an evaluation, checked against its root."""
    if not posted.validation_cid:
        raise EvaluationError(
            "the validation set was not published with the evaluation: give its file, or demand rows"
        )
    rows = _parse_set(_fetch(store, posted.validation_cid, "the validation set"))
    if rows.root != posted.validation_root:
        raise EvaluationError("the published set is not the one that was evaluated on: demand rows")
    return rows


def assess(
    system: System, store: ContentStore, evaluation_id: int, rows: ValidationSet | None = None
) -> Assessment:
    """Recompute an evaluation from the chain and the store; `rows` if the set came another way."""
    posted = find_posted(system, evaluation_id)
    rows = rows or load_set(store, posted)
    program = program_of(system, store, posted.model_id, posted.version)
    record = system.evaluations.evaluation(evaluation_id)
    return compare(record, program, rows, _losses(store, posted))


def challenge_call(
    system: System,
    store: ContentStore,
    evaluation_id: int,
    rows: ValidationSet | None = None,
) -> tuple[Call, Assessment]:
    """The call that proves an evaluation wrong; raises EvaluationError if nothing does."""
    posted = find_posted(system, evaluation_id)
    rows = rows or load_set(store, posted)
    found = assess(system, store, evaluation_id, rows)
    losses = _losses(store, posted)
    if found.row is None or losses is None:
        raise EvaluationError(f"evaluation {evaluation_id}: {found.reason}")
    row, loss = rows.proof(found.row), losses.proof(found.row)
    return system.evaluations.challenge_row(evaluation_id, row, loss), found


def show_call(
    system: System,
    store: ContentStore,
    evaluation_id: int,
    index: int,
    rows: ValidationSet | None = None,
) -> Call:
    """The call that shows a row that was demanded."""
    posted = find_posted(system, evaluation_id)
    rows = rows or load_set(store, posted)
    losses = _losses(store, posted)
    if losses is None:
        raise EvaluationError("the file of losses is not at hand: whoever has it can show the row")
    n_rows = min(len(rows.rows), len(losses.of_rows))
    if not 0 <= index < n_rows:
        raise EvaluationError(f"there is no row {index}: the rows at hand are 0 to {n_rows - 1}")
    return system.evaluations.show(evaluation_id, rows.proof(index), losses.proof(index))


def _losses(store: ContentStore, posted: EvaluationPosted) -> Losses | None:
    """The published losses; None where they are missing or no losses at all."""
    try:
        return Losses.from_bytes(store.fetch(Cid.from_bytes(posted.losses_cid)))
    except (StorageError, RowError, ValueError):
        return None


def _parse_set(content: bytes) -> ValidationSet:
    try:
        return ValidationSet.from_bytes(content)
    except RowError as error:
        raise EvaluationError(f"the validation set: {error}") from None


def _fetch(store: ContentStore, cid: bytes, what: str) -> bytes:
    try:
        return store.fetch(Cid.from_bytes(cid))
    except StorageError as error:
        raise EvaluationError(f"{what} is not at hand: {error}") from None
