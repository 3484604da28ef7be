"""Inferences in ERC-7992's shape: what a caller of `verifyInference` sends.

The proof is the input itself, shown: the Evaluator runs the program again.
"""

from dataclasses import dataclass

from cairn.domain.keccak import keccak256
from cairn.domain.programs._format import WORD, ProgramError
from cairn.domain.programs._program import Program

PROOF_SYSTEM = "cairn-reexecution-v1"
"""ERC-7992's canonical name; its id is the first four bytes of the name's keccak256."""

INPUT_DOMAIN = keccak256(b"cairn-input-v1")


@dataclass(frozen=True)
class Inference:
    """The arguments of `verifyInference`, in its order."""

    model_id: int
    input_commitment: bytes
    output: bytes
    proof: bytes


def inference(program: Program, features: bytes, salt: bytes) -> Inference:
    """Run a program on packed features, and say so as ERC-7992 wants it.

    salt: 32 bytes; where one inference must not serve twice, a caller demands a fresh one. Raises
    ProgramError if the features are invalid: then there is no inference.
    """
    if len(salt) != WORD:
        raise ProgramError(f"a salt of {len(salt)} bytes: give {WORD}")
    output = program.run_packed(features)
    if not output:
        raise ProgramError("the outcome is `invalid`: give as many features as the program takes")
    return Inference(
        model_id=int.from_bytes(program.hash, "big"),
        input_commitment=keccak256(INPUT_DOMAIN + salt + features),
        output=output,
        proof=_abi_encode(salt, features),
    )


def proof_system_id() -> bytes:
    """What `proofSystemOf` returns for every program."""
    return keccak256(PROOF_SYSTEM.encode())[:4]


def _abi_encode(salt: bytes, features: bytes) -> bytes:
    """(bytes32, bytes), by Solidity's ABI."""
    head = salt + (2 * WORD).to_bytes(WORD, "big") + len(features).to_bytes(WORD, "big")
    return head + features + bytes(-len(features) % WORD)
