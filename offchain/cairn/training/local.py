"""What a member does at home: fit the plan's estimator on his own readings, quantise, clip.

Floats live here and nowhere after: what leaves this module is an `Update` of integers.
"""

from collections.abc import Callable, Mapping
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
from cairn.training.errors import TableError, UpdateError
from cairn.training.plans import UNIT_BITS, Plan
from cairn.training.updates import Int32s, Update, vector

__all__ = ["columns", "predict", "quantise", "standardise", "train"]

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
        for key in ("center", "shift", "lo", "hi")
    }
    imputed = np.array(
        [MISSING if feature.imputed is None else feature.imputed for feature in plan.features]
    )
    present = np.where(features == MISSING, imputed, features)
    clamped = np.clip(present, columns["lo"], columns["hi"])
    z: Floats = (clamped - columns["center"]) / np.exp2(columns["shift"])
    z[present == MISSING] = np.nan
    return z


def predict(plan: Plan, parameters: Int32s, features: Int64s) -> Floats:
    """The float prediction of integer parameters, in the target's device unit.

    What programs compute in integers is held against this; nothing on chain relies on it.
    """
    theta = parameters / 2.0**UNIT_BITS
    t = standardise(plan, features) @ theta[1:] + theta[0]
    y: Floats = t * 2.0**plan.target.shift + plan.target.center
    return y


def quantise(plan: Plan, delta: Floats) -> Int32s:
    """Clip a float update to the plan's L2 bound, then round it to units of 2^-16."""
    if not np.isfinite(delta).all():
        raise UpdateError(
            "training diverged: a parameter is not finite; lower eta0 or raise alpha in the plan"
        )
    units = delta * 2.0**UNIT_BITS
    # Scaled by the largest first: the squares of huge values would overflow.
    largest = float(np.abs(units).max(initial=0.0))
    norm = largest * float(np.linalg.norm(units / largest)) if largest else 0.0
    if norm > plan.clip:
        units = units * (plan.clip / norm)
    # The clip bound is an integer, so rounding keeps each coordinate within it.
    return vector(np.clip(np.rint(units), -plan.clip, plan.clip).astype(np.int64))


def train(plan: Plan, readings: pd.DataFrame, base: Int32s | None = None) -> Update:
    """Fit the plan's estimator on a member's readings; the update is relative to `base`.

    readings: one row each, in device integers, MISSING where there is none; columns as the plan
    names them, others are not looked at: the frame of `cairn.devices.training_table`.
    base: the base version's parameters, shape (n_parameters,); None for a first round, whose base
    is zero. SGDRegressor starts from it; the other estimators have one optimum and need no start.
    Raises TableError if the readings do not suit the plan, UpdateError if training diverges.
    """
    start = np.zeros(plan.n_parameters) if base is None else base / 2.0**UNIT_BITS
    if start.shape != (plan.n_parameters,):
        raise UpdateError(
            f"the base version has {start.size} parameters, the plan {plan.n_parameters}: "
            "open the round on a version of the same features"
        )
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
    t = (target[known] - plan.target.center) / np.exp2(plan.target.shift)
    theta = _fit(plan, z[known], t, start)
    return Update(quantise(plan, theta - start), weight=len(target))


def _fit(plan: Plan, z: Floats, t: Floats, start: Floats) -> Floats:
    name = plan.estimator.name
    settings: dict[str, Any] = {}
    for key, text in plan.estimator.parameters.items():
        if key == "epochs":
            settings["max_iter"] = int(text)
        else:
            settings[key] = float(text) if text[0].isdigit() else text
    if name in _TAKE_SEED:
        settings["random_state"] = plan.seed
    fit_settings: dict[str, Any] = {}
    if name == "SGDRegressor":
        # The plan's epochs, no more and no fewer: members stop together.
        settings.setdefault("max_iter", 20)
        settings["tol"] = None
        fit_settings = {"coef_init": start[1:].copy(), "intercept_init": start[:1].copy()}
    model = _FACTORIES[name](**settings)
    try:
        model.fit(z, t, **fit_settings)
    except ValueError as error:
        raise UpdateError(
            f"{name} could not be fitted: {error}; check its parameters in the plan"
        ) from error
    return np.append(np.ravel(model.intercept_), np.ravel(model.coef_)).astype(np.float64)
