"""Receipts: what an operator signs for predictions that he serves off chain.

A receipt is EIP-712 typed data in the domain of a ReceiptJudge contract. It names a Merkle root over
its predictions; of a receipt of one prediction the root is that prediction's leaf. A leaf is
keccak256 twice over the input's commitment, which is that of ERC-7992 callers to the Evaluator, and
the hash of the packed outputs, so the features stay private until somebody challenges.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coincurve import PrivateKey, PublicKey

from cairn.domain._secp256k1 import address_of, is_low_s
from cairn.domain.keccak import keccak256
from cairn.domain.merkle import MerkleTree, leaf_hash, process_proof

__all__ = [
    "RECEIPT_LIFE_S",
    "Receipt",
    "SigningDomain",
    "input_commitment",
    "prediction_leaf",
    "receipt_tree",
    "row_salt",
]

RECEIPT_LIFE_S = 7 * 86_400
"""How long after its issue a receipt is judged, seconds."""

_INPUT_DOMAIN = keccak256(b"cairn-input-v1")
_DOMAIN_TYPE = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_NAME = keccak256(b"Cairn ReceiptJudge")
_VERSION = keccak256(b"1")
_RECEIPT_TYPE = keccak256(
    b"Receipt(uint256 modelId,uint256 version,bytes32 programHash,bytes32 root,"
    b"uint256 issuedAt,uint256 termsId,address operator)"
)


def input_commitment(salt: bytes, features: bytes) -> bytes:
    """The hash that stands for packed features; `salt` is 32 random bytes."""
    if len(salt) != 32:
        raise ValueError(f"a salt of {len(salt)} bytes: give 32")
    return keccak256(_INPUT_DOMAIN + salt + features)


def row_salt(seed: bytes, index: int) -> bytes:
    """The salt of one row of an answer whose rows share a seed of 32 random bytes."""
    return keccak256(seed + _word(index))


def prediction_leaf(commitment: bytes, outputs: bytes) -> bytes:
    """The leaf of one prediction; empty outputs say `invalid`."""
    return leaf_hash(commitment + keccak256(outputs))


def receipt_tree(predictions: Iterable[tuple[bytes, bytes]]) -> MerkleTree:
    """The tree of a receipt for several predictions: (input commitment, packed outputs) pairs."""
    return MerkleTree(prediction_leaf(commitment, outputs) for commitment, outputs in predictions)


@dataclass(frozen=True, slots=True)
class SigningDomain:
    """Where a signature counts: one ReceiptJudge (20-byte address) on one chain."""

    chain_id: int
    judge: bytes

    @property
    def separator(self) -> bytes:
        return keccak256(
            _DOMAIN_TYPE + _NAME + _VERSION + _word(self.chain_id) + self.judge.rjust(32, b"\0")
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """The fields as ReceiptJudge takes them; `operator` is a 20-byte address."""

    model_id: int
    version: int
    program_hash: bytes
    root: bytes
    issued_at: int
    terms_id: int
    operator: bytes

    @property
    def struct_hash(self) -> bytes:
        return keccak256(
            _RECEIPT_TYPE
            + _word(self.model_id)
            + _word(self.version)
            + self.program_hash
            + self.root
            + _word(self.issued_at)
            + _word(self.terms_id)
            + self.operator.rjust(32, b"\0")
        )

    def digest(self, domain: SigningDomain) -> bytes:
        """The 32 bytes that are signed."""
        return keccak256(b"\x19\x01" + domain.separator + self.struct_hash)

    def sign(self, key: PrivateKey, domain: SigningDomain) -> bytes:
        """r || s || v, 65 bytes, low s, deterministic (RFC 6979)."""
        signature = key.sign_recoverable(self.digest(domain), hasher=None)
        return signature[:64] + bytes([27 + signature[64]])

    def is_signed(self, signature: bytes, domain: SigningDomain) -> bool:
        """Whether the operator that it names signed it."""
        return recover(self.digest(domain), signature) == self.operator

    def covers(self, leaf: bytes, proof: Iterable[bytes] = ()) -> bool:
        """Whether a prediction's leaf is one of its own."""
        return process_proof(leaf, proof) == self.root


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """The 20-byte address of who signed; None if the signature is malformed or of the high form."""
    if len(signature) != 65 or signature[64] not in (27, 28) or not is_low_s(signature[:64]):
        return None
    compact = signature[:64] + bytes([signature[64] - 27])
    try:
        return address_of(PublicKey.from_signature_and_message(compact, digest, hasher=None))
    except ValueError:
        return None


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")
