"""Local training: what a table must hold, and what comes out as integers."""

import numpy as np
import pandas as pd
import pytest

from cairn.domain.integers import MISSING
from cairn.domain.schema import Schema
from cairn.training import EstimatorPlan, Plan, TableError, UpdateError, predict, train
from cairn.training.local import columns, quantise, standardise


def _with(plan: Plan, **changes: object) -> Plan:
    return Plan(**{**dict(plan), **changes})


def _errors(plan: Plan, parameters: np.ndarray, table: pd.DataFrame) -> np.ndarray:
    features, target = columns(plan, table)
    return predict(plan, parameters, features) - target


def test_train__a_linear_law__is_learned(plan: Plan, table: pd.DataFrame) -> None:
    update = train(plan, table)
    errors = _errors(plan, update.values, table)
    assert update.weight == 200
    assert update.values.dtype == np.int32
    assert 1 - errors.var() / table.gas_resistance.var() > 0.99


def test_train__twice__gives_the_same_bytes(plan: Plan, table: pd.DataFrame) -> None:
    sgd = EstimatorPlan(
        name="SGDRegressor",
        parameters={"epochs": "5", "eta0": "0.05", "learning_rate": "constant"},
    )
    for one in (plan, _with(plan, estimator=sgd)):
        assert train(one, table).to_bytes() == train(one, table).to_bytes()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("LinearRegression", {}),
        ("Ridge", {"alpha": "0.1"}),
        ("Lasso", {"alpha": "0.0001", "epochs": "2000"}),
        ("ElasticNet", {"alpha": "0.0001", "l1_ratio": "0.5"}),
        ("HuberRegressor", {"alpha": "0.0001", "epsilon": "1.35", "epochs": "500"}),
        (
            "SGDRegressor",
            {
                "loss": "squared_error",
                "penalty": "l2",
                "learning_rate": "constant",
                "eta0": "0.05",
                "epochs": "50",
            },
        ),
    ],
)
def test_train__each_estimator__beats_the_mean(
    plan: Plan, table: pd.DataFrame, name: str, parameters: dict[str, str]
) -> None:
    plan = _with(plan, estimator=EstimatorPlan(name=name, parameters=parameters))
    errors = _errors(plan, train(plan, table).values, table)
    assert 1 - (errors**2).mean() / table.gas_resistance.var() > 0.9


def test_train__from_a_base__gives_only_the_difference(plan: Plan, table: pd.DataFrame) -> None:
    first = train(plan, table).values
    again = train(plan, table, base=first)
    assert np.abs(again.values).max() <= 1


def test_train__sgd_from_a_base__starts_there(plan: Plan, table: pd.DataFrame) -> None:
    sgd = _with(
        plan,
        estimator=EstimatorPlan(
            name="SGDRegressor",
            parameters={"epochs": "1", "eta0": "0.0001", "learning_rate": "constant"},
        ),
    )
    base = train(plan, table).values
    assert np.abs(train(sgd, table, base).values).max() < np.abs(train(sgd, table).values).max()


def test_train__too_few_readings__is_refused_with_counts(plan: Plan, table: pd.DataFrame) -> None:
    with pytest.raises(TableError, match=r"4 of 4 readings .* asks for 5"):
        train(plan, table[:4])
    with pytest.raises(TableError, match="0 of 0 readings"):
        train(plan, table[:0])


def test_train__no_target__is_refused_by_name(plan: Plan, table: pd.DataFrame) -> None:
    with pytest.raises(TableError, match="gas_resistance"):
        train(plan, table.assign(gas_resistance=MISSING))


def test_train__another_schema__is_refused(plan: Plan, table: pd.DataFrame) -> None:
    with pytest.raises(TableError, match="no column 'humidity'"):
        train(plan, table.drop(columns="humidity"))
    with pytest.raises(UpdateError, match="base version has 2 parameters"):
        train(plan, table, base=np.zeros(2, dtype=np.int32))


