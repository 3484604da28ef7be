"""Which updates go into an aggregate: the set of least score that a search finds.

score(S) = L(S) (1 - tolerance)^|S|, S not empty, L the loss on the round's validation set: each
update in the set may cost the tolerance of the loss, and no more (docs/decisions/020). A contract
compares scores in integers; the search goes by floats of the same integer outputs, since whoever
finds a better set may post that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import INT32_MAX, MISSING
from cairn.domain.losses import LOSS_ONE, MAX_CROSS_ENTROPY, MAX_SQUARED, LossKind
from cairn.domain.programs import MOST_BIAS, OutputMode, Program
from cairn.domain.rows import ValidationSet
from cairn.models import predict
from cairn.training.aggregation import aggregate_sets, aggregate_updates
from cairn.training.derive import derive_program, output_mode, unite
from cairn.training.errors import AggregateError
from cairn.training.plans import UNIT_BITS, Plan
from cairn.training.updates import Int32s
from cairn.training.workers import Progress, map_all

__all__ = ["Selection", "SetLosses", "best_set", "mean_losses", "program_of_set"]

Floats: TypeAlias = npt.NDArray[np.float64]
Int64s: TypeAlias = npt.NDArray[np.int64]
Sets: TypeAlias = npt.NDArray[np.bool_]
"""(m, n): which of n updates are in each of m sets."""

_LEAST_LOSS = 1e-12
"""A loss of nothing has no logarithm; below a unit of any kind of loss."""


def program_of_set(
    plan: Plan,
    updates: Sequence[Int32s],
    weights: Sequence[int],
    base: Int32s | None = None,
    previous: Int32s | None = None,
) -> Program:
    """The program that these updates make together, by ascending index: averaged, or united."""
    if plan.estimator.family == "trees":
        return unite(plan, updates)
    return derive_program(plan, aggregate_updates(plan, updates, weights, base, previous))


def mean_losses(
    kind: LossKind,
    mode: OutputMode,
    decimals: int,
    outputs: Int64s,
    valid: Sets,
    targets: Int64s,
) -> float:
    """The mean of `cairn.domain.losses.loss_of` over rows, in floats: units of `mean_loss`.

    outputs: (n_rows, n_outputs) as `cairn.models.predict` gives them, valid: (n_rows,).
    """
    scores = outputs[:, 1:] if mode is OutputMode.LABEL_AND_SCORES else outputs
    if kind is LossKind.SQUARED:
        fits = valid & (np.abs(targets) <= INT32_MAX)
        errors = scores[:, 0].astype(np.float64) - targets
        return float(np.where(fits, errors * errors, float(MAX_SQUARED)).mean())
    if kind is LossKind.ZERO_ONE:
        if mode is OutputMode.SCORES:
            single = scores.shape[1] == 1
            labels = (scores[:, 0] > 0).astype(np.int64) if single else scores.argmax(axis=1)
        else:
            labels = outputs[:, 0]
        return float(1.0 - (valid & (labels == targets)).mean())
    real = scores * 10.0**-decimals
    if real.shape[1] == 1:
        real = np.hstack([np.zeros_like(real), real])
    top = real.max(axis=1)
    total = np.log(np.exp(real - top[:, None]).sum(axis=1)) + top
    known = (targets >= 0) & (targets < real.shape[1])
    right = real[np.arange(len(real)), np.where(known, targets, 0)]
    most = MAX_CROSS_ENTROPY / LOSS_ONE
    return float(np.where(valid & known, np.minimum(total - right, most), most).mean())


class _Rows:
    """Rows ready for any aggregate of a plan: what its program says, without a program.

    Building one hashes its words and packs its lanes; a search asks for hundreds of aggregates.
    """

    def __init__(self, plan: Plan, features: Int64s) -> None:
        self.mode = output_mode(plan)
        ranges = plan.ranges
        imputed = np.where(features == MISSING, np.array(ranges.imputed), features)
        self.valid: Sets = ~(imputed == MISSING).any(axis=1)
        held = np.clip(imputed, np.array(ranges.lo), np.array(ranges.hi))
        self.held: Int64s = held - np.array(ranges.centers)

    def outputs(self, parameters: Int32s) -> Int64s:
        raise NotImplementedError


class _LinearRows(_Rows):
    """For `linear_program_from_aggregate`."""

    def __init__(self, plan: Plan, features: Int64s) -> None:
        super().__init__(plan, features)
        self.plan, self.features = plan, features
        shifts = plan.ranges.shifts
        self.top = max(0, plan.target.shift - UNIT_BITS, *shifts)
        self.places = np.array([self.top - shift for shift in shifts])
        self.shift = UNIT_BITS - plan.target.shift + self.top
        half = (1 << self.shift) >> 1
        self.offset = (plan.target.center << self.shift) + half
        self.most = np.abs(self.held).max(axis=0, initial=1)

    def outputs(self, parameters: Int32s) -> Int64s:
        wide = parameters.astype(np.int64)
        multipliers = wide[1:] << self.places
        bound = float(np.abs(multipliers).astype(np.float64) @ self.most)
        bound += abs(self.offset) + abs(float(wide[0])) * 2.0**self.top
        if bound >= 2.0**62:
            # Past 64 bits: the program itself, in Python's integers if need be.
            outputs, _ = predict(derive_program(self.plan, parameters), self.features)
            return outputs
        sums = self.held @ multipliers + ((int(wide[0]) << self.top) + self.offset)
        scores: Int64s = np.clip(sums >> self.shift, -INT32_MAX, INT32_MAX)
        return scores[:, None]


class _DenseRows(_Rows):
    """For `dense_program_from_aggregate`."""

    def __init__(self, plan: Plan, features: Int64s) -> None:
        super().__init__(plan, features)
        self.scales = plan.dense_scales()
        multipliers = np.array(self.scales.multipliers, dtype=np.int64)
        self.inputs: Int64s = (
            self.held * multipliers + self.scales.rounding
        ) >> self.scales.input_shift

    def outputs(self, parameters: Int32s) -> Int64s:
        wide = parameters.astype(np.int64)
        values = self.inputs
        at = 0
        sizes = self.scales.sizes
        for place, layer in enumerate(self.scales.layers):
            n_inputs, n_units = sizes[place], sizes[place + 1]
            own = wide[at : at + (n_inputs + 1) * n_units].reshape(n_units, n_inputs + 1)
            at += own.size
            weights, biases = self._layer(place, own)
            # Below 2^31 whatever the rows, so exact in float64, where products are quickest.
            product = values.astype(np.float64) @ weights.T.astype(np.float64)
            sums = product.astype(np.int64) + biases
            if layer.bits:
                values = np.minimum(np.maximum(sums, 0) >> layer.shift, (1 << layer.bits) - 1)
        scores = np.clip(sums >> layer.shift, -INT32_MAX, INT32_MAX)
        if self.mode is OutputMode.SCORES:
            return scores
        single = scores.shape[1] == 1
        labels = (scores[:, 0] > 0).astype(np.int64) if single else scores.argmax(axis=1)
        return np.hstack([labels[:, None], scores])

    def _layer(self, place: int, own: Int64s) -> tuple[Int64s, Int64s]:
        """A layer's integer weights and biases: `DenseScales.layer_specs`, in arrays."""
        scales = self.scales
        layer = scales.layers[place]
        weights = np.clip(
            _scaled(own[:, 1:] * layer.scale, layer.places, layer.most), -layer.most, layer.most
        )
        offset = scales.offset_of(place, mode=self.mode)
        # Far beyond a bias, and an offset is below 2^31: clamping twice is clamping once.
        biases = _scaled(own[:, 0] * layer.scale, layer.bias_places, 2**34) + offset
        return weights, np.clip(biases, -MOST_BIAS, MOST_BIAS)


