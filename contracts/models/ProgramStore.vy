# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title ProgramStore: integer programs, published chunk by chunk
@license Apache-2.0
@notice Holds the arithmetic of models where any contract can run it. Anyone may publish, nobody can
        alter or take away: what is stored is found by the hash of its content.
@dev A header lives in a small contract of its own that answers with blocks of itself. The program's
     hash is the hash of that contract's creation code, so its address follows from the hash, and
     no storage is read to find it. docs/numerics.md is normative.
     PROG-1: a published program's bytes never change.
     PROG-2: `is_published` means that all that an evaluation needs is on chain, for good.
     PROG-3: no header is published that docs/numerics.md calls malformed.
     PROG-4: the publisher gains no right over what it published.
@custom:kill Cannot be stopped; it has no owner, no storage to corrupt, and holds no money.
"""

from ..interfaces import IProgramStore

implements: IProgramStore

# Creation code: return all that follows these 11 bytes as the contract's code.
LOADER: constant(Bytes[11]) = x"600b380380600b5f395ff3"
# Code: return 1,600 bytes of this code from the offset that stands after the call's selector.
# PUSH2 1600 | PUSH1 4, CALLDATALOAD | PUSH0 | CODECOPY | PUSH2 1600 | PUSH0 | RETURN
READER: constant(Bytes[13]) = x"6106406004355f396106405ff3"
READER_BYTES: constant(uint256) = 13

MAX_HEADER_BYTES: constant(uint256) = 24512  # 766 words: with the reader, under EIP-170's 24,576
WORD: constant(uint256) = 32
MAGIC: constant(uint256) = 1129467441  # "CRN1"
KIND_LINEAR: constant(uint256) = 1
MODE_BOTH: constant(uint256) = 2  # a label, then scores
LANES: constant(uint256) = 8  # features in one word
GROUP_WORDS: constant(uint256) = 12  # low, high, imputed, centre, and eight multipliers
ADDRESS_MASK: constant(uint256) = 2**160 - 1


@deploy
def __init__(kernels: DynArray[address, 16]):
    """
    @param kernels The kernels' blueprints (ERC-5202), in the order of their numbers, from 1.
    """
    pass


# Anyone


@external
def publish_chunk(kernel: uint256, words: DynArray[uint256, 704]) -> bytes32:
    """
    @notice Put a chunk on chain; doing it again changes nothing.
    @param kernel The number of the kernel that the words belong to, from 1.
    @param words The chunk's words, exactly as many as the kernel holds.
    @return chunk_id The chunk's id.
    """
    raise "store: unknown kernel"


@external
def publish_program(header: Bytes[MAX_HEADER_BYTES]) -> bytes32:
    """
    @notice Put a program's header on chain, its chunks first; doing it again changes nothing.
    @param header The header, in whole words, well formed by docs/numerics.md.
    @return program_hash The hash that names the program everywhere.
    """
    assert len(header) >= 2 * WORD, "store: header too short"
    meta: uint256 = convert(slice(header, 0, WORD), uint256)
    kind: uint256 = (meta >> 216) & 255
    features: uint256 = (meta >> 192) & 65535
    n_outputs: uint256 = (meta >> 176) & 65535
    self._check_header(len(header), meta, kind, features, n_outputs)

    code: Bytes[MAX_HEADER_BYTES + 24] = concat(LOADER, READER, header)
    program_hash: bytes32 = keccak256(code)
    if not self._address_of(program_hash).is_contract:
        holder: address = raw_create(code, salt=empty(bytes32))
        log IProgramStore.ProgramPublished(
            program_hash=program_hash, kernel=kind, n_features=features, n_outputs=n_outputs
        )
    return program_hash


# Views


@view
@external
def chunk_of(chunk_id: bytes32) -> address:
    """
    @notice The contract that holds a chunk; the zero address if it is not published.
    """
    return empty(address)


@view
@external
def header_of(program_hash: bytes32) -> address:
    """
    @notice The contract that holds a program's header; the zero address if it is not published.
    """
    holder: address = self._address_of(program_hash)
    return holder if holder.is_contract else empty(address)


@view
@external
def is_published(program_hash: bytes32) -> bool:
    """
    @notice Whether the header and every chunk that it lists are on chain, for good.
    """
    return self._address_of(program_hash).is_contract


@view
@external
def n_features(program_hash: bytes32) -> uint256:
    """
    @notice How many features a published program takes; 0 if it is not published.
    """
    holder: address = self._address_of(program_hash)
    if not holder.is_contract:
        return 0
    meta: uint256 = convert(slice(holder.code, READER_BYTES, WORD), uint256)
    return (meta >> 192) & 65535


# Internal


@pure
@internal
def _check_header(
    length: uint256, meta: uint256, kind: uint256, features: uint256, n_outputs: uint256
):
    mode: uint256 = (meta >> 208) & 255
    assert meta >> 224 == MAGIC, "store: not a cairn program"
    assert mode <= MODE_BOTH, "store: unknown output mode"
    assert features != 0, "store: no features"
    assert ((meta >> 160) & 65535) * WORD == length, "store: wrong header length"
    n_groups: uint256 = (features + LANES - 1) // LANES
    assert kind == KIND_LINEAR, "store: unknown kind"
    assert length == (2 + GROUP_WORDS * n_groups) * WORD, "store: wrong feature words"
    assert n_outputs == (2 if mode == MODE_BOTH else 1), "store: wrong output count"
    # No chunks, and nothing in the half that a linear program does not use.
    assert (meta >> 144) & 65535 == 0 and meta & (2**128 - 1) == 0, "store: reserved bits set"


@view
@internal
def _address_of(creation_hash: bytes32) -> address:
    # CREATE2 with salt zero (EIP-1014).
    preimage: bytes32 = keccak256(
        concat(0xff, convert(self, bytes20), empty(bytes32), creation_hash)
    )
    return convert(convert(preimage, uint256) & ADDRESS_MASK, address)