def test_train__missing_values__imputed_or_left_out_by_the_plan(
    plan: Plan, table: pd.DataFrame
) -> None:
    holed = table.copy()
    holed.loc[:19, "temperature"] = MISSING  # imputed
    holed.loc[20:49, "pressure"] = MISSING  # not imputed: pressure may not be missing
    assert train(plan, holed).weight == 200
    with pytest.raises(TableError, match="170 of 200 readings"):
        train(_with(plan, min_readings=171), holed)


def test_train__parameters_that_the_estimator_refuses__says_so(
    plan: Plan, table: pd.DataFrame
) -> None:
    elastic = EstimatorPlan(name="ElasticNet", parameters={"l1_ratio": "5"})
    with pytest.raises(UpdateError, match="ElasticNet could not be fitted"):
        train(_with(plan, estimator=elastic), table)


def test_standardise__outside_or_missing__is_clamped_or_imputed(plan: Plan) -> None:
    z = standardise(plan, np.array([[MISSING, 20_000, MISSING], [-9_999, -1, 100_000]]))
    center = plan.features[0].center
    assert z[0, 0] == (plan.features[0].imputed - center) / 4096
    assert z[0, 1] == (10_000 - 5_000) / 8192
    assert np.isnan(z[0, 2])
    assert z[1].tolist() == [(-1_000 - center) / 4096, -5_000 / 8192, 0.0]


def test_quantise__beyond_the_clip_bound__is_scaled_to_its_norm(plan: Plan) -> None:
    plan = _with(plan, clip=65_536)
    values = quantise(plan, np.array([3.0, -4.0, 0.0, 0.0]))
    assert values.tolist() == [39322, -52429, 0, 0]
    huge = quantise(plan, np.array([1e300, 0.0, 0.0, -1e300]))
    assert huge.tolist() == [46341, 0, 0, -46341]
    inside = quantise(plan, np.array([0.25, -0.5, 1 / 65536, 0.0]))
    assert inside.tolist() == [16384, -32768, 1, 0]


def test_quantise__not_finite__is_refused(plan: Plan) -> None:
    with pytest.raises(UpdateError, match="diverged"):
        quantise(plan, np.array([np.nan, 0.0, 0.0, 0.0]))


def test_train__columns_in_another_order__is_the_same(plan: Plan, table: pd.DataFrame) -> None:
    shuffled = table[list(table.columns[::-1])].assign(device="0x00")
    assert train(plan, shuffled).to_bytes() == train(plan, table).to_bytes()


def test_train__no_device_integers__is_refused_by_reading_and_column(
    plan: Plan, table: pd.DataFrame
) -> None:
    with pytest.raises(TableError, match="humidity holds float64: give device integers"):
        train(plan, table.assign(humidity=1.5))
    table.loc[7, "pressure"] = 2**31
    with pytest.raises(TableError, match="reading 7, pressure: 2147483648 does not fit"):
        train(plan, table)


def _classes(table: pd.DataFrame, n_classes: int) -> pd.DataFrame:
    labels = pd.qcut(table.gas_resistance, n_classes, labels=False).astype(np.int64)
    return table.assign(gas_resistance=labels)


def _dense(schema: Schema, name: str, n_classes: int = 0, **parameters: str) -> Plan:
    return Plan.from_schema(
        schema,
        estimator=name,
        parameters=parameters,
        ranges={"pressure": (98_000, 103_000), "temperature": (500, 3_000)},
        n_classes=n_classes,
        seed=2,
    )


