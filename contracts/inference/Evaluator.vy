# pragma version 0.4.3
# pragma nonreentrancy on
# pragma optimize gas
"""
@title Evaluator: the judge
@license Apache-2.0
@notice Runs a published program on packed features. Whoever asks gets the same integers, and the
        Python interpreter gets them too. No money, no state, no owner.
@dev Arithmetic is modulo 2**256, read as two's complement; shifts to the right round down.
     docs/numerics.md is normative, section by section.
     EVAL-1: for a published program every features string has exactly one outcome: the outputs, or
             `invalid` (empty bytes). Evaluation reverts only for want of gas.
     EVAL-2: an unpublished program reverts: there is nothing to judge yet.
     EVAL-3: the outcome depends on the program's bytes and the features, and on nothing else.
     Neither headers nor chunks are looked up: their addresses follow from their hashes.
@custom:kill Cannot be stopped; nothing to stop.
"""

from ..interfaces import IEvaluator

implements: IEvaluator


# 1,600 bytes of a header, from any offset. In the first block two words of meta stand first, so the
# feature groups of every block but the first are read from 64 bytes before them.
struct Block:
    meta: int256
    bias: int256
    groups: int256[12][4]


# Whatever is called, a header answers with a block; the names are for the reader of this code.
interface Header:
    def block(offset: uint256) -> Block: view
    def words(offset: uint256) -> int256[BLOCK_WORDS]: view


interface Store:
    def creation_hash_of(kernel: uint256) -> bytes32: view


interface DenseChunk:
    def sums(first: uint256, count: uint256, x: int256[8][4]) -> int256[MAX_ROWS]: view


interface NarrowTrees:
    def total(x: uint256, visits: uint256) -> int256: view
    def totals(x: uint256, visits: uint256) -> (int256, int256): view


interface WideTrees:
    def total(x: uint256[8][16], visits: uint256) -> int256: view
    def totals(x: uint256[8][16], visits: uint256) -> (int256, int256): view


# The evaluator calls itself to begin with fresh memory.
interface Itself:
    def run_dense(header: address, features: Bytes[4096]) -> Bytes[1024]: view
    def run_trees(header: address, features: Bytes[4096]) -> Bytes[1024]: view


PROGRAM_STORE: public(immutable(address))
# Hash of the code that creates a kernel's chunks, by the kernel's number.
CREATION_HASHES: immutable(bytes32[N_KERNELS + 1])

N_KERNELS: constant(uint256) = 7
KERNEL_ROWS: constant(uint256[4]) = [0, 4, 10, 22]  # of the dense kernels, by number
MAX_ROWS: constant(uint256) = 22
MAX_LAYERS: constant(uint256) = 16
MAX_TILES: constant(uint256) = 16  # of 32 inputs of one layer
MAX_LAYER_GROUPS: constant(uint256) = 48
MAX_CHUNKS: constant(uint256) = 48
MAX_CLASSES: constant(uint256) = 16  # of a trees program
MAX_SCORES: constant(uint256) = 248
SCORE_WORDS: constant(uint256) = 31  # of eight scores

WORD: constant(uint256) = 32
LANES: constant(uint256) = 8
READER_BYTES: constant(uint256) = 13  # of code before the header: see ProgramStore
META_BYTES: constant(uint256) = 64
BLOCK_WORDS: constant(uint256) = 50
BLOCK_GROUPS: constant(uint256) = 4
BLOCK_BYTES: constant(uint256) = 1536  # of feature groups: what the next block begins after
GROUP_BYTES: constant(uint256) = 384
MAX_BLOCKS: constant(uint256) = 16  # of a header
FEATURES_AT: constant(uint256) = 100  # in the calldata of `run_dense` and `run_trees`

KIND_LINEAR: constant(int256) = 1
KIND_DENSE: constant(int256) = 2
MODE_SCORES: constant(int256) = 0
MODE_LABEL: constant(int256) = 1

INT32_MAX: constant(int256) = 2**31 - 1
MASK8: constant(int256) = 2**8 - 1
MASK16: constant(int256) = 2**16 - 1
MASK24: constant(int256) = 2**24 - 1
MASK32: constant(int256) = 2**32 - 1
MASK33: constant(int256) = 2**33 - 1
MASK64: constant(int256) = 2**64 - 1
ADDRESS_MASK: constant(uint256) = 2**160 - 1

