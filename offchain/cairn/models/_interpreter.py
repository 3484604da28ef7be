"""The numpy interpreter: whole batches at once, the same integers as the reference.

A program's own ranges bound every sum before a row is seen. Sums below 2**53 are taken in float64,
which is then exact and quickest, those below 2**63 in int64; a program with larger ones, or whose
words are no weights at all, runs row by row in Python's integers. The result is the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import INT32_MAX, MISSING
from cairn.domain.programs import Kind, OutputMode, Program, ProgramError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Scorer = Callable[[IntArray], IntArray]
"""Scores, (n_rows, n_scores), of centred features, (n_rows, n_features)."""


def predict(program: Program, X: npt.ArrayLike) -> tuple[IntArray, BoolArray]:
    """Run a program on rows of device integers.

    X: (n_rows, n_features), MISSING (-2**31) or, in a float array, NaN for a missing value.
    Returns the outputs, (n_rows, n_outputs), and the mask of the rows that are valid; the outputs
    of the others are zero. Raises ProgramError if the shape or the values are no features.
    """
    rows = _as_rows(program, X)
    plan = _plan(program)
    if plan is None:
        return _row_by_row(program, rows)
    values, valid = plan.columns.centre(rows)
    outputs = _outputs(program.output_mode, plan.score(values))
    if not valid.all():
        outputs[~valid] = 0
    return outputs, valid


def is_vectorised(program: Program) -> bool:
    """Whether `predict` runs whole batches at once; if not, it runs row by row."""
    return _plan(program) is not None


class Columns:
    """The feature stage of the first `n_features` rules, as arrays."""

    def __init__(self, program: Program) -> None:
        rules = program.features[: program.n_features]
        self.low, self.high, self.imputed, self.centres = (
            np.array([getattr(rule, name) for rule in rules], dtype=np.int64)
            for name in ("low", "high", "imputed", "centre")
        )
        ends = np.stack([self.low, self.high, self.imputed]) - self.centres
        # Where nothing stands in for a missing value the row is invalid, whatever it sums to.
        ends[2] = np.where(self.imputed == MISSING, ends[0], ends[2])
        self.least: list[int] = ends.min(axis=0).tolist()
        self.most: list[int] = ends.max(axis=0).tolist()
        self.clip = bool((self.low <= self.high).all())

    def centre(self, rows: IntArray) -> tuple[IntArray, BoolArray]:
        """Rows in their ranges, less the centres, and which of them are valid."""
        if self.clip:
            values = np.clip(rows, self.low, self.high)
        else:
            values = np.where(rows < self.low, self.low, np.minimum(rows, self.high))
        valid = np.ones(len(rows), dtype=np.bool_)
        if rows.size and rows.min() == MISSING:
            missing = (rows == MISSING) & (self.low != MISSING)
            without = missing & (self.imputed == MISSING)
            values = np.where(missing & ~without, self.imputed, values)
            valid = ~without.any(axis=1)
        values -= self.centres
        return values, valid


@dataclass(frozen=True)
class Plan:
    """A program made ready for batches."""

    columns: Columns
    score: Scorer


@lru_cache(maxsize=64)
def _plan(program: Program) -> Plan | None:
    columns = Columns(program)
    score = _linear(program, columns) if program.kind is Kind.LINEAR else _dense(program, columns)
    return None if score is None else Plan(columns, score)


def _linear(program: Program, columns: Columns) -> Scorer | None:
    rules = program.features
    multipliers = [rule.multiplier for rule in rules[: program.n_features]]
    # Rules of the padding act on zeros: a constant.
    padding = sum(rule.multiplier * (rule.apply(0) or 0) for rule in rules[program.n_features :])
    bias = _signed(program.header[1]) + padding
    bound = abs(bias) + sum(
        abs(multiplier) * (1 + max(abs(least), abs(most)))
        for multiplier, least, most in zip(multipliers, columns.least, columns.most, strict=True)
    )
    if bound >= 2**63:
        return None
    weights, shift = np.array(multipliers, dtype=np.int64), min(program.shift, 63)

    def score(values: IntArray) -> IntArray:
        total = values @ weights
        total += bias
        return _saturated(total >> shift)[:, None]

    return score


def _dense(program: Program, columns: Columns) -> Scorer | None:
    """None if a sum is not proven to fit, or if words are no weights in their lanes."""
    n_features = program.n_features
    rounding, shift = _signed(program.header[1]), min(program.shift, 63)
    rules = program.features
    if any(rule.multiplier for rule in rules[n_features:]):
        return None
    ranges: list[tuple[int, int]] = []
    for rule, least, most in zip(rules, columns.least, columns.most, strict=False):
        ends = (rounding + rule.multiplier * least, rounding + rule.multiplier * most)
        if max(map(abs, ends)) >= 2**62 or abs(rule.multiplier) >= 2**62:
            return None
        ranges.append((min(ends) >> shift, max(ends) >> shift))
    factors = np.array([rule.multiplier for rule in rules[:n_features]], dtype=np.int64)

    steps: list[tuple[Any, Any, int, int]] = []
    row = 0
    for layer in program.layers:
        half = 1 << (layer.lane_bits - 1)
        mask = (1 << layer.lane_bits) - 1
        offset = sum(half << layer.lane_bits * lane for lane in range(layer.n_lanes))
        weights = [[0] * layer.n_inputs for _ in range(layer.n_units)]
        for tile in range(layer.n_tiles):
            for group in range(layer.n_groups):
                at = row * 32
                for j, word in enumerate(program.chunk_words[at : at + 32]):
                    shifted = (word + offset) % 2**256
                    digits = [
                        (shifted >> layer.lane_bits * lane & mask) - half
                        for lane in range(layer.n_lanes)
                    ]
                    if (
                        sum(digit << layer.lane_bits * lane for lane, digit in enumerate(digits))
                        - word
                    ) % 2**256:
                        return None
                    i = 32 * tile + j
                    first = group * layer.n_lanes
                    for unit, digit in enumerate(digits, first):
                        if i < layer.n_inputs and unit < layer.n_units:
                            weights[unit][i] = digit
                        elif digit and unit < layer.n_units:
                            return None  # a weight of padding: zero in all but a hidden layer
                row += 1
        biases: list[int] = []
        bound = 0
        for unit, unit_weights in enumerate(weights):
            word = layer.biases[unit // layer.n_lanes]
            bias = (word >> layer.lane_bits * (unit % layer.n_lanes) & mask) - half
            least = greatest = bias
            for weight, (low, high) in zip(unit_weights, ranges, strict=True):
                least += weight * (low if weight > 0 else high)
                greatest += weight * (high if weight > 0 else low)
                bound = max(bound, abs(weight), abs(low), abs(high))
            if least < -half or greatest >= half:
                return None
            total = abs(bias) + sum(
                abs(weight) * max(abs(low), abs(high))
                for weight, (low, high) in zip(unit_weights, ranges, strict=True)
            )
            bound = max(bound, total)
            biases.append(bias)
        if bound >= 2**63:
            return None
        kind: Any = np.float64 if bound < 2**53 else np.int64
        steps.append(
            (np.array(weights, dtype=kind).T.copy(), np.array(biases, dtype=kind), layer.shift, layer.bits)
        )
        ranges = [(0, (1 << layer.bits) - 1)] * layer.n_units

    def score(values: IntArray) -> IntArray:
        values = (values * factors + rounding) >> shift
        for weights, biases, places, bits in steps:
            sums = (values.astype(weights.dtype, copy=False) @ weights + biases).astype(np.int64)
            if bits == 0:
                return _saturated(sums >> min(places, 63))
            values = np.minimum(np.maximum(sums, 0) >> min(places, 63), (1 << min(bits, 62)) - 1)
        raise AssertionError("a parsed program's last layer has no activation")

    return score


def _row_by_row(program: Program, rows: IntArray) -> tuple[IntArray, BoolArray]:
    outputs = np.zeros((len(rows), program.n_outputs), dtype=np.int64)
    valid = np.zeros(len(rows), dtype=np.bool_)
    for position, row in enumerate(rows.tolist()):
        result = program.run(row)
        if result is not None:
            outputs[position], valid[position] = result, True
    return outputs, valid


def _outputs(mode: OutputMode, scores: IntArray) -> IntArray:
    if mode is OutputMode.SCORES:
        return scores
    if scores.shape[1] == 1:
        labels = (scores > 0).astype(np.int64)
    else:
        labels = scores.argmax(axis=1)[:, None]
    return labels if mode is OutputMode.LABEL else np.hstack([labels, scores])


def _saturated(scores: IntArray) -> IntArray:
    return np.clip(scores, -INT32_MAX, INT32_MAX)


def _signed(word: int) -> int:
    return word - 2**256 if word >> 255 else word


def _as_rows(program: Program, X: npt.ArrayLike) -> IntArray:
    given = np.asarray(X)
    if given.ndim != 2 or given.shape[1] != program.n_features:
        raise ProgramError(
            f"features of shape {given.shape}: give (n_rows, {program.n_features}) device integers"
        )
    if given.dtype.kind == "f":
        given = np.where(np.isnan(given), MISSING, given)
        if (given != np.rint(given)).any():
            raise ProgramError("features with fractions: encode them with the model's schema first")
    elif given.dtype.kind not in "iu":
        raise ProgramError(f"features of type {given.dtype}: give device integers")
    if given.size and (given.min() < MISSING or given.max() > INT32_MAX):
        raise ProgramError("features outside int32: encode them with the model's schema first")
    rows: IntArray = given.astype(np.int64)
    return rows
