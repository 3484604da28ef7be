"""What cannot be exported is refused with its name, the parameter, and the nearest thing that can."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

import cairn
from cairn.domain.programs import OutputMode
from cairn.domain.schema import Column, Schema
from cairn.models import ExportError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GENERATOR = np.random.default_rng(0)
X = GENERATOR.integers(-100, 100, (80, 3)).astype(float)
Y = X @ [1.0, -2.0, 0.5]
LABELS = (Y > 0).astype(int)


class LinearRegressionOfOurs(LinearRegression):
    """Not scikit-learn's, whatever it is called."""


LinearRegressionOfOurs.__name__ = "LinearRegression"


def schema(*scales: str, low: str = "-1000") -> Schema:
    return Schema(
        features=tuple(Column(f"f{i}", "", "1", low, "1000") for i in range(3)),
        targets=tuple(Column(f"y{i}", "", s, "-1", "1") for i, s in enumerate(scales)),
    )


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (SVC(), "SVC .* nearest that can: LinearSVC"),
        (RidgeClassifier(), "RidgeClassifier .* LogisticRegression"),
        (KNeighborsRegressor(), "KNeighborsRegressor .* RandomForestRegressor"),
        (AdaBoostRegressor(n_estimators=2), "AdaBoostRegressor .* GradientBoostingRegressor"),
        (GridSearchCV(LinearRegression(), {}), "GridSearchCV .* best_estimator_"),
        (LinearRegressionOfOurs(), "test_refusals.LinearRegression cannot be exported"),
        (
            MLPRegressor(hidden_layer_sizes=(2,), activation="tanh", max_iter=2),
            "MLPRegressor .*'tanh'.* 'relu'",
        ),
        (
            GradientBoostingRegressor(init=LinearRegression(), n_estimators=2),
            "GradientBoostingRegressor with init=LinearRegression .* None",
        ),
        (
            HistGradientBoostingRegressor(categorical_features=[0], max_iter=2),
            "HistGradientBoostingRegressor with categorical_features",
        ),
        (
            make_pipeline(PolynomialFeatures(), LinearRegression()),
            "step PolynomialFeatures .* MLPRegressor",
        ),
        (make_pipeline(OneHotEncoder(), LinearRegression()), "step OneHotEncoder .* tree"),
        (make_pipeline(MinMaxScaler(clip=True), LinearRegression()), "MinMaxScaler .* clip=False"),
        (
            make_pipeline(SimpleImputer(add_indicator=True), LinearRegression()),
            "SimpleImputer with add_indicator=True",
        ),
        (
            make_pipeline(SimpleImputer(missing_values=-1), LinearRegression()),
            "SimpleImputer with missing_values=-1 .* NaN",
        ),
        (make_pipeline(PCA(2), DecisionTreeRegressor()), "DecisionTreeRegressor .*PCA"),
        (make_pipeline(PCA(2), SimpleImputer(), LinearRegression()), "SimpleImputer .*PCA"),
        (
            make_pipeline(ColumnTransformer([("no", "drop", [0])]), LinearRegression()),
            "selects no column",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_export__no_program_for_it__named_with_the_nearest(model: BaseEstimator, said: str) -> None:
    positive = "categorical" in said
    y = LABELS if isinstance(model, SVC | RidgeClassifier) else Y
    rows = np.abs(X) if positive else X
    if "selects no column" in said:
        model.steps[0][1].fit(X)  # the whole pipeline cannot even be fitted
    else:
        model.fit(rows, y)
    with pytest.raises(ExportError, match=said):
        cairn.export(model, rows)


def test_export__loss_whose_output_is_an_exponential__refused() -> None:
    for model in (
        HistGradientBoostingRegressor(loss="poisson", max_iter=2),
        MLPRegressor("poisson", hidden_layer_sizes=(2,), max_iter=2),
    ):
        with pytest.raises(ExportError, match=r"loss='poisson' .* 'squared_error'"):
            cairn.export(model.fit(X, np.abs(Y)), X)


@pytest.mark.parametrize(
    "model", [LinearRegression(), make_pipeline(StandardScaler(), LinearRegression())]
)
def test_export__not_fitted__refused(model: BaseEstimator) -> None:
    with pytest.raises(ExportError, match="is not fitted: call fit first"):
        cairn.export(model, X)


def test_export__several_outputs_of_trees__refused() -> None:
    for model, y in ((RandomForestRegressor(2), Y), (RandomForestClassifier(2), LABELS)):
        with pytest.raises(ExportError, match="2 outputs cannot be exported"):
            cairn.export(model.fit(X, np.c_[y, y]), X)
    network = MLPClassifier((2,), max_iter=2).fit(X, np.c_[LABELS, 1 - LABELS])
    with pytest.raises(ExportError, match="several labels"):
        cairn.export(network, X)


def test_export__more_classes_than_trees_have_scores__refused() -> None:
    y = np.arange(len(X)) % 20
    with pytest.raises(ExportError, match="20 classes .* at most 16"):
        cairn.export(RandomForestClassifier(2).fit(X, y), X)


def test_export__one_class__refused() -> None:
    with pytest.raises(ExportError, match="one class"):
        cairn.export(RandomForestClassifier(2).fit(X, np.zeros(len(X))), X)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"X": X[:, :2]}, "LinearRegression was fitted on 3 columns; 2 come in"),
        ({"X": X + 0.5}, "fractions .* give the schema"),
        ({"X": np.where(X > -200, np.nan, X)}, "column 0 of X has no value"),
        ({"X": X[0]}, "X of shape"),
        ({"X": X * 1e8}, "outside int32"),
        ({"schema": schema("0.1", low="-5")}, "f0 outside"),
        ({"schema": schema("0.1", "0.1")}, "gives 1 scores, the schema has 2 targets"),
        ({"schema": schema("0.5")}, "power of ten"),
        ({"schema": schema("0.000000001")}, "past 32 bits|coarser"),
        ({"mode": OutputMode.LABEL}, "LinearRegression is a regressor"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_export__data_or_schema_that_do_not_fit__say_so(change: dict[str, Any], said: str) -> None:
    given = {"X": X} | change
    with pytest.raises(ExportError, match=said):
        cairn.export(LinearRegression().fit(X, Y), **given)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pipeline: pipeline[1].coef_.__setitem__(0, np.nan),
        lambda pipeline: setattr(pipeline[1], "intercept_", np.inf),
        lambda pipeline: pipeline[0].scale_.__setitem__(1, 0.0),
    ],
)
def test_export__numbers_that_are_none__named(spoil: Any) -> None:
    pipeline = make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y)
    spoil(pipeline)
    with pytest.raises(ExportError, match="(LinearRegression|StandardScaler) holds numbers"):
        cairn.export(pipeline, X)


