"""How a node is reached, and how patient we are with it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Network(BaseModel):
    """One chain behind one JSON-RPC endpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rpc_url: str
    chain_id: int = Field(gt=0)
    confirmations: int = Field(default=0, ge=0)
    """Blocks on top of one before whoever follows the logs counts it. An audit looks at all there is."""
    log_page_blocks: int = Field(default=2_000, gt=0)
    """Blocks asked for in one `eth_getLogs`; halved whenever the node refuses a page."""
    request_timeout_s: float = Field(default=10.0, gt=0)

    @field_validator("rpc_url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the RPC endpoint must be an http:// or https:// URL")
        return value

    @property
    def is_loopback(self) -> bool:
        """Whether the endpoint is on this machine, judged by its address, not by a name server."""
        return is_loopback(self.rpc_url)


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
