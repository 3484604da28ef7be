"""The numpy interpreter: whole batches at once, the same integers as the reference.

Sums are taken in int64 where the program's own ranges prove that they fit, in Python's integers
otherwise; the result is the same.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import INT32_MAX, MISSING
from cairn.domain.programs import OutputMode, Program, ProgramError

IntArray = npt.NDArray[np.int64]


def predict(program: Program, X: npt.ArrayLike) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    """Run a program on rows of device integers.

    X: (n_rows, n_features), MISSING (-2**31) or, in a float array, NaN for a missing value.
    Returns the outputs, (n_rows, n_outputs), and the mask of the rows that are valid; the outputs
    of the others are zero. Raises ProgramError if the shape or the values are no features.
    """
    rows = _as_rows(program, X)
    plan = _linear_plan(program)
    missing = rows == MISSING
    values = np.where(rows < plan.low, plan.low, np.minimum(rows, plan.high))
    valid = np.ones(len(rows), dtype=np.bool_)
    if missing.any():
        missing &= plan.low != MISSING
        values = np.where(missing, plan.imputed, values)
        valid = ~(missing & (plan.imputed == MISSING)).any(axis=1)
    values -= plan.centre
    total = values.astype(plan.multiplier.dtype, copy=False) @ plan.multiplier + plan.bias
    if plan.multiplier.dtype == object:
        total = np.array([(int(v) + 2**255) % 2**256 - 2**255 for v in total], dtype=object)
    scores = np.clip(total >> program.shift, -INT32_MAX, INT32_MAX).astype(np.int64)[:, None]
    outputs = _outputs(program.output_mode, scores)
    outputs[~valid] = 0
    return outputs, valid


def _outputs(mode: OutputMode, scores: IntArray) -> IntArray:
    if mode is OutputMode.SCORES:
        return scores
    if scores.shape[1] == 1:
        labels = (scores > 0).astype(np.int64)
    else:
        labels = scores.argmax(axis=1)[:, None]
    return labels if mode is OutputMode.LABEL else np.hstack([labels, scores])


def _as_rows(program: Program, X: npt.ArrayLike) -> IntArray:
    given = np.asarray(X)
    if given.ndim != 2 or given.shape[1] != program.n_features:
        raise ProgramError(
            f"features of shape {given.shape}: give (n_rows, {program.n_features}) device integers"
        )
    if given.dtype.kind == "f":
        given = np.where(np.isnan(given), MISSING, given)
        if (given != np.rint(given)).any():
            raise ProgramError("features with fractions: encode them with the model's schema first")
    elif given.dtype.kind not in "iu":
        raise ProgramError(f"features of type {given.dtype}: give device integers")
    if given.size and (given.min() < MISSING or given.max() > INT32_MAX):
        raise ProgramError("features outside int32: encode them with the model's schema first")
    rows: IntArray = given.astype(np.int64)
    return rows


class _LinearPlan:
    """A linear program's columns as arrays, and in which integers its sum is exact."""

    def __init__(self, program: Program) -> None:
        rules = program.features[: program.n_features]

        def column(name: str) -> IntArray:
            return np.array([getattr(rule, name) for rule in rules], dtype=np.int64)

        self.low, self.high = column("low"), column("high")
        self.imputed, self.centre = column("imputed"), column("centre")
        # Rules of the padding act on zeros: a constant.
        padding = sum(
            rule.multiplier * (rule.apply(0) or 0) for rule in program.features[len(rules) :]
        )
        bias = program.header[1] - (2**256 if program.header[1] >> 255 else 0) + padding
        bound = abs(bias) + sum(
            abs(rule.multiplier)
            * (1 + max(abs(end - rule.centre) for end in (rule.low, rule.high, rule.imputed)))
            for rule in rules
        )
        exact: Any = np.int64 if bound < 2**63 else object
        self.multiplier = np.array([rule.multiplier for rule in rules], dtype=exact)
        self.bias: Any = bias


@lru_cache(maxsize=64)
def _linear_plan(program: Program) -> _LinearPlan:
    return _LinearPlan(program)
