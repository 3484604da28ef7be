"""From a revert's bytes to words."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

_ERROR = bytes.fromhex("08c379a0")  # Error(string)
_PANIC = bytes.fromhex("4e487b71")  # Panic(uint256)
_PANICS = {
    0x01: "assertion",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x32: "index out of bounds",
}


def reason_of(data: bytes) -> str:
    """The text of a revert; empty if it carried none; hex if it is not understood."""
    if not data:
        return ""
    selector, rest = data[:4], data[4:]
    try:
        if selector == _ERROR:
            return str(decode(["string"], rest)[0])
        if selector == _PANIC:
            code = int(decode(["uint256"], rest)[0])
            return f"panic: {_PANICS.get(code, hex(code))}"
    except DecodingError:
        pass
    return f"unknown error 0x{data.hex()}"


def reason_in(data: Any, message: str | None) -> str:
    """The reason in a node's error: its data where it is there, else the message's tail."""
    if isinstance(data, dict):
        data = data.get("data")
    if isinstance(data, str) and data.startswith("0x") and len(data) > 2:
        return reason_of(bytes.fromhex(data[2:]))
    text = message or ""
    for prefix in ("execution reverted:", "reverted with reason string", "execution reverted"):
        if prefix in text:
            return text.split(prefix, 1)[1].strip(" '\",") if prefix.endswith(":") else ""
    return text
