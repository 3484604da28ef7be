from cairn.domain.programs import KERNELS
from scripts._system import creation_code

ZERO_ADDRESS = "0x" + "00" * 20


def test_is_published__never_published__false(program_store, program):
    assert not program_store.is_published(program.hash)
    assert program_store.header_of(program.hash) == ZERO_ADDRESS
    assert not program_store.is_published(bytes(32))


def test_is_published__header_held_by_another_store__false(
    program_store, publisher, program, project, accounts
):
    other = accounts[0].deploy(
        project.ProgramStore, [creation_code(kernel.name) for kernel in KERNELS]
    )
    other.publish_program(program.header_bytes, sender=publisher)

    assert other.is_published(program.hash)
    assert not program_store.is_published(program.hash)


def test_header_of__published__holds_the_loader_reader_and_header(
    program_store, publisher, program, chain
):
    program_store.publish_program(program.header_bytes, sender=publisher)
    code = chain.provider.get_code(program_store.header_of(program.hash))
    assert bytes(code).endswith(program.header_bytes)
    assert len(code) == 13 + len(program.header_bytes)
