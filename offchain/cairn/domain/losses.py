"""How wrong a program is on a row, in integers: what the contracts compute, bit for bit.

docs/numerics.md, "Losses", is normative; contracts/modules/losses.vy is its twin. Squared error is in
the square of the score's unit, the other two in parts of 2**32. Fixed point inside is in parts of
2**64; every division and shift rounds down.
"""

from collections.abc import Sequence
from enum import IntEnum

from cairn.domain.integers import INT32_MAX, INT32_MIN
from cairn.domain.programs import OutputMode, Program

__all__ = [
    "LOSS_ONE",
    "MAX_CROSS_ENTROPY",
    "MAX_SQUARED",
    "LossKind",
    "exp_minus",
    "loss_of",
    "mean_loss",
    "natural_log",
    "row_loss",
]


class LossKind(IntEnum):
    """What a row's loss is. The numbers are the contracts'."""

    SQUARED = 1
    ZERO_ONE = 2
    CROSS_ENTROPY = 3

    @property
    def words(self) -> str:
        """As people call it."""
        return _WORDS[self]


_WORDS = {
    LossKind.SQUARED: "squared error",
    LossKind.ZERO_ONE: "zero-one loss",
    LossKind.CROSS_ENTROPY: "cross-entropy",
}


LOSS_ONE = 2**32
"""One wrong answer, or one nat, in the loss."""

MAX_SQUARED = 2**64 - 1
"""What `invalid` costs in squared error; above the square of any difference of two int32."""

MAX_CROSS_ENTROPY = 32 * LOSS_ONE
"""The truth given a chance below e**-32 counts as that, and so does `invalid`."""

_ONE = 2**64
_LN_2 = 12_786_308_645_202_655_659  # floor(ln 2 * 2**64)
_MAX_X = 64 * _ONE
_MAX_DECIMALS = 28  # 10**29 > 2**96: with more decimals no two scores differ
_EXP_TERMS = 16
_LN_TERMS = 16


def row_loss(kind: LossKind, program: Program, features: Sequence[int], target: int) -> int:
    """The loss of a program on one row: features in the sensor's units, and the truth."""
    return loss_of(kind, program.output_mode, program.decimals, program.run(features), target)


def loss_of(
    kind: LossKind,
    mode: OutputMode,
    decimals: int,
    outputs: Sequence[int] | None,
    target: int,
) -> int:
    """The loss of a program's outputs against the truth. Total: there is one for everything.

    `outputs` is what `Program.run` returned, None for `invalid`. `target` is a value in the score's
    unit for squared error, else a class from 0.
    """
    if kind is LossKind.ZERO_ONE:
        if not outputs:
            return LOSS_ONE
        label = _label(outputs) if mode is OutputMode.SCORES else outputs[0]
        return 0 if label == target else LOSS_ONE
    scores: Sequence[int] = ()
    if outputs and mode is not OutputMode.LABEL:
        scores = outputs[1:] if mode is OutputMode.LABEL_AND_SCORES else outputs
    if kind is LossKind.SQUARED:
        if not scores or not INT32_MIN <= target <= INT32_MAX:
            return MAX_SQUARED
        return (scores[0] - target) ** 2
    return _cross_entropy(scores, decimals, target) if scores else MAX_CROSS_ENTROPY


def mean_loss(kind: LossKind, total: int, n_rows: int) -> float:
    """A total as people read it: squared units, the share of wrong answers, or nats, a row."""
    mean = total / n_rows
    return mean if kind is LossKind.SQUARED else mean / LOSS_ONE


def _label(scores: Sequence[int]) -> int:
    return int(scores[0] > 0) if len(scores) == 1 else scores.index(max(scores))


def _cross_entropy(scores: Sequence[int], decimals: int, target: int) -> int:
    """ln(sum of e**score) - score of the target; one score s stands for the two scores 0 and s."""
    classes = (0, *scores) if len(scores) == 1 else tuple(scores)
    if not 0 <= target < len(classes):
        return MAX_CROSS_ENTROPY
    greatest = max(classes)
    total = sum(exp_minus(_in_nats(greatest - score, decimals)) for score in classes)
    loss = _in_nats(greatest - classes[target], decimals) + natural_log(total) >> 32
    return min(loss, MAX_CROSS_ENTROPY)


def _in_nats(difference: int, decimals: int) -> int:
    """difference * 10**-decimals in parts of 2**64, at most 64 nats; the difference is not negative."""
    if decimals > _MAX_DECIMALS:
        return 0
    if decimals >= 0:
        return min((difference << 64) // _power_of_ten(decimals), _MAX_X)
    return min(difference * _power_of_ten(-decimals) << 64, _MAX_X)


def _power_of_ten(exponent: int) -> int:
    return int(10**exponent)


def exp_minus(x: int) -> int:
    """e**-x, both in parts of 2**64, for 0 <= x <= 64 nats: 2**-k times a Taylor sum."""
    k, r = divmod(x, _LN_2)
    if k >= 64:
        return 0
    value = _ONE
    for n in range(_EXP_TERMS, 0, -1):
        value = _ONE - (r * value // n >> 64)
    return value >> k


def natural_log(y: int) -> int:
    """ln y, both in parts of 2**64, for 1 <= y <= 256: k ln 2 + 2 atanh((m - 1) / (m + 1))."""
    k = 0
    while y >= 2 * _ONE:
        y >>= 1
        k += 1
    t = (y - _ONE << 64) // (y + _ONE)
    square = t * t >> 64
    series = 0
    for d in range(2 * _LN_TERMS - 1, 0, -2):
        series = _ONE // d + (square * series >> 64)
    return k * _LN_2 + (2 * (t * series) >> 64)
