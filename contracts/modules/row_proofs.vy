# pragma version 0.4.3
"""
@title row_proofs: one row of a validation set, and one row of the losses on it
@license Apache-2.0
@notice Two trees of one shape over n rows. The shape is that of OpenZeppelin's StandardMerkleTree, leaf i being
        node i, but pairs are not sorted: where a row stands is part of the proof, and a set has one row at
        each index. The tree of losses also carries sums: a node's hash holds the sums below both its children.
@dev docs/spec/evaluations.md has the bytes; cairn.domain.rows makes the same roots. Leaves of the set are hashed
     twice. With n known, the length of a row's proof follows from its index, so no inner node passes for a leaf.
     A sum is a uint128; that two of them do not overflow one is part of adding up.
"""

from ..interfaces import IEvaluations

# Rows of a set: their proofs have up to 20 steps.
MAX_ROWS: constant(uint256) = 2**20
MAX_SUM: constant(uint256) = 2**128 - 1


@pure
@internal
def _set_root(n_rows: uint256, top: bytes32) -> bytes32:
    """
    @notice What names a validation set: its tree and its number of rows.
    """
    return keccak256(abi_encode(n_rows, top))


@pure
@internal
def _top_of_row(row: IEvaluations.Row, n_rows: uint256) -> (bool, bytes32):
    """
    @notice Where a row's proof leads; false if it is not as long as the row's place in n rows asks for.
    """
    content: bytes32 = keccak256(
        concat(convert(row.index, bytes32), convert(row.target, bytes32), row.features)
    )
    node: bytes32 = keccak256(content)
    if row.index >= n_rows:
        return False, node
    number: uint256 = row.index
    last: uint256 = 2 * n_rows - 2
    for sibling: bytes32 in row.proof:
        if number == last:
            return False, node
        if number & 1 == 0:
            node = keccak256(concat(node, sibling))
        else:
            node = keccak256(concat(sibling, node))
        number = n_rows + (number >> 1)
    return number == last, node


@pure
@internal
def _top_of_loss(
    index: uint256, posted: IEvaluations.RowLoss, n_rows: uint256, total: uint256
) -> (bool, bytes32, bool):
    """
    @notice Where the proof of a row's loss leads, and whether the sums on its way add up to the total.
            The first is false if it is not as long as the row's place asks for.
    """
    node: bytes32 = keccak256(abi_encode(index, posted.loss))
    if index >= n_rows:
        return False, node, False
    sum: uint256 = posted.loss
    adds_up: bool = True
    number: uint256 = index
    last: uint256 = 2 * n_rows - 2
    for step: IEvaluations.SumStep in posted.steps:
        if number == last:
            return False, node, False
        own: uint256 = step.sums >> 128
        other: uint256 = step.sums & MAX_SUM
        if own != sum:
            adds_up = False
        if number & 1 == 0:
            node = keccak256(concat(node, step.sibling, convert(step.sums, bytes32)))
        else:
            sums: uint256 = (other << 128) | own
            node = keccak256(concat(step.sibling, node, convert(sums, bytes32)))
        # Of two numbers of 128 bits: no overflow, and above MAX_SUM no parent can hold it.
        sum = own + other
        number = n_rows + (number >> 1)
    return number == last, node, adds_up and sum == total
