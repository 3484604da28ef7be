# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ProgramStore: integer programs, published chunk by chunk
@license Apache-2.0
@notice Holds the arithmetic of models where any contract can run it. Anyone may publish, nobody can
        alter or take away: what is stored is found by the hash of its content.
@dev A header lives in a small contract of its own that answers with blocks of itself. The program's
     hash is the hash of that contract's creation code, so its address follows from the hash, and
     no storage is read to find it. A chunk is a kernel contract that fetches its words from here
     while it is made, so that its creation code, and with it the address, does not depend on them;
     the salt is the chunk's id. docs/numerics.md is normative.
     PROG-1: a published program's bytes never change.
     PROG-2: `is_published` means that all that an evaluation needs is on chain, for good.
     PROG-3: no header is published that docs/numerics.md calls malformed.
     PROG-4: the publisher gains no right over what it published.
@custom:kill Cannot be stopped; it has no owner, and holds no money.
"""

from ..interfaces import IProgramStore
from ..modules import reexecution

implements: IProgramStore


event KernelAdded:
    kernel: indexed(uint256)
    blueprint: address
    creation_hash: bytes32


# Creation code: return all that follows these 11 bytes as the contract's code.
LOADER: constant(Bytes[11]) = x"600b380380600b5f395ff3"
# Code: return 1,600 bytes of this code from the offset that stands after the call's selector.
# PUSH2 1600 | PUSH1 4, CALLDATALOAD | PUSH0 | CODECOPY | PUSH2 1600 | PUSH0 | RETURN
READER: constant(Bytes[13]) = x"6106406004355f396106405ff3"
READER_BYTES: constant(uint256) = 13
BLUEPRINT: constant(Bytes[3]) = x"fe7100"  # ERC-5202, version 0

WORD: constant(uint256) = 32
MAX_HEADER_BYTES: constant(uint256) = 24512  # 766 words: with the reader, under EIP-170's 24,576
MAX_CHUNK_BYTES: constant(uint256) = 22528  # 704 words: the kernel's code comes on top
MAX_KERNEL_BYTES: constant(uint256) = 3072
MAX_KERNELS: constant(uint256) = 8
ADDRESS_MASK: constant(uint256) = 2**160 - 1
ID_MASK: constant(uint256) = 2**248 - 1

MAGIC: constant(uint256) = 1129467441  # "CRN1"
KIND_LINEAR: constant(uint256) = 1
KIND_DENSE: constant(uint256) = 2
KIND_TREES: constant(uint256) = 3
MODE_BOTH: constant(uint256) = 2  # a label, then scores
LANES: constant(uint256) = 8  # features in one word
META_WORDS: constant(uint256) = 2
GROUP_WORDS: constant(uint256) = 12  # low, high, imputed, centre, and eight multipliers

MAX_LAYERS: constant(uint256) = 16
MAX_CHUNKS: constant(uint256) = 48  # with what stands beside them, they come in one read
MAX_LAYER_GROUPS: constant(uint256) = 48  # a layer's word and its biases come in one read
MAX_SCORES: constant(uint256) = 248
MAX_BITS: constant(uint256) = 31  # of an activation: a lane's, less its sign
TILE_INPUTS: constant(uint256) = 32  # words in a row
MAX_CLASSES: constant(uint256) = 16  # of a trees program
MAX_TREE_FEATURES: constant(uint256) = 128

# How many words each kernel holds, by its number: DenseRows 4, 10 and 22, TreesNarrow 32 and 352,
# TreesWide 32 and 352.
KERNEL_WORDS: constant(uint256[8]) = [0, 128, 320, 704, 64, 704, 64, 704]
N_KERNELS: constant(uint256) = 7
FIRST_DENSE: constant(uint256) = 1
LAST_DENSE: constant(uint256) = 3
FIRST_NARROW: constant(uint256) = 4
LAST_NARROW: constant(uint256) = 5
FIRST_WIDE: constant(uint256) = 6
LAST_WIDE: constant(uint256) = 7

blueprint_of: public(HashMap[uint256, address])  # by the kernel's number; written once, at creation
# Hash of the code that creates a chunk, by the kernel's number; written once, at creation.
creation_hash_of: public(HashMap[uint256, bytes32])
pending: transient(Bytes[MAX_CHUNK_BYTES])  # words of the chunk that is being made


@deploy
def __init__(kernels: DynArray[Bytes[MAX_KERNEL_BYTES], MAX_KERNELS]):
    """
    @param kernels The kernels' creation code, in the order of their numbers, from 1. The store
                   makes their blueprints itself, to be sure of the code's hash.
    """
    assert len(kernels) == N_KERNELS, "store: wrong kernels"
    kernel: uint256 = 0
    for code: Bytes[MAX_KERNEL_BYTES] in kernels:
        kernel += 1
        blueprint: address = raw_create(concat(LOADER, BLUEPRINT, code))
        self.blueprint_of[kernel] = blueprint
        self.creation_hash_of[kernel] = keccak256(code)
        log KernelAdded(kernel=kernel, blueprint=blueprint, creation_hash=keccak256(code))


# Anyone


@external
def publish_chunk(kernel: uint256, words: Bytes[MAX_CHUNK_BYTES]) -> bytes32:
    """
    @notice Put a chunk on chain; doing it again changes nothing.
    @param kernel The number of the kernel that the words belong to, from 1.
    @param words The chunk's words, exactly as many as the kernel holds.
    @return chunk_id The chunk's id.
    """
    assert kernel != 0 and kernel <= N_KERNELS, "store: unknown kernel"
    assert len(words) == KERNEL_WORDS[kernel] * WORD, "store: wrong chunk length"
    digest: bytes32 = keccak256(concat(convert(kernel, bytes32), words))
    chunk_id: bytes32 = convert((kernel << 248) | (convert(digest, uint256) & ID_MASK), bytes32)
    if not self._chunk_address(chunk_id).is_contract:
        self.pending = words
        chunk: address = create_from_blueprint(self.blueprint_of[kernel], salt=chunk_id)
        log IProgramStore.ChunkPublished(chunk_id=chunk_id, kernel=kernel, chunk=chunk)
    return chunk_id


@external
def publish_program(header: Bytes[MAX_HEADER_BYTES]) -> bytes32:
    """
    @notice Put a program's header on chain, its chunks first; doing it again changes nothing.
    @param header The header, in whole words, well formed by docs/numerics.md.
    @return program_hash The hash that names the program everywhere.
    """
    assert len(header) >= META_WORDS * WORD, "store: header too short"
    meta: uint256 = convert(slice(header, 0, WORD), uint256)
    kind: uint256 = (meta >> 216) & 255
    features: uint256 = (meta >> 192) & 65535
    n_outputs: uint256 = (meta >> 176) & 65535
    self._check_header(header, meta, kind, features, n_outputs)

    code: Bytes[MAX_HEADER_BYTES + 24] = concat(LOADER, READER, header)
    program_hash: bytes32 = keccak256(code)
    if not self._header_address(program_hash).is_contract:
        holder: address = raw_create(code, salt=empty(bytes32))
        log IProgramStore.ProgramPublished(
            program_hash=program_hash,
            kernel=kind,
            n_features=features,
            n_outputs=n_outputs,
            gas_bound=self._gas_bound(holder),
        )
    return program_hash


# Chunks, while they are made


@view
@external
@reentrant
@raw_return
def pending_words() -> Bytes[MAX_CHUNK_BYTES]:
    """
    @notice The words of the chunk that is being made, as they are: no length before them.
    """
    return self.pending


# Views


@view
@external
def chunk_of(chunk_id: bytes32) -> address:
    """
    @notice The contract that holds a chunk; the zero address if it is not published.
    """
    holder: address = self._chunk_address(chunk_id)
    return holder if holder.is_contract else empty(address)


@view
@external
def header_of(program_hash: bytes32) -> address:
    """
    @notice The contract that holds a program's header; the zero address if it is not published.
    """
    holder: address = self._header_address(program_hash)
    return holder if holder.is_contract else empty(address)


@view
@external
def is_published(program_hash: bytes32) -> bool:
    """
    @notice Whether the header and every chunk that it lists are on chain, for good.
    """
    return self._header_address(program_hash).is_contract


@view
@external
def n_features(program_hash: bytes32) -> uint256:
    """
    @notice How many features a published program takes; 0 if it is not published.
    """
    holder: address = self._header_address(program_hash)
    if not holder.is_contract:
        return 0
    return (self._code_word(holder, 0) >> 192) & 65535


@view
@external
def gas_bound(program_hash: bytes32) -> uint256:
    """
    @notice Execution gas that an evaluation of a published program stays below, whatever the
            features; 0 if it is not published. docs/numerics.md has the formula.
    """
    holder: address = self._header_address(program_hash)
    return self._gas_bound(holder) if holder.is_contract else 0


@view
@external
def getModel(modelId: uint256) -> (IProgramStore.ModelCommitment, bool, address):
    """
    @notice A published program for ERC-7992's callers; reverts if it is not published.
    @param modelId The program's hash, as a number.
    @return commitment What `verifyInference` holds an inference against, whether it is deprecated,
            which it never is, and its owner: nobody, the zero address.
    """
    program_hash: bytes32 = convert(modelId, bytes32)
    assert self._header_address(program_hash).is_contract, "store: program unpublished"
    kernels: bytes32[N_KERNELS] = empty(bytes32[N_KERNELS])
    for i: uint256 in range(N_KERNELS):
        kernels[i] = self.creation_hash_of[i + 1]
    commitment: IProgramStore.ModelCommitment = IProgramStore.ModelCommitment(
        modelHash=program_hash,
        circuitHash=keccak256(abi_encode(kernels)),
        vkHash=empty(bytes32),
        proofSystemId=reexecution.PROOF_SYSTEM,
        uri="",
    )
    return commitment, False, empty(address)


# Internal


@view
@internal
def _gas_bound(holder: address) -> uint256:
    meta: uint256 = self._code_word(holder, 0)
    kind: uint256 = (meta >> 216) & 255
    features: uint256 = (meta >> 192) & 65535
    n_words: uint256 = (meta >> 160) & 65535
    n_chunks: uint256 = (meta >> 144) & 65535
    groups: uint256 = (features + LANES - 1) // LANES
    at: uint256 = META_WORDS + GROUP_WORDS * groups
    if kind == KIND_LINEAR:
        return 8_000 + 3_700 * groups
    if kind == KIND_DENSE:
        bound: uint256 = 16_000 + 3_800 * groups + 4_600 * n_chunks
        width: uint256 = features
        for i: uint256 in range((meta >> 120) & 255, bound=MAX_LAYERS):
            tiles: uint256 = (width + TILE_INPUTS - 1) // TILE_INPUTS
            width = (self._code_word(holder, at) >> 224) & 65535
            rows: uint256 = tiles * ((width + LANES - 1) // LANES)
            bound += 3_000 + 3_400 * tiles + 1_400 * rows + 400 * width
            at += 1 + (width + LANES - 1) // LANES
        return bound
    narrow: bool = features <= LANES
    word: uint256 = self._code_word(holder, at)
    deeper: uint256 = (word >> 136) & 255
    vectors: bool = (word >> 208) & 255 != 0
    bound: uint256 = (22_000 if narrow else 50_000) + 3_800 * groups
    for i: uint256 in range(n_chunks, bound=MAX_CHUNKS):
        kernel: uint256 = self._code_word(holder, n_words - n_chunks + i) >> 248
        trees: uint256 = KERNEL_WORDS[kernel] // 2 - 1
        bound += 12_000 + trees * (
            (450 if narrow else 550) * (2 + deeper) + (250 if vectors else 0)
        )
    return bound


@view
@internal
def _code_word(holder: address, index: uint256) -> uint256:
    return convert(slice(holder.code, READER_BYTES + index * WORD, WORD), uint256)


@view
@internal
def _check_header(
    header: Bytes[MAX_HEADER_BYTES],
    meta: uint256,
    kind: uint256,
    features: uint256,
    n_outputs: uint256,
):
    mode: uint256 = (meta >> 208) & 255
    n_words: uint256 = (meta >> 160) & 65535
    n_chunks: uint256 = (meta >> 144) & 65535
    rest: uint256 = meta & (2**128 - 1)
    assert meta >> 224 == MAGIC, "store: not a cairn program"
    assert mode <= MODE_BOTH, "store: unknown output mode"
    assert features != 0, "store: no features"
    assert n_words * WORD == len(header), "store: wrong header length"
    at: uint256 = META_WORDS + GROUP_WORDS * ((features + LANES - 1) // LANES)
    assert at <= n_words, "store: wrong feature words"

    n_scores: uint256 = 1
    if kind == KIND_LINEAR:
        assert n_chunks == 0 and rest == 0, "store: linear has chunks or more"
    elif kind == KIND_DENSE:
        n_layers: uint256 = rest >> 120
        assert rest & (2**120 - 1) == 0, "store: dense has stray bits"
        assert n_layers != 0 and n_layers <= MAX_LAYERS, "store: wrong layer count"
        n_rows: uint256 = 0
        width: uint256 = features
        for i: uint256 in range(n_layers, bound=MAX_LAYERS):
            assert at < n_words, "store: layers cut off"
            layer: uint256 = extract32(header, at * WORD, output_type=uint256)
            groups: uint256 = self._check_layer(layer, width, i == n_layers - 1)
            n_rows += groups * ((width + TILE_INPUTS - 1) // TILE_INPUTS)
            width = (layer >> 224) & 65535
            at += 1 + groups
        n_scores = width
        assert at + n_chunks == n_words, "store: wrong chunk count"
        assert n_chunks <= MAX_CHUNKS, "store: too many chunks"
        left: uint256 = n_rows * TILE_INPUTS
        for i: uint256 in range(n_chunks, bound=MAX_CHUNKS):
            assert left != 0, "store: more chunks than rows"
            kernel: uint256 = self._check_chunk(
                extract32(header, (at + i) * WORD), FIRST_DENSE, LAST_DENSE
            )
            left -= min(left, KERNEL_WORDS[kernel])
        assert left == 0, "store: fewer chunks than rows"
        at = n_words
    elif kind == KIND_TREES:
        assert rest == 0, "store: trees have stray bits"
        assert features <= MAX_TREE_FEATURES, "store: too many features for trees"
        assert at < n_words, "store: trees cut off"
        layer: uint256 = extract32(header, at * WORD, output_type=uint256)
        vectors: uint256 = (layer >> 208) & 255
        n_scores = (layer >> 224) & 65535
        assert layer >> 240 == features, "store: wrong trees width"
        assert n_scores != 0 and n_scores <= MAX_CLASSES, "store: wrong class count"
        assert vectors <= 1 and layer & (2**136 - 1) == 0, "store: reserved trees bits set"
        assert n_chunks != 0 and n_chunks <= MAX_CHUNKS, "store: wrong count of tree chunks"
        classes_at: uint256 = at + 1 + n_scores
        at = classes_at + (n_chunks + WORD - 1) // WORD
        assert at + n_chunks == n_words, "store: wrong trees words"
        for i: uint256 in range(n_chunks, bound=MAX_CHUNKS):
            narrow: bool = features <= LANES
            kernel: uint256 = self._check_chunk(
                extract32(header, (at + i) * WORD),
                FIRST_NARROW if narrow else FIRST_WIDE,
                LAST_NARROW if narrow else LAST_WIDE,
            )
            place: uint256 = convert(slice(header, classes_at * WORD + i, 1), uint256)
            assert place < n_scores, "store: unknown class"
        at = n_words
    else:
        raise "store: unknown kind"
    assert at == n_words, "store: wrong word count"
    expected: uint256 = 1 if mode == 1 else (n_scores + mode // MODE_BOTH)
    assert n_outputs == expected, "store: wrong output count"
    assert n_scores <= MAX_SCORES, "store: too many scores"


@pure
@internal
def _check_layer(layer: uint256, width: uint256, is_last: bool) -> uint256:
    # Its number of groups: words that hold the sums of eight units, lane beside lane.
    units: uint256 = (layer >> 224) & 65535
    places: uint256 = (layer >> 216) & 255
    bits: uint256 = (layer >> 208) & 255
    assert layer >> 240 == width and units != 0, "store: wrong layer width"
    assert layer & (2**208 - 1) == 0, "store: reserved layer bits set"
    if is_last:
        assert bits == 0, "store: last layer has activation"
    else:
        assert places < MAX_BITS and bits != 0 and bits <= MAX_BITS, "store: wrong activation"
    groups: uint256 = (units + LANES - 1) // LANES
    assert groups <= MAX_LAYER_GROUPS, "store: layer too wide"
    return groups


@view
@internal
def _check_chunk(chunk_id: bytes32, first: uint256, last: uint256) -> uint256:
    # Its kernel.
    kernel: uint256 = convert(chunk_id, uint256) >> 248
    assert first <= kernel and kernel <= last, "store: chunk of a wrong kernel"
    assert self._chunk_address(chunk_id).is_contract, "store: chunk missing"
    return kernel


@view
@internal
def _header_address(creation_hash: bytes32) -> address:
    return self._created(empty(bytes32), creation_hash)


@view
@internal
def _chunk_address(chunk_id: bytes32) -> address:
    return self._created(chunk_id, self.creation_hash_of[convert(chunk_id, uint256) >> 248])


@view
@internal
def _created(salt: bytes32, creation_hash: bytes32) -> address:
    # CREATE2 (EIP-1014).
    preimage: bytes32 = keccak256(concat(0xff, convert(self, bytes20), salt, creation_hash))
    return convert(convert(preimage, uint256) & ADDRESS_MASK, address)
