"""Every estimator and step that can be exported, and the data that each is tried on."""

import random
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


@dataclass(frozen=True)
class Fitted:
    """An estimator that nobody thought of, on data of its own; `whole` is it with nothing missing."""

    model: Any
    data: Data
    whole: Data
    schema: Schema
    is_classifier: bool
    label: str


def generated(seed: int, n_rows: int = 300) -> Fitted:
    """An estimator with steps, parameters, shape and units drawn at random, fitted."""
    draw = random.Random(seed)
    noise = np.random.default_rng(seed)
    n_features = draw.choice((1, 2, 7, 8, 9, 16, 31, 33, 40, 64))
    n_classes = draw.choice((0, 0, 2, 3, 9))
    spread, middle = draw.choice((30, 900, 40_000)), draw.choice((0, 300, -5_000))
    integers = np.rint(noise.normal(middle, spread, (n_rows, n_features)))
    scales = [draw.choice(("0.001", "0.01", "0.1", "1", "5")) for _ in range(n_features)]
    z = (integers - middle) / spread
    slopes = noise.normal(0, 1, n_features) * (noise.random(n_features) < 0.7)
    y = z @ slopes + 0.5 * np.abs(z[:, 0]) + noise.normal(0, 0.1, n_rows)
    y = 50 * (y - y.mean()) / max(y.std(), 1e-9)
    if n_classes:
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    data = Data(integers.astype(np.int64), integers * np.array([float(s) for s in scales]), y)
    whole, is_missing = data, draw.random() < 0.4
    if is_missing:
        data = with_missing(data, seed)
    columns = tuple(
        Column(
            f"f{i}",
            "u",
            scale,
            str(-300_000 * float(scale)),
            str(300_000 * float(scale)),
            missing=True,
        )
        for i, scale in enumerate(scales)
    )
    # A label hangs on scores as they are returned: in a coarse unit close ones are alike.
    scale, n_targets = ("0.00001", 2) if n_classes else ("0.001", 1)
    targets = tuple(Column(f"y{i}", "u", scale, "-9999", "9999") for i in range(n_targets))
    steps: list[Any] = [SimpleImputer(strategy=draw.choice(("mean", "median")))] * is_missing
    steps.append(
        draw.choice(
            (StandardScaler, RobustScaler, lambda: MinMaxScaler((-1, draw.choice((1, 3)))))
        )()
    )
    estimator = draw.choice(_drawn(draw, bool(n_classes)))
    if not hasattr(estimator, "max_leaf_nodes") and n_features > 2 and draw.random() < 0.4:
        steps.append(PCA(draw.randint(2, n_features), whiten=draw.random() < 0.5, random_state=0))
    model = make_pipeline(*steps, estimator).fit(data.X, data.y)
    kinds = (type(step).__name__ for step in [*steps, estimator])
    label = f"{seed}: {n_features} features, {n_classes} classes, {' + '.join(kinds)}"
    return Fitted(model, data, whole, Schema(columns, targets), bool(n_classes), label)


def _drawn(draw: random.Random, is_classifier: bool) -> list[Any]:
    """One of each kind of estimator, its parameters drawn."""
    leaves, depth = draw.choice((2, 20, 90)), draw.choice((1, 3, 9))
    trees = {"max_leaf_nodes": leaves, "max_depth": depth, "random_state": 0}
    boosted = {"max_depth": depth, "learning_rate": draw.choice((0.05, 0.3)), "random_state": 0}
    network = {
        "hidden_layer_sizes": draw.choice(((3,), (40,), (9, 17), (8, 8, 8))),
        "alpha": 10 ** draw.uniform(-4, 0),
        "max_iter": 60,
        "random_state": 0,
    }
    intercept = draw.random() < 0.8
    if is_classifier:
        return [
            LogisticRegression(C=10 ** draw.uniform(-2, 2), fit_intercept=intercept),
            LinearSVC(C=10 ** draw.uniform(-2, 0), fit_intercept=intercept, random_state=0),
            SGDClassifier(loss=draw.choice(("hinge", "log_loss", "huber")), random_state=0),
            MLPClassifier(**network),
            DecisionTreeClassifier(**trees),
            RandomForestClassifier(draw.randint(1, 9), **trees),
            ExtraTreesClassifier(draw.randint(1, 9), **trees),
            GradientBoostingClassifier(n_estimators=draw.randint(1, 6), **boosted),
            HistGradientBoostingClassifier(max_iter=draw.randint(1, 6), **boosted),
        ]
    return [
        LinearRegression(fit_intercept=intercept),
        Ridge(alpha=10 ** draw.uniform(-2, 2)),
        Lasso(alpha=10 ** draw.uniform(-2, 0)),
        ElasticNet(alpha=10 ** draw.uniform(-2, 0), l1_ratio=draw.random()),
        LinearSVR(random_state=0),
        SGDRegressor(loss=draw.choice(("squared_error", "huber")), random_state=0),
        MLPRegressor(**network),
        DecisionTreeRegressor(**trees),
        RandomForestRegressor(draw.randint(1, 9), **trees),
        ExtraTreesRegressor(draw.randint(1, 9), **trees),
        GradientBoostingRegressor(
            n_estimators=draw.randint(1, 9), loss=draw.choice(("huber", "quantile")), **boosted
        ),
        HistGradientBoostingRegressor(
            max_iter=draw.randint(1, 9),
            loss=draw.choice(("squared_error", "absolute_error")),
            **boosted,
        ),
    ]


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
