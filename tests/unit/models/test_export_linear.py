"""Linear estimators: the program follows the float model on rows that it was not fitted on."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from cairn.domain.programs import OutputMode
from cairn.domain.schema import Column, Schema
from cairn.models import ExportError, export, predict

SCALES = np.array([0.01, 0.1, 1, 0.001])
SCHEMA = Schema(
    features=tuple(
        Column(
            name=f"f{i}", unit="", scale=str(scale), min=str(-4000 * scale), max=str(4000 * scale)
        )
        for i, scale in enumerate(SCALES)
    ),
    targets=(Column(name="y", unit="", scale="0.001", min="-2000", max="2000"),),
)


def _data(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    integers = np.clip(np.rint(generator.normal(0, 900, (n_rows, 4))), -4000, 4000)
    X = integers * SCALES
    y = X @ np.array([3.0, -0.5, 0.02, 7.0]) + 5 + generator.normal(0, 2, n_rows)
    return integers.astype(np.int64), X, y


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        Ridge(),
        Lasso(alpha=0.01),
        ElasticNet(alpha=0.01),
        LinearSVR(),
        SGDRegressor(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_export__linear_regressor__follows_the_float_model(model: object) -> None:
    _, X, y = _data(500, seed=1)
    integers, X_test, y_test = _data(2000, seed=2)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    program = export(pipeline, X, SCHEMA)
    outputs, valid = predict(program, integers)
    assert valid.all()
    scores = outputs[:, 0] * float(program.output_scale)
    assert np.abs(scores - pipeline.predict(X_test)).max() <= 0.0006
    assert abs(r2_score(y_test, scores) - r2_score(y_test, pipeline.predict(X_test))) < 1e-4


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), LinearSVC(), SGDClassifier()],
    ids=lambda model: type(model).__name__,
)
def test_export__binary_classifier__same_labels(model: object) -> None:
    _, X, y = _data(500, seed=1)
    integers, X_test, _ = _data(2000, seed=2)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y > 5)
    program = export(pipeline, X, SCHEMA)
    outputs, valid = predict(program, integers)
    assert valid.all() and program.output_mode is OutputMode.LABEL
    assert accuracy_score(pipeline.predict(X_test), outputs[:, 0]) >= 0.9995


def test_export__no_schema__integers_as_they_stand() -> None:
    integers, _, y = _data(500, seed=1)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(integers, y > 5)
    program = export(pipeline, integers)
    outputs, _ = predict(program, integers)
    logits = outputs[:, 1] * float(program.output_scale)
    assert np.allclose(logits, pipeline.decision_function(integers), atol=1e-5)
    assert (outputs[:, 0] == pipeline.predict(integers)).all()


def test_export__unit_coarser_than_what_decides__same_labels_all_the_same() -> None:
    integers = np.arange(-50.0, 50.0)[:, None]
    model = LogisticRegression().fit(integers, integers[:, 0] >= 0)
    coarse = Schema(
        features=(Column("a", "", "1", "-100", "100"),),
        targets=(Column("label", "", "1", "0", "1"), Column("logit", "", "1", "-100", "100")),
    )
    program = export(model, integers, coarse, mode=OutputMode.LABEL_AND_SCORES)
    assert (program.predict(integers) == model.predict(integers)).all()


@pytest.mark.parametrize(
    "columns",
    ["a", ["c", "a"], slice("b", "c"), np.array([0, 2]), [True, False, True, False], [-1]],
    ids=str,
)
def test_export__column_transformer_by_name_slice_mask_or_place__selects_the_same(
    columns: object,
) -> None:
    integers, _, y = _data(200, seed=1)
    rows = pd.DataFrame(integers, columns=list("abcd"))
    if isinstance(columns, str):
        columns = [columns]
    selection = ColumnTransformer([("scaled", StandardScaler(), columns)], remainder="passthrough")
    model = make_pipeline(selection, LinearRegression()).fit(rows, y)
    program = export(model, rows)
    assert np.abs(program.predict(rows) - model.predict(rows)).max() < 1e-4


def test_export__unknown_estimator__named() -> None:
    integers, _, _ = _data(50, seed=1)
    with pytest.raises(ExportError, match="KMeans"):
        export(KMeans(2).fit(integers), integers)
