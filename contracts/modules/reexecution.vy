# pragma version 0.4.3
"""
@title reexecution: inferences verified by running them again, in ERC-7992's shape
@license Apache-2.0
@notice The proof is the input, shown: a contract that knows ERC-7992 needs to know nothing else. A
        module of the Evaluator.
@dev EVAL-4: `verifyInference` ends without a revert only for what `evaluate` returns, and never for
     `invalid`. Programs have no owner and are never deprecated: publishing is registering.
"""

from ..interfaces import IEvaluator
from . import program_addresses

uses: program_addresses


# ERC-7992: 32 bytes of salt and the features, as abi.encode puts them.
MAX_PROOF_BYTES: constant(uint256) = 4192
INPUT_DOMAIN: constant(bytes32) = keccak256("cairn-input-v1")
PROOF_SYSTEM: constant(bytes4) = 0x261c6784  # the first of keccak256("cairn-reexecution-v1")
ERC165: constant(bytes4) = 0x01ffc9a7
# verifyInference ^ proofSystemOf ^ registry
ERC7992_VERIFIER: constant(bytes4) = 0x5df65472


# Anyone


@external
def verifyInference(
    modelId: uint256, inputCommitment: bytes32, output: Bytes[1024], proof: Bytes[MAX_PROOF_BYTES]
):
    """
    @notice Verify an inference in ERC-7992's shape, by running it again; reverts if it is wrong.
    @param modelId The program's hash, as a number.
    @param inputCommitment keccak256(INPUT_DOMAIN || salt || features).
    @param output What the program returned: packed big-endian int32.
    @param proof The inputs shown: abi.encode(salt, features).
    """
    salt: bytes32 = empty(bytes32)
    features: Bytes[4096] = b""
    salt, features = abi_decode(proof, (bytes32, Bytes[4096]))
    commitment: bytes32 = keccak256(concat(INPUT_DOMAIN, salt, features))
    assert commitment == inputCommitment, "verify: another input committed"
    outputs: Bytes[1024] = staticcall IEvaluator(self).evaluate(convert(modelId, bytes32), features)
    assert len(outputs) != 0, "verify: features invalid"
    assert keccak256(outputs) == keccak256(output), "verify: another output"
    log IEvaluator.InferenceVerified(
        modelId=modelId, inputCommitment=inputCommitment, output=output, caller=msg.sender
    )


# Views


@view
@external
def proofSystemOf(modelId: uint256) -> bytes4:
    """
    @notice How inferences of a program are proved: by being run again. The same for all.
    @param modelId The program's hash, as a number; must be published.
    """
    header: address = program_addresses._header_of(convert(modelId, bytes32))
    assert header.is_contract, "verify: program unpublished"
    return PROOF_SYSTEM


@view
@external
def registry() -> address:
    """
    @notice Where programs are published, for ERC-7992's callers.
    """
    return program_addresses.PROGRAM_STORE


@pure
@external
def supportsInterface(interfaceId: bytes4) -> bool:
    """
    @notice ERC-165: whether this is ERC-165 itself, or ERC-7992's verifier.
    """
    return interfaceId in [ERC165, ERC7992_VERIFIER]
