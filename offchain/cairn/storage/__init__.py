"""Content that its CID vouches for: kept in a folder, on IPFS nodes and with pinning services."""

from ._dag import copy
from ._embedded import Collected, EmbeddedStore
from ._errors import (
    BlockMismatch,
    CidMismatch,
    ContentNotFound,
    CorruptBlock,
    LimitExceeded,
    MalformedContent,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
    StorageError,
    StoreBusy,
    StoreDamaged,
    StoreUnusable,
    TruncatedBlock,
)
from ._ipfs import IpfsStore, IpfsTimeouts
from ._memory import MemoryStore
from ._open import open_store
from ._port import ContentStore, Limits, Progress, Source, Target, file_cid

__all__ = [
    "BlockMismatch",
    "CidMismatch",
    "Collected",
    "ContentNotFound",
    "ContentStore",
    "CorruptBlock",
    "EmbeddedStore",
    "IpfsStore",
    "IpfsTimeouts",
    "LimitExceeded",
    "Limits",
    "MalformedContent",
    "MemoryStore",
    "NodeRefused",
    "NodeTimeout",
    "NodeUnreachable",
    "Progress",
    "Source",
    "StorageError",
    "StoreBusy",
    "StoreDamaged",
    "StoreUnusable",
    "Target",
    "TruncatedBlock",
    "copy",
    "file_cid",
    "open_store",
]
