"""A thief looks for a way to the treasury round the vote and its delay: a role that somebody still
has or can grant, the timelock told to schedule for itself, the governor told to call the timelock, an
action that acts on its own proposal while it runs.

The timelock knows one account, the governor, for good; the governor calls it for what was voted on.
"""

import ape
import pytest
from eth_utils import keccak

from tests.unit.governor.conftest import EXECUTED, QUEUED, TIMELOCK_S, Actions

NONE = bytes(32)
ROLES = ("PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE")


@pytest.fixture
def plunder(lock, stranger, challenger):
    """What the thief would have the timelock do: (target, amount, data, predecessor, salt)."""
    challenger.transfer(lock, 10**18)
    return stranger.address, 10**18, b"", NONE, NONE


def test_roles__of_everybody_that_there_is__are_the_governors(
    governor, lock, token, alliance, system, accounts
):
    # A role's id is the hash of its name; the administrator's is zero.
    roles = [NONE, *(keccak(text=name) for name in ROLES)]
    everybody = [
        *(account.address for account in list(accounts)[:20]),
        *(contract.address for contract in vars(system).values()),
        alliance.charter.address,
        token.address,
        lock.address,
        "0x" + "00" * 20,
    ]
    for account in everybody:
        assert not any(lock.hasRole(role, account) for role in roles), account
    assert [lock.hasRole(role, governor) for role in roles] == [False, True, True, True]


def test_roles__granted_by_an_operation__cannot_be(lock, enqueue, governor, stranger, pass_time):
    """Not even all holders together can add a proposer or an executor."""
    calls = [
        keccak(text="grantRole(bytes32,address)")[:4]
        + keccak(text=ROLES[0])
        + bytes(12)
        + bytes.fromhex(stranger.address[2:]),
        keccak(text="updateTimelock(address)")[:4]
        + bytes(12)
        + bytes.fromhex(stranger.address[2:]),
    ]
    actions = Actions([lock.address, governor.address], [0, 0], calls, "A helper for the timelock")
    enqueue(actions)
    pass_time(TIMELOCK_S)
    with ape.reverts("timelock: unknown function"):
        governor.execute(*actions.key, sender=stranger)
    assert not lock.hasRole(keccak(text=ROLES[0]), stranger)


def test_timelock__called_by_anyone__does_nothing(
    lock, plunder, accounts, timelock, token, governor, refused_to_outsiders
):
    reason = "timelock: caller is not the governor"
    batch = ([plunder[0]], [plunder[1]], [b""], NONE, NONE)
    for method, args in (
        (lock.schedule, (*plunder, TIMELOCK_S)),
        (lock.scheduleBatch, (*batch, TIMELOCK_S)),
        (lock.execute, plunder),
        (lock.executeBatch, batch),
        (lock.cancel, (NONE,)),
    ):
        refused_to_outsiders(method, *args, reason=reason)
        with ape.reverts(reason):  # nor does an operation of its own, past the governor
            method(*args, sender=timelock)


@pytest.mark.parametrize("way", ["its own", "relayed"])
def test_execute__an_action_schedules_another__is_refused(
    governor, lock, enqueue, plunder, stranger, pass_time, way
):
    schedule = bytes(lock.schedule.encode_input(*plunder, TIMELOCK_S))
    if way == "its own":
        actions = Actions([lock.address], [0], [schedule], "Tidy up")
        reason = None  # the timelock is locked while it runs an operation, without a word
    else:
        relayed = bytes(governor.relay.encode_input(lock, 0, schedule))
        actions = Actions([governor.address], [0], [relayed], "Tidy up")
        reason = "relay: not to the timelock"
    enqueue(actions)
    pass_time(TIMELOCK_S)
    with ape.reverts(reason):
        governor.execute(*actions.key, sender=stranger)
    assert lock.balance >= 10**18


def test_execute__an_action_calls_back__runs_nothing_twice(
    governor, lock, payment, enqueue, project, deployer, stranger, pass_time, challenger
):
    """The payee executes its own payment again while it is being paid."""
    thief = deployer.deploy(project.Reentrant)
    challenger.transfer(lock, 10)
    actions = Actions([thief.address], [5], [b""], "Pay the thief")
    enqueue(actions)
    thief.arm(governor, governor.execute.encode_input(*actions.key), sender=stranger)
    pass_time(TIMELOCK_S)
    governor.execute(*actions.key, sender=stranger)
    assert governor.state(actions.id) == EXECUTED
    assert (thief.tries(), thief.successes()) == (1, 0)
    assert thief.balance == 5


def test_execute__early_or_by_other_words__is_refused(
    governor, lock, plunder, enqueue, payment, stranger, pass_time
):
    enqueue(payment)
    with ape.reverts("timelock: operation is not ready"):
        governor.execute(*payment.key, sender=stranger)
    pass_time(TIMELOCK_S)
    targets, amounts, calldatas, why = payment.key
    for other in (
        ([plunder[0]], [plunder[1]], [b""], why),
        (targets, [6], calldatas, why),
        (targets, amounts, [b"\0"], why),
        (targets, amounts, calldatas, keccak(text="another")),
    ):
        with ape.reverts("governor: unknown proposal"):
            governor.execute(*other, sender=stranger)
    assert governor.state(payment.id) == QUEUED
