"""Whole rounds played by Cairn's own code on simulated members: what the bench of training measures.

Data, partitions and members' weights are those of `tools.round_simulation`, turned into device
integers; training, roots, the search for a set, aggregates and programs are those of `cairn.training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from cairn.domain.losses import LossKind
from cairn.domain.rows import Losses, Row, ValidationSet, evaluate
from cairn.domain.schema import Column, Schema
from cairn.models import predict
from cairn.training import (
    Aggregate,
    Plan,
    PostedUpdate,
    Prepared,
    RulePlan,
    ScalePlan,
    Selection,
    SetLosses,
    Update,
    best_set,
    derive_program,
    prepare,
    train_prepared,
    usable_updates,
)
from cairn.training.updates import Int32s
from tools.round_simulation import LOCAL_STEPS, N_ROUNDS, air_quality, digits

Ints: TypeAlias = npt.NDArray[np.int64]
Attack = Literal["none", "flip", "sign"]
Rule = Literal["scored", "mean", "honest"]

TOLERANCE_PPM = 5_000
N_PIXELS = 64
AIR_UNIT = 4096
"""Integers in one unit of what `air_quality` gives."""


@dataclass(frozen=True)
class Members:
    """A plan, and each member's rows under it; attackers come first.

    flipped: the attackers' rows with their targets turned round. test: (features, targets).
    """

    plan: Plan
    rows: tuple[Prepared, ...]
    flipped: tuple[Prepared, ...]
    validation: ValidationSet
    kind: LossKind
    test: tuple[Ints, Ints]

    def points(self, parameters: Int32s) -> float:
        """Of the program, on the test rows: accuracy, or 100 R2, in %."""
        features, targets = self.test
        outputs, _ = predict(derive_program(self.plan, parameters), features)
        if self.kind is LossKind.CROSS_ENTROPY:
            return float(100.0 * (outputs[:, 0] == targets).mean())
        errors = outputs[:, 0] - targets
        return float(100.0 * (1.0 - (errors**2).mean() / targets.var()))


def digits_members(partition: str, seed: int, n_attackers: int = 0) -> Members:
    """Softmax regression on scikit-learn's digits: ten members, five whole steps of 0.5 a round."""
    federation = digits(partition, seed)
    schema = Schema(
        features=tuple(Column(f"pixel_{i}", "1", "1", "0", "16") for i in range(N_PIXELS)),
        targets=(Column("digit", "1", "1", "0", "9"),),
    )
    plan = Plan.from_schema(
        schema,
        estimator="MLPClassifier",
        parameters={
            "epochs": str(LOCAL_STEPS),
            "batch_size": "999999",
            "learning_rate_init": "0.5",
            "alpha": "0",
        },
        n_classes=10,
        min_readings=1,
        rule=RulePlan(weight_cap=max(federation.weights)),
        scales=ScalePlan(weight_bits=3),
    )
    parts = [(_pixels(x), y.astype(np.int64)) for x, y in federation.parts]
    x_val, y_val = federation.validation
    x_test, y_test = federation.test
    return Members(
        plan,
        tuple(_prepared(plan, x, y) for x, y in parts),
        tuple(_prepared(plan, x, 9 - y) for x, y in parts[:n_attackers]),
        _validation(_pixels(x_val), y_val.astype(np.int64)),
        LossKind.CROSS_ENTROPY,
        (_pixels(x_test), y_test.astype(np.int64)),
    )


def air_members(n_members: int, seed: int, n_attackers: int = 0) -> Members:
    """Linear regression on SYNTHETIC air-quality readings, one climate for each member."""
    federation = air_quality("climates", seed, n_members=n_members)
    names = ("temperature", "humidity", "pressure", "light", "sun")
    schema = Schema(
        features=tuple(Column(name, "1", "1", "-65536", "65536") for name in names),
        targets=(Column("gas", "1", "1", "-65536", "65536"),),
    )
    plan = Plan.from_schema(
        schema,
        estimator="SGDRegressor",
        parameters={"epochs": "2", "eta0": "0.02", "learning_rate": "constant", "alpha": "0"},
        ranges=dict.fromkeys((*names, "gas"), (-4 * AIR_UNIT, 4 * AIR_UNIT)),
        min_readings=1,
        rule=RulePlan(weight_cap=1_000),
    )

    def integers(x: npt.NDArray[np.float64]) -> Ints:
        rounded: Ints = np.rint(x * AIR_UNIT).astype(np.int64)
        return rounded

    # The last column is the constant that the plan's intercept is.
    parts = [(integers(x[:, :-1]), integers(y)) for x, y in federation.parts]
    x_val, y_val = federation.validation
    x_test, y_test = federation.test
    return Members(
        plan,
        tuple(_prepared(plan, x, y) for x, y in parts),
        tuple(_prepared(plan, x, -y) for x, y in parts[:n_attackers]),
        _validation(integers(x_val[:, :-1]), integers(y_val)),
        LossKind.SQUARED,
        (integers(x_test[:, :-1]), integers(y_test)),
    )


