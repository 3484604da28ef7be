"""Rounds simulated: which aggregation rule holds, on which data, against which attackers.

A study, not a part of a round: it measures the rules that docs/rounds-simulation.md compares.
Members take a few gradient steps from the base version and hand in integers (units of 2^-16), as
in a real round; sums are exact. All randomness comes from the seed.

Attackers are given more than they would have: they see the honest updates of the round before
they choose their own, know the rule and simulate it, and in one case hold the validation set.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from cairn.training.errors import TrainingError
from cairn.training.rules import div_trunc_array, weighted_mean

__all__ = [
    "ATTACKS",
    "PARTITIONS",
    "RULES",
    "Case",
    "Federation",
    "Outcome",
    "air_quality",
    "digits",
    "favoured_size",
    "run",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

_UNIT = 2.0**16
N_ROUNDS = 60
LOCAL_STEPS = 5
_ADAPT_EVERY = 3
"""Adaptive attackers choose again every third round: a simulated rule costs what the rule does."""


class Model(Protocol):
    """What the simulation asks of a model; parameters are one flat row."""

    @property
    def n_parameters(self) -> int: ...

    @property
    def step(self) -> float:
        """Of a member's gradient descent."""
        ...

    def gradient(self, theta: Floats, x: Floats, y: Floats) -> Floats: ...

    def outputs(self, thetas: Floats, x: Floats) -> Floats:
        """(m, p) parameters to (m, outputs, rows): linear in the parameters."""
        ...

    def losses(self, outputs: Floats, y: Floats) -> Floats:
        """What validation goes by, for each row of parameters: (m, outputs, rows) to (m,)."""
        ...

    def score(self, theta: Floats, x: Floats, y: Floats) -> float:
        """Points out of 100 on held-out data."""
        ...

    def flip(self, y: Floats) -> Floats:
        """Targets as a label-flipping attacker tells them."""
        ...


@dataclass(frozen=True)
class Softmax:
    """Softmax regression. `loss` is what validation judges: the contract can compute "hinge" and
    "zero_one" from a program's integer outputs, "cross_entropy" it cannot.
    """

    n_inputs: int
    n_classes: int
    loss: str = "cross_entropy"
    step: float = 0.5

    @property
    def n_parameters(self) -> int:
        return self.n_inputs * self.n_classes

    def gradient(self, theta: Floats, x: Floats, y: Floats) -> Floats:
        probabilities = _softmax(x @ theta.reshape(self.n_inputs, self.n_classes))
        probabilities[np.arange(len(y)), y.astype(np.int64)] -= 1.0
        slope: Floats = (x.T @ probabilities / len(y)).ravel()
        return slope

    def outputs(self, thetas: Floats, x: Floats) -> Floats:
        by_class = thetas.reshape(-1, self.n_inputs, self.n_classes).transpose(0, 2, 1)
        logits: Floats = by_class @ x.T
        return logits

    def losses(self, outputs: Floats, y: Floats) -> Floats:
        rows = np.arange(len(y))
        truth = y.astype(np.int64)
        right = outputs[:, truth, rows]
        if self.loss == "cross_entropy":
            top = outputs.max(axis=1)
            total = np.log(np.exp(outputs - top[:, None, :]).sum(axis=1)) + top
            return _mean_of_rows(total - right)
        others = outputs.copy()
        others[:, truth, rows] = -np.inf
        margin = right - others.max(axis=1)
        if self.loss == "hinge":
            return _mean_of_rows(np.clip(1.0 - margin, 0.0, 1e4))
        return _mean_of_rows((margin <= 0) + 1e-3)

    def score(self, theta: Floats, x: Floats, y: Floats) -> float:
        logits = x @ theta.reshape(self.n_inputs, self.n_classes)
        return float(100.0 * (logits.argmax(axis=1) == y).mean())

    def flip(self, y: Floats) -> Floats:
        return self.n_classes - 1 - y


