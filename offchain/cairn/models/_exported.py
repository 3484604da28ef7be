"""An exported program, and what it answers in the model's own terms."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cairn.domain.programs import OutputMode, Program, ProgramError
from cairn.domain.schema import Schema
from cairn.models._files import save
from cairn.models._interpreter import predict
from cairn.models._report import to_device


@dataclass(frozen=True, eq=False, repr=False)
class ExportedProgram(Program):
    """A program that still knows what it was exported with; its bytes do not.

    schema: of X, or None if features are integers as they stand. classes: a classifier's.
    """

    schema: Schema | None = None
    classes: npt.NDArray[Any] | None = None

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """What the pipeline's own `predict` gives, computed in the program's integers.

        X: (n_rows, n_features), measurements in the schema's units if there is a schema, NaN for a
        missing value. Returns (n_rows,) classes, or scores in the target's unit, or
        (n_rows, n_scores) if there are several. Raises ProgramError that names the first row whose
        outcome is `invalid`; `cairn.models.predict` returns a mask instead.
        """
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.n_features:
            raise ProgramError(f"X of shape {rows.shape}: give (n_rows, {self.n_features})")
        outputs, valid = predict(self, to_device(rows, self.schema))
        if not valid.all():
            raise ProgramError(
                f"row {int((~valid).argmax())} misses a value that nothing stands in for: put a "
                "SimpleImputer in the pipeline, or leave the row out"
            )
        if self.classes is not None and self.output_mode is not OutputMode.SCORES:
            labels: npt.NDArray[Any] = self.classes[outputs[:, 0]]
            return labels
        scores: npt.NDArray[np.float64] = outputs * float(self.output_scale)
        return scores[:, 0] if self.n_outputs == 1 else scores

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the program's canonical bytes, whole or not at all."""
        return save(self, path)
