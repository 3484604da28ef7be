"""Preprocessing steps of a scikit-learn pipeline, folded into one affine map of the features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from cairn.errors import CairnError

FloatArray = npt.NDArray[np.float64]

STEPS = (
    "StandardScaler",
    "MinMaxScaler",
    "RobustScaler",
    "SimpleImputer",
    "ColumnTransformer",
    "PCA",
)

NEAREST_STEP = {
    "FunctionTransformer": "a schema, which scales features already",
    "IterativeImputer": "SimpleImputer",
    "KNNImputer": "SimpleImputer",
    "KernelPCA": "PCA",
    "MaxAbsScaler": "MinMaxScaler",
    "Normalizer": "StandardScaler",
    "OneHotEncoder": "a tree model on the category's number",
    "OrdinalEncoder": "the category's number as a feature",
    "PolynomialFeatures": "MLPRegressor or MLPClassifier, which find products themselves",
    "PowerTransformer": "StandardScaler",
    "QuantileTransformer": "RobustScaler",
    "SelectKBest": "ColumnTransformer that selects the columns",
    "TruncatedSVD": "PCA",
}


class ExportError(CairnError):
    """Names the estimator without an integer program, the parameter, the nearest that has one."""


@dataclass(frozen=True)
class Affine:
    """z = matrix @ x + offset, with what stands in for a missing x (NaN where nothing does).

    matrix: (n_outputs, n_features); offset: (n_outputs,); imputed: (n_features,).
    """

    matrix: FloatArray
    offset: FloatArray
    imputed: FloatArray

    @classmethod
    def identity(cls, n_features: int) -> "Affine":
        return cls(np.eye(n_features), np.zeros(n_features), np.full(n_features, np.nan))

    @property
    def n_outputs(self) -> int:
        return len(self.offset)

    def then(self, matrix: FloatArray, offset: FloatArray) -> "Affine":
        """This map, and after it z -> matrix @ z + offset."""
        return Affine(matrix @ self.matrix, matrix @ self.offset + offset, self.imputed)

    def scaled(self, factor: FloatArray, offset: FloatArray) -> "Affine":
        """This map, and after it z -> factor * z + offset."""
        return replace(
            self, matrix=factor[:, None] * self.matrix, offset=factor * self.offset + offset
        )

    def select(self, columns: Sequence[int]) -> "Affine":
        return replace(self, matrix=self.matrix[columns], offset=self.offset[columns])

    def sources(self, user: str) -> list[int]:
        """The one feature that each output comes from; `user` cannot do with a mixture."""
        if (np.count_nonzero(self.matrix, axis=1) != 1).any():
            raise ExportError(
                f"{user} after a step that mixes features (PCA) cannot be exported: leave the step "
                "out, or use a linear model or an MLP"
            )
        return [int(np.flatnonzero(row)[0]) for row in self.matrix]


def fold_pipeline(estimator: Any, n_features: int) -> tuple[Affine, Any]:
    """Split a fitted pipeline into the affine map before its model, and the model.

    Raises ExportError for a step that is not affine or not known.
    """
    affine = Affine.identity(n_features)
    while name_of(estimator) == "Pipeline":
        steps = [step for _, step in estimator.steps]
        for step in steps[:-1]:
            affine = _fold(affine, step)
        estimator = steps[-1]
    return affine, estimator


def name_of(estimator: Any) -> str:
    """The class's name; with its module if it is not scikit-learn's, so that it matches nothing."""
    cls = type(estimator)
    own = cls.__module__.split(".")[0] == "sklearn"
    return cls.__name__ if own else f"{cls.__module__}.{cls.__name__}"


def check_fitted(estimator: Any) -> None:
    """Raises ExportError if an estimator of scikit-learn was not fitted."""
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise ExportError(f"{name_of(estimator)} is not fitted: call fit first") from None


def finite(values: Any, name: str) -> FloatArray:
    """Numbers of a fitted estimator; raises ExportError that names it if they are not finite."""
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ExportError(f"{name} holds numbers that are not finite: fit it again without them")
    return numbers


def _fold(affine: Affine, step: Any) -> Affine:
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return affine
    name = name_of(step)
    if name == "FunctionTransformer" and step.func is None:
        return affine  # what a ColumnTransformer puts for "passthrough"
    if name == "Pipeline":
        for _, inner in step.steps:
            affine = _fold(affine, inner)
        return affine
    folds: dict[str, Callable[[Affine, Any], Affine]] = {
        "StandardScaler": _standard,
        "MinMaxScaler": _min_max,
        "RobustScaler": _robust,
        "SimpleImputer": _imputer,
        "ColumnTransformer": _columns,
        "PCA": _pca,
    }
    if name not in folds:
        nearest = f"the nearest that can: {NEAREST_STEP[name]}; " if name in NEAREST_STEP else ""
        raise ExportError(
            f"the pipeline's step {name} cannot be exported; {nearest}these can: {', '.join(STEPS)}"
        )
    check_fitted(step)
    if name != "ColumnTransformer" and step.n_features_in_ != affine.n_outputs:
        raise ExportError(
            f"{name} was fitted on {step.n_features_in_} columns; {affine.n_outputs} come in: give X "
            "as the pipeline takes it"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        folded = folds[name](affine, step)
    finite(folded.matrix, name)
    finite(folded.offset, name)
    return folded


def _standard(affine: Affine, step: Any) -> Affine:
    scale = np.ones(affine.n_outputs) if step.scale_ is None else step.scale_
    mean = np.zeros(affine.n_outputs) if not step.with_mean else step.mean_
    return affine.scaled(1 / scale, -mean / scale)


def _min_max(affine: Affine, step: Any) -> Affine:
    if step.clip:
        raise ExportError(
            "MinMaxScaler with clip=True cannot be exported: set clip=False; a schema's bounds clamp "
            "the features already"
        )
    return affine.scaled(step.scale_, step.min_)


def _robust(affine: Affine, step: Any) -> Affine:
    scale = np.ones(affine.n_outputs) if step.scale_ is None else step.scale_
    centre = np.zeros(affine.n_outputs) if step.center_ is None else step.center_
    return affine.scaled(1 / scale, -centre / scale)


def _imputer(affine: Affine, step: Any) -> Affine:
    if step.add_indicator:
        raise ExportError("SimpleImputer with add_indicator=True cannot be exported: leave it out")
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise ExportError(
            f"SimpleImputer with missing_values={step.missing_values!r} cannot be exported: mark "
            "what is missing by NaN"
        )
    statistics = np.asarray(step.statistics_, dtype=np.float64)
    if np.isnan(statistics).any():
        raise ExportError(
            f"SimpleImputer saw nothing but missing values in column {int(np.isnan(statistics).argmax())}"
            ": leave the column out"
        )
    imputed = affine.imputed.copy()
    for output, feature in enumerate(affine.sources("SimpleImputer")):
        if np.isnan(imputed[feature]):
            factor = affine.matrix[output, feature]
            imputed[feature] = (statistics[output] - affine.offset[output]) / factor
    return replace(affine, imputed=imputed)


def _columns(affine: Affine, step: Any) -> Affine:
    parts: list[Affine] = []
    names = list(getattr(step, "feature_names_in_", []))
    for _, transformer, columns in step.transformers_:
        if isinstance(transformer, str) and transformer == "drop":
            continue
        indices = _indices(columns, names, affine.n_outputs)
        if indices:
            parts.append(_fold(affine.select(indices), transformer))
    if not parts:
        raise ExportError("the ColumnTransformer selects no column: select at least one")
    imputed = affine.imputed
    for part in parts:
        fresh = np.isnan(imputed)
        if (~fresh & ~np.isnan(part.imputed) & (imputed != part.imputed)).any():
            raise ExportError(
                "the ColumnTransformer imputes one column in two ways: a feature has one stand-in"
            )
        imputed = np.where(fresh, part.imputed, imputed)
    return Affine(
        np.vstack([part.matrix for part in parts]),
        np.concatenate([part.offset for part in parts]),
        imputed,
    )


def _indices(columns: Any, names: list[str], n_columns: int) -> list[int]:
    if isinstance(columns, str | int | np.integer):
        columns = [columns]
    if isinstance(columns, slice):
        if isinstance(columns.start, str) or isinstance(columns.stop, str):
            # By names, and then with the last one, as pandas has it.
            first = names.index(columns.start) if columns.start else 0
            last = names.index(columns.stop) if columns.stop else n_columns - 1
            return list(range(first, last + 1, columns.step or 1))
        return list(range(n_columns))[columns]
    listed = list(columns)
    if listed and all(isinstance(column, str) for column in listed):
        return [names.index(column) for column in listed]
    if listed and all(isinstance(column, bool | np.bool_) for column in listed):
        return [i for i, chosen in enumerate(listed) if chosen]
    return [int(column) % n_columns for column in listed]


def _pca(affine: Affine, step: Any) -> Affine:
    components = np.asarray(step.components_, dtype=np.float64)
    if step.whiten:
        components = components / np.sqrt(step.explained_variance_)[:, None]
    return affine.then(components, -components @ step.mean_)