def _scaled(values: Int64s, places: int, most: int) -> Int64s:
    """values * 2^places to the nearest integer, halves up; past `most` it may stop at any larger."""
    if places >= 0:
        held: Int64s = np.clip(values, -(most >> places) - 1, (most >> places) + 1)
        return held << places
    if -places > 62:
        return np.zeros_like(values)
    return (values + (1 << (-places - 1))) >> -places


class SetLosses:
    """The mean loss of any set of updates on a validation set; each set is computed once.

    updates, weights: by ascending index in the round, as `aggregate_updates` takes them. The empty
    set stands for the base version. With `map_all`'s workers (`spread`), sets are shared out.
    """

    def __init__(
        self,
        plan: Plan,
        updates: Sequence[Int32s],
        weights: Sequence[int],
        rows: ValidationSet,
        kind: LossKind,
        base: Int32s | None = None,
        previous: Int32s | None = None,
        *,
        batch: int = 0,
        progress: Progress | None = None,
    ) -> None:
        """batch: sets that one worker takes at a time; 0 computes all here."""
        if not updates:
            raise AggregateError("no updates: there is no set to choose; cancel the round")
        self.plan = plan
        self.updates = list(updates)
        self.weights = list(weights)
        self.kind = kind
        self.base = base
        self.previous = previous
        self.batch = batch
        self.progress = progress
        self.features = np.array([row.features for row in rows.rows], dtype=np.int64)
        self.targets = np.array([row.target for row in rows.rows], dtype=np.int64)
        self.rows: _Rows | None = None
        if plan.estimator.family == "linear":
            self.rows = _LinearRows(plan, self.features)
        elif plan.estimator.family == "dense":
            self.rows = _DenseRows(plan, self.features)
        self.known: dict[bytes, float] = {}

    @property
    def n_evaluations(self) -> int:
        return len(self.known)

    def of(self, sets: Sets) -> Floats:
        """(m, n) sets to their (m,) mean losses."""
        wanted = {row.tobytes(): row for row in sets if row.tobytes() not in self.known}
        if wanted:
            rows = list(wanted.values())
            if self.batch:
                parts = [rows[at : at + self.batch] for at in range(0, len(rows), self.batch)]
                found = [
                    loss for part in map_all(_Task(self), parts, self.progress) for loss in part
                ]
            else:
                found = self.compute(rows)
            self.known.update(zip(wanted, found, strict=True))
        return np.array([self.known[row.tobytes()] for row in sets])

    def compute(self, sets: Sequence[Sets]) -> list[float]:
        """The losses of sets, (n,) each, computed anew."""
        if self.rows is None:
            return [self._of_forest(members) for members in sets]
        n = self.plan.n_parameters
        start = np.zeros(n, dtype=np.int32) if self.base is None else self.base
        versions = [start] * len(sets)
        filled = [place for place, members in enumerate(sets) if members.any()]
        if filled:
            chosen = np.stack([sets[place] for place in filled])
            made = aggregate_sets(
                self.plan, self.updates, self.weights, chosen, self.base, self.previous
            )
            for place, parameters in zip(filled, made, strict=True):
                versions[place] = parameters
        rows = self.rows
        return [
            self._loss(rows.mode, rows.outputs(parameters), rows.valid) for parameters in versions
        ]

    def _of_forest(self, members: Sets) -> float:
        chosen = [self.updates[i] for i in np.flatnonzero(members)]
        if not chosen:
            return float("inf")  # there is no forest without trees
        program = unite(self.plan, chosen)
        outputs, valid = predict(program, self.features)
        return self._loss(program.output_mode, outputs, valid)

    def _loss(self, mode: OutputMode, outputs: Int64s, valid: Sets) -> float:
        decimals = self.plan.target.decimals
        return mean_losses(self.kind, mode, decimals, outputs, valid, self.targets)