@dataclass(frozen=True)
class Linear:
    """Linear regression, judged by the mean squared error; points are 100 R2, at least 0."""

    n_inputs: int
    step: float = 0.3

    @property
    def n_parameters(self) -> int:
        return self.n_inputs

    def gradient(self, theta: Floats, x: Floats, y: Floats) -> Floats:
        slope: Floats = x.T @ (x @ theta - y) / len(y)
        return slope

    def outputs(self, thetas: Floats, x: Floats) -> Floats:
        values: Floats = (thetas @ x.T)[:, None, :]
        return values

    def losses(self, outputs: Floats, y: Floats) -> Floats:
        return _mean_of_rows(np.clip((outputs[:, 0, :] - y) ** 2, 0.0, 1e8))

    def score(self, theta: Floats, x: Floats, y: Floats) -> float:
        errors = x @ theta - y
        return float(max(0.0, 100.0 * (1.0 - (errors**2).mean() / y.var())))

    def flip(self, y: Floats) -> Floats:
        return -y


def _mean_of_rows(losses: Floats) -> Floats:
    """(m, rows) to (m,)."""
    result: Floats = losses.mean(axis=1)
    return result


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Floats = powers / powers.sum(axis=1, keepdims=True)
    return result


@dataclass(frozen=True)
class Federation:
    """Members' data, a validation set that comes from none of them, and a test set.

    weights: readings that count for each member, capped. Attackers are the first members.
    """

    model: Model
    parts: tuple[tuple[Floats, Floats], ...]
    weights: tuple[int, ...]
    validation: tuple[Floats, Floats]
    test: tuple[Floats, Floats]


# --- data ----------------------------------------------------------------------------------------


def digits(
    partition: str, seed: int, *, n_members: int = 10, loss: str = "cross_entropy"
) -> Federation:
    """scikit-learn's digits: 450 test rows, 200 stratified validation rows, the rest members'."""
    from sklearn.datasets import load_digits  # type: ignore[import-untyped, unused-ignore]
    from sklearn.model_selection import (  # type: ignore[import-untyped, unused-ignore]
        train_test_split,
    )

    x, y = load_digits(return_X_y=True)
    x = np.hstack([x / 16.0, np.ones((len(x), 1))])
    y = y.astype(np.float64)
    x, x_test, y, y_test = train_test_split(x, y, test_size=450, random_state=seed, stratify=y)
    x, x_val, y, y_val = train_test_split(x, y, test_size=200, random_state=seed, stratify=y)
    rng = np.random.default_rng(seed)
    places = _partition(partition, y, n_members, rng)
    return Federation(
        Softmax(x.shape[1], 10, loss),
        tuple((x[place], y[place]) for place in places),
        _capped([len(place) for place in places]),
        (x_val, y_val),
        (x_test, y_test),
    )


def air_quality(partition: str, seed: int, *, n_members: int = 10) -> Federation:
    """SYNTHETIC air-quality readings: gas resistance from temperature, humidity, pressure, light.

    Each climate has its own temperature, humidity and altitude. Resistance falls with humidity and
    with a hidden pollution process that darkens the light sensor, so that it can be told in part.
    "climates" gives each member one climate; otherwise members draw from all of them.
    """
    rng = np.random.default_rng(1_000 + seed)
    n_rows = 240
    warm = rng.uniform(0.0, 30.0, n_members)
    damp = rng.uniform(25.0, 80.0, n_members)
    height = rng.uniform(0.0, 2_000.0, n_members)
    climate = np.repeat(np.arange(n_members), n_rows)
    hour = rng.uniform(0.0, 24.0, len(climate))
    sun = np.maximum(0.0, np.sin((hour - 6.0) / 12.0 * np.pi))
    pollution = rng.gamma(2.0, 0.5, len(climate))
    temperature = warm[climate] + 8.0 * (sun - 0.4) + rng.normal(0.0, 1.5, len(climate))
    humidity = np.clip(
        damp[climate] - 2.0 * (temperature - warm[climate]) + rng.normal(0.0, 4.0, len(climate)),
        5.0,
        99.0,
    )
    pressure = 1_013.0 - height[climate] / 8.4 + rng.normal(0.0, 5.0, len(climate))
    light = np.maximum(0.0, 600.0 * sun - 60.0 * pollution + rng.normal(0.0, 20.0, len(climate)))
    log_gas = (
        12.0
        - 0.02 * humidity
        + 0.015 * temperature
        - 0.25 * pollution
        + 0.0004 * humidity * (temperature - 15.0)
        + rng.normal(0.0, 0.05, len(climate))
    )
    x = np.stack(
        [
            (temperature - 15.0) / 16.0,
            (humidity - 50.0) / 32.0,
            (pressure - 900.0) / 128.0,
            (light - 300.0) / 256.0,
            sun,
            np.ones(len(climate)),
        ],
        axis=1,
    )
    y = (log_gas - 11.0) / 0.5
    order = rng.permutation(len(y))
    x, y, climate = x[order], y[order], climate[order]
    x_val, y_val = x[:200], y[:200]
    x_test, y_test = x[200:800], y[200:800]
    x, y, climate = x[800:], y[800:], climate[800:]
    if partition == "climates":
        places = [np.flatnonzero(climate == member) for member in range(n_members)]
        places = [places[i] for i in rng.permutation(n_members)]
    else:
        places = _partition(partition, y, n_members, rng)
    return Federation(
        Linear(x.shape[1]),
        tuple((x[place], y[place]) for place in places),
        _capped([len(place) for place in places]),
        (x_val, y_val),
        (x_test, y_test),
    )


