"""Decision trees, forests and boosted trees as programs: thresholds exact, leaves rounded once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, log2
from typing import Any

import numpy as np
import numpy.typing as npt

from cairn.domain.programs import OutputMode, Program, Tree, trees_program
from cairn.domain.schema import Schema
from cairn.models._affine import Affine, ExportError, FloatArray, finite
from cairn.models._columns import Columns, decimals_for, rounding_of

THRESHOLD_BITS = 23
LEAF_BITS = 29
SUM_BITS = 62
SCORE_BITS = 40
FEATURE_SHIFT = 32
RANGE_MARGIN = 0.5
MAX_CLASSES = 16
LAST_BITS = 16 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class RealTree:
    """A tree over a pipeline's outputs; `values` (n_nodes,) or (n_nodes, n_scores) at the leaves."""

    feature: npt.NDArray[np.int64]
    threshold: FloatArray
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    values: FloatArray
    place: int = 0


@dataclass(frozen=True)
class RealEnsemble:
    """score_k = base_k + the sum of its trees' leaves."""

    trees: list[RealTree]
    base: FloatArray
    vectors: bool
    single_precision: bool
    """Whether scikit-learn compares in float32, as all but the histogram estimators do."""
    zero_is_positive: bool = False
    """Whether a lone score of nothing means the second class, as gradient boosting has it."""


def read_ensemble(model: Any) -> RealEnsemble:
    """The trees of a fitted estimator; raises ExportError for what has no integer program."""
    name = type(model).__name__
    if name.startswith("HistGradientBoosting"):
        return _histogram(model)
    if name.startswith("GradientBoosting"):
        return _boosted(model)
    estimators = getattr(model, "estimators_", None) or [model]
    n_outputs = model.n_outputs_
    if n_outputs != 1:
        raise ExportError(f"{name} with {n_outputs} outputs cannot be exported: fit one for each")
    share = 1 / len(estimators)
    if not hasattr(model, "classes_"):
        trees = [_tree(one.tree_, one.tree_.value[:, 0, 0] * share) for one in estimators]
        return RealEnsemble(trees, np.zeros(1), vectors=False, single_precision=True)
    if len(model.classes_) <= 2:
        trees = [_tree(one.tree_, (_shares(one)[:, -1] - 0.5) * share) for one in estimators]
        return RealEnsemble(trees, np.zeros(1), vectors=False, single_precision=True)
    trees = [_tree(one.tree_, _shares(one) * share) for one in estimators]
    base = np.zeros(len(model.classes_))
    return RealEnsemble(trees, base, vectors=True, single_precision=True)


def _shares(estimator: Any) -> FloatArray:
    """Each node's share of every class."""
    value = np.asarray(estimator.tree_.value[:, 0, :], dtype=np.float64)
    shares: FloatArray = value / value.sum(axis=1, keepdims=True)
    return shares


def _tree(tree: Any, values: FloatArray, place: int = 0) -> RealTree:
    return RealTree(
        feature=np.asarray(tree.feature, dtype=np.int64),
        threshold=np.asarray(tree.threshold, dtype=np.float64),
        left=np.asarray(tree.children_left, dtype=np.int64),
        right=np.asarray(tree.children_right, dtype=np.int64),
        values=values,
        place=place,
    )


def _boosted(model: Any) -> RealEnsemble:
    name = type(model).__name__
    constant = ("DummyRegressor", "DummyClassifier")
    if not isinstance(model.init_, str) and type(model.init_).__name__ not in constant:
        raise ExportError(
            f"{name} with init={type(model.init_).__name__} cannot be exported: leave init at None"
        )
    base = np.asarray(
        model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0],
        dtype=np.float64,
    )
    trees = [
        _tree(one.tree_, one.tree_.value[:, 0, 0] * model.learning_rate, place)
        for stage in model.estimators_
        for place, one in enumerate(stage)
    ]
    return RealEnsemble(trees, base, vectors=False, single_precision=True, zero_is_positive=True)


def _histogram(model: Any) -> RealEnsemble:
    name = type(model).__name__
    loss = model.loss
    if loss in ("poisson", "gamma"):
        raise ExportError(
            f"{name} with loss={loss!r} cannot be exported: its output is an exponential; use "
            "'squared_error'"
        )
    categorical = getattr(model, "is_categorical_", None)
    if categorical is not None and np.any(categorical):
        raise ExportError(
            f"{name} with categorical_features cannot be exported: give them as numbers and set "
            "categorical_features=None"
        )
    trees: list[RealTree] = []
    for stage in model._predictors:
        for place, predictor in enumerate(stage):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            trees.append(
                RealTree(
                    feature=nodes["feature_idx"].astype(np.int64),
                    threshold=nodes["num_threshold"].astype(np.float64),
                    left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
                    right=np.where(leaf, -1, nodes["right"].astype(np.int64)),
                    values=nodes["value"].astype(np.float64),
                    place=place,
                )
            )
    base = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1)
    return RealEnsemble(trees, base, vectors=False, single_precision=False)


