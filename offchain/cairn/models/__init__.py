"""Models: scikit-learn estimators as integer programs, and their evaluation in bulk."""

from cairn.models._affine import ExportError
from cairn.models._export import export
from cairn.models._interpreter import predict

__all__ = ["ExportError", "export", "predict"]