def _capped(sizes: Sequence[int]) -> tuple[int, ...]:
    """Weights: readings, capped at twice the median member's."""
    cap = max(1, int(2 * np.median(sizes)))
    return tuple(min(int(size), cap) for size in sizes)


PARTITIONS = ("iid", "unequal", "shards", "dirichlet", "climates")


def _partition(
    name: str, y: Floats, n: int, rng: np.random.Generator
) -> list[npt.NDArray[np.intp]]:
    """Row numbers for each of n members; the attackers come first."""
    if name == "iid":
        return list(np.array_split(rng.permutation(len(y)), n))
    if name == "unequal":
        # Sizes 10 : 9 : ... : 1: the attackers, who come first, hold the most.
        shares = np.cumsum(np.arange(n, 0, -1)) / (n * (n + 1) / 2)
        return list(np.split(rng.permutation(len(y)), (shares[:-1] * len(y)).astype(int)))
    if name == "shards":
        # Two shards of sorted labels for each member, as McMahan et al. 2017 do.
        order = np.argsort(y + rng.uniform(0.0, 0.5, len(y)), kind="stable")
        shards = np.array_split(order, 2 * n)
        drawn = rng.permutation(2 * n)
        return [np.concatenate([shards[drawn[2 * i]], shards[drawn[2 * i + 1]]]) for i in range(n)]
    if name == "dirichlet":
        while True:
            members: list[list[npt.NDArray[np.intp]]] = [[] for _ in range(n)]
            for label in np.unique(y):
                rows = rng.permutation(np.flatnonzero(y == label))
                cuts = np.cumsum(rng.dirichlet(np.full(n, 0.3)))[:-1] * len(rows)
                for member, rows_of_member in zip(
                    members, np.split(rows, cuts.astype(int)), strict=True
                ):
                    member.append(rows_of_member)
            places = [np.concatenate(member) for member in members]
            if min(len(place) for place in places) >= 10:
                return places
    raise TrainingError(f"no partition {name!r}: take one of {', '.join(PARTITIONS)}")


# --- rules ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """What a rule sees of a round: updates (n, p) as int64, weights, the base, a validation set."""

    model: Model
    updates: Ints
    weights: Ints
    base: Ints
    validation: tuple[Floats, Floats]
    n_attackers: int


@dataclass(frozen=True)
class Result:
    """What a rule makes of a round: the step, and who is in it (all, if it sorts nobody)."""

    step: Ints
    members: npt.NDArray[np.bool_]


Rule: TypeAlias = Callable[[View], Result]


def _mean(view: View) -> Result:
    return _mean_of(view, np.ones(len(view.updates), dtype=np.bool_))


def _mean_of(view: View, members: npt.NDArray[np.bool_]) -> Result:
    chosen = list(view.updates[members].astype(np.int32))
    return Result(weighted_mean(chosen, [int(w) for w in view.weights[members]]), members)


