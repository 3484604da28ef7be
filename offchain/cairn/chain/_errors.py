"""What can go wrong between Cairn and a chain."""

from __future__ import annotations

from cairn.errors import CairnError


class ChainError(CairnError):
    """The root of every error of this package."""


class AbiError(ChainError):
    """A contract's ABI is absent, or is not the one that this code was written for."""


class DeploymentError(ChainError):
    """A deployment's file is absent or incomplete."""


class WrongNetwork(ChainError):
    """The node is on another chain than the deployment, or its chain was begun anew."""


class NodeUnreachable(ChainError):
    """The node did not answer in time; the call may be tried again."""


class NodeBehind(NodeUnreachable):
    """The node's newest block comes before what was read already; it may only be catching up."""


class NodeRefused(ChainError):
    """The node answered with an error that is not a contract's doing."""

    def __init__(self, method: str, message: str, code: int | None = None) -> None:
        super().__init__(f"the node refused {method}: {message}")
        self.method = method
        self.message = message
        self.code = code


class Reverted(ChainError):
    """A contract refused a call or a transaction.

    `reason` is the contract's own text ("place: what was wrong"), or empty if it gave none.
    """

    def __init__(self, reason: str, call: str = "") -> None:
        told = reason or "no reason given (a bound, an overflow or no gas left)"
        super().__init__(f"{call} was refused by the contract: {told}" if call else told)
        self.reason = reason
        self.call = call


class AccountError(ChainError):
    """A key cannot be had, or must not be used here."""


class StoreBusy(ChainError):
    """Another process works for the same account on the same store."""