class _Task:
    """What a worker is sent: the updates and rows, without what is known already."""

    def __init__(self, losses: SetLosses) -> None:
        self.losses = SetLosses.__new__(SetLosses)
        self.losses.__dict__.update(losses.__dict__, known={}, progress=None)

    def __call__(self, sets: Sequence[Sets]) -> list[float]:
        return self.losses.compute(sets)


@dataclass(frozen=True)
class Selection:
    """The set that a search settled on.

    members: (n,), whether each update is in. loss: of the set. base_loss: of the base version.
    toggled: (n,), the loss with that one update taken out, or put in; infinite where nobody is left.
    """

    members: tuple[bool, ...]
    loss: float
    base_loss: float
    toggled: tuple[float, ...]
    n_evaluations: int

    @property
    def included(self) -> tuple[int, ...]:
        """Places of the updates in the set."""
        return tuple(place for place, is_in in enumerate(self.members) if is_in)


def best_set(losses: SetLosses, tolerance_ppm: int) -> Selection:
    """The set of least score that a search of single toggles finds, from three starts.

    The starts are all updates, the best one alone, and all that lower the base version's loss alone.
    tolerance_ppm: what each member may cost of the loss, in parts of 10^6.
    """
    if not 0 <= tolerance_ppm < 10**6:
        raise AggregateError(f"a tolerance of {tolerance_ppm} ppm: it is from 0 to 999,999")
    n = len(losses.updates)
    allowance = log1p(-tolerance_ppm / 10**6)

    def scores(sets: Sets) -> Floats:
        sizes = sets.sum(axis=1)
        found: Floats = np.log(np.maximum(losses.of(sets), _LEAST_LOSS)) + allowance * sizes
        # A round of nobody is no round.
        return np.where(sizes > 0, found, np.inf)

    everyone = np.ones(n, dtype=np.bool_)
    alone = np.eye(n, dtype=np.bool_)
    of_alone = losses.of(alone)
    base_loss = float(losses.of(~everyone[None])[0])
    starts = [everyone, alone[int(of_alone.argmin())]]
    helping = of_alone < base_loss
    if helping.any():
        starts.append(helping)
    best, least = everyone, np.inf
    for begin in starts:
        members, score = begin, float(scores(begin[None])[0])
        while True:
            candidates = members ^ alone
            found = scores(candidates)
            place = int(found.argmin())
            # Less than floats tell apart is no gain: the search ends.
            if not found[place] < score - 1e-12:
                break
            members, score = candidates[place], float(found[place])
        if score < least - 1e-12:
            best, least = members, score
    toggles = best ^ alone
    toggled = np.where(toggles.any(axis=1), losses.of(toggles), np.inf)
    return Selection(
        tuple(bool(is_in) for is_in in best),
        float(losses.of(best[None])[0]),
        base_loss,
        tuple(float(loss) for loss in toggled),
        losses.n_evaluations,
    )
