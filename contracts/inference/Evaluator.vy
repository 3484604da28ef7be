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
     Four feature lanes of 64 bits are handled at once: 32 bits of value, one bit to borrow from.
     Variables are few and late on purpose: memory that stays untouched costs nothing.
@custom:kill Cannot be stopped; nothing to stop.
"""

from ..interfaces import IEvaluator
from ..interfaces import IProgramStore

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
    def sums(first: uint256, count: uint256, x: int256[TILE_INPUTS]) -> int256[MAX_ROWS]: view


# The evaluator calls itself to begin with fresh memory.
interface Itself:
    def run_dense(header: address, features: Bytes[4096]) -> Bytes[1024]: view


PROGRAM_STORE: public(immutable(address))
# Hash of the code that creates a kernel's chunks, by the kernel's number.
CREATION_HASHES: immutable(bytes32[N_KERNELS + 1])

READER_BYTES: constant(uint256) = 13  # of code before the header: see ProgramStore
BLOCK_GROUPS: constant(uint256) = 4
BLOCK_BYTES: constant(uint256) = 1536  # of feature groups: what the next block begins after
LANES: constant(uint256) = 8
MAX_GROUPS: constant(uint256) = 128  # of 8 features in 32 bytes: 4,096 bytes of features

BLOCK_WORDS: constant(uint256) = 50
WORD: constant(uint256) = 32
META_BYTES: constant(uint256) = 64
GROUP_BYTES: constant(uint256) = 384
FEATURES_AT: constant(uint256) = 100  # in the calldata of `run_dense`

N_KERNELS: constant(uint256) = 3
KERNEL_ROWS: constant(uint256[4]) = [0, 4, 10, 22]  # by the kernel's number
MAX_ROWS: constant(uint256) = 22
TILE_INPUTS: constant(uint256) = 32
MAX_TILES: constant(uint256) = 64  # of inputs of one layer
MAX_LAYERS: constant(uint256) = 16
MAX_GROUPS_OF_LAYER: constant(uint256) = 48

KIND_LINEAR: constant(int256) = 1
MODE_SCORES: constant(int256) = 0
MODE_LABEL: constant(int256) = 1

INT32_MAX: constant(int256) = 2**31 - 1
MASK8: constant(int256) = 2**8 - 1
MASK16: constant(int256) = 2**16 - 1
MASK32: constant(int256) = 2**32 - 1
MASK33: constant(int256) = 2**33 - 1
LANE: constant(int256) = 2**32  # the bit above a lane's value
ONES: constant(int256) = 2**192 + 2**128 + 2**64 + 1  # 1 in each of four lanes of 64 bits
VALUES: constant(int256) = ONES * (2**32 - 1)
BORROWS: constant(int256) = ONES * 2**32
# The sign bit of each of eight int32: flipped, they compare as unsigned numbers do.
SIGNS: constant(int256) = (
    min_value(int256) + 2**223 + 2**191 + 2**159 + 2**127 + 2**95 + 2**63 + 2**31
)
ADDRESS_MASK: constant(uint256) = 2**160 - 1


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
    if (meta >> 216) & MASK8 != KIND_LINEAR:
        return staticcall Itself(self).run_dense(
            header.address, features, skip_contract_check=True
        )

    accumulator: int256 = block_.bias
    offset: uint256 = READER_BYTES
    at: uint256 = 0
    index: uint256 = 0
    for _: uint256 in range(MAX_GROUPS):
        if at >= size:
            break
        if index == BLOCK_GROUPS:
            index = 0
            offset = unsafe_add(offset, BLOCK_BYTES)
            block_ = staticcall header.block(offset, skip_contract_check=True)
        group: int256[12] = block_.groups[index]
        index = unsafe_add(index, 1)

        # Eight features; what lies beyond the last one reads as zero.
        lanes: int256 = 0
        end: uint256 = unsafe_add(at, 32)
        if end <= size:
            lanes = extract32(features, at, output_type=int256)
        elif size >= 32:
            lanes = extract32(features, unsafe_sub(size, 32), output_type=int256) << unsafe_mul(
                8, unsafe_sub(end, size)
            )
        else:
            lanes = extract32(concat(features, empty(bytes32)), 0, output_type=int256)
        at = end
        even: int256 = 0
        odd: int256 = 0
        valid: bool = False
        valid, even, odd = self._centred(lanes, group[0], group[1], group[2], group[3])
        if not valid:
            return b""
        accumulator = unsafe_add(
            accumulator,
            unsafe_add(
                unsafe_add(
                    unsafe_add(
                        unsafe_mul(group[4], unsafe_sub((even >> 192) & MASK33, LANE)),
                        unsafe_mul(group[5], unsafe_sub((odd >> 192) & MASK33, LANE)),
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

    score: int256 = max(
        min(accumulator >> convert((meta >> 128) & MASK8, uint256), INT32_MAX), -INT32_MAX
    )
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
    assert msg.sender == self, "evaluator: call evaluate"
    source: Header = Header(header)
    block_: Block = staticcall source.block(READER_BYTES, skip_contract_check=True)
    meta: int256 = block_.meta
    rounding: int256 = block_.bias
    scale: uint256 = convert((meta >> 128) & MASK8, uint256)
    n_inputs: uint256 = convert((meta >> 192) & MASK16, uint256)
    n_chunks: uint256 = convert((meta >> 144) & MASK16, uint256)
    n_layers: uint256 = convert((meta >> 120) & MASK8, uint256)
    n_words: uint256 = convert((meta >> 160) & MASK16, uint256)
    # Where the layer's word is: behind the feature groups.
    offset: uint256 = unsafe_add(
        READER_BYTES + META_BYTES, unsafe_mul(GROUP_BYTES, unsafe_add(n_inputs, 7) // LANES)
    )
    ids: int256[BLOCK_WORDS] = staticcall source.words(
        unsafe_add(READER_BYTES, unsafe_mul(WORD, unsafe_sub(n_words, n_chunks))),
        skip_contract_check=True,
    )
    # Rows are used in the order in which they lie in the chunks, each once.
    chunk_index: uint256 = 0
    chunk: address = empty(address)
    row: uint256 = 0
    n_rows: uint256 = 0  # of this chunk

    sums: int256[BLOCK_WORDS] = empty(int256[BLOCK_WORDS])  # [0]: the layer's word
    packed: int256[BLOCK_WORDS] = empty(int256[BLOCK_WORDS])  # outputs of the layer before
    lane_bits: uint256 = 0
    n_lanes: uint256 = 0
    for layer: uint256 in range(n_layers, bound=MAX_LAYERS):
        sums = staticcall source.words(offset, skip_contract_check=True)
        next_bits: uint256 = convert((sums[0] >> 216) & MASK8, uint256)
        next_lanes: uint256 = 256 // next_bits
        n_units: uint256 = convert((sums[0] >> 224) & MASK16, uint256)
        n_groups: uint256 = unsafe_sub(unsafe_add(n_units, next_lanes), 1) // next_lanes

        # Each tile of 32 inputs, through all groups of units.
        source_word: int256 = 0
        source_index: uint256 = 0
        source_left: uint256 = 0
        for tile: uint256 in range(MAX_TILES):
            first: uint256 = unsafe_mul(tile, TILE_INPUTS)
            if first >= n_inputs:
                break
            x: int256[TILE_INPUTS] = empty(int256[TILE_INPUTS])
            if layer == 0:
                if tile != 0:
                    block_ = staticcall source.block(
                        unsafe_add(READER_BYTES, unsafe_mul(tile, BLOCK_BYTES)),
                        skip_contract_check=True,
                    )
                for index: uint256 in range(BLOCK_GROUPS):
                    at: uint256 = unsafe_add(unsafe_mul(first, 4), unsafe_mul(index, 32))
                    if at >= unsafe_mul(n_inputs, 4):
                        break
                    group: int256[12] = block_.groups[index]
                    valid: bool = False
                    even: int256 = 0
                    odd: int256 = 0
                    # Its own calldata is padded with zeros to whole words.
                    valid, even, odd = self._centred(
                        convert(slice(msg.data, unsafe_add(FEATURES_AT, at), 32), int256),
                        group[0],
                        group[1],
                        group[2],
                        group[3],
                    )
                    if not valid:
                        return b""
                    place: uint256 = unsafe_mul(index, LANES)
                    for lane: uint256 in range(4):
                        x[place] = (
                            unsafe_add(
                                rounding,
                                unsafe_mul(
                                    group[unsafe_add(4, unsafe_mul(2, lane))],
                                    unsafe_sub((even >> 192) & MASK33, LANE),
                                ),
                            )
                            >> scale
                        )
                        x[unsafe_add(place, 1)] = (
                            unsafe_add(
                                rounding,
                                unsafe_mul(
                                    group[unsafe_add(5, unsafe_mul(2, lane))],
                                    unsafe_sub((odd >> 192) & MASK33, LANE),
                                ),
                            )
                            >> scale
                        )
                        even = even << 64
                        odd = odd << 64
                        place = unsafe_add(place, 2)
            else:
                for j: uint256 in range(
                    min(TILE_INPUTS, unsafe_sub(n_inputs, first)), bound=TILE_INPUTS
                ):
                    if source_left == 0:
                        source_word = packed[source_index]
                        source_index = unsafe_add(source_index, 1)
                        source_left = n_lanes
                    x[j] = source_word & unsafe_sub(1 << lane_bits, 1)
                    source_word = source_word >> lane_bits
                    source_left = unsafe_sub(source_left, 1)

            done: uint256 = 0
            for _: uint256 in range(MAX_GROUPS_OF_LAYER):
                if done == n_groups:
                    break
                if row == n_rows:
                    chunk = self._chunk_of(ids[chunk_index])
                    n_rows = KERNEL_ROWS[convert(ids[chunk_index] >> 248, uint256)]
                    chunk_index = unsafe_add(chunk_index, 1)
                    row = 0
                count: uint256 = min(unsafe_sub(n_groups, done), unsafe_sub(n_rows, row))
                results: int256[MAX_ROWS] = staticcall DenseChunk(chunk).sums(
                    row, count, x, skip_contract_check=True
                )
                for i: uint256 in range(count, bound=MAX_ROWS):
                    done = unsafe_add(done, 1)
                    sums[done] = unsafe_add(sums[done], results[i])
                row = unsafe_add(row, count)

        n_inputs = n_units
        lane_bits = next_bits
        n_lanes = next_lanes
        offset = unsafe_add(offset, unsafe_mul(WORD, unsafe_add(n_groups, 1)))
        if layer != unsafe_sub(n_layers, 1):
            # Rectify, shift and saturate all lanes of a word at once.
            shift_: uint256 = convert((sums[0] >> 208) & MASK8, uint256)
            bits: uint256 = convert((sums[0] >> 200) & MASK8, uint256)
            sign: uint256 = unsafe_sub(lane_bits, 1)
            ones: int256 = self._ones(lane_bits)
            least: int256 = unsafe_sub(1 << sign, 1)
            most: int256 = unsafe_sub(1 << bits, 1)
            for g: uint256 in range(n_groups, bound=MAX_GROUPS_OF_LAYER):
                word: int256 = sums[unsafe_add(g, 1)]
                # A lane's top bit is set if its sum is not negative: the bias carries 2**sign.
                word = word & unsafe_mul((word >> sign) & ones, least)
                word = (word >> shift_) & unsafe_mul(ones, least >> shift_)
                over: int256 = (
                    unsafe_add(word, unsafe_mul(ones, unsafe_sub(1 << sign, 1 << bits))) >> sign
                ) & ones
                packed[g] = (word | unsafe_mul(over, most)) & unsafe_mul(ones, most)

    # The last layer's sums are the scores.
    return self._outputs(sums, n_inputs, lane_bits, meta)


# Internal


@pure
@internal
def _centred(
    lanes: int256, low: int256, high: int256, imputed: int256, centre: int256
) -> (bool, int256, int256):
    """
    @dev Eight features, imputed and clamped, less their centres, plus 2**32: the even ones, from 0,
         and the odd ones, in four lanes each. False if one is missing and has no stand-in.
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
            return False, 0, 0
        even = ((x >> 32) & VALUES) | BORROWS
        odd = (x & VALUES) | BORROWS
    # Positive in each lane, so that no lane borrows from the next.
    return True, unsafe_sub(even, (centre >> 32) & VALUES), unsafe_sub(odd, centre & VALUES)


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


