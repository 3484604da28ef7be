"""Keccak Merkle trees whose proofs OpenZeppelin's and snekmate's verifiers accept.

Leaves are hashed twice and each pair of nodes is sorted before it is hashed, so that an inner node
never passes for a leaf. The shape is that of OpenZeppelin's `StandardMerkleTree` with
`sortLeaves: false`: leaf hashes wait in a queue, the two at its head are hashed and their parent
goes to its end, until one is left. In the order in which they entered the queue the nodes are
numbered 0 .. 2n-2: leaf i is node i, nodes 2k and 2k+1 have node n+k as parent, 2n-2 is the root.

Nodes lie in one bytearray, 32 bytes each: a million leaves take 64 MB. `MerkleAccumulator` finds
the root of a stream of leaves, of known number, in O(log n) memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from struct import iter_unpack

from cairn.domain.keccak import keccak256
from cairn.errors import CairnError

__all__ = [
    "MerkleAccumulator",
    "MerkleError",
    "MerkleTree",
    "MultiProof",
    "hash_pair",
    "leaf_hash",
    "packet_leaf",
    "packet_leaves",
    "process_multiproof",
    "process_proof",
    "verify_multiproof",
    "verify_proof",
]

_HASH = 32
_STRETCH = 4_096  # nodes that are worked on at a time


class MerkleError(CairnError):
    """A tree, an index or a proof that cannot be."""


def leaf_hash(encoded: bytes) -> bytes:
    """The hash of a leaf whose ABI-encoded content is `encoded`: keccak256 twice."""
    return keccak256(keccak256(encoded))


def packet_leaf(index: int, device: bytes, packet: bytes) -> bytes:
    """The leaf of one packet of a batch: over abi.encode(uint256 index, address device, bytes).

    `device` is the 20-byte address. The index is inside, so two packets at one place are provable.
    """
    return next(packet_leaves(device, (packet,), index))


def packet_leaves(device: bytes, packets: Iterable[bytes], first: int = 0) -> Iterator[bytes]:
    """The leaves of a batch's packets, one by one; `first` is the index of the first."""
    if len(device) != 20:
        raise MerkleError(f"a device address of {len(device)} bytes: give the 20 bytes")
    before = bytes(12) + device + _OFFSET
    # What stands before and behind a packet depends on its length alone.
    frames: dict[int, tuple[bytes, bytes]] = {}
    for index, packet in enumerate(packets, first):
        size = len(packet)
        if size not in frames:
            frames[size] = before + size.to_bytes(32, "big"), bytes(-size % 32)
        head, padding = frames[size]
        yield keccak256(keccak256(index.to_bytes(32, "big") + head + packet + padding))


_OFFSET = (0x60).to_bytes(32, "big")


def hash_pair(a: bytes, b: bytes) -> bytes:
    """The parent of two nodes: keccak256 of both, the smaller first."""
    return keccak256(a + b if a < b else b + a)


def process_proof(leaf: bytes, proof: Iterable[bytes]) -> bytes:
    """The root that `proof` leads to from `leaf`."""
    node = leaf
    for sibling in proof:
        node = hash_pair(node, sibling)
    return node


def verify_proof(root: bytes, leaf: bytes, proof: Iterable[bytes]) -> bool:
    """Whether `proof` leads from the leaf hash to the root."""
    return process_proof(leaf, proof) == root


@dataclass(frozen=True)
class MultiProof:
    """Several leaves proved together, in the order in which a verifier takes them.

    A flag says where the second node of a step comes from: True, from the leaves and the nodes
    already found; False, from `proof`.
    """

    leaves: tuple[bytes, ...]
    proof: tuple[bytes, ...]
    flags: tuple[bool, ...]


def process_multiproof(multiproof: MultiProof) -> bytes:
    """The root that a multiproof leads to; raises MerkleError if its parts do not fit together."""
    leaves, proof, flags = multiproof.leaves, multiproof.proof, multiproof.flags
    if not leaves:
        raise MerkleError("a multiproof of no leaves proves nothing: name at least one")
    if len(leaves) + len(proof) != len(flags) + 1:
        raise MerkleError(
            f"a multiproof of {len(leaves)} leaves, {len(proof)} siblings and {len(flags)} flags "
            "does not add up: leaves and siblings are one more than flags"
        )
    queue = list(leaves)
    head = taken = 0
    for joined in flags:
        if head + (2 if joined else 1) > len(queue):
            raise MerkleError("the multiproof asks for a node that it has not made: build it anew")
        node = queue[head]
        head += 1
        if joined:
            other = queue[head]
            head += 1
        else:
            if taken == len(proof):
                raise MerkleError("the multiproof lacks a sibling: build it anew")
            other = proof[taken]
            taken += 1
        queue.append(hash_pair(node, other))
    if taken != len(proof) or head != len(queue) - 1:
        raise MerkleError("the multiproof has parts left over: build it anew")
    return queue[-1]


