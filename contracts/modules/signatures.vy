# pragma version 0.4.3
"""
@title Signatures: EIP-712 digests and who signed them
@license Apache-2.0
@notice The signing domain of a contract, a nonce for each signer, and the check of a signature by a
        key (65 bytes, low s) or by a contract (ERC-1271).
@dev SIG-1: a nonce is used once. SIG-2: of a signature's two forms only the one with the low s is
     taken. SIG-3: what a key signed stays signed, whatever code comes to its account.
"""

# Room for a wallet of a dozen owners.
MAX_SIGNATURE: constant(uint256) = 1_024
_DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_VERSION: constant(String[1]) = "1"
# Half of secp256k1's order: above it lies the second form of the same signature.
_MAX_S: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)

_NAME: immutable(String[64])
_NAME_HASH: immutable(bytes32)

# Signer -> the nonce that his next signature must carry; _use_nonce writes it.
nonces: public(HashMap[address, uint256])


@deploy
def __init__(name: String[64]):
    _NAME = name
    _NAME_HASH = keccak256(name)


@view
@external
def eip712Domain() -> (
    bytes1, String[64], String[1], uint256, address, bytes32, DynArray[uint256, 1]
):
    """
    @notice ERC-5267: the fields of the signing domain.
    """
    return (0x0f, _NAME, _VERSION, chain.id, self, empty(bytes32), empty(DynArray[uint256, 1]))


@internal
def _use_nonce(signer: address) -> uint256:
    nonce: uint256 = self.nonces[signer]
    self.nonces[signer] = unsafe_add(nonce, 1)  # one a transaction
    return nonce


@view
@internal
def _domain_separator() -> bytes32:
    return keccak256(abi_encode(_DOMAIN_TYPEHASH, _NAME_HASH, keccak256(_VERSION), chain.id, self))


@view
@internal
def _digest(struct_hash: bytes32) -> bytes32:
    return keccak256(concat(b"\x19\x01", self._domain_separator(), struct_hash))


@pure
@internal
def _recover(digest: bytes32, v: uint256, r: uint256, s: uint256) -> address:
    """
    @return The signer, or the zero address if the signature is malformed.
    """
    if s > _MAX_S:
        return empty(address)
    return ecrecover(digest, v, r, s)


@view
@internal
def _is_signed(signer: address, digest: bytes32, signature: Bytes[MAX_SIGNATURE]) -> bool:
    # A key's own signature counts whatever code its account has been given since (EIP-7702): nobody takes
    # a promise back by delegating.
    if len(signature) == 65:
        recovered: address = self._recover(
            digest,
            convert(slice(signature, 64, 1), uint256),
            extract32(signature, 0, output_type=uint256),
            extract32(signature, 32, output_type=uint256),
        )
        if recovered == signer and recovered != empty(address):
            return True
    if not signer.is_contract:
        return False

    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        signer,
        abi_encode(digest, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return (
        success and len(answer) == 32 and convert(answer, bytes32) == convert(0x1626ba7e, bytes32)
    )
