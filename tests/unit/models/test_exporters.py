"""The conformance suite: every exporter against its float model, on rows that it never saw."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, r2_score

from cairn.domain.programs import OutputMode, Program
from cairn.models import export, predict
from tools.zoo import (
    CLASSIFIERS,
    REGRESSORS,
    STEPS,
    classification,
    regression,
    schema,
    with_missing,
)

MAX_R2_LOSS = 0.005
MAX_ACCURACY_LOSS = 0.005


@pytest.mark.parametrize("name", REGRESSORS)
def test_export__regressor__r2_kept(name: str) -> None:
    train, test = regression(1500, seed=1), regression(2000, seed=2)
    model = REGRESSORS[name]().fit(train.X, train.y)
    program = export(model, train.X, schema())
    outputs, valid = predict(program, test.integers)
    assert valid.all() and program.output_mode is OutputMode.SCORES
    scores = outputs[:, 0] * float(program.output_scale)
    loss = r2_score(test.y, model.predict(test.X)) - r2_score(test.y, scores)
    assert loss <= MAX_R2_LOSS
    assert Program.from_bytes(program.to_bytes()) == program
    assert [program.run(row) for row in test.integers[:5].tolist()] == [
        tuple(row) for row in outputs[:5].tolist()
    ]


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_export__classifier__accuracy_kept(name: str, n_classes: int) -> None:
    train, test = classification(1500, 1, n_classes), classification(2000, 2, n_classes)
    model = CLASSIFIERS[name]().fit(train.X, train.y)
    program = export(model, train.X, schema(), mode=OutputMode.LABEL_AND_SCORES)
    outputs, valid = predict(program, test.integers)
    assert valid.all()
    assert outputs.shape[1] == 1 + (1 if n_classes == 2 else n_classes)
    loss = accuracy_score(test.y, model.predict(test.X)) - accuracy_score(test.y, outputs[:, 0])
    assert loss <= MAX_ACCURACY_LOSS
    assert accuracy_score(model.predict(test.X), outputs[:, 0]) >= 0.99
    assert [program.run(row) for row in test.integers[:5].tolist()] == [
        tuple(row) for row in outputs[:5].tolist()
    ]


@pytest.mark.parametrize("name", STEPS)
def test_export__steps_with_missing_values__r2_kept(name: str) -> None:
    train, test = (with_missing(regression(2000, seed), seed) for seed in (1, 2))
    if name == "columns":
        train.X[:, 5], test.X[:, 5] = 1, 1
        train.integers[:, 5], test.integers[:, 5] = 1, 1
    model = STEPS[name]().fit(train.X, train.y)
    program = export(model, train.X, schema())
    outputs, valid = predict(program, test.integers)
    assert valid.all()
    scores = outputs[:, 0] * float(program.output_scale)
    assert r2_score(test.y, model.predict(test.X)) - r2_score(test.y, scores) <= MAX_R2_LOSS


def test_export__trees__decide_as_scikit_learn_does() -> None:
    train, test = classification(1500, 1, 3), classification(2000, 2, 3)
    model = CLASSIFIERS["DecisionTreeClassifier"]().fit(train.X, train.y)
    outputs, _ = predict(export(model, train.X, schema()), test.integers)
    assert (outputs[:, 0] == model.predict(test.X)).all()


def test_export__missing_without_imputer__invalid() -> None:
    train = regression(500, seed=1)
    model = REGRESSORS["LinearRegression"]().fit(train.X, train.y)
    program = export(model, train.X, schema())
    rows = train.integers[:2].copy()
    rows[1, 3] = -(2**31)
    outputs, valid = predict(program, rows)
    assert valid.tolist() == [True, False]
    assert (outputs[1] == 0).all()
    assert program.run(rows[1].tolist()) is None
    assert np.asarray(program.run(rows[0].tolist())) == outputs[0]
