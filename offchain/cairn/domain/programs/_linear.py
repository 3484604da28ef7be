"""The linear kernel: one weighted sum, all of it in the header."""

from collections.abc import Sequence

from cairn.domain.integers import INT32_MAX, clamp
from cairn.domain.programs._features import FeatureRule, centred
from cairn.domain.programs._format import OutputMode, to_signed


def run_linear(
    rules: Sequence[FeatureRule], bias: int, shift: int, mode: OutputMode, features: Sequence[int]
) -> tuple[int, ...] | None:
    """The reference for kind LINEAR; docs/numerics.md, "Linear programs"."""
    values = centred(rules, features)
    if values is None:
        return None
    products = (rule.multiplier * value for rule, value in zip(rules, values, strict=True))
    accumulator = to_signed(bias + sum(products))
    score = clamp(accumulator >> shift, -INT32_MAX, INT32_MAX)
    return outputs_of(mode, (score,))


def outputs_of(mode: OutputMode, scores: Sequence[int]) -> tuple[int, ...]:
    """What a program returns for its scores.

    The label of one score is whether it is positive; of several, the place of the largest, the
    first of equals.
    """
    if mode is OutputMode.SCORES:
        return tuple(scores)
    label = int(scores[0] > 0) if len(scores) == 1 else scores.index(max(scores))
    return (label,) if mode is OutputMode.LABEL else (label, *scores)
