"""The API: the Open Inference Protocol over the models that a registry offers."""

from cairn.serving._access import AccessGate, ClosedGate, OpenGate
from cairn.serving._app import create_app
from cairn.serving._board import ModelBoard
from cairn.serving._catalog import FakeCatalog, ModelCatalog, Offer
from cairn.serving._errors import (
    Malformed,
    NotReady,
    ProgramRejected,
    Refused,
    ServingError,
    TooLarge,
    TooSlow,
    Unfit,
    UnknownModel,
    WrongMediaType,
)
from cairn.serving._index import Index
from cairn.serving._loading import Decoder, LoadedModel, load
from cairn.serving._logs import configure_logs
from cairn.serving._predictor import FakePredictor, Predictor, Row
from cairn.serving._receipts import UNSIGNED, ReceiptSigner
from cairn.serving._server import serve
from cairn.serving._settings import ServingSettings

__all__ = [
    "UNSIGNED",
    "AccessGate",
    "ClosedGate",
    "Decoder",
    "FakeCatalog",
    "FakePredictor",
    "Index",
    "LoadedModel",
    "Malformed",
    "ModelBoard",
    "ModelCatalog",
    "NotReady",
    "Offer",
    "OpenGate",
    "Predictor",
    "ProgramRejected",
    "ReceiptSigner",
    "Refused",
    "Row",
    "ServingError",
    "ServingSettings",
    "TooLarge",
    "TooSlow",
    "Unfit",
    "UnknownModel",
    "WrongMediaType",
    "configure_logs",
    "create_app",
    "load",
    "serve",
]
