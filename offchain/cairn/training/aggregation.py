"""From updates to an aggregate, exactly: what a contract computes again at one coordinate.

An aggregate is the *new version's parameters*: those of the base version, plus what the plan's rule
makes of the updates, plus server momentum, held within int32. Its root is the version's
`parameters_root`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import INT32_MAX, INT32_MIN, clamp, div_trunc
from cairn.training.errors import AggregateError, UpdateError
from cairn.training.plans import MAX_UPDATES, Plan
from cairn.training.rules import WeightedMean, div_trunc_array, rule_of, weighted_means
from cairn.training.updates import Int32s, Update, decode_integers, encode_integers, integers_root

__all__ = [
    "Aggregate",
    "IncludedUpdate",
    "aggregate_coordinate",
    "aggregate_sets",
    "aggregate_updates",
]


def aggregate_updates(
    plan: Plan,
    updates: Sequence[Int32s],
    weights: Sequence[int],
    base: Int32s | None = None,
    previous: Int32s | None = None,
) -> Int32s:
    """The new version's parameters.

    updates: by ascending index. weights: readings; the plan's cap is applied here. base: the base
    version's parameters, None for a first round. previous: those of the version that the base was
    trained from, None if there is none; momentum carries on from base - previous, as FedAvgM does
    (Hsu et al. 2019).

    Each integer of an update is first held within the plan's clip bound, so that an update which
    breaks it counts for what the plan allows and no more.
    """
    start, before = _versions(plan, updates, base, previous)
    held, capped = _held(plan, updates, weights)
    return _finished(plan, rule_of(plan.rule).combine(held, capped), start, before)


def aggregate_sets(
    plan: Plan,
    updates: Sequence[Int32s],
    weights: Sequence[int],
    sets: npt.NDArray[np.bool_],
    base: Int32s | None = None,
    previous: Int32s | None = None,
) -> Int32s:
    """`aggregate_updates` of many sets of the same updates: a search asks for hundreds.

    sets: (m, n), which of the n updates are in each, none of them empty. Returns (m, n_parameters).
    """
    start, before = _versions(plan, updates, base, previous)
    held, capped = _held(plan, updates, weights)
    rule = rule_of(plan.rule)
    if isinstance(rule, WeightedMean):
        combined = weighted_means(held, capped, sets)
    else:
        combined = np.stack(
            [
                rule.combine([held[i] for i in chosen], [capped[i] for i in chosen])
                for chosen in map(np.flatnonzero, sets)
            ]
        )
    return _finished(plan, combined, start, before)


def _versions(
    plan: Plan, updates: Sequence[Int32s], base: Int32s | None, previous: Int32s | None
) -> tuple[Int32s, Int32s]:
    """The base version and the one before it; AggregateError if a shape is not the plan's."""
    for place, update in enumerate(updates):
        if update.shape != (plan.n_parameters,):
            raise AggregateError(
                f"update {place} has shape {update.shape}, the plan {plan.n_parameters} "
                "parameters: leave it out"
            )
    start = np.zeros(plan.n_parameters, dtype=np.int32) if base is None else base
    before = start if previous is None else previous
    for name, version in (("base", start), ("previous", before)):
        if version.shape != (plan.n_parameters,):
            raise AggregateError(
                f"the {name} version has shape {version.shape}, the plan {plan.n_parameters} "
                "parameters: open the round on a version of the same features"
            )
    return start, before


def _held(
    plan: Plan, updates: Sequence[Int32s], weights: Sequence[int]
) -> tuple[list[Int32s], list[int]]:
    """Updates within the clip bound, and weights under the cap."""
    clip = np.int32(plan.clip)
    held = [np.clip(update, -clip, clip) for update in updates]
    return held, [min(weight, plan.rule.weight_cap) for weight in weights]


def _finished(plan: Plan, combined: npt.NDArray[np.int64], start: Int32s, before: Int32s) -> Int32s:
    """What a rule made, (..., n_parameters), with momentum, on the base version, within int32."""
    # |base - previous| < 2^32 and the factor is below 2^10: far within int64.
    velocity = start.astype(np.int64) - before
    step = combined + div_trunc_array(velocity * plan.rule.momentum_permille, 1000)
    parameters = np.clip(step + start, INT32_MIN, INT32_MAX).astype(np.int32)
    parameters.flags.writeable = False
    return parameters


