import ape
import pytest

from tests.conftest import SOME_CID


@pytest.fixture
def charter(alliance):
    return alliance.charter


def test_amend__by_the_timelock__replaces_the_constitution(charter, timelock):
    receipt = charter.amend(SOME_CID, sender=timelock)
    assert charter.constitution() == SOME_CID
    assert [log.constitution for log in receipt.decode_logs(charter.ConstitutionAmended)] == [
        SOME_CID
    ]


def test_amend__by_a_stranger_or_a_contract__reverts(charter, stranger, caller):
    with ape.reverts("charter: only the timelock amends"):
        charter.amend(SOME_CID, sender=stranger)
    with ape.reverts("charter: only the timelock amends"):
        caller.forward(charter, charter.amend.encode_input(SOME_CID), sender=stranger)


@pytest.mark.parametrize("cid", [b"", SOME_CID[:-1]])
def test_amend__no_cid__reverts(charter, timelock, cid):
    with ape.reverts("charter: constitution is no cid"):
        charter.amend(cid, sender=timelock)
