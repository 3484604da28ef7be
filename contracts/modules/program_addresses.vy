# pragma version 0.4.3
"""
@title program_addresses: where a program's header and chunks lie
@license Apache-2.0
@notice Nothing is looked up: an address follows from the hash of what is there. A module of the
        Evaluator.
@dev docs/numerics.md, "The file" and "Chunks".
"""


interface Store:
    def creation_hash_of(kernel: uint256) -> bytes32: view


N_KERNELS: constant(uint256) = 7
ADDRESS_MASK: constant(uint256) = 2**160 - 1

PROGRAM_STORE: public(immutable(address))
# Hash of the code that creates a kernel's chunks, by the kernel's number.
CREATION_HASHES: immutable(bytes32[N_KERNELS + 1])


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


# Internal


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
