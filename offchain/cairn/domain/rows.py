"""Validation sets, and the losses on them: files, trees and proofs of single rows.

A *validation set* is rows of features and one truth each. An *evaluation* says what a program's loss is
on every row. Both are committed to by trees of one shape over their n rows: the shape of
`cairn.domain.merkle`, leaf i being node i, nodes 2k and 2k+1 having node n+k as parent, but pairs are
*not* sorted, so that a row's place is part of its proof. A node of the tree of losses also holds the
sums below its two children. docs/spec/evaluations.md has the bytes; contracts/modules/row_proofs.vy
follows the proofs.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from cairn.domain.integers import check_int32, pack_features
from cairn.domain.keccak import keccak256
from cairn.domain.losses import LossKind, row_loss
from cairn.domain.programs import Program
from cairn.errors import CairnError

__all__ = [
    "MAX_ROWS",
    "LossProof",
    "Losses",
    "Row",
    "RowError",
    "RowProof",
    "SumStep",
    "ValidationSet",
    "evaluate",
    "first_wrong_row",
    "loss_leaf",
    "loss_proof_leads_to",
    "row_leaf",
    "row_proof_leads_to",
    "set_root",
    "sum_node",
]

MAX_ROWS = 2**20

_SET_MAGIC = b"CRNVSET1"
_LOSSES_MAGIC = b"CRNLOSS1"


class RowError(CairnError):
    """A validation set or losses that cannot be."""


@dataclass(frozen=True)
class Row:
    """One row: features in the sensor's units, and the truth, a score's value or a class."""

    features: tuple[int, ...]
    target: int


@dataclass(frozen=True)
class RowProof:
    """A row as a contract takes it, and the siblings from its leaf up to the top."""

    index: int
    target: int
    features: bytes
    proof: tuple[bytes, ...]

    def as_argument(self) -> tuple[int, int, bytes, list[bytes]]:
        """As contracts take it (IEvaluations.Row)."""
        return self.index, self.target, self.features, list(self.proof)


@dataclass(frozen=True)
class SumStep:
    """One step up the tree of losses: the sibling, and what the parent holds of both sums."""

    sibling: bytes
    own_sum: int
    sibling_sum: int


@dataclass(frozen=True)
class LossProof:
    """A row's loss as it was posted, and the steps from its leaf up to the top."""

    loss: int
    steps: tuple[SumStep, ...]

    def as_argument(self) -> tuple[int, list[tuple[bytes, int]]]:
        """As contracts take it (IEvaluations.RowLoss)."""
        return self.loss, [
            (step.sibling, step.own_sum << 128 | step.sibling_sum) for step in self.steps
        ]


def set_root(n_rows: int, top: bytes) -> bytes:
    """What names a validation set: its tree's top and its number of rows."""
    return keccak256(n_rows.to_bytes(32, "big") + top)


def row_leaf(index: int, target: int, features: bytes) -> bytes:
    """The leaf of a row: hashed twice over index, target and features, a word each for the two."""
    content = index.to_bytes(32, "big") + target.to_bytes(32, "big", signed=True) + features
    return keccak256(keccak256(content))


def loss_leaf(index: int, loss: int) -> bytes:
    """The leaf of a row's loss."""
    return keccak256(index.to_bytes(32, "big") + loss.to_bytes(32, "big"))


def row_proof_leads_to(row: RowProof, n_rows: int) -> bytes | None:
    """The top that a row's proof leads to; None if its length is not that of the row's place."""
    node = row_leaf(row.index, row.target, row.features)
    numbers = list(_path(row.index, n_rows))
    if not 0 <= row.index < n_rows or len(numbers) != len(row.proof):
        return None
    for number, sibling in zip(numbers, row.proof, strict=True):
        node = keccak256(sibling + node if number & 1 else node + sibling)
    return node


def loss_proof_leads_to(index: int, posted: LossProof, n_rows: int) -> tuple[bytes, int] | None:
    """The top and the total that a loss's proof leads to; None if its length is wrong or its sums do
    not add up.
    """
    node, total = loss_leaf(index, posted.loss), posted.loss
    numbers = list(_path(index, n_rows))
    if not 0 <= index < n_rows or len(numbers) != len(posted.steps):
        return None
    for number, step in zip(numbers, posted.steps, strict=True):
        if step.own_sum != total:
            return None
        if number & 1:
            node = sum_node(step.sibling, step.sibling_sum, node, total)
        else:
            node = sum_node(node, total, step.sibling, step.sibling_sum)
        total += step.sibling_sum
    return node, total


def sum_node(left: bytes, left_sum: int, right: bytes, right_sum: int) -> bytes:
    """A node of the tree of losses: over its children and the sums below them."""
    return keccak256(left + right + (left_sum << 128 | right_sum).to_bytes(32, "big"))


def _path(index: int, n_rows: int) -> Iterator[int]:
    """The numbers of the nodes from a leaf up, the top excluded."""
    number = index
    while number < 2 * n_rows - 2:
        yield number
        number = n_rows + number // 2


@dataclass(frozen=True)
class ValidationSet:
    """Rows that no member of a round trained on. All have as many features."""

    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.rows) <= MAX_ROWS:
            raise RowError(f"a validation set of {len(self.rows)} rows: give 1 to {MAX_ROWS}")
        width = len(self.rows[0].features)
        for index, row in enumerate(self.rows):
            if not row.features or len(row.features) != width:
                raise RowError(
                    f"row {index} has {len(row.features)} features and row 0 has {width}: give "
                    "every row the same, at least one"
                )
            check_int32(row.target, f"the target of row {index}")
            for feature in row.features:
                check_int32(feature, f"a feature of row {index}")

    @classmethod
    def of(cls, features: Iterable[Sequence[int]], targets: Iterable[int]) -> "ValidationSet":
        """From device integers, row by row; shapes (n, features) and (n,)."""
        return cls(
            tuple(
                Row(tuple(map(int, row)), int(target))
                for row, target in zip(features, targets, strict=True)
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "ValidationSet":
        """Read a set's file; raises RowError, with the reason, if it is malformed."""
        n_rows, n_features, body = _open_file(data, _SET_MAGIC, "validation set")
        size = 4 * (1 + n_features)
        if len(body) != n_rows * size:
            raise RowError(
                f"{n_rows} rows of {n_features} features take {n_rows * size} bytes; there are "
                f"{len(body)}"
            )
        values = struct.iter_unpack(f">{1 + n_features}i", body)
        return cls(tuple(Row(tuple(rest), target) for target, *rest in values))

    def to_bytes(self) -> bytes:
        """The canonical file: magic, rows, features; then each row's target and features, int32."""
        head = _SET_MAGIC + struct.pack(">II", len(self.rows), self.n_features)
        return head + b"".join(pack_features((row.target, *row.features)) for row in self.rows)

    @property
    def n_features(self) -> int:
        return len(self.rows[0].features)

    @cached_property
    def _nodes(self) -> list[bytes]:
        nodes = [
            row_leaf(index, row.target, pack_features(row.features))
            for index, row in enumerate(self.rows)
        ]
        for k in range(len(self.rows) - 1):
            nodes.append(keccak256(nodes[2 * k] + nodes[2 * k + 1]))
        return nodes

    @property
    def top(self) -> bytes:
        """The top of the tree over the rows."""
        return self._nodes[-1]

    @property
    def root(self) -> bytes:
        """What names the set: the top and the number of rows."""
        return set_root(len(self.rows), self.top)

    def proof(self, index: int) -> RowProof:
        """Row `index`, from 0, as a contract takes it."""
        row = self.rows[index]
        siblings = tuple(self._nodes[number ^ 1] for number in _path(index, len(self.rows)))
        return RowProof(index, row.target, pack_features(row.features), siblings)


@dataclass(frozen=True)
class Losses:
    """The loss of one program on every row of a validation set."""

    kind: LossKind
    of_rows: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.of_rows) <= MAX_ROWS:
            raise RowError(f"losses of {len(self.of_rows)} rows: give 1 to {MAX_ROWS}")
        for index, loss in enumerate(self.of_rows):
            if not 0 <= loss < 2**64:
                raise RowError(f"the loss of row {index} is {loss}: it must fit 64 bits")

    @classmethod
    def from_bytes(cls, data: bytes) -> "Losses":
        """Read a file of losses; raises RowError, with the reason, if it is malformed."""
        n_rows, kind, body = _open_file(data, _LOSSES_MAGIC, "file of losses")
        if kind not in set(LossKind):
            raise RowError(f"kind of loss {kind} is unknown; 1, 2 and 3 are known")
        if len(body) != 8 * n_rows:
            raise RowError(f"{n_rows} losses take {8 * n_rows} bytes; there are {len(body)}")
        return cls(LossKind(kind), struct.unpack(f">{n_rows}Q", body))

    def to_bytes(self) -> bytes:
        """The canonical file: magic, rows, kind; then each row's loss, eight bytes."""
        head = _LOSSES_MAGIC + struct.pack(">II", len(self.of_rows), self.kind)
        return head + struct.pack(f">{len(self.of_rows)}Q", *self.of_rows)

    @property
    def total(self) -> int:
        return sum(self.of_rows)

    @cached_property
    def _nodes(self) -> list[tuple[bytes, int]]:
        nodes = [(loss_leaf(index, loss), loss) for index, loss in enumerate(self.of_rows)]
        for k in range(len(self.of_rows) - 1):
            (left, left_sum), (right, right_sum) = nodes[2 * k], nodes[2 * k + 1]
            nodes.append((sum_node(left, left_sum, right, right_sum), left_sum + right_sum))
        return nodes

    @property
    def top(self) -> bytes:
        """The top of the tree of losses; its sum is `total`."""
        return self._nodes[-1][0]

    def proof(self, index: int) -> LossProof:
        """The loss of row `index`, from 0, and its way up, as a contract takes it."""
        steps = []
        for number in _path(index, len(self.of_rows)):
            sibling, sibling_sum = self._nodes[number ^ 1]
            steps.append(SumStep(sibling, self._nodes[number][1], sibling_sum))
        return LossProof(self.of_rows[index], tuple(steps))


def _open_file(data: bytes, magic: bytes, what: str) -> tuple[int, int, bytes]:
    if len(data) < 16 or data[:8] != magic:
        raise RowError(f"these bytes are no {what}: they should begin with {magic!r}")
    first, second = struct.unpack(">II", data[8:16])
    return first, second, data[16:]


def evaluate(program: Program, rows: ValidationSet, kind: LossKind) -> Losses:
    """The loss of a program on each row, in the integers that a contract computes."""
    return Losses(
        kind, tuple(row_loss(kind, program, row.features, row.target) for row in rows.rows)
    )


def first_wrong_row(posted: Losses, right: Losses) -> int | None:
    """The first row whose posted loss is not the right one; None if all are."""
    if posted.kind is not right.kind or len(posted.of_rows) != len(right.of_rows):
        raise RowError("losses of another kind or number of rows: compare like with like")
    pairs = enumerate(zip(posted.of_rows, right.of_rows, strict=True))
    return next((index for index, (said, is_) in pairs if said != is_), None)
