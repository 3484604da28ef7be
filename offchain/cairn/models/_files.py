"""Programs and scikit-learn models as files. Nothing here unpickles."""

import io
import os
import struct
import tempfile
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

from cairn.domain.programs import Program, ProgramError
from cairn.errors import CairnError
from cairn.models._sound import unsound_tree

MAX_PROGRAM_BYTES = 1_200_000
"""Of the largest program: a header of 766 words and 48 chunks of 704."""

MAX_SKOPS_BYTES = 64 * 2**20

PICKLE_ENDINGS = {".pkl", ".pickle", ".joblib", ".pt", ".dill"}

TRUSTED = (
    "numpy.dtype",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.AbsoluteError",
    "sklearn._loss.loss.ExponentialLoss",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn._loss.loss.HuberLoss",
    "sklearn._loss.loss.PinballLoss",
    "sklearn._loss._loss.CyAbsoluteError",
    "sklearn._loss._loss.CyExponentialLoss",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss._loss.CyHalfMultinomialLoss",
    "sklearn._loss._loss.CyHalfSquaredError",
    "sklearn._loss._loss.CyHuberLoss",
    "sklearn._loss._loss.CyPinballLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)
"""Types past skops' own list that fitted estimators of the exportable kinds consist of: data, no code."""


DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile, numpy and skops raise over bytes that are not as they should be."""


class ModelFileError(CairnError):
    """A file that is no program or model, or that holds what is not trusted; says which."""


def save(program: Program, path: str | os.PathLike[str]) -> Path:
    """Write a program's canonical bytes, whole or not at all; raises ModelFileError if it cannot."""
    target = Path(path)
    try:
        with tempfile.NamedTemporaryFile(
            dir=target.parent, prefix=f".{target.name}-", delete=False
        ) as file:
            try:
                file.write(program.to_bytes())
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, target)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        raise ModelFileError(f"{target} cannot be written: {error.strerror}") from None
    return target


def load(path: str | os.PathLike[str]) -> Program:
    """Read a program; raises ModelFileError, with the reason, if the file is none."""
    source = Path(path)
    try:
        with source.open("rb") as file:
            data = file.read(MAX_PROGRAM_BYTES + 1)
    except OSError as error:
        raise ModelFileError(f"{source} cannot be read: {error.strerror}") from None
    if len(data) > MAX_PROGRAM_BYTES:
        raise ModelFileError(f"{source} is larger than any program: give a program file")
    try:
        return Program.from_bytes(data)
    except ProgramError as error:
        raise ModelFileError(f"{source} is no program: {error}") from None


def load_skops(path: str | os.PathLike[str]) -> Any:
    """Load a scikit-learn model from a skops file that holds trusted types only.

    Raises ModelFileError that names what is not trusted. A pickle is refused unopened.
    """
    source = Path(path)
    if source.suffix.lower() in PICKLE_ENDINGS:
        raise ModelFileError(
            f"{source} is a pickle, which can run code when it is opened: save the model with "
            "skops.io.dump"
        )
    try:
        with source.open("rb") as file:
            data = file.read(MAX_SKOPS_BYTES + 1)
    except OSError as error:
        raise ModelFileError(f"{source} cannot be read: {error.strerror}") from None
    if len(data) > MAX_SKOPS_BYTES or not zipfile.is_zipfile(io.BytesIO(data)):
        raise ModelFileError(
            f"{source} is no skops file of at most {MAX_SKOPS_BYTES} bytes: save the model with "
            "skops.io.dump; pickles are refused"
        )
    _check_sizes(data, source)
    # Imported late: skops looks at much of scikit-learn.
    from skops.io import get_untrusted_types, loads
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        unknown = sorted(set(get_untrusted_types(data=data)) - set(TRUSTED))
        if unknown:
            raise ModelFileError(f"{source} holds types that are not trusted: {', '.join(unknown)}")
        model = loads(data, trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise ModelFileError(f"{source} holds types that are not trusted: {error}") from None
    except DAMAGE as error:
        raise ModelFileError(f"{source} is a damaged skops file: {error}") from None
    wrong = unsound_tree(model)
    if wrong:
        raise ModelFileError(f"{source} holds {wrong}: no fitted model has one")
    return model


def _check_sizes(data: bytes, source: Path) -> None:
    """A small file may unpack to a large one."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
    except DAMAGE as error:
        raise ModelFileError(f"{source} is a damaged skops file: {error}") from None
    if total > 4 * MAX_SKOPS_BYTES:
        raise ModelFileError(f"{source} unpacks to {total} bytes: too large for a model")
