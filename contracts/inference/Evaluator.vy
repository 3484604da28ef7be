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
from ..modules import feature_stage
from ..modules import program_addresses
from ..modules import reexecution

implements: IEvaluator
initializes: program_addresses
initializes: reexecution[program_addresses := program_addresses]

exports: (
    program_addresses.PROGRAM_STORE,
    reexecution.verifyInference,
    reexecution.proofSystemOf,
    reexecution.registry,
    reexecution.supportsInterface,
)


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


interface DenseChunk:
    def sums(first: uint256, count: uint256, x: int256[8][4]) -> int256[MAX_ROWS]: view


interface NarrowTrees:
    def total(x: uint256, deeper: uint256) -> int256: view
    def totals(x: uint256, deeper: uint256) -> (int256, int256): view


interface WideTrees:
    def total(x: uint256[WIDE], deeper: uint256) -> int256: view
    def totals(x: uint256[WIDE], deeper: uint256) -> (int256, int256): view


KERNEL_ROWS: constant(uint256[4]) = [0, 4, 10, 22]  # of the dense kernels, by number
MAX_ROWS: constant(uint256) = 22
MAX_LAYERS: constant(uint256) = 16
MAX_TILES: constant(uint256) = 16  # of 32 inputs of one layer
MAX_LAYER_GROUPS: constant(uint256) = 48
MAX_CHUNKS: constant(uint256) = 48
MAX_CLASSES: constant(uint256) = 16  # of a trees program
MAX_SCORES: constant(uint256) = 248
OUTPUT_WORDS: constant(uint256) = 32  # of eight outputs

WORD: constant(uint256) = 32
LANES: constant(uint256) = 8
READER_BYTES: constant(uint256) = 13  # of code before the header: see ProgramStore
META_WORDS: constant(uint256) = 2
META_BYTES: constant(uint256) = 64
GROUP_WORDS: constant(uint256) = 12
BLOCK_WORDS: constant(uint256) = 50
BLOCK_GROUPS: constant(uint256) = 4
BLOCK_BYTES: constant(uint256) = 1536  # of feature groups: what the next block begins after
GROUP_BYTES: constant(uint256) = 384
MAX_BLOCKS: constant(uint256) = 16  # of a header
WIDE: constant(uint256) = 128  # inputs of wide trees

KIND_LINEAR: constant(int256) = 1
KIND_DENSE: constant(int256) = 2
KIND_TREES: constant(int256) = 3
MODE_SCORES: constant(int256) = 0
MODE_LABEL: constant(int256) = 1

INT32_MAX: constant(int256) = 2**31 - 1
MASK8: constant(int256) = 2**8 - 1
MASK16: constant(int256) = 2**16 - 1
MASK24: constant(int256) = 2**24 - 1
MASK32: constant(int256) = 2**32 - 1
MASK33: constant(int256) = 2**33 - 1
MASK64: constant(int256) = 2**64 - 1
TOP32: constant(uint256) = max_value(uint256) - (2**224 - 1)
LANE: constant(int256) = 2**32  # what the feature stage adds to each of its lanes

# 1 in each of eight lanes of 32 bits.
EIGHT_ONES: constant(int256) = (
    2**224 + 2**192 + 2**160 + 2**128 + 2**96 + 2**64 + 2**32 + 1
)


