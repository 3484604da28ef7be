import ape
import pytest

from cairn.domain.programs import ProgramError, parse_program


def _with_byte(header: bytes, place: int, value: int) -> bytes:
    return header[:place] + bytes([value]) + header[place + 1 :]


def test_publish_program__well_formed_header__is_found_by_its_hash(
    program_store, publisher, program
):
    receipt = program_store.publish_program(program.header_bytes, sender=publisher)

    assert receipt.return_value == program.hash
    assert program_store.is_published(program.hash)
    event = next(iter(receipt.decode_logs(program_store.ProgramPublished)))
    assert event.program_hash == program.hash
    assert (event.kernel, event.n_features, event.n_outputs) == (1, 2, 1)


def test_publish_program__again_by_another__changes_nothing(
    program_store, publisher, program, accounts
):
    program_store.publish_program(program.header_bytes, sender=publisher)
    holder = program_store.header_of(program.hash)
    receipt = program_store.publish_program(program.header_bytes, sender=accounts[6])

    assert receipt.return_value == program.hash
    assert program_store.header_of(program.hash) == holder
    assert not list(receipt.decode_logs(program_store.ProgramPublished))


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, 0, "store: not a cairn program"),
        (4, 9, "store: unknown kind"),
        (5, 3, "store: unknown output mode"),
        (7, 0, "store: no features"),
        (7, 9, "store: wrong feature words"),
        (9, 2, "store: wrong output count"),
        (11, 15, "store: wrong header length"),
        (13, 1, "store: linear has chunks or more"),
        (31, 1, "store: linear has chunks or more"),
    ],
)
def test_publish_program__malformed_header__refused_as_python_refuses(
    program_store, publisher, program, place, value, reason
):
    header = _with_byte(program.header_bytes, place, value)
    with ape.reverts(reason):
        program_store.publish_program(header, sender=publisher)
    with pytest.raises(ProgramError):
        parse_program(header)


@pytest.mark.parametrize("length", [0, 1, 63])
def test_publish_program__cut_off__refused(program_store, publisher, program, length):
    with ape.reverts("store: header too short"):
        program_store.publish_program(program.header_bytes[:length], sender=publisher)


def test_publish_program__half_a_word_more__refused(program_store, publisher, program):
    with ape.reverts("store: wrong header length"):
        program_store.publish_program(program.header_bytes + bytes(16), sender=publisher)
