"""How updates become one vector: each rule over vectors, and at one coordinate.

Over vectors with numpy, int64 throughout with a proven bound; at one coordinate with Python's
integers, which is the definition, and what a contract computes again. Division truncates toward
zero, as the EVM's does. Updates stand in ascending order of their index in the round: between equal
values the lower index comes first.

Sources: weighted mean: McMahan et al. 2017; trimmed mean and median by coordinate: Yin et al. 2018.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import div_trunc
from cairn.training.errors import AggregateError
from cairn.training.plans import MAX_UPDATES, RulePlan
from cairn.training.updates import Int32s

__all__ = [
    "Median",
    "Rule",
    "TrimmedMean",
    "WeightedMean",
    "div_trunc_array",
    "rule_of",
    "weighted_mean",
    "weighted_mean_coordinate",
    "weighted_means",
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
    n_parameters = _check_updates(updates, weights)
    sums = np.zeros(n_parameters, dtype=np.int64)
    product = np.empty(min(_BLOCK, n_parameters), dtype=np.int64)
    factors = [np.int64(weight) for weight in weights]
    for start in range(0, n_parameters, _BLOCK):
        block = sums[start : start + _BLOCK]
        scratch = product[: len(block)]
        for update, factor in zip(updates, factors, strict=True):
            np.multiply(update[start : start + _BLOCK], factor, out=scratch, dtype=np.int64)
            block += scratch
    return div_trunc_array(sums, sum(weights))


def weighted_means(
    updates: Sequence[Int32s], weights: Sequence[int], sets: npt.NDArray[np.bool_]
) -> Int64s:
    """`weighted_mean` of many sets of the same updates at once.

    sets: (m, n), which of the n updates are in each, none of them empty. Returns (m, n_parameters).
    """
    _check_updates(updates, weights)
    counts = sets.astype(np.int64)
    column = np.array(weights, dtype=np.int64)
    # Each partial sum is one of fewer updates than `_check_updates` has bounded.
    sums = counts @ (np.stack(updates).astype(np.int64) * column[:, None])
    quotients = np.abs(sums) // (counts @ column)[:, None]
    return np.where(sums < 0, -quotients, quotients)


def _check_updates(updates: Sequence[Int32s], weights: Sequence[int]) -> int:
    """The number of parameters; AggregateError if shapes differ or int64 might not hold a sum."""
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
    return n_parameters


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
    """How updates become one vector: by vectors, and at one coordinate, to the same integers.

    Weights are readings, capped already.
    """

    def combine(self, updates: Sequence[Int32s], weights: Sequence[int]) -> Int64s: ...

    def combine_coordinate(self, values: Sequence[int], weights: Sequence[int]) -> int: ...


@dataclass(frozen=True)
class WeightedMean:
    """sum(w u) / sum(w)."""

    def combine(self, updates: Sequence[Int32s], weights: Sequence[int]) -> Int64s:
        return weighted_mean(updates, weights)

    def combine_coordinate(self, values: Sequence[int], weights: Sequence[int]) -> int:
        return weighted_mean_coordinate(values, weights)


@dataclass(frozen=True)
class TrimmedMean:
    """The weighted mean of what is left at a coordinate when its extremes are cut.

    n * trim_permille / 1000 members, rounded down, are cut at each end.
    """

    trim_permille: int

    def __post_init__(self) -> None:
        if not 0 <= self.trim_permille < 500:
            raise AggregateError(
                f"trim_permille is {self.trim_permille}: cut less than 500 at each end"
            )

    def _kept(self, n_updates: int) -> slice:
        cut = n_updates * self.trim_permille // 1000
        return slice(cut, n_updates - cut)

    def combine(self, updates: Sequence[Int32s], weights: Sequence[int]) -> Int64s:
        kept = self._kept(len(updates))
        parts = []
        for values, weight in _sorted_blocks(updates, weights):
            # As in the plain mean, what is kept weighs less than 2^32 in all.
            sums = (values[kept] * weight[kept]).sum(axis=0)
            totals = weight[kept].sum(axis=0)
            quotients = np.abs(sums) // totals
            parts.append(np.where(sums < 0, -quotients, quotients))
        return np.concatenate(parts)

    def combine_coordinate(self, values: Sequence[int], weights: Sequence[int]) -> int:
        _check_weights(len(values), weights)
        ordered = sorted(range(len(values)), key=lambda index: (values[index], index))
        kept = ordered[self._kept(len(values))]
        total = sum(weights[index] * values[index] for index in kept)
        return div_trunc(total, sum(weights[index] for index in kept))


@dataclass(frozen=True)
class Median:
    """The lower weighted median: the least value up to which half of all weight lies, or more."""

    def combine(self, updates: Sequence[Int32s], weights: Sequence[int]) -> Int64s:
        parts = []
        for values, weight in _sorted_blocks(updates, weights):
            running = np.cumsum(weight, axis=0)
            place = (2 * running >= running[-1]).argmax(axis=0)
            parts.append(np.take_along_axis(values, place[None], axis=0)[0])
        return np.concatenate(parts)

    def combine_coordinate(self, values: Sequence[int], weights: Sequence[int]) -> int:
        _check_weights(len(values), weights)
        total = sum(weights)
        running = 0
        for value, weight in sorted(zip(values, weights, strict=True)):
            running += weight
            if 2 * running >= total:
                return value
        raise AssertionError("the last value reaches the whole weight")


def _sorted_blocks(
    updates: Sequence[Int32s], weights: Sequence[int]
) -> Iterator[tuple[Int64s, Int64s]]:
    """For each block of columns: its values in ascending order by column, and their weights."""
    n_parameters = _check_updates(updates, weights)
    column = np.array(weights, dtype=np.int64)
    for start in range(0, n_parameters, _BLOCK):
        block = np.stack([update[start : start + _BLOCK] for update in updates])
        # Stable: between equal values the lower index comes first.
        order = np.argsort(block, axis=0, kind="stable")
        values = np.take_along_axis(block, order, axis=0).astype(np.int64)
        yield values, column[order]


def rule_of(plan: RulePlan) -> Rule:
    """The rule that a plan names."""
    if plan.name == "trimmed_mean":
        return TrimmedMean(plan.trim_permille)
    if plan.name == "median":
        return Median()
    if plan.name == "union":
        raise AggregateError("trees have no mean: unite the members' tiles")
    return WeightedMean()
