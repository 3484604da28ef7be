"""Makes stores from settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ._embedded import EmbeddedStore
from ._errors import StoreUnusable
from ._ipfs import DEFAULT_TIMEOUTS, IpfsStore, IpfsTimeouts
from ._pinning import PinningService, PinningStore
from ._port import ContentStore
from ._replicated import Fault, ReplicatedStore


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """Which stores to use; they are asked in the order of the fields.

    `folder`: of the embedded store. `ipfs`: the multiaddr of a node's API, such as
    /ip4/127.0.0.1/tcp/5001/http. `pinning_url` and `pinning_token`: of a pinning service, which
    draws content from the IPFS node (at `pinning_origins`) and needs one.
    """

    folder: Path | None = None
    ipfs: str | None = None
    ipfs_timeouts: IpfsTimeouts = DEFAULT_TIMEOUTS
    pinning_url: str | None = None
    pinning_token: str | None = field(default=None, repr=False)
    pinning_origins: tuple[str, ...] = ()
    pinning_gateway: str | None = None
    min_copies: int = 1


def open_stores(config: StorageConfig) -> list[ContentStore]:
    """Each configured store by itself, as upkeep wants them."""
    stores: list[ContentStore] = []
    if config.folder is not None:
        stores.append(EmbeddedStore(config.folder))
    node = IpfsStore(config.ipfs, timeouts=config.ipfs_timeouts) if config.ipfs else None
    if node is not None:
        stores.append(node)
    if config.pinning_url:
        if node is None:
            raise StoreUnusable(
                "a pinning service draws content from an IPFS node; name the node's API as well"
            )
        if not config.pinning_token:
            raise StoreUnusable("the pinning service wants an access token; set one")
        stores.append(
            PinningStore(
                PinningService(config.pinning_url, config.pinning_token),
                node,
                origins=config.pinning_origins,
                gateway=config.pinning_gateway,
            )
        )
    if not stores:
        raise StoreUnusable("no store is named; name a folder or an IPFS node")
    return stores


def open_store(
    config: StorageConfig, *, on_fault: Callable[[Fault], None] = lambda fault: None
) -> ContentStore:
    """The one store that the rest of Cairn works with."""
    stores = open_stores(config)
    if len(stores) == 1:
        return stores[0]
    return ReplicatedStore(stores, min_copies=config.min_copies, on_fault=on_fault)