@pytest.mark.parametrize(
    "model", [DecisionTreeRegressor(), MLPRegressor(hidden_layer_sizes=(2,), max_iter=2)]
)
def test_export__leaf_or_weight_that_is_no_number__named(model: Any) -> None:
    model.fit(X, Y)
    if isinstance(model, MLPRegressor):
        model.coefs_[1][0] = np.nan
    else:
        model.tree_.value[-1] = np.nan
    with pytest.raises(ExportError, match=f"{type(model).__name__} holds numbers"):
        cairn.export(model, X)


def test_export__weights_for_other_columns__refused() -> None:
    model = LinearRegression().fit(X, Y)
    model.coef_ = model.coef_[:2]
    with pytest.raises(ExportError, match=r"shape \(1, 2\) for 3 columns"):
        cairn.export(model, X)
    network = MLPRegressor(hidden_layer_sizes=(2,), max_iter=2).fit(X, Y)
    network.coefs_[1] = np.ones((3, 1))
    with pytest.raises(ExportError, match=r"layer 1 of MLPRegressor .* 2 inputs"):
        cairn.export(network, X)


def test_export__two_targets__one_score_each() -> None:
    model = LinearRegression().fit(X, np.c_[Y, -Y])
    program = cairn.export(model, X, schema("0.01", "0.01"))
    assert np.abs(program.predict(X) - model.predict(X)).max() <= 0.025
    with pytest.raises(ExportError, match="several scales"):
        cairn.export(model, X, schema("0.01", "0.1"))


def test_export__words_for_classes__are_predicted() -> None:
    names = np.array(["clean", "foul"])[LABELS]
    model = LogisticRegression().fit(X, names)
    program = cairn.export(model, X)
    assert (program.predict(X) == model.predict(X)).all()
