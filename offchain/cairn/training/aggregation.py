"""From updates to an aggregate, exactly: what a contract computes again at one coordinate.

Each rule comes twice: over whole vectors with numpy, int64 throughout with a proven bound, and over
one coordinate with Python's integers, which is the definition. Division truncates toward zero, as
the EVM's does.

An aggregate is the *new version's parameters*: those of the base version plus the rule's result,
held within int32. Its root is the version's `parameters_root`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import INT32_MAX, INT32_MIN, clamp, div_trunc
from cairn.training.errors import AggregateError, UpdateError
from cairn.training.plans import MAX_UPDATES, Plan
from cairn.training.updates import Int32s, Update, decode_integers, encode_integers, integers_root

__all__ = [
    "Aggregate",
    "IncludedUpdate",
    "Rule",
    "WeightedMean",
    "aggregate_coordinate",
    "aggregate_updates",
    "div_trunc_array",
    "rule_of",
    "weighted_mean",
    "weighted_mean_coordinate",
]

Int64s: TypeAlias = npt.NDArray[np.int64]

_INT64_MAX = 2**63 - 1
_BLOCK = 4096
"""Columns at a time: 32 KB of sums stay in the processor's cache."""


def div_trunc_array(numerators: Int64s, denominator: int) -> Int64s:
    """`div_trunc` over a vector, by a positive denominator."""
    if denominator < 1:
        raise AggregateError(f"a denominator of {denominator}: weights add up to at least 1")
    quotients = numerators // denominator
    # Floor division went one too low wherever a negative number left a remainder.
    quotients += (numerators < 0) & (quotients * denominator != numerators)
    return quotients


def weighted_mean_coordinate(values: Sequence[int], weights: Sequence[int]) -> int:
    """sum(w u) / sum(w), truncated toward zero: the definition, at one coordinate."""
    _check_weights(len(values), weights)
    total = sum(weight * value for weight, value in zip(weights, values, strict=True))
    return div_trunc(total, sum(weights))


def weighted_mean(updates: Sequence[Int32s], weights: Sequence[int]) -> Int64s:
    """sum(w u) / sum(w) at each coordinate, truncated toward zero.

    updates: n vectors of int32 of one length. Raises AggregateError where int64 might not hold a
    sum: 2^31 sum(w) < 2^63 bounds each partial sum, whatever the values are.
    """
    _check_weights(len(updates), weights)
    total = sum(weights)
    if total << 31 > _INT64_MAX:
        raise AggregateError(
            f"the weights add up to {total}: an exact sum needs less than 2^32; lower weight_cap"
        )
    n_parameters = len(updates[0])
    for place, update in enumerate(updates):
        if update.dtype != np.int32 or update.shape != (n_parameters,):
            raise AggregateError(
                f"update {place} is {update.dtype} of shape {update.shape}, the first is int32 of "
                f"shape ({n_parameters},): leave it out"
            )
    sums = np.zeros(n_parameters, dtype=np.int64)
    product = np.empty(min(_BLOCK, n_parameters), dtype=np.int64)
    factors = [np.int64(weight) for weight in weights]
    for start in range(0, n_parameters, _BLOCK):
        block = sums[start : start + _BLOCK]
        scratch = product[: len(block)]
        for update, factor in zip(updates, factors, strict=True):
            np.multiply(update[start : start + _BLOCK], factor, out=scratch, dtype=np.int64)
            block += scratch
    return div_trunc_array(sums, total)


def _check_weights(n_updates: int, weights: Sequence[int]) -> None:
    if not n_updates:
        raise AggregateError("no updates: there is nothing to aggregate; cancel the round")
    if n_updates > MAX_UPDATES:
        raise AggregateError(f"{n_updates} updates, at most {MAX_UPDATES}: combine them first")
    if len(weights) != n_updates:
        raise AggregateError(f"{len(weights)} weights for {n_updates} updates: give one for each")
    for place, weight in enumerate(weights):
        if weight < 1:
            raise AggregateError(f"update {place} weighs {weight}: a weight is at least 1")


class Rule(Protocol):
    """How updates become one vector: by vectors, and at one coordinate, to the same integers."""

    def combine(self, updates: Sequence[Int32s], weights: Sequence[int]) -> Int64s: ...

    def combine_coordinate(self, values: Sequence[int], weights: Sequence[int]) -> int: ...


@dataclass(frozen=True)
class WeightedMean:
    """The mean by capped weight: FedAvg's, McMahan et al. 2017, over integers."""

    weight_cap: int

    def combine(self, updates: Sequence[Int32s], weights: Sequence[int]) -> Int64s:
        return weighted_mean(updates, self._capped(weights))

    def combine_coordinate(self, values: Sequence[int], weights: Sequence[int]) -> int:
        return weighted_mean_coordinate(values, self._capped(weights))

    def _capped(self, weights: Sequence[int]) -> list[int]:
        return [min(weight, self.weight_cap) for weight in weights]


def rule_of(plan: Plan) -> Rule:
    """The plan's rule."""
    return WeightedMean(plan.rule.weight_cap)


def aggregate_updates(
    plan: Plan, updates: Sequence[Int32s], weights: Sequence[int], base: Int32s | None = None
) -> Int32s:
    """The new version's parameters: base + rule(updates), each within int32.

    Each integer of an update is first held within the plan's clip bound, so that an update which
    breaks it counts for what the plan allows and no more. base: None for a first round.
    """
    for place, update in enumerate(updates):
        if update.shape != (plan.n_parameters,):
            raise AggregateError(
                f"update {place} has shape {update.shape}, the plan {plan.n_parameters} "
                "parameters: leave it out"
            )
    clip = np.int32(plan.clip)
    combined = rule_of(plan).combine([np.clip(u, -clip, clip) for u in updates], weights)
    if base is not None:
        if base.shape != combined.shape:
            raise AggregateError(f"the base has shape {base.shape}, the updates {combined.shape}")
        combined = combined + base
    result = np.clip(combined, INT32_MIN, INT32_MAX).astype(np.int32)
    result.flags.writeable = False
    return result


def aggregate_coordinate(
    plan: Plan, values: Sequence[int], weights: Sequence[int], base: int = 0
) -> int:
    """One coordinate of the aggregate, in plain integers: what a contract judges."""
    held = [clamp(value, -plan.clip, plan.clip) for value in values]
    combined = rule_of(plan).combine_coordinate(held, weights)
    return clamp(base + combined, INT32_MIN, INT32_MAX)


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
        cls, plan: Plan, updates: Sequence[IncludedUpdate], base: Int32s | None = None
    ) -> "Aggregate":
        """Aggregate updates, in whatever order they came. Raises AggregateError."""
        ordered = tuple(sorted(updates, key=lambda included: included.index))
        start = np.zeros(plan.n_parameters, dtype=np.int32) if base is None else base
        parameters = aggregate_updates(
            plan,
            [included.update.values for included in ordered],
            [included.update.weight for included in ordered],
            start,
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
