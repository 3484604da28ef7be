"""secp256k1 by libsecp256k1: raw 64-byte signatures, low s only, keys as Ethereum addresses."""

from typing import Any

from coincurve import PrivateKey, PublicKey
from coincurve.ecdsa import GLOBAL_CONTEXT, ffi, lib

from cairn.domain.keccak import keccak256

__all__ = ["address_of", "is_low_s", "recover_keys", "sign", "verify"]

_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_CONTEXT: Any = GLOBAL_CONTEXT.ctx
# Looked up once: `verify` is called for every packet.
_SIGNATURE: Any = ffi.typeof("secp256k1_ecdsa_signature *")
_parse_compact: Any = lib.secp256k1_ecdsa_signature_parse_compact
_verify: Any = lib.secp256k1_ecdsa_verify


def address_of(key: PublicKey) -> bytes:
    """The 20-byte address of a public key."""
    return keccak256(key.format(compressed=False)[1:])[12:]


def is_low_s(signature: bytes) -> bool:
    """Whether s, the second half of r || s, is the lower of the two that would do."""
    return 0 < int.from_bytes(signature[32:], "big") <= _HALF_ORDER


def verify(key: PublicKey, signature: bytes, digest: bytes) -> bool:
    """Whether `key` signed the 32-byte digest; False for a malformed or high-s signature."""
    parsed: Any = ffi.new(_SIGNATURE)
    if len(signature) != 64 or not _parse_compact(_CONTEXT, parsed, signature):
        return False
    return bool(_verify(_CONTEXT, parsed, digest, key.public_key))


def recover_keys(signature: bytes, digest: bytes) -> tuple[PublicKey, ...]:
    """The keys that may have made a signature without v: at most two, none if it is not low-s."""
    if len(signature) != 64 or not is_low_s(signature):
        return ()
    keys = []
    for parity in (0, 1):
        try:
            key = PublicKey.from_signature_and_message(
                signature + bytes((parity,)), digest, hasher=None
            )
        except ValueError:
            continue
        keys.append(key)
    return tuple(keys)


def sign(key: PrivateKey, digest: bytes) -> bytes:
    """r || s over a 32-byte digest, low s, deterministic (RFC 6979)."""
    return key.sign_recoverable(digest, hasher=None)[:64]
