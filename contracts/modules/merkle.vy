# pragma version 0.4.3
"""
@title merkle: Keccak trees with sorted pairs
@license Apache-2.0
@notice Proofs made for OpenZeppelin's and snekmate's verifiers are the proofs of this one.
@dev Leaves are hashed twice by their maker, so that an inner node never passes for a leaf.
"""

# Siblings in a proof: trees of up to 2^20 leaves.
MAX_PROOF: constant(uint256) = 20


@internal
@pure
def _root_of(leaf: bytes32, proof: DynArray[bytes32, MAX_PROOF]) -> bytes32:
    """
    @notice The root that a proof leads to from a leaf.
    """
    node: bytes32 = leaf
    for sibling: bytes32 in proof:
        if convert(node, uint256) < convert(sibling, uint256):
            node = keccak256(concat(node, sibling))
        else:
            node = keccak256(concat(sibling, node))
    return node
