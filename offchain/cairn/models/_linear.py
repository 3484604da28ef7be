"""Linear estimators as programs: one score as a linear program, several as one dense layer."""

from typing import Any

import numpy as np

from cairn.domain.programs import OutputMode, Program, linear_program
from cairn.domain.schema import Schema
from cairn.models._affine import Affine, ExportError, finite, name_of
from cairn.models._columns import Columns, decimals_for, rounding_of
from cairn.models._dense import RealLayer, dense

SUM_BITS = 62
"""A linear program's sum stays below 2**62, so that numpy adds it up exactly in int64."""


def linear(
    affine: Affine, model: Any, columns: Columns, schema: Schema | None, mode: OutputMode, X: Any
) -> Program:
    """The program of an estimator with `coef_` and `intercept_`."""
    name = name_of(model)
    weights = np.atleast_2d(finite(model.coef_, name))
    if weights.ndim != 2 or weights.shape[1] != affine.n_outputs:
        raise ExportError(
            f"{name} has weights of shape {weights.shape} for {affine.n_outputs} columns: fit it again"
        )
    intercept = np.broadcast_to(np.atleast_1d(finite(model.intercept_, name)), (len(weights),))
    if len(weights) > 1:
        return dense(affine, [RealLayer(weights, intercept)], columns, schema, mode, X)
    head = affine.then(weights, intercept)
    # The score by device integers: slope @ (x - centre) + level.
    slope = head.matrix[0] * columns.scale
    centre = (columns.seen_low + columns.seen_high) // 2
    level = float(head.offset[0] + slope @ centre)
    reach = np.maximum(columns.high - centre, centre - columns.low)
    seen = np.maximum(columns.seen_high - centre, centre - columns.seen_low)
    decimals = decimals_for(abs(level) + 2 * float(np.abs(slope) @ seen), schema, mode)
    unit = 10.0**-decimals
    largest = (abs(level) + float(np.abs(slope) @ reach)) / unit
    shift = min(SUM_BITS - 1 - int(np.ceil(np.log2(largest + 1))), 200)
    if shift < 1:
        raise ExportError(
            f"{name} can reach a score of {largest:.3g} units: give the target a "
            "coarser scale, or the features tighter bounds"
        )
    factor = 2.0**shift / unit
    multipliers = [round(float(value) * factor) for value in slope]
    return linear_program(
        columns.rules(affine, centre, multipliers),
        round(level * factor) + rounding_of(shift, mode, 1),
        shift,
        mode=mode,
        decimals=decimals,
    )
