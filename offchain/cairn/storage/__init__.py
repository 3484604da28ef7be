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
    NoIntactCopy,
    PinFailed,
    StorageError,
    StoreBusy,
    StoreDamaged,
    StoreUnusable,
    TooFewCopies,
    TruncatedBlock,
)
from ._ipfs import IpfsStore, IpfsTimeouts
from ._memory import MemoryStore
from ._open import StorageConfig, open_store, open_stores
from ._pinning import PinningService, PinningStore
from ._port import ContentStore, Limits, Progress, Source, Target, file_cid
from ._replicated import Fault, ReplicatedStore
from ._upkeep import (
    CidSource,
    Finding,
    NamedCid,
    Repair,
    State,
    Verification,
    pin,
    repair,
    verify,
)

__all__ = [
    "BlockMismatch",
    "CidMismatch",
    "CidSource",
    "Collected",
    "ContentNotFound",
    "ContentStore",
    "CorruptBlock",
    "EmbeddedStore",
    "Fault",
    "Finding",
    "IpfsStore",
    "IpfsTimeouts",
    "LimitExceeded",
    "Limits",
    "MalformedContent",
    "MemoryStore",
    "NamedCid",
    "NoIntactCopy",
    "NodeRefused",
    "NodeTimeout",
    "NodeUnreachable",
    "PinFailed",
    "PinningService",
    "PinningStore",
    "Progress",
    "Repair",
    "ReplicatedStore",
    "Source",
    "State",
    "StorageConfig",
    "StorageError",
    "StoreBusy",
    "StoreDamaged",
    "StoreUnusable",
    "Target",
    "TooFewCopies",
    "TruncatedBlock",
    "Verification",
    "copy",
    "file_cid",
    "open_store",
    "open_stores",
    "pin",
    "repair",
    "verify",
]
