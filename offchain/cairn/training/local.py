"""What a member does at home: fit the plan's estimator on his own readings, quantise, clip.

Linear regressors are scikit-learn's own; SGDClassifier and the two MLP take their shapes and names
from there and their loop from `descent`; trees are scikit-learn's, handed in as tiles. Floats live
here and nowhere after: what leaves this module is an `Update` of integers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import (  # type: ignore[import-untyped, unused-ignore]
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    Ridge,
    SGDRegressor,
)

from cairn.domain.integers import INT32_MAX, INT32_MIN, MISSING
from cairn.training.descent import NetworkLoss, descend, forward, initial
from cairn.training.errors import PrivacyError, TableError, UpdateError
from cairn.training.forests import grow
from cairn.training.plans import UNIT_BITS, Plan
from cairn.training.privacy import Guard
from cairn.training.updates import Int32s, Update, vector

__all__ = [
    "Prepared",
    "columns",
    "predict",
    "prepare",
    "quantise",
    "standardise",
    "start",
    "train",
    "train_prepared",
]

Int64s: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

_FACTORIES: Mapping[str, Callable[..., Any]] = {
    "LinearRegression": LinearRegression,
    "Ridge": Ridge,
    "Lasso": Lasso,
    "ElasticNet": ElasticNet,
    "HuberRegressor": HuberRegressor,
    "SGDRegressor": SGDRegressor,
}
_DEFAULTS: Mapping[str, str] = {
    "alpha": "0.0001",
    "batch_size": "200",
    "epochs": "20",
    "momentum": "0",
    "proximal_mu": "0",
}
_DEFAULT_STEP = "0.1"
_TAKE_SEED = frozenset({"Ridge", "Lasso", "ElasticNet", "SGDRegressor"})


def columns(plan: Plan, readings: pd.DataFrame) -> tuple[Int64s, Int64s]:
    """The plan's features, (n_readings, n_features), and its target, (n_readings,), by their names.

    Raises TableError that names the column that is absent or holds no device integers.
    """
    names = [*(feature.name for feature in plan.features), plan.target.name]
    for name in names:
        if name not in readings.columns:
            raise TableError(f"the readings have no column {name!r}: the plan is for other ones")
        if not np.issubdtype(readings[name].to_numpy().dtype, np.integer):
            raise TableError(
                f"{name} holds {readings[name].dtype}: give device integers, and "
                f"MISSING ({MISSING}) where there is none"
            )
    cells = readings[names].to_numpy(dtype=np.int64)
    outside = np.argwhere((cells < INT32_MIN) | (cells > INT32_MAX))
    if outside.size:
        row, column = (int(place) for place in outside[0])
        raise TableError(f"reading {row}, {names[column]}: {cells[row, column]} does not fit int32")
    return cells[:, :-1], cells[:, -1]


def standardise(plan: Plan, features: Int64s) -> Floats:
    """Features in device integers to z = (clamp(x, lo, hi) - center) / 2^shift, imputed.

    NaN stands where a value is missing and the plan imputes none.
    """
    if features.ndim != 2 or features.shape[1] != plan.n_features:
        raise TableError(
            f"features of shape {features.shape}: the plan names {plan.n_features} of them"
        )
    columns = {
        key: np.array([getattr(feature, key) for feature in plan.features], dtype=np.int64)
        for key in ("center", "shift")
    }
    present = _present(plan, features)
    z: Floats = (present - columns["center"]) / np.exp2(columns["shift"])
    z[present == MISSING] = np.nan
    return z


def _present(plan: Plan, features: Int64s) -> Int64s:
    """Features in their ranges, imputed; MISSING where nothing stands in."""
    ranges = plan.ranges
    imputed = np.where(features == MISSING, np.array(ranges.imputed), features)
    clamped = np.clip(imputed, np.array(ranges.lo), np.array(ranges.hi))
    present: Int64s = np.where(imputed == MISSING, MISSING, clamped)
    return present


def predict(plan: Plan, parameters: Int32s, features: Int64s) -> Floats:
    """The float prediction of integer parameters: the target's device unit, or the class.

    What programs compute in integers is held against this; nothing on chain relies on it. Trees
    have no parameters: run the program that `unite` makes.
    """
    theta = parameters / 2.0**UNIT_BITS
    z = standardise(plan, features)
    if plan.estimator.family == "dense":
        scores = forward(theta, plan.layer_sizes, z)
    else:
        scores = (z @ theta[1:] + theta[0])[:, None]
    if plan.target.n_classes:
        if scores.shape[1] == 1:
            return (scores[:, 0] > 0).astype(np.float64)
        labels: Floats = scores.argmax(axis=1).astype(np.float64)
        return labels
    y: Floats = scores[:, 0] * 2.0**plan.target.shift + plan.target.center
    return y


def quantise(
    plan: Plan,
    delta: Floats,
    guard: Guard | None = None,
    rng: np.random.Generator | None = None,
) -> Int32s:
    """Clip a float update to the plan's L2 bound, then round it to units of 2^-16.

    With a guard, its bound holds too, and its noise is added before rounding. What noise carries past
    the plan's bound at a coordinate is held to it, as the aggregate would.
    """
    if not np.isfinite(delta).all():
        raise UpdateError(
            "training diverged: a parameter is not finite; lower eta0 or raise alpha in the plan"
        )
    units = delta * 2.0**UNIT_BITS
    # Scaled by the largest first: the squares of huge values would overflow.
    largest = float(np.abs(units).max(initial=0.0))
    norm = largest * float(np.linalg.norm(units / largest)) if largest else 0.0
    bound = plan.clip if guard is None else min(plan.clip, guard.clip)
    if norm > bound:
        units = units * (bound / norm)
    if guard is not None:
        units = units + guard.noise(len(units), rng)
    # The clip bound is an integer, so rounding keeps each coordinate within it.
    return vector(np.clip(np.rint(units), -plan.clip, plan.clip).astype(np.int64))


@dataclass(frozen=True)
class Prepared:
    """What an estimator is fitted on.

    features: (n_rows, n_features) device integers, imputed and clamped; z: the same, standardised.
    target: (n_rows,), standardised, or classes from 0. n_readings: all that the table had.
    """

    features: Int64s
    z: Floats
    target: Floats
    n_readings: int


def prepare(plan: Plan, readings: pd.DataFrame) -> Prepared:
    """The rows of a table that a plan can train on; raises TableError that says what is wrong."""
    features, target = columns(plan, readings)
    z = standardise(plan, features)
    has_target = target != MISSING
    known = has_target & np.isfinite(z).all(axis=1)
    n_known = int(known.sum())
    if len(target) and not has_target.any():
        raise TableError(
            f"no reading has the target {plan.target.name!r}: switch that channel on, or leave "
            "this round out"
        )
    if n_known < plan.min_readings:
        raise TableError(
            f"{n_known} of {len(target)} readings have the target and every feature that the plan "
            f"does not impute; it asks for {plan.min_readings}: gather more"
        )
    truth = target[known]
    n_classes = plan.target.n_classes
    strange = np.flatnonzero((truth < 0) | (truth >= n_classes))
    if n_classes and len(strange):
        raise TableError(
            f"{plan.target.name} holds {truth[strange[0]]}: the plan's classes are 0 to "
            f"{n_classes - 1}"
        )
    t = (truth - plan.target.center) / np.exp2(plan.target.shift)
    return Prepared(_present(plan, features)[known], z[known], t, len(target))


def start(plan: Plan, base: Int32s | None) -> Floats:
    """Where training starts, as real numbers: the base version, or what all begin a first round with.

    Raises UpdateError if the base version is of another shape.
    """
    if base is None:
        if plan.estimator.family == "dense":
            return initial(plan.layer_sizes, plan.seed)
        return np.zeros(plan.n_parameters)
    theta: Floats = base / 2.0**UNIT_BITS
    if theta.shape != (plan.n_parameters,):
        raise UpdateError(
            f"the base version has {theta.size} parameters, the plan {plan.n_parameters}: "
            "open the round on a version of the same features"
        )
    return theta


def train(
    plan: Plan,
    readings: pd.DataFrame,
    base: Int32s | None = None,
    guard: Guard | None = None,
) -> Update:
    """Fit the plan's estimator on a member's readings; the update is relative to `base`.

    readings: one row each, in device integers, MISSING where there is none; columns as the plan
    names them, others are not looked at: the frame of `cairn.devices.training_table`.
    base: the base version's parameters, shape (n_parameters,); None for a first round, whose base
    is zero. SGD and MLP estimators start from it; the other averaged ones have one optimum and need
    no start, and trees have no base. guard: the bound and the noise that the update gets before it
    leaves; say beside it what `guard.statement` says.
    Raises TableError if the readings do not suit the plan, UpdateError if training diverges.
    """
    return train_prepared(plan, prepare(plan, readings), base, guard)


def train_prepared(
    plan: Plan, rows: Prepared, base: Int32s | None = None, guard: Guard | None = None
) -> Update:
    """`train`, on rows that `prepare` has made: it need not be done again each round."""
    begin = start(plan, base)
    if plan.estimator.family == "trees":
        if guard is not None:
            raise PrivacyError(
                "trees take no noise: a split is a reading's own value; average instead"
            )
        return Update(grow(plan, rows.features, rows.target), weight=rows.n_readings)
    fit = _fit_dense if plan.estimator.family == "dense" else _fit_linear
    theta = fit(plan, rows.z, rows.target, begin)
    before = np.zeros_like(theta) if base is None else begin
    return Update(quantise(plan, theta - before, guard), weight=rows.n_readings)


def _fit_dense(plan: Plan, z: Floats, t: Floats, begin: Floats) -> Floats:
    given = plan.estimator.parameters

    def setting(name: str) -> float:
        return float(given.get(name, _DEFAULTS[name]))

    loss: NetworkLoss = "squared_error"
    if plan.estimator.name == "SGDClassifier":
        loss = "log_loss" if given.get("loss") == "log_loss" else "hinge"
    elif plan.target.n_classes:
        loss = "softmax" if plan.n_scores > 1 else "log_loss"
    with np.errstate(over="ignore", invalid="ignore"):  # `quantise` says that training diverged
        return descend(
            begin,
            plan.layer_sizes,
            z,
            t,
            loss=loss,
            epochs=int(setting("epochs")),
            batch_size=int(setting("batch_size")),
            step=float(given.get("learning_rate_init", given.get("eta0", _DEFAULT_STEP))),
            momentum=setting("momentum"),
            alpha=setting("alpha"),
            proximal_mu=setting("proximal_mu"),
            seed=plan.seed,
        )


def _fit_linear(plan: Plan, z: Floats, t: Floats, begin: Floats) -> Floats:
    name = plan.estimator.name
    settings: dict[str, Any] = {}
    for key, text in plan.estimator.parameters.items():
        if key == "epochs":
            settings["max_iter"] = int(text)
        elif key != "proximal_mu":
            settings[key] = float(text) if text[0].isdigit() else text
    if name in _TAKE_SEED:
        settings["random_state"] = plan.seed
    fit_settings: dict[str, Any] = {}
    held = np.zeros(len(begin) - 1)
    if name == "SGDRegressor":
        # The plan's epochs, no more and no fewer: members stop together.
        settings.setdefault("max_iter", 20)
        settings["tol"] = None
        # alpha |w|^2 + mu |w - base|^2 is (alpha + mu) |w - held|^2 and a constant: scikit-learn's
        # own penalty, on v = w - held, with the prediction of `held` taken off the target.
        mu = plan.estimator.proximal_mu
        alpha = settings.get("alpha", float(_DEFAULTS["alpha"])) + mu
        settings["alpha"] = alpha
        held = begin[1:] * (mu / alpha) if mu else held
        fit_settings = {"coef_init": begin[1:] - held, "intercept_init": begin[:1].copy()}
    model = _FACTORIES[name](**settings)
    try:
        model.fit(z, t - z @ held, **fit_settings)
    except ValueError as error:
        raise UpdateError(
            f"{name} could not be fitted: {error}; check its parameters in the plan"
        ) from error
    theta = np.append(np.ravel(model.intercept_), np.ravel(model.coef_)).astype(np.float64)
    theta[1:] += held
    return theta
