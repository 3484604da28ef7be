"""One conformance suite that every aggregation rule passes, and what is each rule's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.domain.integers import div_trunc
from cairn.training import (
    AggregateError,
    Median,
    Plan,
    Rule,
    RulePlan,
    TrimmedMean,
    WeightedMean,
    aggregate_coordinate,
    aggregate_updates,
    rule_of,
)
from cairn.training.updates import vector

RULES: tuple[Rule, ...] = (
    WeightedMean(),
    TrimmedMean(0),
    TrimmedMean(200),
    TrimmedMean(499),
    Median(),
)
every_rule = pytest.mark.parametrize("rule", RULES, ids=str)

# Few distinct values make ties, the ends of int32 make the bounds.
values_of_one = st.one_of(
    st.integers(-3, 3), st.integers(-(2**31), 2**31 - 1), st.sampled_from([-(2**31), 2**31 - 1])
)
weights_of_one = st.one_of(st.integers(1, 4), st.integers(1, 2**22))


@st.composite
def rounds(draw: st.DrawFn) -> tuple[list[list[int]], list[int]]:
    """Updates of one length, and a weight for each."""
    n_updates = draw(st.integers(1, 12))
    n_parameters = draw(st.integers(1, 5))
    row = st.lists(values_of_one, min_size=n_parameters, max_size=n_parameters)
    return (
        draw(st.lists(row, min_size=n_updates, max_size=n_updates)),
        draw(st.lists(weights_of_one, min_size=n_updates, max_size=n_updates)),
    )


@every_rule
@given(case=rounds())
def test_combine__any_updates__equals_each_coordinate(
    rule: Rule, case: tuple[list[list[int]], list[int]]
) -> None:
    updates, weights = case
    found = rule.combine([vector(row) for row in updates], weights)
    assert found.dtype == np.int64
    assert found.tolist() == [
        rule.combine_coordinate(column, weights) for column in zip(*updates, strict=True)
    ]


@every_rule
@given(case=rounds())
def test_combine__any_updates__lies_between_the_extremes(
    rule: Rule, case: tuple[list[list[int]], list[int]]
) -> None:
    updates, weights = case
    for column in zip(*updates, strict=True):
        assert min(column) <= rule.combine_coordinate(column, weights) <= max(column)


@every_rule
@given(
    members=st.lists(
        st.tuples(values_of_one, weights_of_one), min_size=1, max_size=12, unique_by=lambda m: m[0]
    ),
    random=st.randoms(use_true_random=False),
)
def test_combine__distinct_values_in_any_order__is_the_same(
    rule: Rule, members: list[tuple[int, int]], random: object
) -> None:
    first = rule.combine_coordinate(*map(list, zip(*members, strict=True)))
    random.shuffle(members)  # type: ignore[attr-defined]
    assert rule.combine_coordinate(*map(list, zip(*members, strict=True))) == first


@every_rule
@given(value=values_of_one, weights=st.lists(weights_of_one, min_size=1, max_size=9))
def test_combine__all_agree__is_what_they_say(rule: Rule, value: int, weights: list[int]) -> None:
    assert rule.combine_coordinate([value] * len(weights), weights) == value


@given(case=rounds())
def test_weighted_mean__negated_updates__give_the_negated_mean(
    case: tuple[list[list[int]], list[int]],
) -> None:
    # Truncation toward zero treats both signs alike.
    updates, weights = case
    for column in zip(*updates, strict=True):
        mirrored = WeightedMean().combine_coordinate([-value for value in column], weights)
        assert mirrored == -WeightedMean().combine_coordinate(column, weights)


@every_rule
def test_combine__at_the_bounds__is_exact_and_beyond_them_refused(rule: Rule) -> None:
    lowest = vector([-(2**31), 2**31 - 1])
    weights = [2**22] * 1023 + [2**22 - 1]
    assert rule.combine([lowest] * 1024, weights).tolist() == lowest.tolist()
    with pytest.raises(AggregateError, match="less than 2\\^32"):
        rule.combine([lowest] * 2, [2**31, 2**31])


@every_rule
def test_combine__longer_than_a_block__is_exact_in_every_part(rule: Rule) -> None:
    rng = np.random.default_rng(5)
    updates = [vector(rng.integers(-(2**31), 2**31, 10_000)) for _ in range(7)]
    weights = [3, 2**22, 1, 77, 2**21, 5, 5]
    found = rule.combine(updates, weights)
    assert len(found) == 10_000
    for place in (0, 4_095, 4_096, 8_191, 8_192, 9_999):
        column = [int(update[place]) for update in updates]
        assert found[place] == rule.combine_coordinate(column, weights)


@every_rule
@pytest.mark.parametrize(
    ("updates", "weights", "message"),
    [
        ([], [], "no updates"),
        ([[1]], [1, 2], "2 weights for 1 updates"),
        ([[1], [2]], [1, 0], "update 1 weighs 0"),
        ([[1], [2, 3]], [1, 1], "update 1 is int32 of shape"),
        ([[1]] * 1025, [1] * 1025, "1025 updates, at most 1024"),
    ],
)
def test_combine__bad_input__is_refused(
    rule: Rule, updates: list[list[int]], weights: list[int], message: str
) -> None:
    with pytest.raises(AggregateError, match=message):
        rule.combine([vector(row) for row in updates], weights)


def test_trimmed_mean__extremes__are_cut_at_both_ends() -> None:
    column = [-(2**31), 2**31 - 1, 4, 5, 7]
    assert TrimmedMean(200).combine_coordinate(column, [2**22, 2**22, 1, 1, 1]) == 5
    assert TrimmedMean(199).combine_coordinate([1, 2, 9], [1, 1, 1]) == 4


def test_trimmed_mean__ties__are_cut_by_member_index() -> None:
    # Members 0, 1 and 2 tie at the low end: 0 goes, whatever they weigh.
    column, weights = [1, 1, 1, 5, 9], [100, 1, 1, 1, 100]
    assert TrimmedMean(200).combine_coordinate(column, weights) == div_trunc(1 + 1 + 5, 3)
    # Members 1 and 2 tie at the high end: 2 goes.
    assert TrimmedMean(300).combine_coordinate([0, 8, 8, -4], [1, 3, 100, 1]) == 6


@pytest.mark.parametrize("permille", [-1, 500])
def test_trimmed_mean__would_cut_all__is_refused(permille: int) -> None:
    with pytest.raises(AggregateError, match="trim_permille"):
        TrimmedMean(permille)


def test_median__weights__move_it() -> None:
    assert Median().combine_coordinate([1, 2, 3], [1, 1, 1]) == 2
    assert Median().combine_coordinate([1, 2, 3], [1, 1, 5]) == 3
    assert Median().combine_coordinate([1, 2, 3, 4], [1, 1, 1, 1]) == 2


def _plan(plan: Plan, rule: RulePlan) -> Plan:
    return Plan(**{**dict(plan), "rule": rule})


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RulePlan(weight_cap=5), WeightedMean()),
        (RulePlan(name="median", weight_cap=5), Median()),
        (RulePlan(name="trimmed_mean", weight_cap=5, trim_permille=100), TrimmedMean(100)),
    ],
)
def test_rule_of__each_name__is_its_rule(rule: RulePlan, expected: Rule) -> None:
    assert rule_of(rule) == expected


def test_momentum__carries_on_part_of_the_last_step(plan: Plan) -> None:
    plan = _plan(plan, RulePlan(weight_cap=10, momentum_permille=900))
    base, previous = vector([100, -100, 7, 0]), vector([50, 51, 7, 1])
    step = vector([10, 10, 10, 10])
    found = aggregate_updates(plan, [step], [1], base, previous)
    # 50 * 0.9 = 45; -151 * 0.9 = -135.9 -> -135; 0; -0.9 -> 0.
    assert found.tolist() == [155, -225, 17, 10]
    assert aggregate_updates(plan, [step], [1], base).tolist() == [110, -90, 17, 10]


@given(
    rows=st.lists(st.lists(values_of_one, min_size=4, max_size=4), min_size=1, max_size=5),
    base=st.lists(values_of_one, min_size=4, max_size=4),
    previous=st.lists(values_of_one, min_size=4, max_size=4),
    momentum=st.integers(0, 999),
    name=st.sampled_from(["weighted_mean", "trimmed_mean", "median"]),
)
def test_momentum__any_rule_and_step__equals_each_coordinate(
    plan: Plan,
    rows: list[list[int]],
    base: list[int],
    previous: list[int],
    momentum: int,
    name: str,
) -> None:
    rule = RulePlan(name=name, weight_cap=9, momentum_permille=momentum)
    plan = _plan(plan, rule)
    weights = list(range(1, len(rows) + 1))
    found = aggregate_updates(
        plan, [vector(row) for row in rows], weights, vector(base), vector(previous)
    )
    for place in range(4):
        column = [row[place] for row in rows]
        expected = aggregate_coordinate(plan, column, weights, base[place], previous[place])
        assert found[place] == expected
