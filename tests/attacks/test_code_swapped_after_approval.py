"""Holders approve a call to a harmless contract; before it runs, the thief changes the code at that
address.

The governor remembers the code that each proposal calls: a proposal that would call other code is
refused, even if the thief has the new code recorded by a second proposal, or puts code where there
was none.
"""

import ape
import pytest

from tests.unit.governor.conftest import QUEUED, TIMELOCK_S, Actions

PLACE = "0x" + "c0de" * 10


@pytest.fixture
def put_code(chain):
    """What a self-destructing factory, or a delegating account, can do to its address."""

    def put(code):
        chain.provider.set_code(PLACE, code)

    return put


@pytest.fixture
def harmless(project, put_code):
    put_code(project.Caller.contract_type.get_runtime_bytecode())
    return Actions([PLACE], [0], [b""], "Call something harmless")


@pytest.fixture
def plunder(project):
    return project.Reentrant.contract_type.get_runtime_bytecode()


def test_execute__code_swapped__is_refused(
    governor, enqueue, harmless, plunder, put_code, stranger, pass_time
):
    enqueue(harmless)
    put_code(plunder)
    pass_time(TIMELOCK_S)
    with ape.reverts("execute: code has changed"):
        governor.execute(*harmless.key, sender=stranger)
    assert governor.state(harmless.id) == QUEUED


def test_execute__code_swapped_and_proposed_anew__refuses_the_older(
    governor, enqueue, propose, harmless, plunder, put_code, founders, stranger, pass_time
):
    enqueue(harmless)
    put_code(plunder)
    propose(Actions([PLACE], [0], [b""], "Have the new code recorded"), founders[1])
    code_hash, changed_at = governor.bound_code(PLACE)
    assert code_hash == ape.chain.provider.web3.keccak(plunder)
    assert changed_at > governor.proposalSnapshot(harmless.id)
    pass_time(TIMELOCK_S)
    with ape.reverts("execute: code changed meanwhile"):
        governor.execute(*harmless.key, sender=stranger)


def test_execute__code_swapped_there_and_back__refuses_the_older(
    governor, enqueue, propose, harmless, plunder, put_code, founders, stranger, pass_time, project
):
    enqueue(harmless)
    put_code(plunder)
    propose(Actions([PLACE], [0], [b""], "Have the new code recorded"), founders[1])
    put_code(project.Caller.contract_type.get_runtime_bytecode())
    propose(Actions([PLACE], [0], [b""], "Have the old code recorded"), founders[2])
    pass_time(TIMELOCK_S)
    with ape.reverts("execute: code changed meanwhile"):
        governor.execute(*harmless.key, sender=stranger)


def test_execute__code_put_where_none_was__is_refused(
    governor, enqueue, propose, plunder, put_code, founders, stranger, pass_time
):
    payment = Actions([PLACE], [0], [b""], "Pay an account without code")
    enqueue(payment)
    put_code(plunder)
    pass_time(TIMELOCK_S)
    with ape.reverts("execute: code has appeared"):
        governor.execute(*payment.key, sender=stranger)
    propose(Actions([PLACE], [0], [b""], "Have the code recorded"), founders[1])
    with ape.reverts("execute: code has appeared"):
        governor.execute(*payment.key, sender=stranger)


def test_execute__code_taken_away__is_refused(
    governor, enqueue, harmless, put_code, stranger, pass_time
):
    enqueue(harmless)
    put_code("0x")
    pass_time(TIMELOCK_S)
    with ape.reverts("execute: code has changed"):
        governor.execute(*harmless.key, sender=stranger)
