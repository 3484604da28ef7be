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
from cairn.domain.programs import Ensemble, Kind, OutputMode, Program, ProgramError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
_HALVES = sum(2**31 << 32 * lane for lane in range(8))

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
    build = {Kind.LINEAR: _linear, Kind.DENSE: _dense, Kind.TREES: _trees}[program.kind]
    score = build(program, columns)
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
    inputs = _Inputs.of(program, columns)
    if inputs is None or any(rule.multiplier for rule in program.features[program.n_features :]):
        return None
    layers = _proven_layers(program, inputs.ranges)
    if layers is None or any(layer.bound >= 2**63 for layer in layers):
        return None
    steps: list[tuple[Any, Any, int, int]] = []
    for proven, layer in zip(layers, program.layers, strict=True):
        kind: Any = np.float64 if proven.bound < 2**53 else np.int64
        steps.append(
            (
                np.array(proven.weights, dtype=kind).T.copy(),
                np.array(proven.biases, dtype=kind),
                layer.shift,
                layer.bits,
            )
        )

    def score(values: IntArray) -> IntArray:
        values = inputs.scale(values)
        for weights, biases, places, bits in steps:
            sums = (values.astype(weights.dtype, copy=False) @ weights + biases).astype(np.int64)
            if bits == 0:
                return _saturated(sums >> min(places, 63))
            values = np.minimum(np.maximum(sums, 0) >> min(places, 63), (1 << min(bits, 62)) - 1)
        raise AssertionError("a parsed program's last layer has no activation")

    return score


@dataclass(frozen=True)
class _ProvenLayer:
    """A layer whose sums stay in their lanes: its integers, and how far its sums reach."""

    weights: list[list[int]]
    biases: list[int]
    sums: tuple[int, int]
    """The least and the greatest sum of any of its units, for any features at all."""
    bound: int
    """No number that adding up meets is larger."""


def sum_ranges(program: Program) -> list[tuple[int, int]] | None:
    """Of each layer of a dense program the least and the greatest sum that any features can bring
    about; None if its words are no weights, or are not proven to stay in their lanes.
    """
    inputs = _Inputs.of(program, Columns(program))
    layers = None if inputs is None else _proven_layers(program, inputs.ranges)
    return None if layers is None else [layer.sums for layer in layers]


