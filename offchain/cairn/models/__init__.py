"""Models: scikit-learn estimators as integer programs, and their evaluation in bulk."""

from cairn.models._affine import ExportError
from cairn.models._card import (
    CardError,
    CardFacts,
    MemberUpdate,
    RoundFacts,
    read_card,
    write_card,
)
from cairn.models._export import EXPORTABLE, export
from cairn.models._exported import ExportedProgram
from cairn.models._files import ModelFileError, load, load_skops, save
from cairn.models._interpreter import is_vectorised, predict
from cairn.models._report import Loss, describe, loss_report, to_device
from cairn.models._schemas import schema_for

__all__ = [
    "EXPORTABLE",
    "CardError",
    "CardFacts",
    "ExportError",
    "ExportedProgram",
    "Loss",
    "MemberUpdate",
    "ModelFileError",
    "RoundFacts",
    "describe",
    "export",
    "is_vectorised",
    "load",
    "load_skops",
    "loss_report",
    "predict",
    "read_card",
    "save",
    "schema_for",
    "to_device",
    "write_card",
]
