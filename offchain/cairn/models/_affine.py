"""Preprocessing steps of a scikit-learn pipeline, folded into one affine map of the features."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cairn.errors import CairnError

FloatArray = npt.NDArray[np.float64]


class ExportError(CairnError):
    """Names the estimator without an integer program, the parameter, the nearest that has one."""


@dataclass(frozen=True)
class Affine:
    """z = matrix @ x + offset, with what stands in for a missing x (NaN where nothing does).

    matrix: (n_outputs, n_features); offset: (n_outputs,); imputed: (n_features,).
    """

    matrix: FloatArray
    offset: FloatArray
    imputed: FloatArray

    @classmethod
    def identity(cls, n_features: int) -> "Affine":
        return cls(np.eye(n_features), np.zeros(n_features), np.full(n_features, np.nan))

    def then(self, matrix: FloatArray, offset: FloatArray) -> "Affine":
        """This map, and after it z -> matrix @ z + offset."""
        return Affine(matrix @ self.matrix, matrix @ self.offset + offset, self.imputed)


def fold_pipeline(estimator: Any, n_features: int) -> tuple[Affine, Any]:
    """Split a fitted pipeline into the affine map before its model, and the model.

    Raises ExportError for a step that is not affine or not known.
    """
    affine = Affine.identity(n_features)
    while type(estimator).__name__ == "Pipeline":
        steps = [step for _, step in estimator.steps]
        for step in steps[:-1]:
            if step is not None and step != "passthrough":
                affine = _fold_step(affine, step)
        estimator = steps[-1]
    return affine, estimator


def _fold_step(affine: Affine, step: Any) -> Affine:
    name = type(step).__name__
    size = len(affine.offset)
    if name == "StandardScaler":
        scale = step.scale_ if step.scale_ is not None else np.ones(size)
        mean = step.mean_ if step.with_mean else np.zeros(size)
        return affine.then(np.diag(1 / scale), -mean / scale)
    raise ExportError(f"the pipeline's step {name} cannot be exported: use StandardScaler, or none")