def aggregate_coordinate(
    plan: Plan, values: Sequence[int], weights: Sequence[int], base: int = 0, previous: int = 0
) -> int:
    """One coordinate of the aggregate, in plain integers: what a contract judges.

    previous: the same coordinate of the version that the base was trained from; the base's own
    where there is none.
    """
    held = [clamp(value, -plan.clip, plan.clip) for value in values]
    capped = [min(weight, plan.rule.weight_cap) for weight in weights]
    combined = rule_of(plan.rule).combine_coordinate(held, capped)
    momentum = div_trunc((base - previous) * plan.rule.momentum_permille, 1000)
    return clamp(base + momentum + combined, INT32_MIN, INT32_MAX)


@dataclass(frozen=True, eq=False)
class IncludedUpdate:
    """An update as the chain knows it: its index in the round and its posted root."""

    index: int
    root: bytes
    update: Update


_MAGIC = b"cairn-aggregate/1".ljust(32, b"\0")
_COUNTS = struct.Struct(">II")
_ENTRY = struct.Struct(">I32sQ")


@dataclass(frozen=True, eq=False)
class Aggregate:
    """An aggregate with all that it was made from: the file that an operator posts.

    plan_hash: 32 bytes. base, parameters: the base version's integers and the new version's.
    updates: by ascending index.
    """

    plan_hash: bytes
    base: Int32s
    parameters: Int32s
    updates: tuple[IncludedUpdate, ...]

    @property
    def root(self) -> bytes:
        return integers_root(self.parameters)

    @classmethod
    def make(
        cls,
        plan: Plan,
        updates: Sequence[IncludedUpdate],
        base: Int32s | None = None,
        previous: Int32s | None = None,
    ) -> "Aggregate":
        """Aggregate updates, in whatever order they came. Raises AggregateError."""
        ordered = tuple(sorted(updates, key=lambda included: included.index))
        start = np.zeros(plan.n_parameters, dtype=np.int32) if base is None else base
        parameters = aggregate_updates(
            plan,
            [included.update.values for included in ordered],
            [included.update.weight for included in ordered],
            start,
            previous,
        )
        return cls(plan.hash, start, parameters, ordered)

    def to_bytes(self) -> bytes:
        """The canonical file; docs/spec/training.md has its layout."""
        parts = [
            _MAGIC,
            self.plan_hash,
            _COUNTS.pack(len(self.parameters), len(self.updates)),
            encode_integers(self.base),
            encode_integers(self.parameters),
        ]
        for included in self.updates:
            parts.append(_ENTRY.pack(included.index, included.root, included.update.weight))
            parts.append(included.update.to_bytes())
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes, *, n_parameters: int) -> "Aggregate":
        """Read a file. Raises AggregateError if it is cut short, too long, out of order, or for
        another number of parameters. Roots are not checked here: `verify_round` does that.
        """
        head = len(_MAGIC) + 32
        if data[: len(_MAGIC)] != _MAGIC or len(data) < head + _COUNTS.size:
            raise AggregateError("not an aggregate file of format cairn-aggregate/1")
        found, n_updates = _COUNTS.unpack_from(data, head)
        if found != n_parameters:
            raise AggregateError(f"{found} parameters in the file, {n_parameters} in the plan")
        size = 4 * n_parameters
        wanted = head + _COUNTS.size + 2 * size + n_updates * (_ENTRY.size + size)
        if not 0 < n_updates <= MAX_UPDATES or len(data) != wanted:
            raise AggregateError(
                f"{len(data)} bytes for {n_updates} updates of {n_parameters} parameters, "
                f"{wanted} are right: fetch the file again"
            )
        place = head + _COUNTS.size
        base = decode_integers(data[place : place + size], n_parameters)
        place += size
        parameters = decode_integers(data[place : place + size], n_parameters)
        place += size
        updates: list[IncludedUpdate] = []
        for _ in range(n_updates):
            index, root, weight = _ENTRY.unpack_from(data, place)
            place += _ENTRY.size
            if updates and index <= updates[-1].index:
                raise AggregateError(
                    f"update {index} comes after {updates[-1].index}: out of order"
                )
            values = decode_integers(data[place : place + size], n_parameters)
            place += size
            try:
                updates.append(IncludedUpdate(index, root, Update(values, weight)))
            except UpdateError as error:
                raise AggregateError(f"update {index}: {error}") from error
        return cls(data[len(_MAGIC) : head], base, parameters, tuple(updates))