def verify_multiproof(root: bytes, multiproof: MultiProof) -> bool:
    """Whether a multiproof leads to the root; a malformed one does not."""
    try:
        return process_multiproof(multiproof) == root
    except MerkleError:
        return False


class MerkleTree:
    """A tree over leaf hashes, kept whole so that it can prove any of its leaves.

    Its nodes are all that it holds: leaves may come from a generator, and are not kept twice.
    """

    def __init__(self, leaves: Iterable[bytes]) -> None:
        """Build the tree over 32-byte leaf hashes, in their order; raises MerkleError if empty."""
        nodes = bytearray()
        coming = iter(leaves)
        while stretch := list(islice(coming, _STRETCH)):
            if set(map(len, stretch)) != {_HASH}:
                wrong = next(i for i, leaf in enumerate(stretch) if len(leaf) != _HASH)
                raise MerkleError(
                    f"leaf {len(nodes) // _HASH + wrong} has {len(stretch[wrong])} bytes: hash it "
                    "to 32 first"
                )
            nodes += b"".join(stretch)
        count = len(nodes) // _HASH
        if not count:
            raise MerkleError("a Merkle tree needs at least one leaf")
        paired = 0  # bytes whose nodes have their parent
        while paired < 2 * _HASH * (count - 1):
            until = min(len(nodes) // (2 * _HASH) * 2 * _HASH, paired + 2 * _HASH * _STRETCH)
            pairs = iter_unpack("32s32s", nodes[paired:until])
            nodes += b"".join([keccak256(a + b if a < b else b + a) for a, b in pairs])
            paired = until
        self._nodes = nodes
        self._count = count

    def __len__(self) -> int:
        return self._count

    @property
    def root(self) -> bytes:
        return bytes(self._nodes[-_HASH:])

    def leaf(self, index: int) -> bytes:
        """The hash of leaf `index`, from 0."""
        self._check(index)
        return self._node(index)

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The siblings from leaf `index` up to the root."""
        self._check(index)
        siblings = []
        node = index
        last = 2 * self._count - 2
        while node != last:
            siblings.append(self._node(node ^ 1))
            node = self._count + node // 2
        return tuple(siblings)

    def multiproof(self, indexes: Sequence[int]) -> MultiProof:
        """One proof for several leaves; its `leaves` are in ascending order of their index."""
        if not indexes:
            raise MerkleError("a multiproof of no leaves proves nothing: name at least one")
        if len(set(indexes)) != len(indexes):
            raise MerkleError("a leaf is named twice: name each index once")
        for index in indexes:
            self._check(index)
        queue = sorted(indexes)
        leaves = tuple(self._node(index) for index in queue)
        proof: list[bytes] = []
        flags: list[bool] = []
        head = 0
        last = 2 * self._count - 2
        while queue[head] != last:
            node = queue[head]
            head += 1
            joined = head < len(queue) and queue[head] == node ^ 1
            if joined:
                head += 1
            else:
                proof.append(self._node(node ^ 1))
            flags.append(joined)
            queue.append(self._count + node // 2)
        return MultiProof(leaves, tuple(proof), tuple(flags))

    def _node(self, number: int) -> bytes:
        return bytes(self._nodes[number * _HASH : (number + 1) * _HASH])

    def _check(self, index: int) -> None:
        if not 0 <= index < self._count:
            raise MerkleError(f"no leaf {index} in a tree of {self._count}: they count from 0")


class MerkleAccumulator:
    """The root of a stream of leaves, whose number is known beforehand, in O(log n) memory."""

    def __init__(self, count: int) -> None:
        if count < 1:
            raise MerkleError("a Merkle tree needs at least one leaf")
        self._count = count
        self._added = 0
        # A node waits here, by its number, until its sibling comes.
        self._waiting: dict[int, bytes] = {}

    def add(self, leaf: bytes) -> None:
        """Take the next leaf hash; raises MerkleError beyond the announced number."""
        count = self._count
        node = self._added
        if node == count:
            raise MerkleError(f"more than the {count} leaves that were announced")
        self._added = node + 1
        waiting = self._waiting
        while True:
            other = waiting.pop(node ^ 1, None)
            if other is None or node == 2 * count - 2:
                waiting[node] = leaf
                return
            leaf = hash_pair(other, leaf)
            node = count + node // 2

    @property
    def root(self) -> bytes:
        """The root; raises MerkleError until every announced leaf has come."""
        if self._added != self._count:
            raise MerkleError(f"{self._added} of {self._count} leaves so far: add the rest first")
        return self._waiting[2 * self._count - 2]