@pytest.mark.parametrize(
    ("name", "n_classes", "parameters"),
    [
        ("SGDClassifier", 2, {"loss": "log_loss", "eta0": "0.5"}),
        ("SGDClassifier", 2, {"loss": "hinge", "eta0": "0.1"}),
        ("MLPClassifier", 2, {"hidden_layer_sizes": "8", "learning_rate_init": "0.5"}),
        ("MLPClassifier", 3, {"hidden_layer_sizes": "", "learning_rate_init": "2"}),
        ("MLPClassifier", 3, {"hidden_layer_sizes": "12,6", "learning_rate_init": "0.3"}),
    ],
)
def test_train__classifiers__tell_the_classes_apart(
    schema: Schema, table: pd.DataFrame, name: str, n_classes: int, parameters: dict[str, str]
) -> None:
    table = _classes(table, n_classes)
    plan = _dense(schema, name, n_classes, epochs="150", batch_size="25", **parameters)
    update = train(plan, table)
    features, labels = columns(plan, table)
    assert len(update.values) == plan.n_parameters
    assert (predict(plan, update.values, features) == labels).mean() > 0.8


def test_train__mlp_regressor_in_two_rounds__goes_on_from_the_base(
    coarse: Schema, table: pd.DataFrame
) -> None:
    table = table.assign(gas_resistance=table.gas_resistance // 1_000)
    low, high = int(table.gas_resistance.min()), int(table.gas_resistance.max())
    plan = Plan.from_schema(
        coarse,
        estimator="MLPRegressor",
        parameters={
            "hidden_layer_sizes": "6",
            "epochs": "60",
            "batch_size": "20",
            "learning_rate_init": "0.3",
            "momentum": "0.5",
        },
        ranges={
            "pressure": (98_000, 103_000),
            "temperature": (500, 3_000),
            "gas_resistance": (low, high),
        },
    )
    first = train(plan, table).values
    second = first + train(plan, table, first).values
    spread = table.gas_resistance.var()
    errors = [float((_errors(plan, one, table) ** 2).mean()) / spread for one in (first, second)]
    assert errors[1] < errors[0] < 0.1


@pytest.mark.parametrize("name", ["SGDRegressor", "MLPClassifier"])
def test_train__proximal_mu__holds_members_to_the_base(
    schema: Schema, table: pd.DataFrame, name: str
) -> None:
    n_classes = 2 if name == "MLPClassifier" else 0
    table = _classes(table, 2) if n_classes else table
    step = (
        {"learning_rate_init": "0.2"}
        if n_classes
        else {"eta0": "0.02", "learning_rate": "constant"}
    )
    loose = _dense(schema, name, n_classes, epochs="30", **step)
    held = _dense(schema, name, n_classes, epochs="30", proximal_mu="3", **step)
    base = np.full(loose.n_parameters, 9_000, dtype=np.int32)
    far, near = (np.abs(train(plan, table, base).values[1:]).max() for plan in (loose, held))
    assert 0 < near < 0.6 * far


def test_train__proximal_mu_of_nothing__is_scikit_learns_own(
    plan: Plan, table: pd.DataFrame
) -> None:
    def sgd(**more: str) -> Plan:
        parameters = {"epochs": "5", "eta0": "0.05", "learning_rate": "constant", **more}
        return _with(plan, estimator=EstimatorPlan(name="SGDRegressor", parameters=parameters))

    base = train(sgd(), table).values
    plain, none = train(sgd(), table, base), train(sgd(proximal_mu="0"), table, base)
    assert plain.to_bytes() == none.to_bytes()


def test_train__a_class_out_of_range__is_refused(schema: Schema, table: pd.DataFrame) -> None:
    with pytest.raises(TableError, match="gas_resistance holds 2: the plan's classes are 0 to 1"):
        train(_dense(schema, "SGDClassifier", 2), _classes(table, 3))


def test_train__a_step_far_too_long__says_that_it_diverged(
    coarse: Schema, table: pd.DataFrame
) -> None:
    plan = _dense(coarse, "MLPRegressor", hidden_layer_sizes="8,8", learning_rate_init="1000000")
    with pytest.raises(UpdateError, match="diverged"):
        train(plan, table.assign(gas_resistance=table.gas_resistance // 1_000))
