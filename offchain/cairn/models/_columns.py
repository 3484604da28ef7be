"""The features as integers, and what a program makes of a score."""

from dataclasses import dataclass
from decimal import Decimal
from math import floor, log10

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import INT32_MAX, MISSING
from cairn.domain.programs import FeatureRule, OutputMode
from cairn.domain.schema import Schema
from cairn.models._affine import Affine, ExportError, FloatArray

IntArray = npt.NDArray[np.int64]

MAX_DECIMALS = 9


@dataclass(frozen=True)
class Columns:
    """scale: the measurement worth one integer; low, high: the range that is told apart; all (n,).

    seen_low, seen_high: the range of the calibration rows, as integers.
    """

    scale: FloatArray
    low: IntArray
    high: IntArray
    seen_low: IntArray
    seen_high: IntArray
    names: tuple[str, ...]

    @classmethod
    def of(cls, rows: FloatArray, schema: Schema | None) -> "Columns":
        """From rows like those that the model was trained on, and the schema if there is one."""
        n_features = rows.shape[1]
        if schema is None:
            return cls._plain(rows)
        if schema.n_features != n_features:
            raise ExportError(
                f"X has {n_features} columns, the schema {schema.n_features} features"
            )
        scale = np.array([float(column.scale) for column in schema.features])
        low = np.array([column.low for column in schema.features], dtype=np.int64)
        high = np.array([column.high for column in schema.features], dtype=np.int64)
        seen_low, seen_high = _range(np.rint(rows / scale))
        for position, column in enumerate(schema.features):
            if seen_low[position] < low[position] or seen_high[position] > high[position]:
                raise ExportError(
                    f"X has {column.name} outside [{column.min}, {column.max}], the schema's bounds: "
                    "give measurements in the schema's unit, or wider bounds"
                )
        names = tuple(column.name for column in schema.features)
        return cls(scale, low, high, seen_low, seen_high, names)

    @classmethod
    def _plain(cls, rows: FloatArray) -> "Columns":
        present = rows[~np.isnan(rows)]
        if (present != np.rint(present)).any():
            raise ExportError("X has fractions and there is no schema: give the schema")
        if present.size and np.abs(present).max() > INT32_MAX:
            raise ExportError("X has values outside int32: give a schema with a coarser scale")
        seen_low, seen_high = _range(rows)
        n_features = rows.shape[1]
        low = np.full(n_features, MISSING + 1, dtype=np.int64)
        high = np.full(n_features, INT32_MAX, dtype=np.int64)
        names = tuple(f"feature {position}" for position in range(n_features))
        return cls(np.ones(n_features), low, high, seen_low, seen_high, names)

    def around(self, margin: float) -> "Columns":
        """With the range narrowed to what was seen and `margin` times its width to either side."""
        room = np.ceil((self.seen_high - self.seen_low) * margin).astype(np.int64)
        return Columns(
            self.scale,
            np.maximum(self.low, self.seen_low - room),
            np.minimum(self.high, self.seen_high + room),
            self.seen_low,
            self.seen_high,
            self.names,
        )

    def rules(self, affine: Affine, centre: IntArray, multipliers: list[int]) -> list[FeatureRule]:
        """The feature rules of a program, with the pipeline's imputer in them."""
        rules: list[FeatureRule] = []
        for i, multiplier in enumerate(multipliers):
            low, high = int(self.low[i]), int(self.high[i])
            imputed = MISSING
            if not np.isnan(affine.imputed[i]):
                imputed = round(float(affine.imputed[i] / self.scale[i]))
                if not low <= imputed <= high:
                    raise ExportError(f"{self.names[i]} is imputed by {imputed}, outside its range")
            rules.append(FeatureRule(low, high, imputed, int(centre[i]), multiplier))
        return rules


def _range(rows: FloatArray) -> tuple[IntArray, IntArray]:
    if np.isnan(rows).all(axis=0).any():
        place = int(np.isnan(rows).all(axis=0).argmax())
        raise ExportError(f"column {place} of X has no value at all: leave it out")
    return np.nanmin(rows, axis=0).astype(np.int64), np.nanmax(rows, axis=0).astype(np.int64)


def rounding_of(shift: int, mode: OutputMode, n_scores: int) -> int:
    """What is added to a score's sum before the shift: half a unit.

    A lone score that a label hangs on is rounded up instead, so that it is positive exactly where
    its sum is, however coarse its unit.
    """
    if mode is not OutputMode.SCORES and n_scores == 1:
        return (1 << shift) - 1
    return (1 << shift) >> 1


def decimals_for(largest: float, schema: Schema | None, mode: OutputMode) -> int:
    """Decimals of a score: those of the schema's last target, or as many as fit, up to 9."""
    if schema is not None and mode is not OutputMode.LABEL:
        target = schema.targets[-1]
        if mode is OutputMode.SCORES and len({column.scale for column in schema.targets}) > 1:
            raise ExportError("the schema's targets have several scales: give all of them one")
        exponent = Decimal(target.scale).normalize().as_tuple()
        if exponent.digits != (1,):
            raise ExportError(
                f"the scale of {target.name} is {target.scale}: give a power of ten, such as 0.01"
            )
        decimals = -int(exponent.exponent)
    else:
        decimals = min(MAX_DECIMALS, floor(log10(2**30 / max(largest, 1e-9))))
    if largest * 10.0**decimals > 2**31:
        raise ExportError(
            f"a score can reach {largest:.3g}, past 32 bits with {decimals} decimals: give the "
            "target a coarser scale"
        )
    return decimals