# Features are handled four at once, in lanes of 64 bits: 32 of value, and one to borrow from.
LANE: constant(int256) = 2**32  # the bit above a lane's value
FOUR_ONES: constant(int256) = 2**192 + 2**128 + 2**64 + 1
VALUES: constant(int256) = FOUR_ONES * (2**32 - 1)
BORROWS: constant(int256) = FOUR_ONES * 2**32
# 1 in each of eight lanes of 32 bits.
EIGHT_ONES: constant(int256) = (
    2**224 + 2**192 + 2**160 + 2**128 + 2**96 + 2**64 + 2**32 + 1
)
# The sign bit of each of eight int32: flipped, they compare as unsigned numbers do.
SIGNS: constant(int256) = (
    min_value(int256) + 2**223 + 2**191 + 2**159 + 2**127 + 2**95 + 2**63 + 2**31
)


@deploy
def __init__(program_store: address):
    """
    @param program_store Where programs are published; fixed for ever.
    """
    PROGRAM_STORE = program_store
    hashes: bytes32[N_KERNELS + 1] = empty(bytes32[N_KERNELS + 1])
    for kernel: uint256 in range(1, N_KERNELS + 1):
        hashes[kernel] = staticcall Store(program_store).creation_hash_of(kernel)
    CREATION_HASHES = hashes


# Anyone


@view
@external
@reentrant
def evaluate(program_hash: bytes32, features: Bytes[4096]) -> Bytes[1024]:
    """
    @notice Run a program. Total: malformed features have one right outcome, `invalid`.
    @param program_hash The hash of the program's header; must be published.
    @param features Packed big-endian int32, one for each feature; -2**31 means missing.
    @return outputs Packed big-endian int32, one for each output; empty bytes mean `invalid`.
    """
    header: Header = Header(self._header_of(program_hash))
    # Its code answers every call in the same way, so that it is there is all that need be known.
    assert header.address.is_contract, "evaluator: program unpublished"
    block_: Block = staticcall header.block(READER_BYTES, skip_contract_check=True)
    meta: int256 = block_.meta
    size: uint256 = len(features)
    if size != convert((meta >> 192) & MASK16, uint256) * 4:
        return b""
    kind: int256 = (meta >> 216) & MASK8
    if kind != KIND_LINEAR:
        if kind == KIND_DENSE:
            return staticcall Itself(self).run_dense(
                header.address, features, skip_contract_check=True
            )
        return staticcall Itself(self).run_trees(header.address, features, skip_contract_check=True)
    # A linear program.
    accumulator: int256 = block_.bias
    at: uint256 = 0
    for index: uint256 in range(MAX_BLOCKS):
        if index != 0:
            block_ = staticcall header.block(
                unsafe_add(READER_BYTES, unsafe_mul(index, BLOCK_BYTES)), skip_contract_check=True
            )
        for group: int256[12] in block_.groups:
            if at >= size:
                break
            # Eight features; what lies beyond the last one reads as zero.
            even: int256 = 0
            end: uint256 = unsafe_add(at, WORD)
            if end <= size:
                even = extract32(features, at, output_type=int256)
            elif size >= WORD:
                even = extract32(
                    features, unsafe_sub(size, WORD), output_type=int256
                ) << unsafe_mul(8, unsafe_sub(end, size))
            else:
                even = extract32(concat(features, empty(bytes32)), 0, output_type=int256)
            at = end
            odd: int256 = 0
            even, odd = self._centred(even, group[0], group[1], group[2], group[3])
            if even == 0:
                return b""
            accumulator = unsafe_add(
                accumulator,
                unsafe_add(
                    unsafe_add(
                        unsafe_add(
                            unsafe_mul(group[4], unsafe_sub(even >> 192, LANE)),
                            unsafe_mul(group[5], unsafe_sub(odd >> 192, LANE)),
                        ),
                        unsafe_add(
                            unsafe_mul(group[6], unsafe_sub((even >> 128) & MASK33, LANE)),
                            unsafe_mul(group[7], unsafe_sub((odd >> 128) & MASK33, LANE)),
                        ),
                    ),
                    unsafe_add(
                        unsafe_add(
                            unsafe_mul(group[8], unsafe_sub((even >> 64) & MASK33, LANE)),
                            unsafe_mul(group[9], unsafe_sub((odd >> 64) & MASK33, LANE)),
                        ),
                        unsafe_add(
                            unsafe_mul(group[10], unsafe_sub(even & MASK33, LANE)),
                            unsafe_mul(group[11], unsafe_sub(odd & MASK33, LANE)),
                        ),
                    ),
                ),
            )
        if at >= size:
            break
    score: int256 = self._int32(accumulator >> convert((meta >> 128) & MASK8, uint256))
    mode: int256 = (meta >> 208) & MASK8
    if mode == MODE_SCORES:
        return slice(convert(score, bytes32), 28, 4)
    label: int256 = 1 if score > 0 else 0
    if mode == MODE_LABEL:
        return slice(convert(label, bytes32), 28, 4)
    return slice(convert((label << 32) | (score & MASK32), bytes32), 24, 8)