def _pixels(x: npt.NDArray[np.float64]) -> Ints:
    pixels: Ints = np.rint(x[:, :N_PIXELS] * 16).astype(np.int64)
    return pixels


def _prepared(plan: Plan, features: Ints, target: Ints) -> Prepared:
    columns = {feature.name: features[:, i] for i, feature in enumerate(plan.features)}
    return prepare(plan, pd.DataFrame({**columns, plan.target.name: target}))


def _validation(features: Ints, targets: Ints) -> ValidationSet:
    return ValidationSet(
        tuple(
            Row(tuple(row), target)
            for row, target in zip(features.tolist(), targets.tolist(), strict=True)
        )
    )


def train_all(members: Members, base: Int32s | None, attack: Attack) -> list[Update]:
    """Each member's update, the attackers' as they attack."""
    n_attackers = len(members.flipped)
    updates = []
    for place, rows in enumerate(members.rows):
        if place < n_attackers and attack == "flip":
            rows = members.flipped[place]
        update = train_prepared(members.plan, rows, base)
        if place < n_attackers and attack == "sign":
            turned = np.clip(-10 * update.values.astype(np.int64), -(2**31), 2**31 - 1)
            update = Update(turned.astype(np.int32), update.weight)
        updates.append(update)
    return updates


@dataclass(frozen=True)
class Played:
    """What a round came to."""

    aggregate: Aggregate
    selection: Selection | None
    losses: Losses | None

    @cached_property
    def n_included(self) -> int:
        return len(self.aggregate.updates)


def hand_in(updates: Sequence[Update]) -> tuple[list[PostedUpdate], list[bytes]]:
    """What members post: roots and weights, and the bytes behind them."""
    posted = [PostedUpdate(i, update.root, update.weight) for i, update in enumerate(updates)]
    return posted, [update.to_bytes() for update in updates]


def aggregate(
    members: Members,
    posted: Sequence[PostedUpdate],
    contents: Sequence[bytes],
    base: Int32s | None,
    *,
    scored: bool,
) -> Played:
    """An operator's part of a round: roots checked, the set chosen, the mean, the program, the losses."""
    usable, left_out = usable_updates(members.plan, posted, contents)
    assert not left_out, left_out
    if not scored:
        return Played(Aggregate.make(members.plan, usable, base), None, None)
    values = [one.update.values for one in usable]
    weights = [one.update.weight for one in usable]
    losses = SetLosses(members.plan, values, weights, members.validation, members.kind, base)
    chosen = best_set(losses, TOLERANCE_PPM)
    made = Aggregate.make(members.plan, [usable[i] for i in chosen.included], base)
    program = derive_program(members.plan, made.parameters)
    return Played(made, chosen, evaluate(program, members.validation, members.kind))


@dataclass(frozen=True)
class Case:
    """One federation on one seed. rule: scored, as Cairn has it; the mean of all; or of the honest."""

    partition: str
    attack: Attack
    n_attackers: int
    rule: Rule
    seed: int


def points_of(case: Case) -> float:
    """Points on the test rows after the last round. Deterministic."""
    members = digits_members(case.partition, case.seed, case.n_attackers)
    base = None
    for _ in range(N_ROUNDS):
        updates = train_all(members, base, case.attack)
        if case.rule == "honest":
            updates = updates[case.n_attackers :]
        played = aggregate(members, *hand_in(updates), base, scored=case.rule == "scored")
        base = played.aggregate.parameters
    assert base is not None
    return members.points(base)


@dataclass(frozen=True)
class Group:
    """One combiner's share of the members: up to 64 updates become one."""

    members: Members
    base: Int32s | None
    attack: Attack

    def combine(self) -> tuple[Update, int]:
        """The group's step as an update of the upper level, and how many attackers are in it.

        Its weight is what its members' weigh under the cap.
        """
        updates = train_all(self.members, self.base, self.attack)
        played = aggregate(self.members, *hand_in(updates), self.base, scored=True)
        made = played.aggregate
        step = made.parameters.astype(np.int64) - (0 if self.base is None else self.base)
        cap = self.members.plan.rule.weight_cap
        weight = sum(min(one.update.weight, cap) for one in made.updates)
        n_attackers = len(self.members.flipped)
        caught = sum(one.index < n_attackers for one in made.updates)
        return Update(step.astype(np.int32), weight), caught


def combine(group: Group) -> tuple[Update, int]:
    return group.combine()
