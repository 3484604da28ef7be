"""The search for a set: what a set's loss is, and which set comes out."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from distributed import LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config

from cairn.domain.integers import MISSING
from cairn.domain.losses import LossKind, mean_loss
from cairn.domain.rows import Row, ValidationSet, evaluate
from cairn.domain.schema import Schema
from cairn.training import (
    AggregateError,
    Plan,
    SetLosses,
    TrainingError,
    best_set,
    derive_program,
    program_of_set,
    spread,
    train,
)

KINDS = [
    ("Ridge", 0, LossKind.SQUARED, {}),
    ("MLPRegressor", 0, LossKind.SQUARED, {"hidden_layer_sizes": "4,3"}),
    ("MLPClassifier", 3, LossKind.CROSS_ENTROPY, {"hidden_layer_sizes": "5"}),
    ("MLPClassifier", 2, LossKind.CROSS_ENTROPY, {}),
    ("SGDClassifier", 3, LossKind.ZERO_ONE, {}),
]


def _plan(coarse: Schema, name: str, n_classes: int, parameters: dict[str, str]) -> Plan:
    return Plan.from_schema(coarse, estimator=name, parameters=parameters, n_classes=n_classes)


def _rows(n_classes: int, n_rows: int = 12) -> ValidationSet:
    rng = np.random.default_rng(6)
    targets = rng.integers(0, n_classes or 90_000, n_rows)
    rows = [
        Row(
            (int(rng.integers(500, 3_000)), int(rng.integers(0, 10_000)), 100_000 + 10 * i),
            int(targets[i]),
        )
        for i in range(n_rows)
    ]
    # One that only an imputer saves, and one that nothing does.
    rows += [Row((MISSING, 50, 99_000), 1), Row((900, 50, MISSING), 1)]
    return ValidationSet(tuple(rows))


@pytest.mark.parametrize(("name", "n_classes", "kind", "parameters"), KINDS)
@pytest.mark.parametrize("size", [1 << 14, 2**31])
def test_of__any_set__is_the_loss_that_a_contract_computes(
    coarse: Schema,
    name: str,
    n_classes: int,
    kind: LossKind,
    parameters: dict[str, str],
    size: int,
) -> None:
    plan = _plan(coarse, name, n_classes, parameters)
    rng = np.random.default_rng(2)
    updates = [rng.integers(-size, size, plan.n_parameters).astype(np.int32) for _ in range(3)]
    base = rng.integers(-size, size, plan.n_parameters).astype(np.int32)
    weights = [5, 7, 20_000]
    rows = _rows(n_classes)
    losses = SetLosses(plan, updates, weights, rows, kind, base)
    for members in product([False, True], repeat=3):
        chosen = [i for i in range(3) if members[i]]
        if not chosen:
            continue
        program = program_of_set(
            plan, [updates[i] for i in chosen], [weights[i] for i in chosen], base
        )
        exact = evaluate(program, rows, kind)
        found = losses.of(np.array([members]))[0]
        assert found == pytest.approx(mean_loss(kind, exact.total, len(rows.rows)), rel=1e-6)
    assert losses.n_evaluations == 7


@given(
    parameters=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=9, max_size=9),
    row=st.tuples(
        st.one_of(st.just(MISSING), st.integers(-(2**31), 2**31 - 1)),
        st.integers(0, 10_000),
        st.integers(30_000, 110_000),
    ),
)
@settings(max_examples=50)
def test_compute__any_parameters__has_the_programs_outputs(
    coarse: Schema, parameters: list[int], row: tuple[int, int, int]
) -> None:
    plan = _plan(coarse, "MLPRegressor", 0, {"hidden_layer_sizes": "1,1"})
    assert plan.n_parameters == 8
    update = np.array(parameters[:8], dtype=np.int32)
    losses = SetLosses(plan, [update], [1], ValidationSet((Row(row, 0),)), LossKind.SQUARED)
    program = program_of_set(plan, [update], [1])
    held = np.clip(update, -plan.clip, plan.clip)
    assert losses.rows is not None
    assert tuple(losses.rows.outputs(held)[0].tolist()) == program.run(row)


@given(
    parameters=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=4, max_size=4),
    row=st.tuples(
        st.integers(-(2**31), 2**31 - 1), st.integers(0, 10_000), st.integers(30_000, 110_000)
    ),
)
@settings(max_examples=50)
def test_compute__any_linear_parameters__has_the_programs_outputs(
    plan: Plan, parameters: list[int], row: tuple[int, int, int]
) -> None:
    update = np.array(parameters, dtype=np.int32)
    losses = SetLosses(plan, [update], [1], ValidationSet((Row(row, 0),)), LossKind.SQUARED)
    assert losses.rows is not None
    assert tuple(losses.rows.outputs(update)[0].tolist()) == derive_program(plan, update).run(row)


def _members(plan: Plan, table: pd.DataFrame, n_bad: int) -> tuple[list[np.ndarray], ValidationSet]:
    """Eight members, the first of whom turn their targets round; and rows of nobody's."""
    order = np.random.default_rng(1).permutation(len(table))
    parts = np.array_split(order[:160], 8)
    updates = []
    for place, part in enumerate(parts):
        own = table.iloc[part]
        if place < n_bad:
            turned = int(own.gas_resistance.max()) + int(own.gas_resistance.min())
            own = own.assign(gas_resistance=turned - own.gas_resistance)
        updates.append(train(plan, own).values)
    held = table.iloc[order[160:]]
    names = [feature.name for feature in plan.features]
    rows = ValidationSet(
        tuple(
            Row(tuple(int(v) for v in row), int(y))
            for row, y in zip(held[names].to_numpy(), held.gas_resistance, strict=True)
        )
    )
    return updates, rows