def trees(
    affine: Affine, model: Any, columns: Columns, schema: Schema | None, mode: OutputMode
) -> Program:
    """The trees program of an estimator over a pipeline that mixes no features."""
    name = type(model).__name__
    ensemble = read_ensemble(model)
    n_scores = len(ensemble.base)
    if n_scores > MAX_CLASSES:
        raise ExportError(
            f"{name} with {n_scores} classes cannot be exported: at most {MAX_CLASSES}; a linear "
            "model or an MLP takes more"
        )
    sources = affine.sources(name)
    finite(ensemble.base, name)
    for tree in ensemble.trees:
        # A threshold may be infinite: one that parts what is missing from what is not.
        finite(tree.values[tree.left < 0], name)
        finite(np.nan_to_num(tree.threshold, nan=np.nan, posinf=0, neginf=0), name)
    cuts = _Cuts(affine, columns, sources, ensemble.single_precision)
    splits = [cuts.of(tree) for tree in ensemble.trees]
    affine = _with_whole_stand_ins(affine, columns, cuts, ensemble.trees, splits)
    # The range that thresholds need and what was seen: past it all values are alike to the trees.
    low, high = columns.seen_low.copy(), columns.seen_high.copy()
    # Below all that comes in there is room for one more input where a threshold lies there.
    room_below = np.zeros(len(low), dtype=np.int64)
    for tree, (thresholds, _) in zip(ensemble.trees, splits, strict=True):
        inner = tree.left >= 0
        for feature, cut in zip(tree.feature[inner], thresholds[inner], strict=True):
            source = sources[feature]
            if cut < columns.low[source]:
                room_below[source] = 1
            elif cut < columns.high[source]:
                low[source], high[source] = min(low[source], cut), max(high[source], cut + 1)
    for i, value in enumerate(affine.imputed / columns.scale):
        if not np.isnan(value):
            low[i], high[i] = min(low[i], round(value)), max(high[i], round(value))
    widths = high - low + room_below * (((high - low) >> (THRESHOLD_BITS - 1)) + 1)
    coarse = [max(0, int(width).bit_length() - THRESHOLD_BITS) for width in widths]
    narrowed = Columns(columns.scale, low, high, columns.seen_low, columns.seen_high, columns.names)
    least = low - (room_below << np.array(coarse))
    rules = narrowed.rules(affine, least, [1 << (FEATURE_SHIFT - places) for places in coarse])

    leaf_scale, multiplier, shift, biases, decimals = _scales(ensemble, schema, mode)
    program_trees: list[Tree] = []
    for tree, (thresholds, flipped) in zip(ensemble.trees, splits, strict=True):
        inner = tree.left >= 0
        source = np.array(
            [sources[f] if i else 0 for f, i in zip(tree.feature, inner, strict=True)]
        )
        places = np.array(coarse)[source]
        cut = (np.clip(thresholds, least[source], high[source]) - least[source]) >> places
        values = np.rint(tree.values * leaf_scale).astype(np.int64)
        program_trees.append(
            Tree(
                feature=source.tolist(),
                threshold=cut.tolist(),
                left=np.where(flipped, tree.right, tree.left).tolist(),
                right=np.where(flipped, tree.left, tree.right).tolist(),
                values=[tuple(v) if ensemble.vectors else v for v in values.tolist()],
                place=tree.place,
            )
        )
    return trees_program(
        rules,
        program_trees,
        biases,
        multiplier=multiplier,
        output_shift=shift,
        vectors=ensemble.vectors,
        shift=FEATURE_SHIFT,
        mode=mode,
        decimals=decimals,
    )