# Itself


@view
@external
@reentrant
def run_dense(header: address, features: Bytes[4096]) -> Bytes[1024]:
    """
    @notice What `evaluate` does for a dense program, of whose features the length was checked.
    """
    assert msg.sender == self, "evaluator: call evaluate, not this"
    source: Header = Header(header)
    block_: Block = staticcall source.block(READER_BYTES, skip_contract_check=True)
    meta: int256 = block_.meta
    rounding: int256 = block_.bias
    scale: uint256 = convert((meta >> 128) & MASK8, uint256)
    n_inputs: uint256 = convert((meta >> 192) & MASK16, uint256)
    n_layers: uint256 = convert((meta >> 120) & MASK8, uint256)
    offset: uint256 = self._after_features(n_inputs)
    ids: int256[BLOCK_WORDS] = staticcall source.words(self._ids_at(meta), skip_contract_check=True)
    # Rows are used in the order in which they lie in the chunks, each once.
    chunk_index: uint256 = 0
    chunk: DenseChunk = empty(DenseChunk)
    row: uint256 = 0
    n_rows: uint256 = 0  # of this chunk

    sums: int256[BLOCK_WORDS] = empty(int256[BLOCK_WORDS])  # [0]: the layer's word
    packed: int256[BLOCK_WORDS] = empty(int256[BLOCK_WORDS])  # outputs of the layer before
    for layer: uint256 in range(n_layers, bound=MAX_LAYERS):
        sums = staticcall source.words(offset, skip_contract_check=True)
        n_units: uint256 = convert((sums[0] >> 224) & MASK16, uint256)
        n_groups: uint256 = unsafe_add(n_units, 7) // LANES

        # Each tile of 32 inputs, through all groups of units.
        for tile: uint256 in range(MAX_TILES):
            first: uint256 = unsafe_mul(tile, 4)  # word of eight inputs
            if unsafe_mul(first, LANES) >= n_inputs:
                break
            count: uint256 = min(4, unsafe_sub(unsafe_add(n_inputs, 7) // LANES, first))
            x: int256[8][4] = empty(int256[8][4])
            if layer == 0:
                if tile != 0:
                    block_ = staticcall source.block(
                        unsafe_add(READER_BYTES, unsafe_mul(tile, BLOCK_BYTES)),
                        skip_contract_check=True,
                    )
                for index: uint256 in range(count, bound=BLOCK_GROUPS):
                    valid: bool = False
                    valid, x[index] = self._inputs(
                        block_.groups[index],
                        self._word_at(unsafe_add(first, index)),
                        rounding,
                        scale,
                    )
                    if not valid:
                        return b""
            else:
                for index: uint256 in range(count, bound=BLOCK_GROUPS):
                    word: int256 = packed[unsafe_add(first, index)]
                    x[index] = [
                        word & MASK32,
                        (word >> 32) & MASK32,
                        (word >> 64) & MASK32,
                        (word >> 96) & MASK32,
                        (word >> 128) & MASK32,
                        (word >> 160) & MASK32,
                        (word >> 192) & MASK32,
                        word >> 224,  # not negative: an activation has at most 31 bits
                    ]
            done: uint256 = 0
            for _: uint256 in range(MAX_LAYER_GROUPS):
                if done == n_groups:
                    break
                if row == n_rows:
                    chunk = DenseChunk(self._chunk_of(ids[chunk_index]))
                    n_rows = KERNEL_ROWS[convert(ids[chunk_index] >> 248, uint256)]
                    chunk_index = unsafe_add(chunk_index, 1)
                    row = 0
                fitting: uint256 = min(unsafe_sub(n_groups, done), unsafe_sub(n_rows, row))
                results: int256[MAX_ROWS] = staticcall chunk.sums(
                    row, fitting, x, skip_contract_check=True
                )
                for i: uint256 in range(fitting, bound=MAX_ROWS):
                    done = unsafe_add(done, 1)
                    sums[done] = unsafe_add(sums[done], results[i])
                row = unsafe_add(row, fitting)
        n_inputs = n_units
        offset = unsafe_add(offset, unsafe_mul(WORD, unsafe_add(n_groups, 1)))
        if layer != unsafe_sub(n_layers, 1):
            # Rectify, shift and saturate the eight lanes of a word at once.
            places: uint256 = convert((sums[0] >> 216) & MASK8, uint256)
            most: int256 = unsafe_sub(1 << convert((sums[0] >> 208) & MASK8, uint256), 1)
            shifted: int256 = unsafe_mul(EIGHT_ONES, INT32_MAX >> places)
            room: int256 = unsafe_mul(EIGHT_ONES, unsafe_sub(INT32_MAX, most))
            limits: int256 = unsafe_mul(EIGHT_ONES, most)
            for g: uint256 in range(n_groups, bound=MAX_LAYER_GROUPS):
                word: int256 = sums[unsafe_add(g, 1)]
                # A lane's top bit is set if its sum is not negative: the bias carries 2**31.
                word = word & unsafe_mul((word >> 31) & EIGHT_ONES, INT32_MAX)
                word = (word >> places) & shifted
                over: int256 = (unsafe_add(word, room) >> 31) & EIGHT_ONES
                packed[g] = (word | unsafe_mul(over, most)) & limits

        # The last layer's sums are the scores.
    scores: int256[SCORE_WORDS] = empty(int256[SCORE_WORDS])
    places: uint256 = convert((sums[0] >> 216) & MASK8, uint256)
    for i: uint256 in range(n_inputs, bound=MAX_SCORES):
        lane: int256 = sums[unsafe_add(i // LANES, 1)] >> unsafe_mul(32, i % LANES)
        scores[i // LANES] |= self._packed(unsafe_sub(lane & MASK32, 2**31) >> places, i)
    return self._outputs(scores, n_inputs, meta)


@view
@external
@reentrant
def run_trees(header: address, features: Bytes[4096]) -> Bytes[1024]:
    """
    @notice What `evaluate` does for a trees program, of whose features the length was checked.
    """
    assert msg.sender == self, "evaluator: call evaluate, not that"
    source: Header = Header(header)
    block_: Block = staticcall source.block(READER_BYTES, skip_contract_check=True)
    meta: int256 = block_.meta
    rounding: int256 = block_.bias
    scale: uint256 = convert((meta >> 128) & MASK8, uint256)
    n_inputs: uint256 = convert((meta >> 192) & MASK16, uint256)
    n_chunks: uint256 = convert((meta >> 144) & MASK16, uint256)

    x: uint256[8][16] = empty(uint256[8][16])
    narrow: uint256 = 0
    for index: uint256 in range(unsafe_add(n_inputs, 7) // LANES, bound=16):
        if index != 0 and index % BLOCK_GROUPS == 0:
            block_ = staticcall source.block(
                unsafe_add(READER_BYTES, unsafe_mul(index, GROUP_BYTES)), skip_contract_check=True
            )
        valid: bool = False
        inputs: int256[8] = empty(int256[8])
        valid, inputs = self._inputs(
            block_.groups[index % BLOCK_GROUPS], self._word_at(index), rounding, scale
        )
        if not valid:
            return b""
        # A key: the byte that a node names the input by, and twice its value, in 24 bits.
        if n_inputs <= LANES:
            for lane: uint256 in range(8):
                narrow = (narrow << 32) | self._key(unsafe_mul(32, lane), inputs[lane])
        else:
            for lane: uint256 in range(8):
                place: uint256 = unsafe_add(unsafe_mul(LANES, index), lane)
                x[index][lane] = self._key(place, inputs[lane]) << 224

        # The word, a bias for each class, and a byte for each chunk.
    layer: int256[BLOCK_WORDS] = staticcall source.words(
        self._after_features(n_inputs), skip_contract_check=True
    )
    ids: int256[BLOCK_WORDS] = staticcall source.words(self._ids_at(meta), skip_contract_check=True)
    n_scores: uint256 = convert((layer[0] >> 224) & MASK16, uint256)
    visits: uint256 = convert((layer[0] >> 128) & MASK16, uint256)
    totals: int256[MAX_CLASSES] = empty(int256[MAX_CLASSES])
    low_sums: int256 = 0
    high_sums: int256 = 0
    vectors: bool = (layer[0] >> 208) & MASK8 != 0
    for i: uint256 in range(n_chunks, bound=MAX_CHUNKS):
        chunk: address = self._chunk_of(ids[i])
        if vectors:
            low: int256 = 0
            high: int256 = 0
            if n_inputs <= LANES:
                low, high = staticcall NarrowTrees(chunk).totals(
                    narrow, visits, skip_contract_check=True
                )
            else:
                low, high = staticcall WideTrees(chunk).totals(x, visits, skip_contract_check=True)
            low_sums = unsafe_add(low_sums, low)
            high_sums = unsafe_add(high_sums, high)
        else:
            total: int256 = 0
            if n_inputs <= LANES:
                total = staticcall NarrowTrees(chunk).total(
                    narrow, visits, skip_contract_check=True
                )
            else:
                total = staticcall WideTrees(chunk).total(x, visits, skip_contract_check=True)
            classes: int256 = layer[unsafe_add(unsafe_add(n_scores, 1), i // WORD)]
            place: uint256 = convert(
                (classes >> unsafe_sub(248, unsafe_mul(8, i % WORD))) & MASK8, uint256
            )
            totals[place] = unsafe_add(totals[place], total)
    scores: int256[SCORE_WORDS] = empty(int256[SCORE_WORDS])
    places: uint256 = convert((layer[0] >> 216) & MASK8, uint256)
    multiplier: int256 = (layer[0] >> 144) & MASK64
    for i: uint256 in range(n_scores, bound=MAX_CLASSES):
        total: int256 = totals[i]
        if vectors:
            total = ((low_sums if i < LANES else high_sums) >> unsafe_mul(32, i % LANES)) & MASK32
        scores[i // LANES] |= self._packed(
            unsafe_add(unsafe_mul(multiplier, total), layer[unsafe_add(i, 1)]) >> places, i
        )
    return self._outputs(scores, n_scores, meta)


# Internal


@pure
@internal
def _centred(
    lanes: int256, low: int256, high: int256, imputed: int256, centre: int256
) -> (int256, int256):
    """
    @dev Eight features, imputed and clamped, less their centres, plus 2**32: the even ones, from 0,
         and the odd ones, in four lanes each. Zeros if one is missing and has no stand-in.
    """
    x: int256 = lanes ^ SIGNS
    even: int256 = ((x >> 32) & VALUES) | BORROWS
    odd: int256 = (x & VALUES) | BORROWS
    # A lane keeps its borrow bit if nothing was taken from it: low <= x, x <= high.
    if (
        unsafe_sub(even, (low >> 32) & VALUES)
        & unsafe_sub(odd, low & VALUES)
        & unsafe_sub(((high >> 32) & VALUES) | BORROWS, even ^ BORROWS)
        & unsafe_sub((high & VALUES) | BORROWS, odd ^ BORROWS)
        & BORROWS
    ) != BORROWS:
        valid: bool = False
        valid, x = self._bring_in(x, low, high, imputed)
        if not valid:
            return 0, 0
        even = ((x >> 32) & VALUES) | BORROWS
        odd = (x & VALUES) | BORROWS
    # Positive in each lane, so that no lane borrows from the next.
    return unsafe_sub(even, (centre >> 32) & VALUES), unsafe_sub(odd, centre & VALUES)


@pure
@internal
def _bring_in(lanes: int256, low: int256, high: int256, imputed: int256) -> (bool, int256):
    """
    @dev Impute and clamp eight lanes, one by one. False if a value is missing and has no stand-in.
    """
    result: int256 = 0
    for lane: uint256 in range(LANES):
        place: uint256 = unsafe_mul(32, lane)
        x: int256 = (lanes >> place) & MASK32
        least: int256 = (low >> place) & MASK32
        if x < least:
            if x == 0:
                x = (imputed >> place) & MASK32
                if x == 0:
                    return False, 0
            else:
                x = least
        elif x > (high >> place) & MASK32:
            x = (high >> place) & MASK32
        result |= x << place
    return True, result


@pure
@internal
def _inputs(
    group: int256[12], lanes: int256, rounding: int256, scale: uint256
) -> (bool, int256[8]):
    """
    @dev Eight features scaled. False if one is missing and has no stand-in.
    """
    even: int256 = 0
    odd: int256 = 0
    even, odd = self._centred(lanes, group[0], group[1], group[2], group[3])
    if even == 0:
        return False, empty(int256[8])
    return True, [
        unsafe_add(rounding, unsafe_mul(group[4], unsafe_sub(even >> 192, LANE))) >> scale,
        unsafe_add(rounding, unsafe_mul(group[5], unsafe_sub(odd >> 192, LANE))) >> scale,
        unsafe_add(rounding, unsafe_mul(group[6], unsafe_sub((even >> 128) & MASK33, LANE)))
        >> scale,
        unsafe_add(rounding, unsafe_mul(group[7], unsafe_sub((odd >> 128) & MASK33, LANE)))
        >> scale,
        unsafe_add(rounding, unsafe_mul(group[8], unsafe_sub((even >> 64) & MASK33, LANE)))
        >> scale,
        unsafe_add(rounding, unsafe_mul(group[9], unsafe_sub((odd >> 64) & MASK33, LANE))) >> scale,
        unsafe_add(rounding, unsafe_mul(group[10], unsafe_sub(even & MASK33, LANE))) >> scale,
        unsafe_add(rounding, unsafe_mul(group[11], unsafe_sub(odd & MASK33, LANE))) >> scale,
    ]


@pure
@internal
def _key(name: uint256, input: int256) -> uint256:
    return (name << 24) | convert(unsafe_add(input, input) & MASK24, uint256)


@view
@internal
def _word_at(index: uint256) -> int256:
    # Eight features out of this contract's call to itself, which zeros pad to whole words.
    return convert(slice(msg.data, unsafe_add(FEATURES_AT, unsafe_mul(WORD, index)), 32), int256)


@pure
@internal
def _after_features(n_features: uint256) -> uint256:
    # Where the words behind the feature groups are, in the header's code.
    return unsafe_add(
        READER_BYTES + META_BYTES, unsafe_mul(GROUP_BYTES, unsafe_add(n_features, 7) // LANES)
    )


@pure
@internal
def _ids_at(meta: int256) -> uint256:
    # Where the chunks' ids are, in the header's code: they are its last words.
    first: int256 = unsafe_sub((meta >> 160) & MASK16, (meta >> 144) & MASK16)
    return unsafe_add(READER_BYTES, unsafe_mul(WORD, convert(first, uint256)))


@view
@internal
def _header_of(program_hash: bytes32) -> address:
    # The store makes headers by CREATE2 with salt zero, and the program hash is the creation code's.
    return self._created(empty(bytes32), program_hash)


@view
@internal
def _chunk_of(chunk_id: int256) -> address:
    # The store makes chunks by CREATE2 with their ids as salts; the top byte is the kernel's number.
    kernel: uint256 = convert(chunk_id >> 248, uint256)
    return self._created(convert(chunk_id, bytes32), CREATION_HASHES[kernel])


@view
@internal
def _created(salt: bytes32, creation_hash: bytes32) -> address:
    # EIP-1014.
    preimage: bytes32 = keccak256(
        concat(0xff, convert(PROGRAM_STORE, bytes20), salt, creation_hash)
    )
    return convert(convert(preimage, uint256) & ADDRESS_MASK, address)


@pure
@internal
def _int32(score: int256) -> int256:
    return max(min(score, INT32_MAX), -INT32_MAX)


@pure
@internal
def _packed(score: int256, index: uint256) -> int256:
    # As int32, in its lane of a word: the first one is the highest.
    return (self._int32(score) & MASK32) << unsafe_mul(32, unsafe_sub(7, index % LANES))


@pure
@internal
def _outputs(scores: int256[SCORE_WORDS], n_scores: uint256, meta: int256) -> Bytes[1024]:
    """
    @dev The packed outputs: the scores, the label, or the label and then the scores.
    """
    mode: int256 = (meta >> 208) & MASK8
    if mode == MODE_SCORES:
        return slice(abi_encode(scores), 0, unsafe_mul(n_scores, 4))
    label: uint256 = 0
    best: int256 = scores[0] >> 224
    for i: uint256 in range(1, n_scores, bound=MAX_SCORES):
        score: int256 = (scores[i // LANES] << unsafe_mul(32, i % LANES)) >> 224
        if score > best:
            best = score
            label = i
    if n_scores == 1:
        label = 1 if best > 0 else 0
    head: Bytes[4] = slice(convert(label, bytes32), 28, 4)
    if mode == MODE_LABEL:
        return head
    return slice(concat(head, abi_encode(scores)), 0, unsafe_add(unsafe_mul(n_scores, 4), 4))