@view
@internal
def _header_of(program_hash: bytes32) -> address:
    # The store makes headers by CREATE2 with salt zero, and the program hash is the creation code's.
    preimage: bytes32 = keccak256(
        concat(0xff, convert(PROGRAM_STORE, bytes20), empty(bytes32), program_hash)
    )
    return convert(convert(preimage, uint256) & ADDRESS_MASK, address)


@view
@internal
def _chunk_of(chunk_id: int256) -> address:
    # The store makes chunks by CREATE2 with their ids as salts; the top byte is the kernel's number.
    preimage: bytes32 = keccak256(
        concat(
            0xff,
            convert(PROGRAM_STORE, bytes20),
            convert(chunk_id, bytes32),
            CREATION_HASHES[convert(chunk_id >> 248, uint256)],
        )
    )
    return convert(convert(preimage, uint256) & ADDRESS_MASK, address)


@pure
@internal
def _ones(lane_bits: uint256) -> int256:
    # 1 in each of the 256 // lane_bits lanes.
    lanes: uint256 = 256 // lane_bits
    # With no bit left over 1 << 256 is 0, and one less than that is all ones.
    one: uint256 = 1
    all_ones: uint256 = unsafe_sub(one << unsafe_mul(lanes, lane_bits), 1)
    return convert(all_ones // unsafe_sub(one << lane_bits, 1), int256)


@pure
@internal
def _outputs(
    sums: int256[BLOCK_WORDS], n_scores: uint256, lane_bits: uint256, meta: int256
) -> Bytes[1024]:
    """
    @dev Scores out of the lanes of sums[1:], and the label if the mode has one.
    """
    layer: int256 = sums[0]
    places: uint256 = convert((layer >> 208) & MASK8, uint256)
    mask: int256 = unsafe_sub(1 << lane_bits, 1)
    half: int256 = 1 << unsafe_sub(lane_bits, 1)
    mode: int256 = (meta >> 208) & MASK8
    words: int256[32] = empty(int256[32])
    at: uint256 = 0 if mode == MODE_SCORES else 1
    best: int256 = 0
    label: uint256 = 0
    word: int256 = 0
    index: uint256 = 0
    left: uint256 = 0
    for i: uint256 in range(n_scores, bound=256):
        if left == 0:
            index = unsafe_add(index, 1)
            word = sums[index]
            left = 256 // lane_bits
        score: int256 = max(
            min(unsafe_sub(word & mask, half) >> places, INT32_MAX), -INT32_MAX
        )
        word = word >> lane_bits
        left = unsafe_sub(left, 1)
        if i == 0 or score > best:
            best = score
            label = i
        if mode != MODE_LABEL:
            words[at // LANES] |= (score & MASK32) << unsafe_mul(32, unsafe_sub(7, at % LANES))
            at = unsafe_add(at, 1)
    if mode != MODE_SCORES:
        if n_scores == 1:
            label = 1 if best > 0 else 0
        words[0] |= convert(label, int256) << 224
    return slice(abi_encode(words), 0, unsafe_mul(at, 4))
