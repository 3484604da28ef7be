"""Merkle trees: shape, proofs, multiproofs, streams."""

import pytest
import sha3
from eth_abi import encode
from hypothesis import example, given
from hypothesis import strategies as st

from cairn.domain.keccak import keccak256
from cairn.domain.merkle import (
    MerkleAccumulator,
    MerkleError,
    MerkleTree,
    MultiProof,
    hash_pair,
    leaf_hash,
    packet_leaf,
    verify_multiproof,
    verify_proof,
)


def leaves_of(count: int) -> list[bytes]:
    return [leaf_hash(index.to_bytes(32, "big")) for index in range(count)]


def heap_root(leaves: list[bytes]) -> bytes:
    """The same tree as the array of a heap, leaves from its end: how OpenZeppelin lays it out."""
    nodes = [b""] * (len(leaves) - 1) + leaves[::-1]
    for place in range(len(leaves) - 2, -1, -1):
        nodes[place] = hash_pair(nodes[2 * place + 1], nodes[2 * place + 2])
    return nodes[0]


def test_keccak256__nothing__is_ethereums_digest():
    assert keccak256(b"").hex() == (
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    )


def test_root__three_known_strings__is_as_openzeppelins_tree():
    # StandardMerkleTree.of([["a"], ["b"], ["c"]], ["string"], {sortLeaves: false}).root
    leaves = [leaf_hash(encode(["string"], [text])) for text in "abc"]
    expected = hash_pair(leaves[2], hash_pair(leaves[0], leaves[1]))
    assert MerkleTree(leaves).root == expected


@given(st.one_of(st.binary(max_size=300), st.integers(0, 500).map(bytes)))
@example(bytes(135))
@example(bytes(136))
@example(bytes(137))
@example(bytes(range(256)) * 4_096)
def test_keccak256__any_bytes__is_another_implementations(data):
    assert keccak256(data) == sha3.keccak_256(data).digest()


@pytest.mark.parametrize("count", [*range(1, 40), 255, 256, 257])
def test_tree__any_size__is_a_heap_and_proves_each_leaf(count):
    leaves = leaves_of(count)
    tree = MerkleTree(leaves)
    assert tree.root == heap_root(leaves)
    for index, leaf in enumerate(leaves):
        assert tree.leaf(index) == leaf
        assert verify_proof(tree.root, leaf, tree.proof(index))
        assert not verify_proof(tree.root, keccak256(leaf), tree.proof(index))


@given(st.data(), st.integers(1, 50))
def test_multiproof__any_leaves__verifies(data, count):
    tree = MerkleTree(leaves_of(count))
    indexes = data.draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True))
    multiproof = tree.multiproof(indexes)
    assert multiproof.leaves == tuple(tree.leaf(index) for index in sorted(indexes))
    assert verify_multiproof(tree.root, multiproof)
    if multiproof.proof:
        short = MultiProof(multiproof.leaves, multiproof.proof[:-1], multiproof.flags)
        assert not verify_multiproof(tree.root, short)
    swapped = MultiProof((keccak256(b""), *multiproof.leaves[1:]), *astuple(multiproof)[1:])
    assert not verify_multiproof(tree.root, swapped)


def astuple(multiproof):
    return multiproof.leaves, multiproof.proof, multiproof.flags


def test_multiproof__of_no_leaves__is_refused():
    tree = MerkleTree(leaves_of(3))
    with pytest.raises(MerkleError, match="no leaves"):
        tree.multiproof([])
    assert not verify_multiproof(tree.root, MultiProof((), (tree.root,), ()))


def test_multiproof__leaf_named_twice__is_refused():
    with pytest.raises(MerkleError, match="twice"):
        MerkleTree(leaves_of(3)).multiproof([1, 1])


@given(st.integers(1, 300))
def test_accumulator__any_size__has_the_trees_root(count):
    leaves = leaves_of(count)
    accumulator = MerkleAccumulator(count)
    for leaf in leaves:
        accumulator.add(leaf)
        assert len(accumulator._waiting) <= 2 * count.bit_length()
    assert accumulator.root == MerkleTree(leaves).root


def test_accumulator__wrong_number__is_refused():
    accumulator = MerkleAccumulator(2)
    accumulator.add(leaves_of(1)[0])
    with pytest.raises(MerkleError, match="1 of 2"):
        _ = accumulator.root
    accumulator.add(leaves_of(1)[0])
    with pytest.raises(MerkleError, match="announced"):
        accumulator.add(leaves_of(1)[0])


def test_tree__empty_or_unhashed__is_refused():
    with pytest.raises(MerkleError, match="at least one"):
        MerkleTree([])
    with pytest.raises(MerkleError, match="leaf 1 has 3 bytes"):
        MerkleTree([bytes(32), b"abc"])


@pytest.mark.parametrize("index", [-1, 5])
def test_proof__no_such_leaf__is_refused(index):
    with pytest.raises(MerkleError, match="no leaf"):
        MerkleTree(leaves_of(5)).proof(index)


@given(st.integers(0, 2**64), st.binary(min_size=20, max_size=20), st.binary(max_size=300))
def test_packet_leaf__any__is_over_the_abi_encoding(index, device, packet):
    encoded = encode(["uint256", "address", "bytes"], [index, device, packet])
    assert packet_leaf(index, device, packet) == leaf_hash(encoded)


def flipped(nodes):
    """The nodes with one bit of each byte flipped, one byte of one node at a time."""
    for number, node in enumerate(nodes):
        for place in range(len(node)):
            changed = bytearray(node)
            changed[place] ^= 1
            yield (*nodes[:number], bytes(changed), *nodes[number + 1 :])


def test_proof__each_byte_flipped__is_noticed():
    tree = MerkleTree(leaves_of(11))
    leaf, proof = tree.leaf(4), tree.proof(4)
    for bad in flipped(proof):
        assert not verify_proof(tree.root, leaf, bad)
    for bad in flipped((leaf,)):
        assert not verify_proof(tree.root, *bad, proof)
    for bad in flipped((tree.root,)):
        assert not verify_proof(*bad, leaf, proof)


def test_multiproof__each_byte_and_flag_flipped__is_noticed():
    tree = MerkleTree(leaves_of(11))
    leaves, proof, flags = astuple(tree.multiproof([1, 4, 5, 10]))
    assert proof and True in flags and False in flags
    for bad in flipped(leaves):
        assert not verify_multiproof(tree.root, MultiProof(bad, proof, flags))
    for bad in flipped(proof):
        assert not verify_multiproof(tree.root, MultiProof(leaves, bad, flags))
    for place in range(len(flags)):
        bad = (*flags[:place], not flags[place], *flags[place + 1 :])
        assert not verify_multiproof(tree.root, MultiProof(leaves, proof, bad))
    for (bad,) in flipped((tree.root,)):
        assert not verify_multiproof(bad, MultiProof(leaves, proof, flags))
