"""Our trees beside those who wrote the format: OpenZeppelin's npm library builds the same roots and
proofs from the same packets, and snekmate's module, on the EVM, takes them.
"""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import boa
import pytest

from cairn.domain.merkle import MerkleAccumulator, MerkleTree, packet_leaf, packet_leaves

ROOT = Path(__file__).parents[2]
DEVICE = bytes(range(1, 21))
SIZES = (*range(1, 18), 31, 32, 33, 100)

# Reads [[packet hex, ...], ...], writes for each its root, all proofs, and a multiproof of some.
SCRIPT = """
const {StandardMerkleTree} = require('@openzeppelin/merkle-tree');
const {device, cases} = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const types = ['uint256', 'address', 'bytes'];
console.log(JSON.stringify(cases.map(({packets, some}) => {
  const values = packets.map((packet, index) => [index, device, packet]);
  const tree = StandardMerkleTree.of(values, types, {sortLeaves: false});
  const {leaves, proof, proofFlags} = tree.getMultiProof(some);
  return {
    root: tree.root,
    leaves: values.map(value => tree.leafHash(value)),
    proofs: values.map((_, index) => tree.getProof(index)),
    multi: {leaves: leaves.map(leaf => tree.leafHash(leaf)), proof, flags: proofFlags},
  };
})));
"""

VERIFIER = """
# pragma version 0.4.3
from snekmate.utils import merkle_proof_verification as merkle

@external
@pure
def verify(proof: DynArray[bytes32, 32], root: bytes32, leaf: bytes32) -> bool:
    return merkle._verify(proof, root, leaf)

@external
@pure
def multi_proof_verify(
    proof: DynArray[bytes32, 32],
    flags: DynArray[bool, 32],
    root: bytes32,
    leaves: DynArray[bytes32, 32],
) -> bool:
    return merkle._multi_proof_verify(proof, flags, root, leaves)
"""


def packets_of(size: int) -> list[bytes]:
    """Packets of all lengths, so that the padding of each is met."""
    return [bytes((size + i) % 256 for _ in range(1 + 7 * i % 200)) for i in range(size)]


def some_of(size: int) -> list[int]:
    return sorted({0, size // 3, size // 2, size - 1})


def tree_of(size: int) -> MerkleTree:
    return MerkleTree(packet_leaves(DEVICE, packets_of(size)))


@cache
def theirs() -> list[dict[str, Any]]:
    """OpenZeppelin's answers, by one run of Node."""
    cases = [
        {"packets": ["0x" + raw.hex() for raw in packets_of(size)], "some": some_of(size)}
        for size in SIZES
    ]
    asked = json.dumps({"device": "0x" + DEVICE.hex(), "cases": cases})
    done = subprocess.run(
        ["node", "-e", SCRIPT], cwd=ROOT, input=asked, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@cache
def compiled() -> Any:
    return boa.loads_partial(VERIFIER)


@pytest.fixture
def verifier() -> Any:
    return compiled().deploy()


def raw(words: list[str]) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(word[2:]) for word in words)


@pytest.mark.requires("node")
@pytest.mark.parametrize("size", SIZES)
def test_tree__openzeppelins__is_ours(size: int) -> None:
    tree, other = tree_of(size), theirs()[SIZES.index(size)]
    assert [packet_leaf(i, DEVICE, one) for i, one in enumerate(packets_of(size))] == list(
        raw(other["leaves"])
    )
    assert "0x" + tree.root.hex() == other["root"]
    assert [tree.proof(index) for index in range(size)] == [raw(p) for p in other["proofs"]]
    ours = tree.multiproof(some_of(size))
    # The same nodes and flags, whatever the order in which the leaves were named.
    assert sorted(ours.leaves) == sorted(raw(other["multi"]["leaves"]))
    assert (len(ours.proof), len(ours.flags)) == (
        len(other["multi"]["proof"]),
        len(other["multi"]["flags"]),
    )


@pytest.mark.parametrize("size", SIZES)
def test_proofs__by_snekmates_module__are_good(size: int, verifier: Any) -> None:
    tree = tree_of(size)
    for index in some_of(size):
        proof = list(tree.proof(index))
        assert verifier.verify(proof, tree.root, tree.leaf(index))
        for other in range(size):
            if other != index:
                assert not verifier.verify(proof, tree.root, tree.leaf(other))
                break
    multi = tree.multiproof(some_of(size))
    assert verifier.multi_proof_verify(
        list(multi.proof), list(multi.flags), tree.root, list(multi.leaves)
    )


@pytest.mark.requires("node")
def test_multiproof__of_openzeppelins__is_good_to_snekmates_module(verifier: Any) -> None:
    for size, other in zip(SIZES, theirs(), strict=True):
        multi = other["multi"]
        assert verifier.multi_proof_verify(
            list(raw(multi["proof"])),
            multi["flags"],
            tree_of(size).root,
            list(raw(multi["leaves"])),
        )


def test_stream__of_leaves__has_the_trees_root() -> None:
    for size in SIZES:
        stream = MerkleAccumulator(size)
        for leaf in packet_leaves(DEVICE, packets_of(size)):
            stream.add(leaf)
        assert stream.root == tree_of(size).root
