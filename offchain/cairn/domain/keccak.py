"""Keccak-256 as Ethereum uses it, by the fastest implementation at hand."""

import sha3  # type: ignore[import-untyped, unused-ignore]

__all__ = ["keccak256"]


def keccak256(data: bytes | bytearray | memoryview) -> bytes:
    """The 32-byte Keccak-256 digest of `data` (the padding of Ethereum, not that of FIPS 202)."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest
