"""Holders vote to pay three people in one proposal. Before it runs, one of them lets his account delegate to
code (EIP-7702), as wallets do to anyone, and nobody is paid.

An account that is only paid may delegate, or delegate elsewhere: the coin is its owner's either way, and the
others have theirs. What has data to run is still refused, and so is a contract where no code was.
"""

import ape
import pytest

from tests.unit.governor.conftest import EXECUTED, QUEUED, TIMELOCK_S, Actions

PAID_WEI = 10**15


@pytest.fixture
def delegate(chain, project, deployer, requester):
    """Let the requester's account delegate to code that takes coin, or to another's."""

    def delegate_():
        to = bytes.fromhex(deployer.deploy(project.Caller).address[2:])
        chain.provider.set_code(requester.address, b"\xef\x01\x00" + to)

    return delegate_


@pytest.fixture
def pay_together(lock, challenger, requester, operator):
    """To pay the requester and two others, and the treasury that can."""
    challenger.transfer(lock, 3 * PAID_WEI)
    payees = [challenger.address, requester.address, operator.address]
    return Actions(payees, [PAID_WEI] * 3, [b""] * 3, "Pay three")


def execute(governor, actions, payees, sender):
    """What each payee got."""
    before = [payee.balance for payee in payees]
    governor.execute(*actions.key, sender=sender)
    assert governor.state(actions.id) == EXECUTED
    return [payee.balance - was for payee, was in zip(payees, before, strict=True)]


def test_execute__payee_delegated_since__all_are_paid(
    governor, enqueue, pay_together, delegate, challenger, requester, operator, stranger, pass_time
):
    enqueue(pay_together)
    delegate()
    pass_time(TIMELOCK_S)
    payees = [challenger, requester, operator]
    assert execute(governor, pay_together, payees, stranger) == [PAID_WEI] * 3


def test_execute__payee_delegates_elsewhere_since__all_are_paid(
    governor, enqueue, pay_together, delegate, challenger, requester, operator, stranger, pass_time
):
    delegate()
    enqueue(pay_together)
    assert governor.bound_code(requester) == (bytes(32), 0)
    delegate()
    pass_time(TIMELOCK_S)
    payees = [challenger, requester, operator]
    assert execute(governor, pay_together, payees, stranger) == [PAID_WEI] * 3


def test_execute__account_called_with_data_delegated_since__is_refused(
    governor, enqueue, delegate, requester, stranger, pass_time
):
    call = Actions([requester.address], [0], [b"\1\2\3\4"], "Note it on the chain")
    enqueue(call)
    delegate()
    pass_time(TIMELOCK_S)
    with ape.reverts("execute: code has appeared"):
        governor.execute(*call.key, sender=stranger)
    assert governor.state(call.id) == QUEUED


def test_execute__delegation_called_with_data_changed_since__is_refused(
    governor, enqueue, delegate, requester, stranger, pass_time
):
    delegate()
    call = Actions([requester.address], [0], [b"\1\2\3\4"], "Call the wallet")
    enqueue(call)
    delegate()
    pass_time(TIMELOCK_S)
    with ape.reverts("execute: code has changed"):
        governor.execute(*call.key, sender=stranger)
    assert governor.state(call.id) == QUEUED