def _median(view: View) -> Result:
    n = len(view.updates)
    ordered = np.sort(view.updates, axis=0)
    step = div_trunc_array(ordered[(n - 1) // 2] + ordered[n // 2], 2)
    return Result(step, np.ones(n, dtype=np.bool_))


def _trimmed(view: View) -> Result:
    # Told how many attackers there are, which nobody is: two where there are none.
    cut = min(view.n_attackers or 2, (len(view.updates) - 1) // 2)
    ordered = np.sort(view.updates, axis=0)[cut : len(view.updates) - cut]
    step = div_trunc_array(ordered.sum(axis=0), len(ordered))
    return Result(step, np.ones(len(view.updates), dtype=np.bool_))


def _krum(view: View) -> Result:
    # Blanchard et al. 2017, told the number of attackers too.
    n = len(view.updates)
    near = max(1, n - (view.n_attackers or 2) - 2)
    units = view.updates / _UNIT
    squares = (units**2).sum(axis=1)
    gaps = squares[:, None] + squares[None, :] - 2.0 * units @ units.T
    np.fill_diagonal(gaps, np.inf)
    chosen = int(np.sort(gaps, axis=1)[:, :near].sum(axis=1).argmin())
    return Result(view.updates[chosen], np.arange(n) == chosen)


def _loss(model: Model, theta: Floats, data: tuple[Floats, Floats]) -> float:
    x, y = data
    return float(model.losses(model.outputs(theta[None], x), y)[0])


class _Sets:
    """The validation loss of any set of updates, each asked for once.

    A linear model's outputs are linear in its parameters, so each update's outputs are computed
    once and averaged for each set.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        x, self.y = view.validation
        thetas = np.concatenate([view.base[None], view.updates]) / _UNIT
        outputs = view.model.outputs(thetas, x)
        self.shape = outputs.shape[1:]
        self.at_base = outputs[0].ravel()
        self.of_updates = outputs[1:].reshape(len(view.updates), -1)
        self.known: dict[bytes, float] = {}

    @property
    def n_evaluations(self) -> int:
        return len(self.known)

    def losses(self, sets: npt.NDArray[np.bool_]) -> Floats:
        """sets: (m, n) booleans. The empty set stands for the base version."""
        unknown = [row for row in sets if row.tobytes() not in self.known]
        if unknown:
            shares = np.stack(unknown) * self.view.weights
            shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1)
            outputs = (self.at_base + shares @ self.of_updates).reshape(-1, *self.shape)
            found = self.view.model.losses(outputs, self.y)
            for row, loss in zip(unknown, found, strict=True):
                self.known[row.tobytes()] = max(float(loss), 1e-9)
        return np.array([self.known[row.tobytes()] for row in sets])


def _toggles(members: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The n sets that differ from `members` in one."""
    toggled: npt.NDArray[np.bool_] = members[None, :] ^ np.eye(len(members), dtype=np.bool_)
    return toggled


def stable_set(view: View, tolerance: float) -> npt.NDArray[np.bool_]:
    """From the full set, the best single toggle until none lowers the loss by the tolerance."""
    sets = _Sets(view)
    members = np.ones(len(view.updates), dtype=np.bool_)
    loss = float(sets.losses(members[None])[0])
    while True:
        candidates = _toggles(members)
        candidates = candidates[candidates.any(axis=1)]
        found = sets.losses(candidates)
        best = int(found.argmin())
        if found[best] >= loss * (1.0 - tolerance):
            return members
        members, loss = candidates[best], float(found[best])


def scored_set(view: View, tolerance: float) -> npt.NDArray[np.bool_]:
    """The set of least score, loss * (1 - tolerance)^size, that a search from several starts finds.

    Each member in the set may cost the tolerance in loss and no more; of two sets the one of the
    lower score is the better, whoever posts it.
    """
    sets = _Sets(view)
    n = len(view.updates)
    allowance = np.log1p(-tolerance)

    def scores(candidates: npt.NDArray[np.bool_]) -> Floats:
        sizes = candidates.sum(axis=1)
        found: Floats = np.log(sets.losses(candidates)) + allowance * sizes
        # A round of nobody is no round.
        return np.where(sizes > 0, found, np.inf)

    everyone = np.ones(n, dtype=np.bool_)
    alone = np.eye(n, dtype=np.bool_)
    helps = sets.losses(alone) < sets.losses(~everyone[None])[0]
    starts = [everyone, alone[sets.losses(alone).argmin()], helps]
    best_members, best_score = everyone, np.inf
    for start in starts:
        members, score = start, float(scores(start[None])[0])
        while True:
            candidates = _toggles(members)
            found = scores(candidates)
            place = int(found.argmin())
            if found[place] >= score - 1e-12:
                break
            members, score = candidates[place], float(found[place])
        if score < best_score - 1e-12:
            best_members, best_score = members, score
    return best_members


def gain_set(view: View, tolerance: float) -> npt.NDArray[np.bool_]:
    """As `scored_set`, but each member may cost the tolerance of the round's gain in loss."""
    sets = _Sets(view)
    n = len(view.updates)
    everyone = np.ones(n, dtype=np.bool_)
    alone = np.eye(n, dtype=np.bool_)
    at_base = float(sets.losses(~everyone[None])[0])

    def scores(candidates: npt.NDArray[np.bool_]) -> Floats:
        gains = at_base - sets.losses(candidates)
        sizes = candidates.sum(axis=1)
        kept = -np.log(np.maximum(gains, 1e-12)) - np.log1p(tolerance) * sizes
        return np.where(sizes > 0, np.where(gains > 0, kept, 100.0 - gains), np.inf)

    best_members, best_score = everyone, np.inf
    for start in (everyone, alone[sets.losses(alone).argmin()]):
        members, score = start, float(scores(start[None])[0])
        while True:
            candidates = _toggles(members)
            found = scores(candidates)
            place = int(found.argmin())
            if found[place] >= score - 1e-12:
                break
            members, score = candidates[place], float(found[place])
        if score < best_score - 1e-12:
            best_members, best_score = members, score
    return best_members


def _clipped(rule: Rule, factor: float) -> Rule:
    """A rule over updates whose norms are first held within a multiple of their median."""

    def clipped(view: View) -> Result:
        norms = np.linalg.norm(view.updates / _UNIT, axis=1)
        limit = factor * float(np.median(norms))
        scale = np.minimum(1.0, limit / np.maximum(norms, 1e-12))
        held = np.rint(view.updates * scale[:, None]).astype(np.int64)
        return rule(replace(view, updates=held))

    return clipped


def _by_set(choose: Callable[[View, float], npt.NDArray[np.bool_]], tolerance: float) -> Rule:
    def rule(view: View) -> Result:
        return _mean_of(view, choose(view, tolerance))

    return rule


RULES: Mapping[str, Rule] = {
    "mean": _mean,
    "median": _median,
    "trimmed": _trimmed,
    "krum": _krum,
    "stable 0.5%": _by_set(stable_set, 0.005),
    "scored 0.5%": _by_set(scored_set, 0.005),
    "scored 0.2%": _by_set(scored_set, 0.002),
    "scored 1%": _by_set(scored_set, 0.01),
    "scored 2%": _by_set(scored_set, 0.02),
    "gain 5%": _by_set(gain_set, 0.05),
    "gain 20%": _by_set(gain_set, 0.2),
    "clipped mean": _clipped(_mean, 1.5),
    "scored clipped": _clipped(_by_set(scored_set, 0.005), 1.5),
}


# --- attackers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scene:
    """What attackers know in a round: all updates as honest members would have made them."""

    federation: Federation
    base: Ints
    updates: Ints
    rule: Rule
    n_attackers: int
    flipped: Callable[[], Ints]  # the attackers' updates if trained on flipped targets
    rng: np.random.Generator
    number: int  # of the round, from 0
    memory: dict[str, tuple[int, float]]  # what the attackers settled on

    @property
    def weights(self) -> Ints:
        return np.array(self.federation.weights, dtype=np.int64)

    def own_data(self) -> tuple[Floats, Floats]:
        """At most 200 rows, so that a simulated rule costs no more than the real one."""
        parts = self.federation.parts[: self.n_attackers]
        share = -(-200 // self.n_attackers)
        return (
            np.concatenate([x[:share] for x, _ in parts]),
            np.concatenate([y[:share] for _, y in parts]),
        )

    def honest_mean(self) -> Ints:
        honest, weights = self.updates[self.n_attackers :], self.weights[self.n_attackers :]
        return div_trunc_array((honest * weights[:, None]).sum(axis=0), int(weights.sum()))


Attack: TypeAlias = Callable[[Scene], Ints]


def _honest(scene: Scene) -> Ints:
    return scene.updates[: scene.n_attackers]


def _flip(scene: Scene) -> Ints:
    return scene.flipped()


def _sign(scene: Scene) -> Ints:
    return -10 * scene.updates[: scene.n_attackers]


def _hostage(scene: Scene) -> Ints:
    """Pairs of updates that cancel: to take out either one alone is far worse than to keep both."""
    poison = -5 * scene.honest_mean()
    size = 20.0 * max(float(np.abs(poison).max()), 1.0)
    rows = []
    for _ in range(0, scene.n_attackers, 2):
        noise = np.rint(size * scene.rng.standard_normal(len(poison))).astype(np.int64)
        rows += [poison + noise, poison - noise]
    return np.stack(rows[: scene.n_attackers])


def _adaptive(knows_validation: bool) -> Attack:
    """Attackers who simulate the rule and hand in what does most harm to their own clean data.

    They try several directions at several scales: their flipped update, back along the honest mean,
    and one deviation off it at each coordinate ("a little is enough", Baruch et al. 2019). Where
    they know the validation set they also try what gains nothing there and costs most elsewhere.
    """

    def attack(scene: Scene) -> Ints:
        k = scene.n_attackers
        own = scene.own_data()
        judged_by = scene.federation.validation if knows_validation else own
        mean = scene.honest_mean()
        spread = np.rint(scene.updates[k:].std(axis=0)).astype(np.int64)
        flipped = scene.flipped()
        directions = [
            flipped,
            np.tile(-mean, (k, 1)),
            np.tile(mean - np.sign(mean) * spread, (k, 1)),
        ]
        if knows_validation:
            directions.append(np.tile(_hidden(scene, mean, own, judged_by), (k, 1)))
        if scene.number % _ADAPT_EVERY:
            place, scale = scene.memory["choice"]
            again: Ints = np.rint(directions[place] * scale).astype(np.int64)
            return again
        worst, harm = scene.updates[:k], -np.inf
        for place, direction in enumerate(directions):
            for scale in (0.3, 1.0, 2.0, 5.0):
                tried = np.rint(direction * scale).astype(np.int64)
                updates = np.clip(np.concatenate([tried, scene.updates[k:]]), -(2**31), 2**31 - 1)
                view = View(
                    scene.federation.model, updates, scene.weights, scene.base, judged_by, k
                )
                theta = (scene.base + scene.rule(view).step) / _UNIT
                found = _loss(scene.federation.model, theta, own)
                if found > harm:
                    worst, harm = tried, found
                    scene.memory["choice"] = (place, scale)
        return worst

    return attack


def _hidden(
    scene: Scene, mean: Ints, own: tuple[Floats, Floats], validation: tuple[Floats, Floats]
) -> Ints:
    """An update under which the validation loss stays and the attackers' own loss climbs."""
    model = scene.federation.model
    weights = scene.weights
    k = scene.n_attackers
    share = float(weights[:k].sum() / weights.sum())
    honest = (1.0 - share) * mean / _UNIT
    base = scene.base / _UNIT
    shift = mean / _UNIT
    limit = _loss(model, base + honest + share * shift, validation)
    pace = 0.2 * max(float(np.linalg.norm(shift)), 1e-3)
    for _ in range(30):
        theta = base + honest + share * shift
        up = model.gradient(theta, *own)
        hold = model.gradient(theta, *validation)
        # Climb on the own data, across the slope of the validation loss.
        up = up - hold * (up @ hold) / max(float(hold @ hold), 1e-18)
        if _loss(model, theta, validation) > limit:
            up = -hold
        shift = shift + pace * up / max(float(np.linalg.norm(up)), 1e-12)
    hidden: Ints = np.rint(shift * _UNIT).astype(np.int64)
    return hidden


ATTACKS: Mapping[str, Attack] = {
    "none": _honest,
    "flip": _flip,
    "sign x10": _sign,
    "hostage": _hostage,
    "adaptive": _adaptive(knows_validation=False),
    "adaptive, validation known": _adaptive(knows_validation=True),
}


# --- a run ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One cell of the table, on one seed. rule "honest" is the mean of the honest members alone."""

    data: str
    partition: str
    attack: str
    n_attackers: int
    rule: str
    seed: int
    loss: str = "cross_entropy"


@dataclass(frozen=True)
class Outcome:
    """Points of 100 on the test set after the last round, and how often members were included."""

    case: Case
    points: float
    honest_included: float
    attackers_included: float


def run(case: Case, n_rounds: int = N_ROUNDS) -> Outcome:
    """Simulate one case. Deterministic: the seed fixes data, partition and attackers' noise."""
    federation = (
        digits(case.partition, case.seed, loss=case.loss)
        if case.data == "digits"
        else air_quality(case.partition, case.seed)
    )
    model = federation.model
    k = case.n_attackers
    rng = np.random.default_rng(10_000 + case.seed)
    weights = np.array(federation.weights, dtype=np.int64)
    honest_only = case.rule == "honest"
    rule = RULES["mean"] if honest_only else RULES[case.rule]
    base = np.zeros(model.n_parameters, dtype=np.int64)
    memory: dict[str, tuple[int, float]] = {}
    included = np.zeros(len(weights) - k if honest_only else len(weights))
    for number in range(n_rounds):
        theta = base / _UNIT
        updates = np.stack([_local(model, theta, x, y) for x, y in federation.parts])
        if honest_only:
            updates, counted = updates[k:], weights[k:]
        else:
            counted = weights
            if k:
                scene = Scene(
                    federation,
                    base,
                    updates,
                    rule,
                    k,
                    lambda start=theta: np.stack(  # type: ignore[misc]
                        [_local(model, start, x, model.flip(y)) for x, y in federation.parts[:k]]
                    ),
                    rng,
                    number,
                    memory,
                )
                updates = np.concatenate([ATTACKS[case.attack](scene), updates[k:]])
        updates = np.clip(updates, -(2**31), 2**31 - 1)
        view = View(model, updates, counted, base, federation.validation, k)
        result = rule(view)
        included += result.members
        base = np.clip(base + result.step, -(2**31), 2**31 - 1)
    shares = included / n_rounds
    cut = 0 if honest_only else k
    return Outcome(
        case,
        model.score(base / _UNIT, *federation.test),
        float(shares[cut:].mean()),
        float(shares[:cut].mean()) if cut else 0.0,
    )


def favoured_size(data: str, partition: str, seed: int, n_rounds: int = N_ROUNDS) -> float:
    """How many of ten honest members an aggregator keeps who favours the first, mean over rounds.

    He posts the least set he finds that holds his favourite and that no single toggle improves by
    0.5 % of the loss. Rounds in which the favourite himself would be toggled out do not count.
    """
    federation = digits(partition, seed) if data == "digits" else air_quality(partition, seed)
    model, weights = federation.model, np.array(federation.weights, dtype=np.int64)
    base = np.zeros(model.n_parameters, dtype=np.int64)
    sizes = []
    for _ in range(n_rounds):
        updates = np.stack([_local(model, base / _UNIT, x, y) for x, y in federation.parts])
        view = View(model, updates, weights, base, federation.validation, 0)
        sets = _Sets(view)
        members = np.arange(len(weights)) == 0
        loss = float(sets.losses(members[None])[0])
        while True:
            candidates = _toggles(members)[1:]
            found = sets.losses(candidates)
            best = int(found.argmin())
            if found[best] >= loss * 0.995:
                break
            members, loss = candidates[best], float(found[best])
        without = _toggles(members)[:1]
        if not without.any() or sets.losses(without)[0] >= loss * 0.995:
            sizes.append(int(members.sum()))
        base = base + _mean_of(view, members).step
    return float(np.mean(sizes)) if sizes else float(len(weights))


def _local(model: Model, theta: Floats, x: Floats, y: Floats) -> Ints:
    """A member's update: a few full gradient steps, in units of 2^-16."""
    current = theta
    for _ in range(LOCAL_STEPS):
        current = current - model.step * model.gradient(current, x, y)
    units = np.nan_to_num((current - theta) * _UNIT, nan=0.0, posinf=2**31 - 1, neginf=-(2**31))
    values: Ints = np.clip(np.rint(units), -(2**31), 2**31 - 1).astype(np.int64)
    return values
