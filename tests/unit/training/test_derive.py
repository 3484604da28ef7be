"""From an aggregate to the program that serves it."""

from fractions import Fraction
from math import floor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.domain.integers import MISSING
from cairn.domain.schema import Column, Schema
from cairn.models import predict as run_program
from cairn.training import (
    AggregateError,
    Plan,
    PlanError,
    derive_program,
    predict,
    train,
)
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