def _proven_layers(program: Program, ranges: list[tuple[int, int]]) -> list[_ProvenLayer] | None:
    """`ranges`: of the inputs."""
    layers: list[_ProvenLayer] = []
    row = 0
    for layer in program.layers:
        weights = [[0] * layer.n_inputs for _ in range(layer.n_units)]
        for tile in range(layer.n_tiles):
            for group in range(layer.n_groups):
                for j, word in enumerate(program.chunk_words[row * 32 : row * 32 + 32]):
                    digits = _digits(word)
                    if digits is None:
                        return None
                    i = 32 * tile + j
                    units = range(8 * group, 8 * group + 8)
                    for unit, digit in zip(units, digits, strict=True):
                        if i < layer.n_inputs and unit < layer.n_units:
                            weights[unit][i] = digit
                        elif digit:
                            return None
                row += 1
        biases: list[int] = []
        sums: list[tuple[int, int]] = []
        bound = 0
        for unit, unit_weights in enumerate(weights):
            bias = (layer.biases[unit // 8] >> 32 * (unit % 8) & 0xFFFFFFFF) - 2**31
            least = greatest = bias
            for weight, (low, high) in zip(unit_weights, ranges, strict=True):
                least += weight * (low if weight > 0 else high)
                greatest += weight * (high if weight > 0 else low)
                bound = max(bound, abs(weight), abs(low), abs(high))
            if least < -(2**31) or greatest >= 2**31:
                return None
            total = abs(bias) + sum(
                abs(weight) * max(abs(low), abs(high))
                for weight, (low, high) in zip(unit_weights, ranges, strict=True)
            )
            bound = max(bound, total)
            biases.append(bias)
            sums.append((least, greatest))
        reach = min(least for least, _ in sums), max(greatest for _, greatest in sums)
        layers.append(_ProvenLayer(weights, biases, reach, bound))
        ranges = [(0, (1 << layer.bits) - 1)] * layer.n_units
    return layers


def _trees(program: Program, columns: Columns) -> Scorer | None:
    """None if pages are no trees over the features, or do not end within the pages allowed."""
    inputs, ensemble = _Inputs.of(program, columns), program.ensemble
    assert ensemble is not None
    if inputs is None:
        return None
    forests: list[tuple[_Forest, int]] = []
    reach = [0] * ensemble.n_scores
    for chunk, place in zip(program.chunks, ensemble.classes, strict=True):
        forest = _Forest.of(chunk.words, ensemble, program.n_features)
        if forest is None:
            return None
        forests.append((forest, place))
        for k in range(ensemble.n_scores):
            if ensemble.vectors:
                reach[k] += int(forest.values[:, k].max(initial=0)) * len(forest.roots)
            elif k == place:
                reach[k] += int(np.abs(forest.values).max(initial=0)) * len(forest.roots)
    for bias, most in zip(ensemble.biases, reach, strict=True):
        if ensemble.multiplier * most + abs(bias) >= 2**63 or (ensemble.vectors and most >= 2**32):
            return None
    biases = np.array(ensemble.biases, dtype=np.int64)
    places = min(ensemble.shift, 63)

    def score(values: IntArray) -> IntArray:
        keys = (2 * inputs.scale(values)) & 0xFFFFFF
        totals = np.zeros((len(keys), ensemble.n_scores), dtype=np.int64)
        for forest, place in forests:
            if ensemble.vectors:
                totals += forest.sums(keys)
            else:
                totals[:, place] += forest.sums(keys)[:, 0]
        return _saturated((ensemble.multiplier * totals + biases) >> places)

    return score


@dataclass(frozen=True)
class _Inputs:
    """The scaling of features to inputs, and each input's range."""

    factors: IntArray
    rounding: int
    shift: int
    ranges: list[tuple[int, int]]

    @classmethod
    def of(cls, program: Program, columns: Columns) -> "_Inputs | None":
        rounding, shift = _signed(program.header[1]), min(program.shift, 63)
        multipliers = [rule.multiplier for rule in program.features[: program.n_features]]
        ranges: list[tuple[int, int]] = []
        for multiplier, *span in zip(multipliers, columns.least, columns.most, strict=True):
            ends = [rounding + multiplier * end for end in span]
            if max(map(abs, ends)) >= 2**62 or max(abs(multiplier), abs(rounding)) >= 2**62:
                return None
            ranges.append((min(ends) >> shift, max(ends) >> shift))
        return cls(np.array(multipliers, dtype=np.int64), rounding, shift, ranges)

    def scale(self, values: IntArray) -> IntArray:
        return (values * self.factors + self.rounding) >> self.shift


@dataclass(frozen=True)
class _Forest:
    """The pages of a chunk as arrays: seven nodes each, in preorder, and eight exits."""

    roots: IntArray
    depth: int
    """The most pages that a walk visits."""
    features: IntArray  # (n_pages, 7)
    thresholds: IntArray  # (n_pages, 7)
    exits: IntArray  # (n_pages, 8): a page, or -1 - the place of a leaf's values
    values: IntArray  # (n_leaves, n_scores) or (n_leaves, 1)

    @classmethod
    def of(cls, words: tuple[int, ...], ensemble: Ensemble, n_features: int) -> "_Forest | None":
        n_pages = len(words) // 2
        n_trees = words[0] % n_pages
        if n_trees == 0:
            return None
        features = np.zeros((n_pages, 7), dtype=np.int64)
        thresholds = np.zeros((n_pages, 7), dtype=np.int64)
        exits = np.zeros((n_pages, 8), dtype=np.int64)
        values: list[list[int]] = []
        below: dict[int, int] = {}  # page -> most pages from there on

        def visit(page: int, level: int) -> bool:
            if page in below:
                return True
            if level > 60:
                return False
            deepest = 0
            for i in range(7):
                node = words[2 * page] >> 32 * (7 - i) & 0xFFFFFFFF
                name = node >> 24
                features[page, i] = name // 32 if ensemble.is_narrow else name
                thresholds[page, i] = node & 0xFFFFFF
                if node & 1 == 0 or features[page, i] >= n_features:
                    return False
                if ensemble.is_narrow and name % 32:
                    return False
            for i in range(8):
                exit_ = words[2 * page + 1] >> 32 * (7 - i) & 0xFFFFFFFF
                if exit_ >> 31:
                    if ensemble.vectors:
                        at = 2 * ((exit_ - 2**31) % n_pages)
                        lanes = words[at] | words[at + 1] << 256
                        value = [lanes >> 32 * k & 0xFFFFFFFF for k in range(ensemble.n_scores)]
                    else:
                        value = [exit_ - 2**31 - 2**30]
                    values.append(value)
                    exits[page, i] = -len(values)
                else:
                    child = exit_ % n_pages
                    if not visit(child, level + 1):
                        return False
                    exits[page, i] = child
                    deepest = max(deepest, below[child])
            below[page] = 1 + deepest
            return True

        roots = range(1, n_trees + 1)
        if not all(visit(root, 0) for root in roots):
            return None
        if max(below[root] for root in roots) > 2 + ensemble.deeper:
            return None
        return cls(
            roots=np.array(roots, dtype=np.int64),
            depth=max(below[root] for root in roots),
            features=features,
            thresholds=thresholds,
            exits=exits,
            values=np.array(values, dtype=np.int64),
        )

    def sums(self, keys: IntArray) -> IntArray:
        """The leaves' values added up over the trees, for rows of keys."""
        rows = np.arange(len(keys))[:, None]
        page = np.broadcast_to(self.roots, (len(keys), len(self.roots))).copy()
        for _ in range(self.depth):
            inner = np.maximum(page, 0)
            first = keys[rows, self.features[inner, 0]] > self.thresholds[inner, 0]
            node = np.where(first, 4, 1)
            second = keys[rows, self.features[inner, node]] > self.thresholds[inner, node]
            node = node + 1 + second
            third = keys[rows, self.features[inner, node]] > self.thresholds[inner, node]
            exit_ = self.exits[inner, 4 * first + 2 * second + third]
            page = np.where(page < 0, page, exit_)
        result: IntArray = self.values[-1 - page].sum(axis=1)
        return result


def _digits(word: int) -> list[int] | None:
    """The eight signed weights of a word, the first in the lowest lane; None if it holds none."""
    shifted = (word + _HALVES) % 2**256
    digits = [(shifted >> 32 * lane & 0xFFFFFFFF) - 2**31 for lane in range(8)]
    total = sum(digit << 32 * lane for lane, digit in enumerate(digits))
    return digits if (total - word) % 2**256 == 0 else None


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
