"""Holders approve two actions: let a factory make a contract, then call what it made. After the vote
the thief tells the factory to make something else.

When the vote was held there was no code at the second address, and there must be none once all is
done: so no action can create what a later one calls.
"""

import ape
import pytest

from scripts._deployment import created_address
from tests.unit.governor.conftest import QUEUED, TIMELOCK_S, Actions


@pytest.fixture
def enqueued(governor, enqueue, deployer, project, lock, challenger, stranger, pass_time):
    """The two actions, through the vote; the thief has changed what is made."""
    challenger.transfer(lock, 10**18)
    maker = deployer.deploy(project.Maker)
    maker.set_model(governor, sender=stranger)  # harmless, as the holders see it
    child = created_address(maker.address, 1)
    actions = Actions(
        [maker.address, child], [0, 10**18], [bytes(maker.make.encode_input()), b""], "Fill a safe"
    )
    enqueue(actions)
    maker.set_model(deployer.deploy(project.Caller), sender=stranger)
    pass_time(TIMELOCK_S)
    return actions


def test_execute__action_creates_what_the_next_calls__is_refused(
    governor, enqueued, lock, stranger
):
    treasury = lock.balance
    assert treasury >= 10**18
    with ape.reverts("execute: code has appeared"):
        governor.execute(*enqueued.key, sender=stranger)
    assert governor.state(enqueued.id) == QUEUED
    assert lock.balance == treasury
