# pragma version 0.4.3
"""
@title Wallet: a contract that signs by its owner's key
@license Apache-2.0
@notice For tests only. ERC-1271, for signatures of 65 bytes.
"""

OWNER: immutable(address)


@deploy
def __init__(owner: address):
    OWNER = owner


@view
@external
def isValidSignature(hash: bytes32, signature: Bytes[65]) -> bytes4:
    signer: address = ecrecover(
        hash,
        convert(slice(signature, 64, 1), uint256),
        extract32(signature, 0, output_type=uint256),
        extract32(signature, 32, output_type=uint256),
    )
    return 0x1626ba7e if signer == OWNER else 0xffffffff
