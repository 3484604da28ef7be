"""Trees that a member grows at home, as tiles of a program: what `derive.unite` brings together.

scikit-learn grows them on the integers that a program's trees compare, so that a threshold is exact:
a member's tile says of every row what his own forest said, but for leaves rounded to 2^-16.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import (  # type: ignore[import-untyped, unused-ignore]
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (  # type: ignore[import-untyped, unused-ignore]
    DecisionTreeClassifier,
    DecisionTreeRegressor,
)

from cairn.domain.programs import (
    FeatureRule,
    ProgramError,
    Ranges,
    Tree,
    tree_input_shift,
    trees_program,
)
from cairn.training.derive import integers_of
from cairn.training.errors import UpdateError
from cairn.training.plans import UNIT_BITS, Plan
from cairn.training.updates import Int32s, vector

__all__ = ["grow", "tree_inputs"]

Int64s: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

_FACTORIES: Mapping[str, Callable[..., Any]] = {
    "DecisionTreeClassifier": DecisionTreeClassifier,
    "DecisionTreeRegressor": DecisionTreeRegressor,
    "ExtraTreesClassifier": ExtraTreesClassifier,
    "ExtraTreesRegressor": ExtraTreesRegressor,
    "RandomForestClassifier": RandomForestClassifier,
    "RandomForestRegressor": RandomForestRegressor,
}
_MAX_LEAF = 2**30 - 1


def tree_inputs(plan: Plan, features: Int64s) -> Int64s:
    """Imputed and clamped features, (n_rows, n_features), as a program's trees compare them."""
    ranges = plan.ranges
    lo, hi = np.array(ranges.lo), np.array(ranges.hi)
    shifts = [tree_input_shift(low, high) for low, high in zip(ranges.lo, ranges.hi, strict=True)]
    inputs: Int64s = (np.clip(features, lo, hi) - lo) >> np.array(shifts)
    return inputs


def grow(plan: Plan, features: Int64s, target: Floats) -> Int32s:
    """Grow the plan's trees and give their tiles as an update's integers.

    features: (n_rows, n_features) device integers, imputed. target: (n_rows,), classes from 0, or
    standardised values. Raises UpdateError if the trees take more tiles than the plan allows.
    """
    settings: dict[str, Any] = {"max_depth": plan.estimator.tree_depth, "random_state": plan.seed}
    given = plan.estimator.parameters
    if "min_samples_leaf" in given:
        settings["min_samples_leaf"] = int(given["min_samples_leaf"])
    if "max_features" in given:
        settings["max_features"] = float(given["max_features"])
    if not plan.estimator.name.startswith("DecisionTree"):
        settings["n_estimators"] = plan.estimator.n_trees
    model = _FACTORIES[plan.estimator.name](**settings)
    try:
        # float32 holds integers below 2^24 exactly, and thresholds between two of them.
        model.fit(tree_inputs(plan, features).astype(np.float32), target)
    except ValueError as error:
        raise UpdateError(
            f"{plan.estimator.name} could not be fitted: {error}; check its parameters in the plan"
        ) from error
    members = getattr(model, "estimators_", None) or [model]
    trees = [_tree(plan, model, one.tree_) for one in members]
    ranges = plan.ranges
    rules = [
        FeatureRule(low=lo, high=hi, imputed=lo, centre=lo, multiplier=1)
        for lo, hi in ((0, (hi - lo) >> tree_input_shift(lo, hi)) for lo, hi in _spans(ranges))
    ]
    try:
        program = trees_program(
            rules, trees, [0] * (plan.target.n_classes or 1), vectors=plan.target.n_classes > 0
        )
    except ProgramError as error:
        raise UpdateError(f"these trees are no tile: {error}") from error
    if len(program.chunks) > plan.estimator.n_tiles:
        raise UpdateError(
            f"the trees take {len(program.chunks)} tiles, the plan allows {plan.estimator.n_tiles}: "
            "raise `tiles` in the plan, or lower max_depth or n_estimators"
        )
    return vector(integers_of(program.chunks, plan.estimator.n_tiles))


def _spans(ranges: Ranges) -> list[tuple[int, int]]:
    return list(zip(ranges.lo, ranges.hi, strict=True))


def _tree(plan: Plan, model: Any, tree: Any) -> Tree:
    value = np.asarray(tree.value[:, 0, :], dtype=np.float64)
    values: list[Any]
    if plan.target.n_classes:
        shares = np.zeros((len(value), plan.target.n_classes))
        # Of the classes that this member has seen; the others have no share.
        shares[:, model.classes_.astype(np.int64)] = value / value.sum(axis=1, keepdims=True)
        values = [tuple(row) for row in np.rint(shares * 2.0**UNIT_BITS).astype(np.int64).tolist()]
    else:
        units = np.clip(np.rint(value[:, 0] * 2.0**UNIT_BITS), -_MAX_LEAF, _MAX_LEAF)
        values = units.astype(np.int64).tolist()
    inner = tree.children_left >= 0
    return Tree(
        feature=np.where(inner, tree.feature, 0).tolist(),
        threshold=np.where(inner, np.floor(tree.threshold), 0).astype(np.int64).tolist(),
        left=tree.children_left.tolist(),
        right=tree.children_right.tolist(),
        values=values,
    )
