"""Keccak-256 as Ethereum uses it: the padding of Ethereum, not that of FIPS 202.

`keccak256(data: bytes) -> bytes` is the package's own function, with nothing around it: a Merkle
tree calls it millions of times (docs/decisions/050-keccak.md).
"""

from tiny_keccak import keccak256

__all__ = ["keccak256"]
