"""From the name of a store to the store."""

from __future__ import annotations

from pathlib import Path

from ._embedded import EmbeddedStore
from ._ipfs import IpfsStore
from ._port import ContentStore

_MULTIADDR_STARTS = ("/ip4/", "/ip6/", "/dns/", "/dns4/", "/dns6/")


def open_store(location: str) -> ContentStore:
    """A store by its location: an IPFS node's multiaddr, or else a folder of this machine."""
    if location.startswith(_MULTIADDR_STARTS):
        return IpfsStore(location)
    return EmbeddedStore(Path(location))
