"""What the API refuses, each with the HTTP status that says so."""

from __future__ import annotations

from collections.abc import Mapping

from cairn.errors import CairnError


class ServingError(CairnError):
    """A request that is not answered; `status` is the HTTP status that its caller sees."""

    status = 500

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = dict(headers or {})


class Malformed(ServingError):
    """400: the body is not an inference request of the Open Inference Protocol."""

    status = 400


class Refused(ServingError):
    """403, unless it says otherwise: this caller may not ask."""

    def __init__(
        self, message: str, status: int = 403, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message, headers)
        self.status = status


class UnknownModel(ServingError):
    """404: no such model or version is served here."""

    status = 404


class TooSlow(ServingError):
    """408: the body did not arrive in time."""

    status = 408


class TooLarge(ServingError):
    """413: more bytes or rows than the server takes."""

    status = 413


class WrongMediaType(ServingError):
    """415: the body is not JSON."""

    status = 415


class Unfit(ServingError):
    """422: an inference request, but not one that this model can take."""

    status = 422


class NotReady(ServingError):
    """503: the model is known, and cannot answer now."""

    status = 503


class ProgramRejected(CairnError):
    """A fetched program or schema is not the one that the registry names."""