def test_best_set__members_who_lie__are_left_out_and_the_others_are_not(
    plan: Plan, table: pd.DataFrame
) -> None:
    updates, rows = _members(plan, table, 3)
    losses = SetLosses(plan, updates, [20] * 8, rows, LossKind.SQUARED)
    found = best_set(losses, 5_000)
    assert not any(found.members[:3])
    honest = losses.of(np.array([[False] * 3 + [True] * 5]))[0]
    assert found.loss * 0.995 ** len(found.included) <= honest * 0.995**5
    assert found.loss < found.base_loss
    # No single toggle beats it, by score.
    for place, loss in enumerate(found.toggled):
        change = -1 if found.members[place] else 1
        assert loss * 0.995**change >= found.loss * (1 - 1e-9)


def test_best_set__among_few__is_the_best_of_all_sets(plan: Plan, table: pd.DataFrame) -> None:
    updates, rows = _members(plan, table, 2)
    losses = SetLosses(plan, updates[:6], [20] * 6, rows, LossKind.SQUARED)
    found = best_set(losses, 5_000)
    sets = np.array([members for members in product([False, True], repeat=6) if any(members)])
    scores = losses.of(sets) * 0.995 ** sets.sum(axis=1)
    assert tuple(sets[scores.argmin()].tolist()) == found.members


def test_best_set__over_two_workers__is_the_same(plan: Plan, table: pd.DataFrame) -> None:
    updates, rows = _members(plan, table, 3)
    told: list[tuple[int, int]] = []
    alone = SetLosses(plan, updates, [20] * 8, rows, LossKind.SQUARED)
    shared = SetLosses(
        plan,
        updates,
        [20] * 8,
        rows,
        LossKind.SQUARED,
        batch=4,
        progress=lambda done, of: told.append((done, of)),
    )
    with parallel_config(backend="threading", n_jobs=2):
        found = best_set(shared, 5_000)
    assert found == best_set(alone, 5_000)
    assert told[:2] == [(1, 2), (2, 2)]


def test_best_set__on_a_dask_cluster__is_the_same(plan: Plan, table: pd.DataFrame) -> None:
    updates, rows = _members(plan, table, 3)
    alone = SetLosses(plan, updates, [20] * 8, rows, LossKind.SQUARED)
    shared = SetLosses(plan, updates, [20] * 8, rows, LossKind.SQUARED, batch=4)
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            processes=False,
            host="127.0.0.1",
            protocol="tcp",
            dashboard_address=None,
        ) as cluster,
        spread(cluster=cluster.scheduler_address),
    ):
        found = best_set(shared, 5_000)
    assert found == best_set(alone, 5_000)


def test_spread__no_scheduler_there__says_so() -> None:
    with (
        pytest.raises(TrainingError, match="no Dask scheduler at nowhere"),
        spread(cluster="nowhere"),
    ):
        pass


def test_best_set__trees__drops_the_forest_that_lies(schema: Schema, table: pd.DataFrame) -> None:
    plan = Plan.from_schema(
        schema, estimator="DecisionTreeRegressor", parameters={"max_depth": "4"}
    )
    updates, rows = _members(plan, table, 2)
    found = best_set(SetLosses(plan, updates, [20] * 8, rows, LossKind.SQUARED), 5_000)
    assert not any(found.members[:2])


def test_best_set__nobody_or_a_tolerance_of_all__is_refused(plan: Plan) -> None:
    rows = _rows(0)
    with pytest.raises(AggregateError, match="no updates"):
        SetLosses(plan, [], [], rows, LossKind.SQUARED)
    losses = SetLosses(plan, [np.zeros(4, dtype=np.int32)], [1], rows, LossKind.SQUARED)
    with pytest.raises(AggregateError, match="0 to 999,999"):
        best_set(losses, 10**6)
