import ape

from cairn.domain.programs import gas_bound, proof_system_id

ZERO_ADDRESS = "0x" + "00" * 20


def test_get_model__published__commits_to_the_program(program_store, publisher, program):
    program_store.publish_program(program.header_bytes, sender=publisher)
    commitment, deprecated, owner = program_store.getModel(int.from_bytes(program.hash, "big"))
    assert commitment.modelHash == program.hash
    assert commitment.proofSystemId == proof_system_id()
    assert commitment.circuitHash != bytes(32)
    assert (commitment.vkHash, commitment.uri) == (bytes(32), "")
    assert (deprecated, owner) == (False, ZERO_ADDRESS)


def test_get_model__never_published__reverts(program_store):
    with ape.reverts("store: program unpublished"):
        program_store.getModel(1)


def test_gas_bound__published__recorded_in_the_event(program_store, publisher, program):
    receipt = program_store.publish_program(program.header_bytes, sender=publisher)
    [event] = receipt.decode_logs(program_store.ProgramPublished)
    assert event.gas_bound == gas_bound(program) == program_store.gas_bound(program.hash)


def test_gas_bound__never_published__zero(program_store, program):
    assert program_store.gas_bound(program.hash) == 0
