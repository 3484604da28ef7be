"""Every estimator and step that can be exported, and the data that each is tried on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from cairn.domain.integers import INT32_MAX, MISSING
from cairn.domain.programs import Program
from cairn.domain.schema import Column, Schema

SCALES = ("0.01", "0.1", "1", "0.001", "0.01", "1")
N_FEATURES = len(SCALES)


@dataclass(frozen=True)
class Data:
    """Device integers, what they measure, and the target."""

    integers: np.ndarray
    X: np.ndarray
    y: np.ndarray


def schema(n_targets: int = 1, decimals: str = "0.001") -> Schema:
    return Schema(
        features=tuple(
            Column(
                name=f"f{i}",
                unit="u",
                scale=scale,
                min=str(-20_000 * float(scale)),
                max=str(20_000 * float(scale)),
                missing=True,
            )
            for i, scale in enumerate(SCALES)
        ),
        targets=tuple(
            Column(name=f"y{i}", unit="u", scale=decimals, min="-100000", max="100000")
            for i in range(n_targets)
        ),
    )


def regression(n_rows: int, seed: int) -> Data:
    """A smooth target with a bend, a product and noise."""
    generator = np.random.default_rng(seed)
    integers = np.clip(np.rint(generator.normal(300, 2500, (n_rows, N_FEATURES))), -20_000, 20_000)
    X = integers * np.array([float(scale) for scale in SCALES])
    z = (integers - 300) / 2500
    y = 40 * z[:, 0] - 25 * z[:, 1] + 12 * np.maximum(z[:, 2], 0) + 8 * z[:, 3] * z[:, 4]
    return Data(integers.astype(np.int64), X, y + generator.normal(0, 3, n_rows))


def classification(n_rows: int, seed: int, n_classes: int) -> Data:
    data = regression(n_rows, seed)
    edges = np.quantile(regression(4000, 0).y, np.linspace(0, 1, n_classes + 1)[1:-1])
    return Data(data.integers, data.X, np.digitize(data.y, edges))


def with_missing(data: Data, seed: int) -> Data:
    generator = np.random.default_rng(seed)
    gone = generator.random(data.X.shape) < 0.05
    X = np.where(gone, np.nan, data.X)
    return Data(np.where(gone, -(2**31), data.integers), X, data.y)


Maker = Callable[[], Any]

REGRESSORS: dict[str, Maker] = {
    "LinearRegression": lambda: make_pipeline(StandardScaler(), LinearRegression()),
    "Ridge": lambda: make_pipeline(MinMaxScaler(), Ridge(alpha=0.1)),
    "Lasso": lambda: make_pipeline(RobustScaler(), Lasso(alpha=0.01)),
    "ElasticNet": lambda: make_pipeline(StandardScaler(), PCA(5), ElasticNet(alpha=0.01)),
    "LinearSVR": lambda: make_pipeline(StandardScaler(), LinearSVR(random_state=0)),
    "SGDRegressor": lambda: make_pipeline(StandardScaler(), SGDRegressor(random_state=0)),
    "MLPRegressor": lambda: make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(24, 12), max_iter=300, random_state=0)
    ),
    "MLPRegressor-pca": lambda: make_pipeline(
        RobustScaler(),
        PCA(6, whiten=True, random_state=0),
        MLPRegressor(hidden_layer_sizes=(16,), max_iter=400, random_state=0),
    ),
    "DecisionTreeRegressor": lambda: DecisionTreeRegressor(max_depth=7, random_state=0),
    "RandomForestRegressor": lambda: make_pipeline(
        StandardScaler(), RandomForestRegressor(30, max_leaf_nodes=100, random_state=0)
    ),
    "ExtraTreesRegressor": lambda: ExtraTreesRegressor(30, max_leaf_nodes=100, random_state=0),
    "GradientBoostingRegressor": lambda: GradientBoostingRegressor(random_state=0),
    "HistGradientBoostingRegressor": lambda: HistGradientBoostingRegressor(random_state=0),
}

CLASSIFIERS: dict[str, Maker] = {
    "LogisticRegression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "LinearSVC": lambda: make_pipeline(StandardScaler(), LinearSVC(random_state=0)),
    "SGDClassifier": lambda: make_pipeline(MinMaxScaler(), SGDClassifier(random_state=0)),
    "MLPClassifier": lambda: make_pipeline(
        StandardScaler(), MLPClassifier((16,), max_iter=300, random_state=0)
    ),
    "DecisionTreeClassifier": lambda: DecisionTreeClassifier(max_depth=7, random_state=0),
    "RandomForestClassifier": lambda: RandomForestClassifier(
        30, max_leaf_nodes=100, random_state=0
    ),
    "ExtraTreesClassifier": lambda: make_pipeline(
        MinMaxScaler((1, -0.5 + 2)), ExtraTreesClassifier(30, max_leaf_nodes=100, random_state=0)
    ),
    "GradientBoostingClassifier": lambda: GradientBoostingClassifier(
        n_estimators=40, random_state=0
    ),
    "HistGradientBoostingClassifier": lambda: HistGradientBoostingClassifier(
        max_iter=40, random_state=0
    ),
}

STEPS: dict[str, Maker] = {
    "imputer": lambda: make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LinearRegression()
    ),
    "imputer-after-scaler": lambda: make_pipeline(
        StandardScaler(),
        SimpleImputer(),
        MLPRegressor(hidden_layer_sizes=(16,), max_iter=300, random_state=0),
    ),
    "imputer-trees": lambda: make_pipeline(
        SimpleImputer(strategy="constant", fill_value=1.5),
        GradientBoostingRegressor(n_estimators=30, random_state=0),
    ),
    "columns": lambda: make_pipeline(
        ColumnTransformer(
            [
                ("scaled", make_pipeline(SimpleImputer(), StandardScaler()), [2, 0, 1]),
                ("same", SimpleImputer(), slice(3, 5)),
            ],
            remainder="drop",
        ),
        LinearRegression(),
    ),
    "columns-passed-through": lambda: make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        ColumnTransformer(
            [("scaled", RobustScaler(), [0, 5]), ("not", "drop", [4])], remainder="passthrough"
        ),
        ExtraTreesRegressor(10, max_leaf_nodes=60, random_state=0),
    ),
}


def wild_rows(program: Program, n_rows: int, seed: int) -> np.ndarray:
    """A third from inside the ranges, a third from around them, a third with extremes."""
    generator = np.random.default_rng(seed)
    rules = program.features[: program.n_features]
    low = np.array([rule.low for rule in rules])
    high = np.array([rule.high for rule in rules])
    inside = generator.integers(low, high + 1, (n_rows, len(rules)))
    around = inside + generator.integers(-2, 3, inside.shape) * (high - low)
    near = np.clip(around, MISSING, INT32_MAX)
    extremes = generator.choice([MISSING, MISSING + 1, -1, 0, 1, INT32_MAX], inside.shape)
    kind = np.arange(n_rows)[:, None] % 3
    rows = np.where(kind == 1, near, inside)
    return np.where((kind == 2) & (generator.random(inside.shape) < 0.3), extremes, rows)