@deploy
def __init__(program_store: address):
    """
    @param program_store Where programs are published; fixed for ever.
    """
    program_addresses.__init__(program_store)


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
    header: Header = Header(program_addresses._header_of(program_hash))
    # Its code answers every call in the same way, so that it is there is all that need be known.
    assert header.address.is_contract, "evaluator: program unpublished"
    block_: Block = staticcall header.block(READER_BYTES, skip_contract_check=True)
    meta: int256 = block_.meta
    size: uint256 = len(features)
    if size != convert((meta >> 192) & MASK16, uint256) * 4:
        return b""
    kind: int256 = (meta >> 216) & MASK8

    if kind == KIND_LINEAR:
        accumulator: int256 = block_.bias
        at: uint256 = 0
        for index: uint256 in range(MAX_BLOCKS):
            if index != 0:
                block_ = staticcall header.block(
                    unsafe_add(READER_BYTES, unsafe_mul(index, BLOCK_BYTES)),
                    skip_contract_check=True,
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
                even, odd = feature_stage._centred(even, group[0], group[1], group[2], group[3])
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
    # A dense or trees program. What lies behind the feature groups; one read gets all of it if it
    # is short enough.
    rounding: int256 = block_.bias
    scale: uint256 = convert((meta >> 128) & MASK8, uint256)
    n_groups: uint256 = unsafe_add(size, 31) // WORD  # eight inputs each
    tail_at: uint256 = unsafe_add(READER_BYTES + META_BYTES, unsafe_mul(GROUP_BYTES, n_groups))
    tail: int256[BLOCK_WORDS] = staticcall header.words(tail_at, skip_contract_check=True)
    n_chunks: uint256 = convert((meta >> 144) & MASK16, uint256)
    n_tail: uint256 = unsafe_sub(
        unsafe_sub(convert((meta >> 160) & MASK16, uint256), META_WORDS),
        unsafe_mul(GROUP_WORDS, n_groups),
    )
    ids: int256[BLOCK_WORDS] = tail
    id_index: uint256 = unsafe_sub(n_tail, n_chunks)
    if n_tail > BLOCK_WORDS:
        ids = staticcall header.words(
            unsafe_add(tail_at, unsafe_mul(WORD, id_index)), skip_contract_check=True
        )
        id_index = 0
    # Layer by layer; trees look at the features once, as a first layer does.
    n_layers: uint256 = 1
    if kind == KIND_DENSE:
        n_layers = convert((meta >> 120) & MASK8, uint256)
    layer_at: uint256 = 0  # of the layer's word in the tail
    n_units: uint256 = convert((tail[0] >> 224) & MASK16, uint256)  # of the layer; or scores
    sums: int256[MAX_LAYER_GROUPS] = empty(int256[MAX_LAYER_GROUPS])
    packed: int256[MAX_LAYER_GROUPS] = empty(
        int256[MAX_LAYER_GROUPS]
    )  # the layer's inputs, or keys
    # Rows are used in the order in which they lie in the chunks, each once.
    chunk: DenseChunk = empty(DenseChunk)
    row: uint256 = 0
    n_rows: uint256 = 0  # of this chunk
    for layer: uint256 in range(n_layers, bound=MAX_LAYERS):
        n_sums: uint256 = 0
        if kind == KIND_DENSE:
            if n_tail > BLOCK_WORDS:
                tail = staticcall header.words(tail_at, skip_contract_check=True)
                layer_at = 0
            n_units = convert((tail[layer_at] >> 224) & MASK16, uint256)
            n_sums = unsafe_add(n_units, 7) // LANES
            for i: uint256 in range(n_sums, bound=MAX_LAYER_GROUPS):
                sums[i] = tail[unsafe_add(layer_at, unsafe_add(i, 1))]

        # Tiles of 32 inputs, four groups.
        for tile: uint256 in range(MAX_TILES):
            first: uint256 = unsafe_mul(tile, BLOCK_GROUPS)
            if first >= n_groups:
                break
            x: int256[8][4] = empty(int256[8][4])
            index: uint256 = first
            if layer != 0:
                for k: uint256 in range(BLOCK_GROUPS):
                    if index == n_groups:
                        break
                    word: int256 = packed[index]
                    x[k] = [
                        word & MASK32,
                        (word >> 32) & MASK32,
                        (word >> 64) & MASK32,
                        (word >> 96) & MASK32,
                        (word >> 128) & MASK32,
                        (word >> 160) & MASK32,
                        (word >> 192) & MASK32,
                        word >> 224,  # not negative: an activation has at most 31 bits
                    ]
                    index = unsafe_add(index, 1)
            else:
                if tile != 0:
                    block_ = staticcall header.block(
                        unsafe_add(READER_BYTES, unsafe_mul(tile, BLOCK_BYTES)),
                        skip_contract_check=True,
                    )
                for group: int256[12] in block_.groups:
                    if index == n_groups:
                        break
                    at: uint256 = unsafe_mul(index, WORD)
                    even: int256 = 0
                    if unsafe_add(at, WORD) <= size:
                        even = extract32(features, at, output_type=int256)
                    elif size >= WORD:
                        even = extract32(
                            features, unsafe_sub(size, WORD), output_type=int256
                        ) << unsafe_mul(8, unsafe_sub(unsafe_add(at, WORD), size))
                    else:
                        even = extract32(concat(features, empty(bytes32)), 0, output_type=int256)
                    odd: int256 = 0
                    even, odd = feature_stage._centred(even, group[0], group[1], group[2], group[3])
                    if even == 0:
                        return b""
                    x[unsafe_sub(index, first)] = [
                        unsafe_add(rounding, unsafe_mul(group[4], unsafe_sub(even >> 192, LANE)))
                        >> scale,
                        unsafe_add(rounding, unsafe_mul(group[5], unsafe_sub(odd >> 192, LANE)))
                        >> scale,
                        unsafe_add(
                            rounding,
                            unsafe_mul(group[6], unsafe_sub((even >> 128) & MASK33, LANE)),
                        )
                        >> scale,
                        unsafe_add(
                            rounding,
                            unsafe_mul(group[7], unsafe_sub((odd >> 128) & MASK33, LANE)),
                        )
                        >> scale,
                        unsafe_add(
                            rounding,
                            unsafe_mul(group[8], unsafe_sub((even >> 64) & MASK33, LANE)),
                        )
                        >> scale,
                        unsafe_add(
                            rounding,
                            unsafe_mul(group[9], unsafe_sub((odd >> 64) & MASK33, LANE)),
                        )
                        >> scale,
                        unsafe_add(rounding, unsafe_mul(group[10], unsafe_sub(even & MASK33, LANE)))
                        >> scale,
                        unsafe_add(rounding, unsafe_mul(group[11], unsafe_sub(odd & MASK33, LANE)))
                        >> scale,
                    ]
                    index = unsafe_add(index, 1)
            if kind == KIND_DENSE:
                done: uint256 = 0
                for _: uint256 in range(MAX_LAYER_GROUPS):
                    if done == n_sums:
                        break
                    if row == n_rows:
                        chunk = DenseChunk(program_addresses._chunk_of(ids[id_index]))
                        n_rows = KERNEL_ROWS[convert(ids[id_index] >> 248, uint256)]
                        id_index = unsafe_add(id_index, 1)
                        row = 0
                    fitting: uint256 = min(unsafe_sub(n_sums, done), unsafe_sub(n_rows, row))
                    results: int256[MAX_ROWS] = staticcall chunk.sums(
                        row, fitting, x, skip_contract_check=True
                    )
                    for i: uint256 in range(fitting, bound=MAX_ROWS):
                        sums[done] = unsafe_add(sums[done], results[i])
                        done = unsafe_add(done, 1)
                    row = unsafe_add(row, fitting)
            else:
                # A key: the byte that a node names the input by, and twice its value, in 24 bits.
                step: int256 = 32 if size <= WORD else 1
                name: int256 = convert(unsafe_mul(first, LANES), int256)
                for g: uint256 in range(first, index, bound=BLOCK_GROUPS):
                    word: int256 = 0
                    for input: int256 in x[unsafe_sub(g, first)]:
                        word = (word << 32) | (name << 24) | (unsafe_add(input, input) & MASK24)
                        name = unsafe_add(name, step)
                    packed[g] = word
        if layer != unsafe_sub(n_layers, 1):
            # Rectify, shift and saturate the eight lanes of a word at once.
            down: uint256 = convert((tail[layer_at] >> 216) & MASK8, uint256)
            most: int256 = unsafe_sub(1 << convert((tail[layer_at] >> 208) & MASK8, uint256), 1)
            shifted: int256 = unsafe_mul(EIGHT_ONES, INT32_MAX >> down)
            room: int256 = unsafe_mul(EIGHT_ONES, unsafe_sub(INT32_MAX, most))
            limits: int256 = unsafe_mul(EIGHT_ONES, most)
            for i: uint256 in range(n_sums, bound=MAX_LAYER_GROUPS):
                word: int256 = sums[i]
                # A lane's top bit is set if its sum is not negative: the bias carries 2**31.
                word = word & unsafe_mul((word >> 31) & EIGHT_ONES, INT32_MAX)
                word = (word >> down) & shifted
                over: int256 = (unsafe_add(word, room) >> 31) & EIGHT_ONES
                packed[i] = (word | unsafe_mul(over, most)) & limits
            n_groups = n_sums
            layer_at = unsafe_add(layer_at, unsafe_add(n_sums, 1))
            tail_at = unsafe_add(tail_at, unsafe_mul(WORD, unsafe_add(n_sums, 1)))
    totals: int256[MAX_CLASSES] = empty(int256[MAX_CLASSES])
    if kind == KIND_TREES:
        # The tail is a word, a bias for each score, and a byte for each chunk.
        wide: uint256[WIDE] = empty(uint256[WIDE])
        narrow: uint256 = convert(convert(packed[0], bytes32), uint256)
        if size > WORD:
            for i: uint256 in range(unsafe_mul(n_groups, LANES), bound=WIDE):
                key: int256 = packed[i // LANES] << unsafe_mul(32, i % LANES)
                wide[i] = convert(convert(key, bytes32), uint256) & TOP32
        deeper: uint256 = convert((tail[0] >> 136) & MASK8, uint256)
        vectors: bool = (tail[0] >> 208) & MASK8 != 0
        low_sums: int256 = 0
        high_sums: int256 = 0
        for i: uint256 in range(n_chunks, bound=MAX_CHUNKS):
            trees: address = program_addresses._chunk_of(ids[unsafe_add(id_index, i)])
            low: int256 = 0
            high: int256 = 0
            if vectors:
                if size <= WORD:
                    low, high = staticcall NarrowTrees(trees).totals(
                        narrow, deeper, skip_contract_check=True
                    )
                else:
                    low, high = staticcall WideTrees(trees).totals(
                        wide, deeper, skip_contract_check=True
                    )
                low_sums = unsafe_add(low_sums, low)
                high_sums = unsafe_add(high_sums, high)
            else:
                if size <= WORD:
                    low = staticcall NarrowTrees(trees).total(
                        narrow, deeper, skip_contract_check=True
                    )
                else:
                    low = staticcall WideTrees(trees).total(wide, deeper, skip_contract_check=True)
                table: int256 = tail[unsafe_add(unsafe_add(n_units, 1), i // WORD)]
                place: uint256 = convert(
                    (table >> unsafe_sub(248, unsafe_mul(8, i % WORD))) & MASK8, uint256
                )
                totals[place] = unsafe_add(totals[place], low)
        if vectors:
            for i: uint256 in range(n_units, bound=MAX_CLASSES):
                lanes: int256 = low_sums if i < LANES else high_sums
                totals[i] = (lanes >> unsafe_mul(32, i % LANES)) & MASK32
    mode: int256 = (meta >> 208) & MASK8  # scores, a label, or the label and then the scores
    places: uint256 = convert((tail[layer_at] >> 216) & MASK8, uint256)
    multiplier: int256 = (tail[0] >> 144) & MASK64  # of trees
    words: int256[OUTPUT_WORDS] = empty(int256[OUTPUT_WORDS])
    n_outputs: uint256 = 0 if mode == MODE_SCORES else 1
    label: uint256 = 0
    best: int256 = 0
    for i: uint256 in range(n_units, bound=MAX_SCORES):
        score: int256 = 0
        if kind == KIND_DENSE:
            lane: int256 = (sums[i // LANES] >> unsafe_mul(32, i % LANES)) & MASK32
            score = unsafe_sub(lane, 2**31) >> places
        else:
            score = (
                unsafe_add(unsafe_mul(multiplier, totals[i]), tail[unsafe_add(i, 1)]) >> places
            )
        score = max(min(score, INT32_MAX), -INT32_MAX)
        if i == 0 or score > best:
            label = i
            best = score
        if mode != MODE_LABEL:
            words[n_outputs // LANES] |= (score & MASK32) << unsafe_mul(
                32, unsafe_sub(7, n_outputs % LANES)
            )
            n_outputs = unsafe_add(n_outputs, 1)
    if mode != MODE_SCORES:
        if n_units == 1:
            label = 1 if best > 0 else 0
        words[0] |= convert(label, int256) << 224
    return slice(abi_encode(words), 0, unsafe_mul(n_outputs, 4))
