"""The weighted mean: numpy against plain integers, and the aggregate file."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.domain.integers import div_trunc
from cairn.training import (
    Aggregate,
    AggregateError,
    IncludedUpdate,
    Plan,
    RulePlan,
    Update,
    aggregate_coordinate,
    aggregate_updates,
    weighted_mean,
    weighted_mean_coordinate,
)
from cairn.training.aggregation import aggregate_sets
from cairn.training.rules import div_trunc_array
from cairn.training.updates import vector

int32s = st.one_of(
    st.integers(-(2**31), 2**31 - 1), st.integers(-3, 3), st.sampled_from([-(2**31), 2**31 - 1])
)
weights_of_one = st.one_of(st.integers(1, 9), st.integers(1, 2**22))


def test_weighted_mean__a_remainder__is_truncated_toward_zero() -> None:
    up = [vector([1, -1, 3, -3, 0]), vector([0, 0, 2, -2, -1])]
    assert weighted_mean(up, [1, 1]).tolist() == [0, 0, 2, -2, 0]
    assert weighted_mean(up, [3, 1]).tolist() == [0, 0, 2, -2, 0]
    assert weighted_mean_coordinate([-3, -2], [1, 1]) == -2


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1), st.integers(1, 2**40))
def test_div_trunc_array__any_numbers__is_div_trunc(numbers: list[int], denominator: int) -> None:
    found = div_trunc_array(np.array(numbers, dtype=np.int64), denominator)
    assert found.tolist() == [div_trunc(number, denominator) for number in numbers]


def _tight(plan: Plan, **changes: int) -> Plan:
    rule = plan.rule.model_copy(update={"weight_cap": changes.pop("weight_cap", 100)})
    return Plan(**{**dict(plan), **changes, "rule": rule})


@given(
    st.lists(
        st.tuples(st.lists(int32s, min_size=4, max_size=4), weights_of_one), min_size=1, max_size=6
    ),
    st.lists(int32s, min_size=4, max_size=4),
    st.integers(1, 2**31 - 1),
    st.integers(1, 2**22),
)
def test_aggregate_updates__any_plan__equals_each_coordinate(
    plan: Plan, case: list[tuple[list[int], int]], base: list[int], clip: int, weight_cap: int
) -> None:
    plan = _tight(plan, clip=clip, weight_cap=weight_cap)
    rows = [row for row, _ in case]
    weights = [weight for _, weight in case]
    found = aggregate_updates(plan, [vector(row) for row in rows], weights, vector(base))
    for place in range(4):
        column = [row[place] for row in rows]
        assert found[place] == aggregate_coordinate(plan, column, weights, base[place])


def test_aggregate_updates__above_the_cap__weighs_the_cap(plan: Plan) -> None:
    plan = _tight(plan, weight_cap=100)
    rows = [vector([1000] * 4), vector([0] * 4)]
    assert aggregate_updates(plan, rows, [10_000, 100]).tolist() == [500] * 4


def test_aggregate_updates__beyond_the_clip_bound__counts_for_the_bound(plan: Plan) -> None:
    plan = _tight(plan, clip=10)
    rows = [vector([2**31 - 1, -(2**31), 4, 0]), vector([0, 0, 4, 0])]
    assert aggregate_updates(plan, rows, [1, 1]).tolist() == [5, -5, 4, 0]


def test_aggregate_updates__past_int32__stays_at_its_end(plan: Plan) -> None:
    base = vector([2**31 - 1, -(2**31), 0, 0])
    found = aggregate_updates(plan, [vector([9, -9, 9, -9])], [1], base)
    assert found.tolist() == [2**31 - 1, -(2**31), 9, -9]


def _included(n_updates: int) -> list[IncludedUpdate]:
    rng = np.random.default_rng(n_updates)
    made = []
    for index in range(n_updates):
        update = Update(vector(rng.integers(-(2**20), 2**20, 4)), weight=10 + index)
        made.append(IncludedUpdate(index, update.root, update))
    return made


def test_make__any_order_of_updates__gives_the_same_file(plan: Plan) -> None:
    updates = _included(5)
    one = Aggregate.make(plan, updates).to_bytes()
    assert Aggregate.make(plan, updates[::-1]).to_bytes() == one


def test_to_bytes__read_back__is_the_same(plan: Plan) -> None:
    made = Aggregate.make(plan, _included(3), vector([5, 6, 7, 8]))
    data = made.to_bytes()
    again = Aggregate.from_bytes(data, n_parameters=4)
    assert again.to_bytes() == data
    assert again.root == made.root
    assert again.plan_hash == plan.hash
    assert [included.update.weight for included in again.updates] == [10, 11, 12]
    assert len(data) == 72 + 2 * 16 + 3 * (44 + 16)


def test_from_bytes__damaged__is_refused(plan: Plan) -> None:
    made = Aggregate.make(plan, _included(2))
    data = made.to_bytes()
    for damaged, message in (
        (b"", "not an aggregate file"),
        (data[:70], "not an aggregate file"),
        (b"x" + data[1:], "not an aggregate file"),
        (data[:-1], "bytes for 2 updates"),
        (data + b"\0", "bytes for 2 updates"),
        (data[:68] + bytes(4) + data[72:], "bytes for 0 updates"),
    ):
        with pytest.raises(AggregateError, match=message):
            Aggregate.from_bytes(damaged, n_parameters=4)
    with pytest.raises(AggregateError, match="4 parameters in the file, 5"):
        Aggregate.from_bytes(data, n_parameters=5)
    twice = replace(made, updates=made.updates[:1] * 2)
    with pytest.raises(AggregateError, match="out of order"):
        Aggregate.from_bytes(twice.to_bytes(), n_parameters=4)
    weightless = bytearray(data)
    weightless[104 + 36 : 104 + 44] = bytes(8)
    with pytest.raises(AggregateError, match="update 0: a weight of 0"):
        Aggregate.from_bytes(bytes(weightless), n_parameters=4)


@pytest.mark.parametrize("rule", ["weighted_mean", "trimmed_mean", "median"])
def test_aggregate_sets__any_sets__is_aggregate_updates_of_each(plan: Plan, rule: str) -> None:
    rng = np.random.default_rng(11)
    cut = 200 if rule == "trimmed_mean" else 0
    chosen = RulePlan(name=rule, weight_cap=2**20, trim_permille=cut, momentum_permille=300)
    plan = Plan(**{**dict(plan), "rule": chosen, "clip": 2**31 - 1})
    updates = [rng.integers(-(2**31), 2**31, 4).astype(np.int32) for _ in range(6)]
    base, previous = (rng.integers(-(2**31), 2**31, 4).astype(np.int32) for _ in range(2))
    weights = [1, 3, 2**19, 2**21, 7, 7]
    sets = rng.random((20, 6)) < 0.5
    sets[0] = True
    sets = sets[sets.any(axis=1)]
    found = aggregate_sets(plan, updates, weights, sets, base, previous)
    for members, parameters in zip(sets, found, strict=True):
        places = np.flatnonzero(members)
        one = aggregate_updates(
            plan, [updates[i] for i in places], [weights[i] for i in places], base, previous
        )
        assert np.array_equal(parameters, one)
