"""From an aggregate to the program that serves it."""

from fractions import Fraction
from math import floor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cairn.domain.integers import MISSING
from cairn.domain.programs import OutputMode
from cairn.domain.schema import Column, Schema
from cairn.models import is_vectorised
from cairn.models import predict as run_program
from cairn.training import (
    AggregateError,
    Plan,
    PlanError,
    derive_program,
    predict,
    prepare,
    train,
)
from cairn.training.descent import forward
from cairn.training.local import columns
from cairn.training.updates import vector


def _exact(plan: Plan, parameters: list[int], features: list[int]) -> int:
    """The prediction as a fraction, rounded to the nearest integer, halves up."""
    t = Fraction(parameters[0], 2**16)
    for feature, value, parameter in zip(plan.features, features, parameters[1:], strict=True):
        x = feature.imputed if value == MISSING else min(max(value, feature.lo), feature.hi)
        t += Fraction(parameter, 2**16) * Fraction(x - feature.center, 2**feature.shift)
    y = t * 2**plan.target.shift + plan.target.center
    return min(max(floor(y + Fraction(1, 2)), -(2**31) + 1), 2**31 - 1)


@given(
    parameters=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=4, max_size=4),
    features=st.tuples(
        st.one_of(st.just(MISSING), st.integers(-2_000, 5_000)),
        st.one_of(st.just(MISSING), st.integers(-(2**31), 2**31 - 1)),
        st.integers(90_000, 110_000),
    ),
)
def test_derive_program__any_aggregate__predicts_the_rounded_fraction(
    plan: Plan, parameters: list[int], features: tuple[int, int, int]
) -> None:
    program = derive_program(plan, vector(parameters))
    assert program.run(features) == (_exact(plan, parameters, list(features)),)


def test_derive_program__trained__serves_what_was_trained(plan: Plan, table: pd.DataFrame) -> None:
    update = train(plan, table)
    program = derive_program(plan, update.values)
    features, _ = columns(plan, table)
    outputs, valid = run_program(program, features)
    assert valid.all()
    assert np.abs(outputs[:, 0] - predict(plan, update.values, features)).max() <= 0.5
    assert str(program.output_scale) == "0.01"


def test_derive_program__a_feature_that_may_not_be_missing__is_invalid_without_it(
    plan: Plan, table: pd.DataFrame
) -> None:
    program = derive_program(plan, train(plan, table).values)
    assert program.run((MISSING, MISSING, 100_000)) is not None
    assert program.run((2_000, 5_000, MISSING)) is None


def test_derive_program__one_parameter_changed__is_another_program(plan: Plan) -> None:
    hashes = {derive_program(plan, vector(row)).hash for row in np.eye(4, dtype=np.int64)}
    assert len(hashes) == 4


def test_derive_program__another_rounds_aggregate__is_refused(plan: Plan) -> None:
    with pytest.raises(AggregateError, match="3 parameters, the plan has 4"):
        derive_program(plan, vector([1, 2, 3]))


@pytest.mark.parametrize(("scale", "decimals"), [("0.01", 2), ("1", 0), ("100", -2), ("0.1", 1)])
def test_from_schema__a_power_of_ten__becomes_the_programs_decimals(
    scale: str, decimals: int
) -> None:
    feature, target = Column("x", "1", "1", "0", "9"), Column("y", "1", scale, "0", "1000")
    plan = Plan.from_schema(Schema(features=(feature,), targets=(target,)))
    assert plan.target.decimals == decimals
    assert derive_program(plan, vector([0, 0])).decimals == decimals


def test_from_schema__another_scale__is_refused() -> None:
    feature, target = Column("x", "1", "1", "0", "9"), Column("y", "1", "0.25", "0", "9")
    with pytest.raises(PlanError, match="no power of ten"):
        Plan.from_schema(Schema(features=(feature,), targets=(target,)))


