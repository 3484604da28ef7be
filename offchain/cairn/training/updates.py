"""A member's update: integers, their canonical bytes, and the root that commits to them.

The bytes are the parameters as big-endian int32, nothing before or between them. The root is that
of a Merkle tree whose leaf i is the Keccak-256 of uint64 i and chunk i, 264 bytes: the chunk holds
integers 64 i to 64 i + 63, the last one filled up with zeros. The index is inside the leaf, since
proofs of sorted pairs do not tell a leaf's place. A leaf is hashed once: no inner node has 264
bytes, so none passes for a leaf, and 264 bytes are two blocks of the hash where 272 were three.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import INT32_MAX, INT32_MIN
from cairn.domain.keccak import keccak256
from cairn.domain.merkle import MerkleTree
from cairn.training.errors import UpdateError

__all__ = [
    "CHUNK",
    "Int32s",
    "Update",
    "chunk_leaf",
    "data_root",
    "decode_integers",
    "encode_integers",
    "integers_root",
    "integers_tree",
    "vector",
]

CHUNK = 64
"""Integers in a leaf: 64 proofs of one coordinate of 10,000 stay under 48 KB of calldata."""

Int32s: TypeAlias = npt.NDArray[np.int32]


def vector(values: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Int32s:
    """A read-only int32 vector; raises UpdateError that names a value that does not fit."""
    wide = np.asarray(values)
    if wide.ndim != 1 or not wide.size:
        raise UpdateError(f"parameters of shape {wide.shape}: give one row of at least one")
    if wide.dtype == object or not np.issubdtype(wide.dtype, np.integer):
        raise UpdateError(f"parameters of type {wide.dtype}: give integers that fit int32")
    outside = np.flatnonzero((wide < INT32_MIN) | (wide > INT32_MAX))
    if outside.size:
        place = int(outside[0])
        raise UpdateError(f"parameter {place} is {wide[place]}: it does not fit int32; clip it")
    narrow = wide.astype(np.int32)
    narrow.flags.writeable = False
    return narrow


def encode_integers(values: Int32s) -> bytes:
    """The canonical bytes: big-endian int32."""
    return values.astype(">i4").tobytes()


def decode_integers(data: bytes, n_parameters: int) -> Int32s:
    """The integers of canonical bytes; raises UpdateError unless there are exactly so many."""
    if len(data) != 4 * n_parameters:
        raise UpdateError(
            f"{len(data)} bytes where {n_parameters} parameters take {4 * n_parameters}: "
            "the update was made for another plan, or cut short"
        )
    values = np.frombuffer(data, dtype=">i4").astype(np.int32)
    values.flags.writeable = False
    return values


def chunk_leaf(index: int, chunk: bytes) -> bytes:
    """The leaf of one chunk of 256 bytes: what a judge of one coordinate hashes."""
    return keccak256(index.to_bytes(8, "big") + chunk)


def _leaves(values: Int32s) -> list[bytes]:
    """`chunk_leaf` of every chunk, without a call for each: an aggregator hashes millions."""
    n_chunks = -(-len(values) // CHUNK)
    words = np.zeros((n_chunks, 2 + CHUNK), dtype=">i4")
    words[:, 1] = np.arange(n_chunks)
    whole = len(values) // CHUNK
    words[:whole, 2:] = values[: whole * CHUNK].reshape(whole, CHUNK)
    if whole < n_chunks:
        words[whole, 2 : 2 + len(values) - whole * CHUNK] = values[whole * CHUNK :]
    data = words.tobytes()
    size = 4 * (2 + CHUNK)
    return [keccak256(data[start : start + size]) for start in range(0, len(data), size)]


def integers_tree(values: Int32s) -> MerkleTree:
    """The tree over a vector's chunks, to prove one of them."""
    return MerkleTree(_leaves(values))


def integers_root(values: Int32s) -> bytes:
    """The root over a vector's chunks."""
    return integers_tree(values).root


@dataclass(frozen=True, eq=False)
class Update:
    """What one member adds to the base version, in units of 2^-16, and on how many readings."""

    values: Int32s
    weight: int

    def __post_init__(self) -> None:
        if self.values.dtype != np.int32 or self.values.ndim != 1:
            raise UpdateError("an update holds one row of int32: make it with `vector`")
        if self.weight < 1:
            raise UpdateError(f"a weight of {self.weight} readings: an update has at least one")

    def to_bytes(self) -> bytes:
        return encode_integers(self.values)

    @property
    def root(self) -> bytes:
        return integers_root(self.values)

    @classmethod
    def from_bytes(cls, data: bytes, *, n_parameters: int, weight: int, root: bytes) -> "Update":
        """Read an update and check it against its posted root; raises UpdateError."""
        update = cls(decode_integers(data, n_parameters), weight)
        found = update.root
        if found != root:
            raise UpdateError(
                f"the update's root is 0x{found.hex()}, posted was 0x{root.hex()}: fetch it again "
                "from another node, or leave it out"
            )
        return update


def data_root(batch_ids: Iterable[int]) -> bytes:
    """Keccak-256 over the batch ids, one 32-byte word each, in ascending order."""
    ids = sorted(batch_ids)
    if not ids:
        raise UpdateError("no batches: an update names the batches it was trained on")
    for batch_id, following in zip(ids, [*ids[1:], None], strict=True):
        if batch_id == following:
            raise UpdateError(f"batch {batch_id} is named twice: it counts once")
        if not 0 < batch_id < 2**256:
            raise UpdateError(f"no batch {batch_id}: ids count from 1 and fit a word")
    return keccak256(b"".join(batch_id.to_bytes(32, "big") for batch_id in ids))