def _scales(
    ensemble: RealEnsemble, schema: Schema | None, mode: OutputMode
) -> tuple[float, int, int, list[int], int]:
    """Leaves' scale, multiplier, shift, biases and decimals."""
    sums = np.abs(ensemble.base).copy()
    largest_leaf = 1e-30
    for tree in ensemble.trees:
        leaves = np.abs(tree.values[tree.left < 0])
        most = leaves.max(axis=0)
        largest_leaf = max(largest_leaf, float(leaves.max()))
        if ensemble.vectors:
            sums += most
        else:
            sums[tree.place] += float(most)
    largest = float(sums.max())
    decimals = decimals_for(largest, schema, mode)
    # Leaves take LEAF_BITS, less what their sum needs to stay in a lane of 32 bits.
    room = 2.0**LEAF_BITS / largest_leaf
    if ensemble.vectors:
        room = min(room, 2.0**31 / largest)
    leaf_scale = 2.0 ** floor(log2(room))
    # score = total / leaf_scale in units of 10**-decimals
    ratio = 10.0**decimals / leaf_scale
    total_bits = ceil(log2(largest * leaf_scale + 2))
    shift = min(SUM_BITS - 1 - total_bits, SUM_BITS - 32) - max(0, ceil(log2(ratio)))
    shift = max(0, min(shift, 63 - 1))
    multiplier = max(1, round(ratio * 2.0**shift))
    half = rounding_of(shift, mode, len(ensemble.base))
    if ensemble.zero_is_positive and len(ensemble.base) == 1 and mode is not OutputMode.SCORES:
        half += 1
    biases = [round(float(base) * 10.0**decimals * 2.0**shift) + half for base in ensemble.base]
    return leaf_scale, multiplier, shift, biases, decimals


Split = tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]
"""Of each node of a tree what `_Cuts.of` says."""


def _with_whole_stand_ins(
    affine: Affine,
    columns: Columns,
    cuts: "_Cuts",
    trees: Sequence[RealTree],
    splits: Sequence[Split],
) -> Affine:
    """What stands in for missing values, rounded to the integers that most splits take for it.

    An imputer's mean lies between two integers, and trees fitted after it part it from both.
    """
    exact = affine.imputed / columns.scale
    lower = np.floor(exact)
    agreeing = np.zeros((2, len(exact)), dtype=np.int64)  # splits, of the lower and the upper one
    for tree, (thresholds, flipped) in zip(trees, splits, strict=True):
        inner = tree.left >= 0
        feature = np.where(inner, tree.feature, 0)
        source = np.array(cuts.sources)[feature]
        goes = cuts.goes_left(tree, feature, exact[source])
        for upper in (0, 1):
            same = ((lower[source] + upper <= thresholds) != flipped) == goes
            np.add.at(agreeing[upper], source[inner & same], 1)
    nearest = np.rint(exact)
    better = np.where(agreeing[1] > agreeing[0], lower + 1, lower)
    is_tied = (agreeing[0] == agreeing[1]) | (exact == lower)
    whole = np.where(is_tied, nearest, better)
    return replace(affine, imputed=whole * columns.scale)


class _Cuts:
    """Thresholds over a pipeline's outputs as thresholds over integers, exact for each of them."""

    def __init__(
        self, affine: Affine, columns: Columns, sources: Sequence[int], single_precision: bool
    ) -> None:
        self.sources = list(sources)
        self.factor = np.array([affine.matrix[i, s] for i, s in enumerate(sources)])
        self.offset = affine.offset
        self.scale = columns.scale[list(sources)]
        self.single_precision = single_precision

    def goes_left(
        self, tree: RealTree, feature: npt.NDArray[np.int64], value: FloatArray
    ) -> npt.NDArray[np.bool_]:
        """Whether scikit-learn goes left at each node, by a value in the unit of the integers."""
        product, offset = (
            self.factor[feature] * (value * self.scale[feature]),
            self.offset[feature],
        )
        z = product + offset
        if self.single_precision:
            z = z.astype(np.float32).astype(np.float64)
        else:
            # A threshold may be the very value of a row. The pipeline's steps, folded into one,
            # are off in the last bits; neighbouring integers are further apart by far.
            z = z - LAST_BITS * (np.abs(product) + np.abs(offset))
        goes: npt.NDArray[np.bool_] = z <= tree.threshold
        return goes

    def of(self, tree: RealTree) -> Split:
        """For each node the largest integer that goes left, and whether left and right change sides.

        Where the pipeline turns a feature round, the largest integer that goes right.
        """
        inner = tree.left >= 0
        feature = np.where(inner, tree.feature, 0)
        factor, offset, scale = self.factor[feature], self.offset[feature], self.scale[feature]
        flipped = factor < 0
        guess = np.floor(np.clip((tree.threshold - offset) / factor / scale, -(2**32), 2**32))

        # The last integer on the lower side; rounding moves it by a step or two at most.
        for _ in range(4):
            above = self.goes_left(tree, feature, guess + 1) != flipped
            guess = np.where(above, guess + 1, guess)
        for _ in range(4):
            below = self.goes_left(tree, feature, guess) == flipped
            guess = np.where(below, guess - 1, guess)
        return guess.astype(np.int64), flipped & inner
