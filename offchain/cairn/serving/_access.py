"""Who may ask. Nobody is let in by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cairn.serving._catalog import Offer
from cairn.serving._errors import Refused
from cairn.serving._settings import ServingSettings


class AccessGate(Protocol):
    """Decides, before a body is read, whether a caller may ask for a prediction."""

    def check(self, offer: Offer, headers: Mapping[str, str]) -> None:
        """Return if the caller may ask; else raise `Refused` with the reason."""
        ...


class ClosedGate:
    """Refuses everybody: what a server does until its operator says who may ask."""

    def check(self, offer: Offer, headers: Mapping[str, str]) -> None:
        raise Refused(
            f"model {offer.name}: this server answers nobody over HTTP yet; buy the prediction on "
            "chain (predict or request of the InferenceMarket), or have the server's operator set "
            "CAIRN_SERVE_ACCESS=open to answer everybody without payment"
        )


class OpenGate:
    """Answers everybody without payment: for development and for free models."""

    def check(self, offer: Offer, headers: Mapping[str, str]) -> None:
        return None


def gate_of(settings: ServingSettings) -> AccessGate:
    """The gate that the settings name."""
    return OpenGate() if settings.access == "open" else ClosedGate()
