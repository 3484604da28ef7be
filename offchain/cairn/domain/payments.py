"""Payments over HTTP: where the payee of a model's and an operator's predictions is."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address

from cairn.domain.keccak import keccak256

__all__ = ["splitter_address"]

# The creation code of a minimal proxy (ERC-1167), around the address that it stands for.
_PROXY_HEAD = bytes.fromhex("602d3d8160093d39f3363d3d373d3d3d363d73")
_PROXY_TAIL = bytes.fromhex("5af43d82803e903d91602b57fd5bf3")


def splitter_address(maker: str, model_id: int, operator: str) -> str:
    """The address of the RevenueSplitter of a model and an operator, whether or not it is there yet.

    `maker` is the RevenueSplitter that was deployed with the system (EIP-1014). A client pays no
    other payee for that operator's predictions.
    """
    made_by = bytes.fromhex(maker.removeprefix("0x"))
    salt = keccak256(encode(["uint256", "address"], [model_id, operator]))
    code_hash = keccak256(_PROXY_HEAD + made_by + _PROXY_TAIL)
    return str(to_checksum_address(keccak256(b"\xff" + made_by + salt + code_hash)[12:]))
