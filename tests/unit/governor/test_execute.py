import ape
from eth_utils import keccak

from tests.unit.governor.conftest import (
    CANCELED,
    DEFEATED,
    EXECUTED,
    PERIOD_S,
    QUEUED,
    TIMELOCK_S,
    Actions,
)


def test_queue__not_succeeded__reverts(governor, propose, payment, stranger, pass_time):
    with ape.reverts("governor: unknown proposal"):
        governor.queue(*payment.key, sender=stranger)
    propose(payment)
    with ape.reverts("queue: proposal has not succeeded"):
        governor.queue(*payment.key, sender=stranger)
    pass_time(PERIOD_S + 1)
    assert governor.state(payment.id) == DEFEATED
    with ape.reverts("queue: proposal has not succeeded"):
        governor.queue(*payment.key, sender=stranger)


def test_queue__succeeded__is_scheduled_once(governor, lock, payment, enqueue, stranger):
    receipt = enqueue(payment)
    [event] = receipt.decode_logs(governor.ProposalQueued)
    eta = receipt.timestamp + TIMELOCK_S
    assert (event.proposalId, event.etaSeconds) == (payment.id, eta)
    assert governor.proposalEta(payment.id) == eta
    assert governor.state(payment.id) == QUEUED
    salt = bytes(
        a ^ b
        for a, b in zip(
            bytes.fromhex(governor.address[2:]) + bytes(12), payment.key[3], strict=True
        )
    )
    operation = lock.hashOperationBatch(*payment.key[:3], bytes(32), salt)
    assert lock.getTimestamp(operation) == eta
    with ape.reverts("queue: proposal has not succeeded"):
        governor.queue(*payment.key, sender=stranger)


def test_execute__queued_and_ready__pays_once(governor, payment, carry, stranger, challenger):
    before = stranger.balance
    with ape.reverts("governor: unknown proposal"):
        governor.execute(*payment.key, sender=challenger)
    receipt = carry(payment)
    [event] = receipt.decode_logs(governor.ProposalExecuted)
    assert event.proposalId == payment.id
    assert stranger.balance > before - 10**18
    assert governor.state(payment.id) == EXECUTED
    with ape.reverts("execute: proposal is not queued"):
        governor.execute(*payment.key, sender=stranger)


def test_execute__too_early__reverts(governor, payment, succeed, stranger):
    succeed(payment)
    with ape.reverts("execute: proposal is not queued"):
        governor.execute(*payment.key, sender=stranger)
    governor.queue(*payment.key, sender=stranger)
    with ape.reverts("timelock: operation is not ready"):
        governor.execute(*payment.key, sender=stranger)


def test_execute__coin_sent_along__reaches_the_treasury(
    governor, lock, enqueue, challenger, stranger, pass_time
):
    actions = Actions([challenger.address], [1_000], [b""])
    enqueue(actions)
    pass_time(TIMELOCK_S)
    before = challenger.balance
    governor.execute(*actions.key, value=1_000, sender=stranger)
    assert challenger.balance == before + 1_000
    assert governor.balance == 0


def test_execute__a_call_fails__passes_its_reason_and_stays_queued(
    governor, enqueue, stranger, pass_time
):
    bad = Actions([governor.address], [0], [bytes(governor.setVotingPeriod.encode_input(59))])
    enqueue(bad)
    pass_time(TIMELOCK_S)
    with ape.reverts("governor: voting period too short"):
        governor.execute(*bad.key, sender=stranger)
    assert governor.state(bad.id) == QUEUED


def test_settings__stranger__reverts(governor, refused_to_outsiders):
    for method, args in (
        (governor.setVotingDelay, (60,)),
        (governor.setVotingPeriod, (60,)),
        (governor.setProposalThreshold, (0,)),
        (governor.updateQuorumNumerator, (5,)),
        (governor.setLateQuorumVoteExtension, (0,)),
    ):
        refused_to_outsiders(method, *args, reason="governor: only the timelock sets this")


def test_relay__stranger__reverts(governor, stranger, refused_to_outsiders):
    refused_to_outsiders(
        governor.relay, stranger, 0, b"", reason="governor: caller is not the timelock"
    )


def test_settings__by_a_proposal__all_change_and_are_logged(governor, carry):
    calls = [
        (governor.setVotingDelay, 61, governor.VotingDelaySet, 3_600),
        (governor.setVotingPeriod, 62, governor.VotingPeriodSet, 3 * 86_400),
        (governor.setProposalThreshold, 63, governor.ProposalThresholdSet, 10**18),
        (governor.updateQuorumNumerator, 4, governor.QuorumNumeratorUpdated, 20),
        (governor.setLateQuorumVoteExtension, 65, governor.LateQuorumVoteExtensionSet, 86_400),
    ]
    actions = Actions(
        [governor.address] * 5,
        [0] * 5,
        [bytes(method.encode_input(new)) for method, new, _, _ in calls],
    )
    receipt = carry(actions)
    for _, new, event, old in calls:
        [log] = receipt.decode_logs(event)
        assert list(log.event_arguments.values()) == [old, new]
    assert (governor.votingDelay(), governor.votingPeriod()) == (61, 62)
    assert (governor.proposalThreshold(), governor.quorumNumerator()) == (63, 4)
    assert governor.lateQuorumVoteExtension() == 65


def test_relay__by_a_proposal__calls_as_the_governor(governor, lock, carry, stranger, challenger):
    challenger.transfer(lock, 5)
    before = stranger.balance
    data = bytes(governor.relay.encode_input(challenger, 5, b""))
    paid = challenger.balance
    carry(Actions([governor.address], [5], [data]))
    assert challenger.balance == paid + 5
    assert stranger.balance <= before


def test_relay__to_the_timelock__reverts(governor, lock, enqueue, stranger, pass_time):
    smuggled = lock.schedule.encode_input(stranger, 0, b"", bytes(32), bytes(32), TIMELOCK_S)
    actions = Actions(
        [governor.address], [0], [bytes(governor.relay.encode_input(lock, 0, smuggled))]
    )
    enqueue(actions)
    pass_time(TIMELOCK_S)
    with ape.reverts("relay: not to the timelock"):
        governor.execute(*actions.key, sender=stranger)


def test_cancel__queued_by_another_proposal__is_never_executed(
    governor, lock, payment, enqueue, carry, founders, stranger
):
    enqueue(payment)
    veto = Actions(
        [governor.address], [0], [bytes(governor.cancel.encode_input(*payment.key))], "Veto"
    )
    held = lock.balance
    receipt = carry(veto, proposer=founders[1])
    [event] = receipt.decode_logs(governor.ProposalCanceled)
    assert event.proposalId == payment.id
    assert len(receipt.decode_logs(lock.Cancelled)) == 1
    assert governor.state(payment.id) == CANCELED
    with ape.reverts("execute: proposal is not queued"):
        governor.execute(*payment.key, sender=stranger)
    assert lock.balance == held


def test_cancel__executed__reverts(governor, payment, carry, timelock):
    carry(payment)
    with ape.reverts("cancel: already final"):
        governor.cancel(*payment.key, sender=timelock)


def test_execute__payment_to_an_account_without_code__after_it_was_paid_first_time(
    governor, lock, challenger, carry
):
    """An account that did not exist when the proposal was made may exist when it is executed."""
    fresh = "0x" + keccak(text="fresh")[-20:].hex()
    challenger.transfer(lock, 5)
    challenger.transfer(fresh, 1)
    carry(Actions([fresh], [5], [b""]))
    assert challenger.provider.get_balance(fresh) == 6
