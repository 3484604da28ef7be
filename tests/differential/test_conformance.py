"""The conformance suite: what every exporter passes.

On 2,000 rows that it never saw a program loses at most 0.005 of R2, or half a point of accuracy,
against its float model; and contract, Python's integers and numpy agree, bit for bit, on rows inside
its ranges, around them, with extremes and with values missing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
from sklearn.metrics import accuracy_score, r2_score
from threadpoolctl import threadpool_limits

from cairn.domain.integers import pack_features
from cairn.domain.programs import OutputMode, Program, gas_bound
from cairn.models import EXPORTABLE, export, load_skops, predict
from tests.differential._chain import Chain
from tools.zoo import (
    CLASSIFIERS,
    REGRESSORS,
    STEPS,
    classification,
    generated,
    regression,
    schema,
    wild_rows,
    with_missing,
)

MAX_R2_LOSS = 0.005
MAX_ACCURACY_LOSS = 0.005
N_WILD_ROWS = 9

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Small models are fitted soonest by one."""
    with threadpool_limits(1):
        yield


def check_agreement(chain: Chain, program: Program) -> None:
    assert Program.from_bytes(program.to_bytes()) == program
    chain.publish(program)
    assert chain.store.gas_bound(program.hash) == gas_bound(program)
    rows = wild_rows(program, N_WILD_ROWS, seed=len(program.chunks))
    outputs, valid = predict(program, rows)
    for row, output, is_valid in zip(rows.tolist(), outputs.tolist(), valid, strict=True):
        packed = pack_features(row)
        expected = program.run_packed(packed)
        assert chain.evaluate(program, packed) == expected
        assert (pack_features(output) if is_valid else b"") == expected
    assert chain.gas(program, pack_features(rows[-1].tolist())) <= gas_bound(program)


def check_file(model: Any, program: Program, X: np.ndarray, path: Path) -> None:
    """The model as a skops file gives the same program."""
    skops.io.dump(model, path / "model.skops")
    mode = program.output_mode if hasattr(model, "classes_") else None
    assert export(load_skops(path / "model.skops"), X, schema(), mode=mode) == program


def test_zoo__estimators__are_all_that_can_be_exported() -> None:
    assert {name.split("-")[0] for name in (*REGRESSORS, *CLASSIFIERS)} == set(EXPORTABLE)


@pytest.mark.parametrize("name", REGRESSORS)
def test_conformance__regressor__agrees_and_keeps_r2(
    chain: Chain, tmp_path: Path, name: str
) -> None:
    train, test = regression(1500, seed=1), regression(2000, seed=2)
    model = REGRESSORS[name]().fit(train.X, train.y)
    program = export(model, train.X, schema())
    outputs, valid = predict(program, test.integers)
    assert valid.all() and program.output_mode is OutputMode.SCORES
    scores = outputs[:, 0] * float(program.output_scale)
    assert (program.predict(test.X) == scores).all()
    loss = r2_score(test.y, model.predict(test.X)) - r2_score(test.y, scores)
    assert loss <= MAX_R2_LOSS
    check_agreement(chain, program)
    check_file(model, program, train.X, tmp_path)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_conformance__classifier__agrees_and_keeps_accuracy(
    chain: Chain, tmp_path: Path, name: str, n_classes: int
) -> None:
    train, test = classification(1500, 1, n_classes), classification(2000, 2, n_classes)
    model = CLASSIFIERS[name]().fit(train.X, train.y)
    program = export(model, train.X, schema(), mode=OutputMode.LABEL_AND_SCORES)
    outputs, valid = predict(program, test.integers)
    assert valid.all()
    assert outputs.shape[1] == 1 + (1 if n_classes == 2 else n_classes)
    loss = accuracy_score(test.y, model.predict(test.X)) - accuracy_score(test.y, outputs[:, 0])
    assert loss <= MAX_ACCURACY_LOSS
    assert accuracy_score(model.predict(test.X), program.predict(test.X)) >= 0.99
    check_agreement(chain, program)
    check_file(model, program, train.X, tmp_path)


@pytest.mark.parametrize("name", STEPS)
def test_conformance__steps_with_missing_values__agree_and_keep_r2(
    chain: Chain, tmp_path: Path, name: str
) -> None:
    train, test = (with_missing(regression(2000, seed), seed) for seed in (1, 2))
    if name == "columns":  # it leaves out the last one, and what is missing there
        train.X[:, 5], test.X[:, 5] = 1, 1
        train.integers[:, 5], test.integers[:, 5] = 1, 1
    model = STEPS[name]().fit(train.X, train.y)
    program = export(model, train.X, schema())
    outputs, valid = predict(program, test.integers)
    assert valid.all()
    scores = outputs[:, 0] * float(program.output_scale)
    assert r2_score(test.y, model.predict(test.X)) - r2_score(test.y, scores) <= MAX_R2_LOSS
    check_agreement(chain, program)
    check_file(model, program, train.X, tmp_path)


def test_conformance__trees__decide_as_scikit_learn_does() -> None:
    train, test = classification(1500, 1, 3), classification(2000, 2, 3)
    model = CLASSIFIERS["DecisionTreeClassifier"]().fit(train.X, train.y)
    assert (export(model, train.X, schema()).predict(test.X) == model.predict(test.X)).all()


def test_conformance__missing_without_imputer__invalid(chain: Chain) -> None:
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
    chain.publish(program)
    assert chain.evaluate(program, pack_features(rows[1].tolist())) == b""


@pytest.mark.parametrize("seed", range(12))
def test_conformance__generated_estimator__agrees_and_follows(chain: Chain, seed: int) -> None:
    """Steps, parameters, units and shapes drawn at random: up to 64 features and nine classes."""
    fitted = generated(seed)
    mode = OutputMode.LABEL_AND_SCORES if fitted.is_classifier else None
    program = export(fitted.model, fitted.data.X, fitted.schema, mode=mode)
    ours, theirs = program.predict(fitted.whole.X), fitted.model.predict(fitted.whole.X)
    if fitted.is_classifier:
        assert accuracy_score(theirs, ours) >= 0.99, fitted.label
    else:
        assert r2_score(theirs, ours) >= 0.995 or np.ptp(theirs) == 0, fitted.label
    check_agreement(chain, program)
