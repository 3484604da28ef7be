"""Trees that came in a file: their arrays are walked by compiled code, which trusts every index."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

MAX_OBJECTS = 1_000_000


def unsound_tree(model: Any) -> str | None:
    """What is wrong with the first tree within a model that is none, or None if all are sound."""
    for tree, n_features in _trees_of(model):
        if hasattr(tree, "nodes"):
            nodes = tree.nodes
            inner = ~nodes["is_leaf"].astype(bool)
            left, right, feature = nodes["left"], nodes["right"], nodes["feature_idx"]
        else:
            left, right, feature = tree.children_left, tree.children_right, tree.feature
            inner = left != -1
            if tree.n_features != n_features or len(tree.value) != len(left):
                return f"a tree over {tree.n_features} features in a model of {n_features}"
        wrong = _wrong(left, right, feature, inner, n_features)
        if wrong:
            return wrong
    return None


def _wrong(
    left: npt.NDArray[Any],
    right: npt.NDArray[Any],
    feature: npt.NDArray[Any],
    inner: npt.NDArray[np.bool_],
    n_features: int,
) -> str | None:
    place = np.arange(len(inner))[inner]
    if not len(inner):
        return "a tree without nodes"
    for child in (left[inner].astype(np.int64), right[inner].astype(np.int64)):
        # Fitted trees number children after their parents: so none goes round in a circle.
        if (child <= place).any() or (child >= len(inner)).any():
            return "a tree whose nodes are not in order"
    if (feature[inner] < 0).any() or (feature[inner].astype(np.int64) >= n_features).any():
        return f"a tree that asks for a feature past the model's {n_features}"
    return None


def _trees_of(model: Any) -> Iterator[tuple[Any, int]]:
    """Every tree in a model, whatever holds it, with the features of the estimator around it."""
    left: list[tuple[Any, int]] = [(model, 0)]
    seen: set[int] = set()
    while left and len(seen) < MAX_OBJECTS:
        value, n_features = left.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        name = f"{type(value).__module__}.{type(value).__qualname__}"
        if name == "sklearn.tree._tree.Tree" or name.endswith(".predictor.TreePredictor"):
            yield value, n_features
        elif isinstance(value, dict):
            left += [(inner, n_features) for inner in value.values()]
        elif isinstance(value, list | tuple):
            left += [(inner, n_features) for inner in value]
        elif isinstance(value, np.ndarray):
            if value.dtype == object:
                left += [(inner, n_features) for inner in value.ravel()]
        elif hasattr(value, "__dict__"):
            own = getattr(value, "n_features_in_", n_features)
            left += [(inner, own) for inner in vars(value).values()]
