"""What can go wrong with stored content; every message says what to do next."""

from __future__ import annotations

from cairn.domain.cid import Cid
from cairn.errors import CairnError


class StorageError(CairnError):
    """The root of the content store's errors."""


class ContentNotFound(StorageError):
    """No block of this CID is at hand in the store that was asked."""

    def __init__(self, cid: Cid, store: str) -> None:
        self.cid, self.store = cid, store
        super().__init__(
            f"{store} does not have {cid}; fetch it from a store that has it, or restore it with "
            f"'cairn storage repair {cid}'"
        )


class BlockMismatch(StorageError):
    """A store answered with bytes that are not the block of the CID; none of them was passed on."""

    def __init__(self, cid: Cid, store: str, received_bytes: int, message: str) -> None:
        self.cid, self.store, self.received_bytes = cid, store, received_bytes
        super().__init__(message)


class CorruptBlock(BlockMismatch):
    """The bytes do not hash to the CID."""

    def __init__(self, cid: Cid, store: str, received_bytes: int) -> None:
        super().__init__(
            cid,
            store,
            received_bytes,
            f"{store} answered {received_bytes} bytes that are not {cid}; they were thrown away. "
            "Fetch from another store, and repair this one with 'cairn storage repair'",
        )


class TruncatedBlock(BlockMismatch):
    """Fewer bytes came than the block has."""

    def __init__(
        self, cid: Cid, store: str, received_bytes: int, expected_bytes: int | None = None
    ) -> None:
        self.expected_bytes = expected_bytes
        whole = "" if expected_bytes is None else f" of {expected_bytes}"
        super().__init__(
            cid,
            store,
            received_bytes,
            f"{store} broke off after {received_bytes}{whole} bytes of {cid}; they were thrown "
            "away. Try again, and look at the node or the proxy before it if it happens again",
        )


class UnreadableBlock(BlockMismatch):
    """The block is there, and the disk does not give its bytes."""

    def __init__(self, cid: Cid, store: str, reason: str) -> None:
        super().__init__(
            cid,
            store,
            0,
            f"{store} cannot read {cid} ({reason}); repair it with 'cairn storage repair {cid}' "
            "from another store, and look at the disk",
        )


class CidMismatch(StorageError):
    """A node named another CID for content than the one computed here before it was sent."""

    def __init__(self, expected: Cid, answered: str, store: str) -> None:
        self.expected, self.answered, self.store = expected, answered, store
        super().__init__(
            f"{store} answered {answered!r} for content whose CID is {expected}; nothing was "
            "pinned. Check that the content did not change meanwhile and that the node honours "
            "the chunker, raw leaves and CID version that it is asked for"
        )


class LimitExceeded(StorageError):
    """The content is larger or deeper than the caller allows."""


class MalformedContent(StorageError):
    """The blocks are what their CIDs say, but they are no file."""


class NodeUnreachable(StorageError):
    """No connection to the node, or it broke."""


class NodeTimeout(StorageError):
    """The node did not answer in time."""


class NodeRefused(StorageError):
    """The node answered with an error of its own."""


class StoreDamaged(StorageError):
    """The store cannot say what its pins hold, so nothing may be collected."""


class StoreBusy(StorageError):
    """Another process holds the store."""


class StoreUnusable(StorageError):
    """The folder is not a content store, or not one that this version reads."""


class NoIntactCopy(StorageError):
    """Every store was asked, and none gave the content's bytes."""


class TooFewCopies(StorageError):
    """Fewer stores took the content than were asked for."""


class PinFailed(StorageError):
    """A pinning service gave up on a pin, or did not finish in time."""
