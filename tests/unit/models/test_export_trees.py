"""Trees whose thresholds lie past what the schema lets in, or nowhere at all."""

import numpy as np
import pytest
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import cairn
from cairn.domain.programs import OutputMode
from cairn.domain.schema import Column, Schema
from cairn.models import schema_for

GENERATOR = np.random.default_rng(0)


def schema(low: str, high: str, scale: str = "1") -> Schema:
    return Schema(
        features=(Column("a", "", scale, low, high, missing=True),),
        targets=(Column("y", "", "0.01", "-10", "10"),),
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_export__thresholds_below_and_above_the_schema__decide_as_before(sign: int) -> None:
    rows = sign * np.array([[-30.0], [-10.0], [0.0], [5.0], [11.0], [40.0]])
    model = DecisionTreeRegressor().fit(rows, np.arange(6.0))
    low, high = sorted((0, 10 * sign))
    within = np.arange(low, high + 1.0)[:, None]
    program = cairn.export(model, within, schema(str(low), str(high)))
    assert (program.predict(within) == model.predict(within)).all()


def test_export__threshold_below_a_range_too_wide_for_its_bits__decides_at_the_lowest() -> None:
    model = DecisionTreeRegressor().fit([[-9.0], [0.0], [50_000.0]], [1.0, 2.0, 3.0])
    within = np.array([[0.0], [0.001], [50_000.0]])  # fifty million steps
    program = cairn.export(model, within, schema("0", "50000", "0.001"))
    assert (program.predict(within) == model.predict(within)).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "model", [HistGradientBoostingClassifier(max_iter=5), DecisionTreeClassifier(max_depth=3)]
)
def test_export__threshold_between_missing_and_not__decides_for_what_is_there(model) -> None:
    rows = GENERATOR.integers(-50, 50, (400, 1)).astype(float)
    missing = GENERATOR.random((400, 1)) < 0.5
    labels = np.where(missing[:, 0], 1, 2 * (rows[:, 0] > 40))
    trained = np.where(missing, np.nan, rows)
    model.fit(trained, labels)
    assert not np.isfinite(thresholds(model)).all()
    assert set(model.predict(rows)) == {0, 2}
    for columns in (None, schema("-50", "50")):
        program = cairn.export(model, trained, columns)
        assert (program.predict(rows) == model.predict(rows)).all()
        assert program.run([-(2**31)]) is None  # nothing stands in for it


def thresholds(model) -> np.ndarray:
    if hasattr(model, "tree_"):
        return model.tree_.threshold
    return np.concatenate([p.nodes["num_threshold"] for stage in model._predictors for p in stage])


def test_export__thresholds_that_are_values__decide_as_before() -> None:
    """Histograms part at values that rows have, and steps of a pipeline are folded into one."""
    rows = np.rint(GENERATOR.normal(0, 900, (300, 40))) * 0.01
    labels = np.digitize(rows @ GENERATOR.normal(0, 1, 40), [-20, 20])
    model = make_pipeline(
        RobustScaler(), HistGradientBoostingClassifier(max_iter=4, max_depth=3, random_state=0)
    ).fit(rows, labels)
    scaled, met = model[:-1].transform(rows), 0
    for stage in model[-1]._predictors:
        for predictor in stage:
            for node in predictor.nodes[~predictor.nodes["is_leaf"].astype(bool)]:
                met += (scaled[:, node["feature_idx"]] == node["num_threshold"]).any()
    assert met > 0
    program = cairn.export(model, rows, schema_for(rows), mode=OutputMode.LABEL)
    assert (program.predict(rows) == model.predict(rows)).all()


def test_export__mean_between_two_integers__stands_where_the_splits_have_it() -> None:
    """The imputer's mean is 1.6, and the tree parts at 1.8: to 2 it would go the other way."""
    rows = np.array([[0.0], [1.0], [1.0], [2.0], [4.0]] * 20 + [[np.nan]] * 60)
    targets = np.where(np.isnan(rows[:, 0]) | (rows[:, 0] < 2), 1.0, 9.0)
    model = make_pipeline(SimpleImputer(), DecisionTreeRegressor(max_depth=1)).fit(rows, targets)
    assert 1.6 < model[-1].tree_.threshold[0] < 2
    program = cairn.export(model, rows)
    assert (program.predict(rows) == model.predict(rows)).all()
    assert (program.predict(rows) == targets).all()


def test_export__lone_score_of_nothing__is_the_class_that_scikit_learn_takes() -> None:
    """In balance a gradient booster says the second class, a forest the first."""
    rows, labels = np.array([[0.0], [0.0], [1.0], [2.0]] * 5), np.array([0, 1, 0, 1] * 5)
    for model in (
        GradientBoostingClassifier(n_estimators=1, max_depth=2),
        RandomForestClassifier(4, bootstrap=False),
    ):
        model.fit(rows, labels)
        program = cairn.export(model, rows)
        assert (program.predict(rows) == model.predict(rows)).all()
        said = program.run([0])
        assert said is not None and said[0] == isinstance(model, GradientBoostingClassifier)
