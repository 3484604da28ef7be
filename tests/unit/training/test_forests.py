"""Trees grown at home, and their union: whose tile is whose, and what the union says."""

import numpy as np
import pandas as pd
import pytest

from cairn.domain.schema import Schema
from cairn.models import predict as run
from cairn.training import (
    AggregateError,
    EstimatorPlan,
    Plan,
    UpdateError,
    aggregate_updates,
    derive_program,
    prepare,
    tiles_of,
    train,
    unite,
)
from cairn.training.forests import tree_inputs

RANGES = {"pressure": (95_000, 105_000), "temperature": (-1_000, 4_000)}


def _plan(schema: Schema, estimator: str, n_classes: int = 0, **parameters: str) -> Plan:
    return Plan.from_schema(
        schema,
        estimator=estimator,
        parameters=parameters,
        ranges=RANGES,
        n_classes=n_classes,
        seed=5,
    )


def _features(plan: Plan, table: pd.DataFrame) -> np.ndarray:
    return table[[feature.name for feature in plan.features]].to_numpy()


@pytest.mark.parametrize(
    "estimator", ["DecisionTreeRegressor", "RandomForestRegressor", "ExtraTreesRegressor"]
)
def test_unite__regressors__each_tile_is_a_members_own_hash_for_hash(
    schema: Schema, table: pd.DataFrame, estimator: str
) -> None:
    plan = _plan(schema, estimator, max_depth="5")
    halves = [table[::2], table[1::2]]
    updates = [train(plan, half) for half in halves]
    union = unite(plan, [update.values for update in updates])
    alone = [unite(plan, [update.values]) for update in updates]
    assert [chunk.id for chunk in union.chunks] == [
        chunk.id for program in alone for chunk in program.chunks
    ]
    assert len({chunk.id for chunk in union.chunks}) == 2

    features = _features(plan, table)
    outputs, valid = run(union, features)
    assert valid.all()
    mean = sum(run(program, features)[0][:, 0] for program in alone) / 2
    assert np.abs(outputs[:, 0] - mean).max() <= 1
    assert outputs[:3, 0].tolist() == [union.run(row)[0] for row in features[:3].tolist()]
    truth = table.gas_resistance.to_numpy()
    assert 1 - ((outputs[:, 0] - truth) ** 2).mean() / truth.var() > 0.8


def test_unite__one_members_forest__says_what_scikit_learn_says(
    schema: Schema, table: pd.DataFrame
) -> None:
    from sklearn.ensemble import RandomForestRegressor

    plan = _plan(schema, "RandomForestRegressor", max_depth="4", n_estimators="7")
    program = unite(plan, [train(plan, table).values])
    rows = prepare(plan, table)
    model = RandomForestRegressor(n_estimators=7, max_depth=4, random_state=5)
    inputs = tree_inputs(plan, rows.features).astype(np.float32)
    expected = model.fit(inputs, rows.target).predict(inputs)
    said = expected * 2.0**plan.target.shift + plan.target.center
    # A leaf is rounded to 2^-16 of the target's range.
    assert np.abs(run(program, rows.features)[0][:, 0] - said).max() <= (
        2.0 ** (plan.target.shift - 16) + 1
    )


@pytest.mark.parametrize("estimator", ["DecisionTreeClassifier", "ExtraTreesClassifier"])
def test_unite__a_member_who_lacks_a_class__tells_the_others_apart(
    schema: Schema, table: pd.DataFrame, estimator: str
) -> None:
    labels = pd.qcut(table.gas_resistance, 3, labels=False).astype(np.int64)
    table = table.assign(gas_resistance=labels)
    plan = _plan(schema, estimator, n_classes=3, max_depth="6")
    parts = [table[::3], table[1::3], table[2::3][labels[2::3] != 2]]
    union = unite(plan, [train(plan, part).values for part in parts])
    outputs, valid = run(union, _features(plan, table))
    assert valid.all()
    assert outputs.shape == (len(table), 4)
    assert (outputs[:, 0] == labels).mean() > 0.7
    # Shares of all trees, in thousandths.
    assert np.abs(outputs[:, 1:].sum(axis=1) - 1_000).max() <= 2


def test_train__trees_larger_than_their_tiles__is_refused(
    schema: Schema, table: pd.DataFrame
) -> None:
    plan = _plan(schema, "RandomForestRegressor", max_depth="12", n_estimators="40")
    with pytest.raises(UpdateError, match=r"take \d+ tiles, the plan allows 1: raise `tiles`"):
        train(plan, table)
    wider = _plan(schema, "RandomForestRegressor", max_depth="12", n_estimators="40", tiles="8")
    update = train(wider, table)
    assert len(update.values) == wider.n_parameters == 8 * 5_632
    assert 1 < len(tiles_of(wider, update.values)) <= 8


def test_train__a_small_tree__takes_the_small_kernel(schema: Schema, table: pd.DataFrame) -> None:
    plan = _plan(schema, "DecisionTreeRegressor", max_depth="2")
    (tile,) = tiles_of(plan, train(plan, table).values)
    assert len(tile.words) == 64


def test_aggregate_updates__trees__are_not_averaged(
    plan: Plan, schema: Schema, table: pd.DataFrame
) -> None:
    forest = _plan(schema, "DecisionTreeRegressor")
    update = train(forest, table).values
    with pytest.raises(AggregateError, match="unite the members' tiles"):
        aggregate_updates(forest, [update], [10])
    with pytest.raises(AggregateError, match="unite the members' tiles"):
        derive_program(forest, update)
    with pytest.raises(AggregateError, match="Ridge has no trees"):
        unite(plan, [update])
    with pytest.raises(AggregateError, match="nothing to unite"):
        unite(forest, [update * 0])
    with pytest.raises(AggregateError, match="another round's"):
        unite(forest, [update[:10]])


def test_unite__any_integers_at_all__is_a_program(schema: Schema) -> None:
    plan = _plan(schema, "ExtraTreesRegressor")
    rng = np.random.default_rng(8)
    garbage = rng.integers(-(2**31), 2**31, plan.n_parameters).astype(np.int32)
    program = unite(plan, [garbage])
    assert len(program.run([0, 0, 100_000]) or ()) == 1


def test_plan__trees__want_a_union_and_nothing_else_does(schema: Schema) -> None:
    plan = _plan(schema, "DecisionTreeRegressor")
    assert plan.rule.name == "union"
    assert EstimatorPlan(name="DecisionTreeRegressor").n_trees == 1
