# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title answer_roots: many answers under one root
@license Apache-2.0
@notice An operator posts the leaves of many answers; their root is computed here, so that what is judged
        is what was posted. Stake is locked for each leaf. A wrong leaf is challenged by itself; after the
        window one call pays for all that stood. Nothing is written for a single request before that.
@dev A part of InferenceMarket, whose header has the invariants. The leaves of the Merkle tree are groups
     of sixteen answers, hashed twice: hashing is cheap by the byte and dear by the node. Its shape is
     OpenZeppelin's. The pragma above locks the functions that the contract exports, all with its one lock.
"""

from ..interfaces import IInferenceMarket
from ..interfaces import IModelRegistry
from . import merkle
from . import request_book

uses: request_book

# Calldata that IoTeX takes with a margin.
MAX_LEAVES_BYTES: constant(uint256) = 24_576
# What a block of IoTeX, 25 million gas, settles with a margin should every leaf displace a later answer.
MAX_LEAVES: constant(uint256) = 1_000
ID_BYTES: constant(uint256) = 8
# Answers with more than 32 outputs go by themselves.
MAX_OUTPUT_BYTES: constant(uint256) = 128
# Answers hashed together.
GROUP: constant(uint256) = 16
MAX_GROUP_BYTES: constant(uint256) = GROUP * (ID_BYTES + MAX_OUTPUT_BYTES)
MAX_GROUPS: constant(uint256) = (MAX_LEAVES + GROUP - 1) // GROUP  # the last may be shorter
MAX_PROOF: constant(uint256) = 20
# -2**31, which is no output of any program, says `invalid`.
INVALID_WORD: constant(uint256) = 2**31
UINT6: constant(uint256) = 2**6 - 1
UINT11: constant(uint256) = 2**11 - 1
UINT34: constant(uint256) = 2**34 - 1

# Root id -> operator u160, terms id u32, posted at u34, leaves u11, words of outputs in a leaf u6, slashed
# leaves u11, settled u1, from the low end; answer_root, challenge_leaf and settle_root write it.
_roots: HashMap[bytes32, uint256]
# Root id -> leaf index // 256 -> a bit for each leaf that was slashed; challenge_leaf writes it.
_slashed: HashMap[bytes32, HashMap[uint256, uint256]]


# --- operators ---


@external
def answer_root(
    terms_id: uint256, output_bytes: uint256, leaves: Bytes[MAX_LEAVES_BYTES]
) -> bytes32:
    assert output_bytes >= 4 and output_bytes <= MAX_OUTPUT_BYTES, "root: bytes of outputs"
    assert output_bytes % 4 == 0, "root: outputs not in words of four"
    stride: uint256 = ID_BYTES + output_bytes
    n_leaves: uint256 = len(leaves) // stride
    assert n_leaves > 0 and n_leaves <= MAX_LEAVES, "root: number of leaves"
    assert n_leaves * stride == len(leaves), "root: leaves of other lengths"
    terms: IModelRegistry.Terms = request_book._terms(terms_id)
    root_id: bytes32 = self._root_id(
        self._tree_root(leaves, GROUP * stride), msg.sender, terms_id, output_bytes
    )
    assert self._roots[root_id] == 0, "root: posted already"

    self._roots[root_id] = (
        convert(msg.sender, uint256)
        | (terms_id << 160)
        | (block.timestamp << 192)
        | (n_leaves << 226)
        | ((output_bytes // 4) << 237)
    )
    request_book._newest_root_at[terms_id] = block.timestamp
    log IInferenceMarket.RootAnswered(
        root_id=root_id,
        operator=msg.sender,
        terms_id=terms_id,
        challengeable_until=block.timestamp + terms.window_s,
        output_bytes=output_bytes,
        leaves=leaves,
    )
    request_book._lock(terms.model_id, n_leaves * terms.lock_wei)
    return root_id


# --- anyone ---


@external
def challenge_leaf(
    root_id: bytes32,
    index: uint256,
    group: Bytes[MAX_GROUP_BYTES],
    proof: DynArray[bytes32, MAX_PROOF],
    features: Bytes[4096],
):
    root: uint256 = self._root(root_id)
    terms_id: uint256 = (root >> 160) & request_book.UINT32
    operator: address = convert(root & request_book.UINT160, address)
    posted_at: uint256 = (root >> 192) & UINT34
    n_leaves: uint256 = (root >> 226) & UINT11
    output_bytes: uint256 = 4 * ((root >> 237) & UINT6)
    terms: IModelRegistry.Terms = empty(IModelRegistry.Terms)
    currency: address = empty(address)
    terms, currency = request_book._terms_and_currency(terms_id)
    assert block.timestamp <= posted_at + terms.window_s, "leaf: window is over"
    assert index < n_leaves, "leaf: no such leaf"
    bit: uint256 = 1 << (index % 256)
    slashed: uint256 = self._slashed[root_id][index // 256]
    assert slashed & bit == 0, "leaf: slashed already"

    # The group is one that was posted, in its place.
    stride: uint256 = ID_BYTES + output_bytes
    ordinal: uint256 = index // GROUP
    whole: bool = len(group) == min(GROUP, n_leaves - ordinal * GROUP) * stride
    assert whole, "leaf: group of another length"
    tree_root: bytes32 = merkle._root_of(self._group_hash(ordinal, keccak256(group)), proof)
    posted: bool = root_id == self._root_id(tree_root, operator, terms_id, output_bytes)
    assert posted, "leaf: not what was posted"
    at: uint256 = (index % GROUP) * stride
    request_id: uint256 = convert(slice(group, at, ID_BYTES), uint256)
    said: bytes32 = keccak256(b"")
    if convert(slice(group, at + ID_BYTES, 4), uint256) != INVALID_WORD:
        said = keccak256(slice(group, at + ID_BYTES, output_bytes))
    asked: uint256 = request_book._asked[request_id]
    # A leaf that names no request under its terms, or one yet to be made, says nothing to be judged.
    is_statement: bool = (
        asked != 0
        and request_book._terms_id(asked) == terms_id
        and request_book._made_at(asked) <= posted_at
    )
    assert is_statement, "leaf: it answers nothing"
    asked_for: bool = keccak256(features) == request_book._features_hash[request_id]
    assert asked_for, "leaf: other features"
    # A judge that runs out of gas reverts here, and so decides nothing.
    outputs: Bytes[1024] = request_book._evaluate(terms.program_hash, features)
    assert keccak256(outputs) != said, "leaf: the answer is right"

    self._slashed[root_id][index // 256] = slashed | bit
    self._roots[root_id] = root + (1 << 243)  # one more slashed: at most as many as leaves
    # An open request is still others' to answer. One that names its operator is not, and he has lied.
    state: uint256 = asked >> request_book.STATE_AT
    is_refunded: bool = (
        state & request_book.NAMED != 0
        and state & request_book.OPEN != 0
        and self._answers(request_id, asked, terms_id, operator, posted_at)
    )
    if is_refunded:
        request_book._end(request_id, asked, request_book.SLASHED)
        request_book._give_back(request_book._requester(asked), terms.price, currency)
    log IInferenceMarket.LeafChallenged(
        root_id=root_id,
        request_id=request_id,
        operator=operator,
        challenger=msg.sender,
        index=index,
        is_refunded=is_refunded,
        outputs=outputs,
    )
    request_book._slash(operator, terms.lock_wei)


@external
def settle_root(root_id: bytes32, leaves: Bytes[MAX_LEAVES_BYTES]):
    root: uint256 = self._root(root_id)
    assert root >> 254 == 0, "root: settled already"
    terms_id: uint256 = (root >> 160) & request_book.UINT32
    operator: address = convert(root & request_book.UINT160, address)
    posted_at: uint256 = (root >> 192) & UINT34
    n_leaves: uint256 = (root >> 226) & UINT11
    output_bytes: uint256 = 4 * ((root >> 237) & UINT6)
    n_slashed: uint256 = (root >> 243) & UINT11
    terms: IModelRegistry.Terms = request_book._terms(terms_id)
    assert block.timestamp > posted_at + terms.window_s, "root: window is open"
    stride: uint256 = ID_BYTES + output_bytes
    assert len(leaves) == n_leaves * stride, "root: other leaves"
    posted: bool = root_id == self._root_id(
        self._tree_root(leaves, GROUP * stride), operator, terms_id, output_bytes
    )
    assert posted, "root: not what was posted"

    self._roots[root_id] = root | (1 << 254)
    n_settled: uint256 = 0
    slashed: uint256 = 0
    for i: uint256 in range(n_leaves, bound=MAX_LEAVES):
        if n_slashed != 0:
            if i % 256 == 0:
                slashed = self._slashed[root_id][i // 256]
            if (slashed >> (i % 256)) & 1 != 0:
                continue
            # Below n_leaves * stride, which is a length.


        request_id: uint256 = convert(slice(leaves, unsafe_mul(i, stride), ID_BYTES), uint256)
        asked: uint256 = request_book._asked[request_id]
        state: uint256 = asked >> request_book.STATE_AT
        # An answer given after the root was posted makes room for it, and stays judged.
        displaces: bool = (
            state & request_book.ANSWERED != 0
            and request_book._answered[request_id] >> 160 > posted_at
        )
        if not displaces and state & request_book.OPEN == 0:
            continue
        if not self._answers(request_id, asked, terms_id, operator, posted_at):
            continue
        n_settled = unsafe_add(n_settled, 1)
        if displaces:
            flags: uint256 = state & request_book.NAMED
            request_book._set_state(
                request_id, asked, flags | request_book.SETTLED | request_book.DISPLACED
            )
            log IInferenceMarket.Displaced(
                request_id=request_id,
                operator=convert(
                    request_book._answered[request_id] & request_book.UINT160, address
                ),
            )
        else:
            request_book._end(request_id, asked, request_book.SETTLED)
        log IInferenceMarket.Settled(request_id=request_id, operator=operator)

    request_book._pay_answers(terms, n_settled, operator)
    # Slashed leaves are of the leaves, and were not settled.
    n_free: uint256 = n_leaves - n_slashed
    log IInferenceMarket.RootSettled(
        root_id=root_id, operator=operator, n_settled=n_settled, n_lapsed=n_free - n_settled
    )
    request_book._release(operator, n_free * terms.lock_wei)


# --- views ---


@view
@external
def get_root(root_id: bytes32) -> IInferenceMarket.Root:
    root: uint256 = self._roots[root_id]
    return IInferenceMarket.Root(
        operator=convert(root & request_book.UINT160, address),
        terms_id=(root >> 160) & request_book.UINT32,
        posted_at=(root >> 192) & UINT34,
        n_leaves=(root >> 226) & UINT11,
        output_bytes=4 * ((root >> 237) & UINT6),
        n_slashed=(root >> 243) & UINT11,
        is_settled=root >> 254 != 0,
    )


@view
@external
def is_leaf_slashed(root_id: bytes32, index: uint256) -> bool:
    return (self._slashed[root_id][index // 256] >> (index % 256)) & 1 != 0


# --- internal ---


@view
@internal
def _root(root_id: bytes32) -> uint256:
    root: uint256 = self._roots[root_id]
    assert root != 0, "root: unknown root"
    return root


@pure
@internal
def _root_id(
    tree_root: bytes32, operator: address, terms_id: uint256, output_bytes: uint256
) -> bytes32:
    return keccak256(abi_encode(tree_root, operator, terms_id, output_bytes))


@pure
@internal
def _group_hash(ordinal: uint256, group_hash: bytes32) -> bytes32:
    """
    @dev Hashed twice, so that no inner node passes for it; with its place, so that it has one.
    """
    return keccak256(keccak256(abi_encode(ordinal, group_hash)))


@pure
@internal
def _tree_root(leaves: Bytes[MAX_LEAVES_BYTES], group_bytes: uint256) -> bytes32:
    """
    @dev Nodes in the order of OpenZeppelin's tree: of n leaves, nodes 2k and 2k + 1 have node n + k as parent.
    """
    n: uint256 = (len(leaves) + group_bytes - 1) // group_bytes
    nodes: bytes32[2 * MAX_GROUPS] = empty(bytes32[2 * MAX_GROUPS])
    at: uint256 = 0
    for i: uint256 in range(n, bound=MAX_GROUPS):
        # The last group may be shorter.
        size: uint256 = min(group_bytes, unsafe_sub(len(leaves), at))
        nodes[i] = self._group_hash(i, keccak256(slice(leaves, at, size)))
        at = unsafe_add(at, group_bytes)
    last: uint256 = n - 1
    for k: uint256 in range(last, bound=MAX_GROUPS - 1):
        left: bytes32 = nodes[unsafe_mul(2, k)]
        right: bytes32 = nodes[unsafe_add(unsafe_mul(2, k), 1)]
        if convert(left, uint256) < convert(right, uint256):
            nodes[unsafe_add(n, k)] = keccak256(concat(left, right))
        else:
            nodes[unsafe_add(n, k)] = keccak256(concat(right, left))
    return nodes[2 * last]


@view
@internal
def _answers(
    request_id: uint256, asked: uint256, terms_id: uint256, operator: address, posted_at: uint256
) -> bool:
    """
    @dev Whether a leaf of the root was the request's to answer, if that is open or answered later.
    """
    if request_book._terms_id(asked) != terms_id or posted_at > request_book._deadline(asked):
        return False
    state: uint256 = asked >> request_book.STATE_AT
    if state & request_book.CALLED != 0:
        return False
    made_at: uint256 = request_book._made_at(asked)
    if state & request_book.NAMED != 0:
        named: uint256 = request_book._answered[request_id] & request_book.UINT160
        return made_at <= posted_at and named == convert(operator, uint256)
    return made_at + request_book.TURN_S < posted_at
