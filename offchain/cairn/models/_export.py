"""Fitted scikit-learn estimators and pipelines as integer programs."""

from dataclasses import dataclass
from decimal import Decimal
from math import floor, log10
from typing import Any

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import INT32_MAX, MISSING
from cairn.domain.programs import FeatureRule, OutputMode, Program, linear_program
from cairn.domain.schema import Schema
from cairn.models._affine import Affine, ExportError, FloatArray, fold_pipeline

LINEAR_REGRESSORS = frozenset(
    {"LinearRegression", "Ridge", "Lasso", "ElasticNet", "LinearSVR", "SGDRegressor"}
)
LINEAR_CLASSIFIERS = frozenset({"LogisticRegression", "LinearSVC", "SGDClassifier"})

SUM_BITS = 62
"""A linear program's sum stays below 2**62, so that numpy adds it up exactly in int64."""


@dataclass(frozen=True)
class Columns:
    """The features as integers: scale (measurement worth one), range and stand-in, each (n,)."""

    scale: FloatArray
    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    missing: npt.NDArray[np.bool_]
    names: tuple[str, ...]


def export(
    pipeline: Any, X: npt.ArrayLike, schema: Schema | None = None, *, mode: OutputMode | None = None
) -> Program:
    """The integer program of a fitted estimator or pipeline.

    X: (n_rows, n_features), rows like those it was trained on, to calibrate scales from. With a
    schema they are measurements in its columns' units, and the program takes the schema's device
    integers; its scores are device integers of the schema's target. Without one, features are
    integers as they stand, and the score's decimals are chosen from the data.

    Classifiers return the place of the class in `classes_`, and the scores behind it (mode
    LABEL_AND_SCORES) unless the mode or a schema with one target says otherwise.

    Raises ExportError that names the estimator, the parameter and the nearest thing that can be
    exported, or the feature that does not fit.
    """
    rows = np.asarray(X, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ExportError(f"X of shape {rows.shape}: give rows like those of the training set")
    columns = _columns(rows, schema)
    affine, model = fold_pipeline(pipeline, rows.shape[1])
    name = type(model).__name__
    if name in LINEAR_REGRESSORS:
        return _linear(affine, model, columns, schema, OutputMode.SCORES)
    if name in LINEAR_CLASSIFIERS:
        if len(model.classes_) != 2:
            raise ExportError(
                f"{name} with {len(model.classes_)} classes: only two can be exported"
            )
        if mode is None:
            single = schema is not None and len(schema.targets) == 1
            mode = OutputMode.LABEL if single else OutputMode.LABEL_AND_SCORES
        return _linear(affine, model, columns, schema, mode)
    raise ExportError(
        f"{name} cannot be exported; these can: "
        + ", ".join(sorted(LINEAR_REGRESSORS | LINEAR_CLASSIFIERS))
    )


def _columns(rows: FloatArray, schema: Schema | None) -> Columns:
    n_features = rows.shape[1]
    if schema is not None:
        if schema.n_features != n_features:
            raise ExportError(
                f"X has {n_features} columns, the schema {schema.n_features} features"
            )
        return Columns(
            scale=np.array([float(column.scale) for column in schema.features]),
            low=np.array([column.low for column in schema.features], dtype=np.int64),
            high=np.array([column.high for column in schema.features], dtype=np.int64),
            missing=np.array([column.missing for column in schema.features]),
            names=tuple(column.name for column in schema.features),
        )
    present = rows[~np.isnan(rows)]
    if (present != np.rint(present)).any():
        raise ExportError("X has fractions and there is no schema: give the schema, or integers")
    if present.size and np.abs(present).max() > INT32_MAX:
        raise ExportError("X has values outside int32: give a schema with a coarser scale")
    low, high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
    # Half the range seen to either side: beyond, a value is taken for the nearest of those.
    margin = np.ceil((high - low) / 2)
    return Columns(
        scale=np.ones(n_features),
        low=np.maximum(low - margin, MISSING + 1).astype(np.int64),
        high=np.minimum(high + margin, INT32_MAX).astype(np.int64),
        missing=np.isnan(rows).any(axis=0),
        names=tuple(f"feature {position}" for position in range(n_features)),
    )


def _linear(
    affine: Affine, model: Any, columns: Columns, schema: Schema | None, mode: OutputMode
) -> Program:
    weights = np.atleast_2d(model.coef_)
    if len(weights) != 1:
        raise ExportError(f"{type(model).__name__} with {len(weights)} outputs: fit one for each")
    head = affine.then(weights, np.atleast_1d(model.intercept_))
    # The score by device integers: slope @ (x - centre) + level.
    slope = head.matrix[0] * columns.scale
    centre = (columns.low + columns.high) // 2
    level = float(head.offset[0] + slope @ centre)
    reach = np.maximum(columns.high - centre, centre - columns.low)
    largest = abs(level) + float(np.abs(slope) @ reach)
    decimals = _decimals(largest, schema, mode)
    unit = 10.0**-decimals
    shift = min(SUM_BITS - 1 - max(0, _bits(largest / unit)), 200)
    if shift < 1:
        raise ExportError(f"{type(model).__name__}: a score of {largest:g} does not fit 32 bits")
    factor = 2.0**shift / unit
    imputed = [
        MISSING if np.isnan(value) else round(value / scale)
        for value, scale in zip(affine.imputed, columns.scale, strict=True)
    ]
    rules = [
        FeatureRule(
            low=int(columns.low[i]),
            high=int(columns.high[i]),
            imputed=imputed[i],
            centre=int(centre[i]),
            multiplier=round(float(slope[i]) * factor),
        )
        for i in range(len(slope))
    ]
    half = 1 << (shift - 1) if mode is OutputMode.SCORES else 0
    return linear_program(rules, round(level * factor) + half, shift, mode=mode, decimals=decimals)


def _bits(value: float) -> int:
    """Bits that an integer of this size takes."""
    return int(np.ceil(np.log2(value + 1)))


def _decimals(largest: float, schema: Schema | None, mode: OutputMode) -> int:
    """Decimals of a score: those of the schema's last target, or as many as fit, up to 9."""
    if schema is not None and mode is not OutputMode.LABEL:
        target = schema.targets[-1]
        exponent = Decimal(target.scale).normalize().as_tuple()
        if exponent.digits != (1,):
            raise ExportError(
                f"the scale of {target.name} is {target.scale}: give a power of ten, such as 0.01"
            )
        return -int(exponent.exponent)
    return min(9, floor(log10(2**30 / max(largest, 1e-9))))