DENSE = st.sampled_from(
    [
        ("MLPRegressor", 0, "5,3"),
        ("MLPClassifier", 2, "4"),
        ("MLPClassifier", 4, ""),
        ("SGDClassifier", 2, None),
        ("SGDClassifier", 5, None),
    ]
)


def _dense_plan(coarse: Schema, name: str, n_classes: int, hidden: str | None) -> Plan:
    return Plan.from_schema(
        coarse,
        estimator=name,
        parameters={} if hidden is None else {"hidden_layer_sizes": hidden},
        ranges={"pressure": (95_000, 105_000), "temperature": (-1_000, 4_000)},
        n_classes=n_classes,
    )


@given(
    kind=DENSE,
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([1 << 10, 1 << 15, 1 << 18, 2**31]),
    row=st.tuples(
        st.one_of(st.just(MISSING), st.integers(-2_000, 5_000)),
        st.integers(-(2**31), 2**31 - 1),
        st.integers(90_000, 110_000),
    ),
)
@settings(max_examples=60)
def test_derive_program__any_dense_aggregate__is_a_program_that_numpy_runs_too(
    coarse: Schema,
    kind: tuple[str, int, str | None],
    seed: int,
    size: int,
    row: tuple[int, int, int],
) -> None:
    plan = _dense_plan(coarse, *kind)
    rng = np.random.default_rng(seed)
    parameters = rng.integers(-size, size, plan.n_parameters).astype(np.int32)
    program = derive_program(plan, parameters)
    outputs, valid = run_program(program, np.array([row]))
    assert is_vectorised(program)
    assert (tuple(outputs[0].tolist()) if valid[0] else None) == program.run(row)


@pytest.mark.parametrize(
    ("name", "n_classes", "hidden"),
    [("MLPRegressor", 0, "6"), ("MLPClassifier", 4, "6,5"), ("SGDClassifier", 3, None)],
)
def test_derive_program__dense__says_what_the_real_network_says(
    coarse: Schema, table: pd.DataFrame, name: str, n_classes: int, hidden: str | None
) -> None:
    plan = _dense_plan(coarse, name, n_classes, hidden)
    rng = np.random.default_rng(4)
    parameters = rng.integers(-40_000, 40_000, plan.n_parameters).astype(np.int32)
    rows = prepare(plan, table.assign(gas_resistance=0))
    program = derive_program(plan, parameters)
    outputs, _ = run_program(program, rows.features)
    real = forward(parameters / 2.0**16, plan.layer_sizes, rows.z)
    if not n_classes:
        # In parts of the target's range.
        found = (outputs[:, 0] - plan.target.center) / 2.0**plan.target.shift
        assert np.abs(found - real[:, 0]).max() < 0.01
        return
    assert str(program.output_scale) == "0.001"
    assert np.abs(outputs[:, 1:] / 1_000 - real).max() < 0.02
    clear = np.diff(np.sort(real, axis=1)[:, -2:], axis=1)[:, 0] > 0.05
    assert clear.sum() > 50
    assert (outputs[clear, 0] == real[clear].argmax(axis=1)).all()


def test_derive_program__a_dense_weight__follows_from_its_coordinate_alone(coarse: Schema) -> None:
    plan = _dense_plan(coarse, "MLPClassifier", 3, "4")
    rng = np.random.default_rng(4)
    parameters = rng.integers(-40_000, 40_000, plan.n_parameters).astype(np.int32)
    scales = plan.dense_scales()
    mode = OutputMode.LABEL_AND_SCORES
    before = scales.layer_specs(parameters.tolist(), mode=mode)
    changed = parameters.copy()
    changed[6] += 20_000  # hidden unit 1, the weight of feature 1: each unit has four parameters
    after = scales.layer_specs(changed.tolist(), mode=mode)
    assert after[1] == before[1]
    assert after[0].biases == before[0].biases
    different = [
        (unit, i)
        for unit in range(4)
        for i in range(3)
        if after[0].weights[unit][i] != before[0].weights[unit][i]
    ]
    assert different == [(1, 1)]
