import ape
import pytest
from eth_utils import keccak

from cairn.domain.integers import MISSING, pack_features
from cairn.domain.programs import (
    FeatureRule,
    ProgramError,
    inference,
    linear_program,
    proof_system_id,
)

SALT = bytes(range(32))
ROW = pack_features([50, 3000])


@pytest.fixture
def program(publish):
    rules = [FeatureRule(-100, 100, 20, 10, 3), FeatureRule(0, 5000, MISSING, 2500, -7)]
    return publish(linear_program(rules, bias=100_000, shift=2))


@pytest.fixture
def said(program):
    return inference(program, ROW, SALT)


def test_verify_inference__right__is_logged(evaluator, said, stranger):
    receipt = evaluator.verifyInference(
        said.model_id, said.input_commitment, said.output, said.proof, sender=stranger
    )
    [event] = receipt.decode_logs(evaluator.InferenceVerified)
    assert event.modelId == said.model_id
    assert event.inputCommitment == said.input_commitment
    assert event.output == said.output
    assert event.caller == stranger


def test_verify_inference__called_by_a_contract__the_same(evaluator, caller, said, stranger):
    data = evaluator.verifyInference.encode_input(
        said.model_id, said.input_commitment, said.output, said.proof
    )
    receipt = caller.forward(evaluator.address, data, sender=stranger)
    [event] = receipt.decode_logs(evaluator.InferenceVerified)
    assert event.caller == caller.address


def test_verify_inference__another_output__reverts(evaluator, said, stranger):
    for output in (b"", said.output[:-1], said.output + b"\0", said.output[:-1] + b"\0"):
        with ape.reverts("verify: another output"):
            evaluator.verifyInference(
                said.model_id, said.input_commitment, output, said.proof, sender=stranger
            )


def test_verify_inference__another_input_or_salt__reverts(evaluator, program, said, stranger):
    for other in (
        inference(program, ROW, bytes(32)),
        inference(program, pack_features([51, 3000]), SALT),
    ):
        with ape.reverts("verify: another input committed"):
            evaluator.verifyInference(
                said.model_id, said.input_commitment, said.output, other.proof, sender=stranger
            )


def test_verify_inference__invalid_features__reverts(evaluator, program, said, stranger):
    features = pack_features([50, MISSING])
    commitment = keccak(keccak(b"cairn-input-v1") + SALT + features)
    proof = said.proof[:96] + features + bytes(24)
    with ape.reverts("verify: features invalid"):
        evaluator.verifyInference(said.model_id, commitment, b"", proof, sender=stranger)


def test_verify_inference__proof_cut_off__reverts(evaluator, said, stranger):
    with ape.reverts():
        evaluator.verifyInference(
            said.model_id, said.input_commitment, said.output, said.proof[:95], sender=stranger
        )


def test_verify_inference__unpublished__reverts(evaluator, said, stranger):
    with ape.reverts("evaluator: program unpublished"):
        evaluator.verifyInference(
            said.model_id ^ 1, said.input_commitment, said.output, said.proof, sender=stranger
        )


def test_proof_system_of__published__the_first_bytes_of_its_name(evaluator, said):
    assert evaluator.proofSystemOf(said.model_id) == proof_system_id()
    assert proof_system_id() == keccak(b"cairn-reexecution-v1")[:4]


def test_proof_system_of__unpublished__reverts(evaluator, said):
    with ape.reverts("verify: program unpublished"):
        evaluator.proofSystemOf(said.model_id ^ 1)


def test_registry__of_programs__is_the_store(evaluator, program_store):
    assert evaluator.registry() == evaluator.PROGRAM_STORE() == program_store.address


def test_supports_interface__verifier_and_erc_165__and_no_other(evaluator):
    verifier = 0
    for signature in (
        "verifyInference(uint256,bytes32,bytes,bytes)",
        "proofSystemOf(uint256)",
        "registry()",
    ):
        verifier ^= int.from_bytes(keccak(text=signature)[:4], "big")
    assert evaluator.supportsInterface(verifier.to_bytes(4, "big"))
    assert evaluator.supportsInterface(bytes.fromhex("01ffc9a7"))
    assert not evaluator.supportsInterface(bytes.fromhex("ffffffff"))


def test_inference__salt_or_features_wrong__refused(program):
    with pytest.raises(ProgramError, match="salt"):
        inference(program, ROW, b"short")
    with pytest.raises(ProgramError, match="invalid"):
        inference(program, ROW[:4], SALT)
