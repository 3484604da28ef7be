"""Answers under one root, as InferenceMarket has them: the leaves, the tree over them, and its proofs.

A leaf is eight bytes of request id, then the packed outputs, all leaves of a root alike long. The
market hashes them in groups of sixteen: the tree's leaf is keccak256 twice over the group's place
and keccak256 of its bytes, the tree itself OpenZeppelin's (`cairn.domain.merkle`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.domain.keccak import keccak256
from cairn.domain.merkle import MerkleTree, leaf_hash
from cairn.errors import CairnError

__all__ = [
    "GROUP",
    "MAX_LEAVES",
    "MAX_LEAVES_BYTES",
    "MAX_OUTPUT_BYTES",
    "TURN_S",
    "AnswerRoot",
    "AnswerRootError",
    "most_leaves",
    "turn_seed",
]

GROUP = 16
"""Leaves that are hashed together."""
MAX_LEAVES = 1_000
MAX_LEAVES_BYTES = 24_576
MAX_OUTPUT_BYTES = 128
"""Longer outputs are answered singly."""
TURN_S = 15
"""How long an open request is left to the operator on whom its turn falls."""

_ID_BYTES = 8
_INVALID = (2**31).to_bytes(4, "big")  # -2**31, which no output is


class AnswerRootError(CairnError):
    """Leaves that the market would not take."""


def most_leaves(output_bytes: int) -> int:
    """How many answers of that length one root can hold."""
    return min(MAX_LEAVES, MAX_LEAVES_BYTES // (_ID_BYTES + output_bytes))


def turn_seed(request_id: int, features_hash: bytes) -> int:
    """What StakeLedger draws the operator from on whom a request's turn falls."""
    return int.from_bytes(keccak256(request_id.to_bytes(32, "big") + features_hash), "big")


@dataclass(frozen=True)
class AnswerRoot:
    """Leaves that were posted, or are to be, by one operator under one terms id."""

    operator: str
    terms_id: int
    output_bytes: int
    leaves: bytes

    def __post_init__(self) -> None:
        if not 4 <= self.output_bytes <= MAX_OUTPUT_BYTES or self.output_bytes % 4:
            raise AnswerRootError(f"outputs of {self.output_bytes} bytes: 4 to 128, in fours")
        n, rest = divmod(len(self.leaves), self._stride)
        if rest or not 1 <= n <= MAX_LEAVES or len(self.leaves) > MAX_LEAVES_BYTES:
            raise AnswerRootError(f"{len(self.leaves)} bytes are no leaves that the market takes")

    @classmethod
    def of(cls, operator: str, terms_id: int, answers: Sequence[tuple[int, bytes]]) -> AnswerRoot:
        """From (request id, packed outputs); empty outputs say `invalid`."""
        output_bytes = max((len(outputs) for _, outputs in answers), default=0) or 4
        leaves = bytearray()
        for request_id, outputs in answers:
            if outputs and len(outputs) != output_bytes:
                raise AnswerRootError("outputs of one program are all alike long")
            leaves += request_id.to_bytes(_ID_BYTES, "big")
            leaves += outputs or _INVALID.ljust(output_bytes, b"\0")
        return cls(operator, terms_id, output_bytes, bytes(leaves))

    @property
    def _stride(self) -> int:
        return _ID_BYTES + self.output_bytes

    @property
    def n_leaves(self) -> int:
        return len(self.leaves) // self._stride

    @property
    def answers(self) -> list[tuple[int, bytes]]:
        """(request id, packed outputs) of each leaf, in order; `invalid` is empty."""
        found = []
        for at in range(0, len(self.leaves), self._stride):
            outputs = self.leaves[at + _ID_BYTES : at + self._stride]
            request_id = int.from_bytes(self.leaves[at : at + _ID_BYTES], "big")
            found.append((request_id, b"" if outputs[:4] == _INVALID else outputs))
        return found

    @property
    def root_id(self) -> bytes:
        """The 32 bytes by which the market knows it."""
        operator = bytes.fromhex(self.operator[2:]).rjust(32, b"\0")
        words = self.terms_id.to_bytes(32, "big") + self.output_bytes.to_bytes(32, "big")
        return keccak256(self._tree().root + operator + words)

    def group(self, index: int) -> bytes:
        """The leaves among which the one with this index was posted."""
        size = GROUP * self._stride
        at = index // GROUP * size
        return self.leaves[at : at + size]

    def proof(self, index: int) -> tuple[bytes, ...]:
        """From the hash of that group to the Merkle root."""
        return self._tree().proof(index // GROUP)

    def _tree(self) -> MerkleTree:
        size = GROUP * self._stride
        groups = [self.leaves[at : at + size] for at in range(0, len(self.leaves), size)]
        return MerkleTree(
            leaf_hash(ordinal.to_bytes(32, "big") + keccak256(group))
            for ordinal, group in enumerate(groups)
        )
