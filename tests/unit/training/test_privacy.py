"""Clipping, noise and their accountant, and what is said beside an update."""

import json
import math
import sys
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from cairn.domain.schema import Schema
from cairn.training import (
    Guard,
    Plan,
    PrivacyError,
    PrivacyStatement,
    UpdateError,
    UpdateManifest,
    epsilon_of,
    train,
)
from cairn.training.local import quantise


def _exact_delta(epsilon: float, mu: float) -> float:
    """Of a Gaussian mechanism with distance mu in deviations (Balle and Wang 2018)."""
    phi = NormalDist().cdf
    return phi(mu / 2 - epsilon / mu) - math.exp(epsilon) * phi(-mu / 2 - epsilon / mu)


@pytest.mark.parametrize(("multiplier", "count"), [("8", 1), ("8", 10), ("20", 30), ("2", 1)])
def test_epsilon_of__gaussian_updates__is_a_bound_and_no_loose_one(
    multiplier: str, count: int
) -> None:
    found = float(epsilon_of(((multiplier, count),), "0.00001"))
    # Replaced data are up to two clips apart; k updates are sqrt(k) times as far.
    mu = 2 / float(multiplier) * math.sqrt(count)
    assert _exact_delta(found, mu) <= 1e-5
    assert _exact_delta(found / 1.25, mu) > 1e-5


def test_statement__round_after_round__adds_up() -> None:
    guard, weaker = Guard(65_536, "8"), Guard(65_536, "4")
    first = guard.statement()
    second = guard.statement(first)
    third = weaker.statement(second)
    assert first.events == (("8", 1),)
    assert second.events == (("8", 2),)
    assert third.events == (("4", 1), ("8", 2))
    assert third.n_updates == 3
    assert float(first.epsilon) < float(second.epsilon) < float(third.epsilon)
    assert third.fault() == ""


def test_quantise__guarded__is_clipped_to_the_guard_and_noised(coarse: Schema) -> None:
    plan = Plan.from_schema(
        coarse, estimator="MLPClassifier", parameters={"hidden_layer_sizes": "99"}, n_classes=9
    )
    guard = Guard(clip=2**12, noise_multiplier="0.5")
    rng = np.random.default_rng(0)
    delta = np.full(plan.n_parameters, 3.0)
    values = quantise(plan, delta, guard, rng)
    signal = 2**12 / math.sqrt(plan.n_parameters)
    assert values.mean() == pytest.approx(signal, abs=4 * guard.sigma / math.sqrt(len(values)))
    assert values.std() == pytest.approx(guard.sigma, rel=0.1)
    assert quantise(plan, delta, Guard(2**40, "0.001")).max() <= plan.clip


def test_train__guarded_twice__is_never_the_same(plan: Plan, table: pd.DataFrame) -> None:
    guard = Guard(2**14, "1")
    first, second = (train(plan, table, guard=guard).values for _ in range(2))
    assert (first != second).any()


def test_train__trees_with_noise__is_refused(schema: Schema, table: pd.DataFrame) -> None:
    forest = Plan.from_schema(schema, estimator="DecisionTreeRegressor")
    with pytest.raises(PrivacyError, match="trees take no noise"):
        train(forest, table, guard=Guard(100, "1"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ((0, "1"), "clip is 0"),
        ((1, "0"), "noise_multiplier is '0'"),
        ((1, "1e3"), "noise_multiplier is '1e3': write a plain decimal"),
        ((1, "1", "1"), "delta is 1: it is below 1"),
    ],
)
def test_guard__that_guards_nothing__is_refused(settings: tuple[int, str], message: str) -> None:
    with pytest.raises(PrivacyError, match=message):
        Guard(*settings)


def test_epsilon_of__without_the_extra__says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dp_accounting", None)
    with pytest.raises(PrivacyError, match="install Cairn's `privacy` extra"):
        epsilon_of((("1", 1),), "0.00001")


def test_manifest__there_and_back__holds(plan: Plan, table: pd.DataFrame) -> None:
    guard = Guard(2**14, "8")
    update = train(plan, table, guard=guard)
    for privacy in (None, guard.statement()):
        manifest = UpdateManifest.of(plan, update, privacy)
        assert UpdateManifest.from_json(manifest.to_json()) == manifest
        assert manifest.faults(plan, update) == ()


def test_manifest__that_says_what_is_not_so__is_caught(plan: Plan, table: pd.DataFrame) -> None:
    update, other = train(plan, table), train(plan, table[:100])
    told = Guard(2**14, "8").statement()
    lie = PrivacyStatement(2**30, told.events, told.delta, "0.1000")
    found = UpdateManifest.of(plan, update, lie).faults(plan, other)
    assert len(found) == 3
    assert "root is not the update's" in found[0]
    assert "norms were held to 1073741824" in found[1]
    assert f"epsilon is said to be 0.1000; these updates make it {told.epsilon}" in found[2]
    other_plan = Plan(**{**dict(plan), "seed": 8})
    assert "it is for plan" in UpdateManifest.of(plan, update).faults(other_plan, update)[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "cairn-update/2"}, "format cairn-update/1"),
        ({"root": "0x12"}, "64 hex digits"),
        ({"weight": 0}, "weight is a number of readings"),
        ({"surprise": 1}, "format cairn-update/1"),
        ({"privacy": {"clip": 1}}, "privacy: a statement has the fields"),
        (
            {"privacy": {"clip": 1, "events": [["x", 1]], "delta": "0.1", "epsilon": "1"}},
            "privacy: a noise multiplier is 'x'",
        ),
    ],
)
def test_manifest__malformed__is_refused(
    plan: Plan, table: pd.DataFrame, change: dict[str, object], message: str
) -> None:
    fields = json.loads(UpdateManifest.of(plan, train(plan, table)).to_json())
    data = json.dumps({**fields, **change}, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(UpdateError, match=message):
        UpdateManifest.from_json(data)
    with pytest.raises(UpdateError, match="canonical|not JSON"):
        UpdateManifest.from_json(json.dumps(fields).encode())
