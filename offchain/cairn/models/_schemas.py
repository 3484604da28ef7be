"""A schema for data that has none: units of ten, six significant digits."""

from collections.abc import Sequence
from decimal import Decimal
from math import floor, log10

import numpy as np
import numpy.typing as npt

from cairn.domain.schema import Column, Schema

DIGITS = 6
"""Significant digits of a column's largest value that its integers keep."""


def schema_for(
    X: npt.ArrayLike, names: Sequence[str] | None = None, targets: Sequence[Column] = ()
) -> Schema:
    """A schema that fits rows of measurements, with as much room again to either side.

    names: of the columns, in any spelling. targets: as given, or one score with a scale of 0.001.
    """
    rows = np.asarray(X, dtype=np.float64)
    labels = names if names is not None else [f"feature_{i}" for i in range(rows.shape[1])]
    columns = [_column(_identifier(str(label), i), rows[:, i]) for i, label in enumerate(labels)]
    score = Column(name="score", unit="", scale="0.001", min="-1000000", max="1000000")
    return Schema(features=tuple(columns), targets=tuple(targets) or (score,))


def _identifier(label: str, position: int) -> str:
    name = "".join(c if c.isalnum() and c.isascii() else "_" for c in label).strip("_")
    return name if name.isidentifier() else f"feature_{position}"


def _column(name: str, values: npt.NDArray[np.float64]) -> Column:
    present = values[~np.isnan(values)]
    largest = float(np.abs(present).max(initial=0)) or 1.0
    exponent = floor(log10(largest)) + 1 - DIGITS
    if (present == np.rint(present)).all():
        exponent = max(exponent, 0)  # whole numbers stay whole
    scale = Decimal(1).scaleb(exponent)
    low, high = float(present.min(initial=0)), float(present.max(initial=0))
    room = Decimal(max(high - low, largest * 1e-3))
    return Column(
        name=name,
        unit="",
        scale=format(scale, "f"),
        min=format((Decimal(low) - room).quantize(scale), "f"),
        max=format((Decimal(high) + room).quantize(scale), "f"),
        missing=bool(np.isnan(values).any()),
    )
