import ape

from tests.unit.timelock.conftest import DELAY_S, NONE, Operation


def test_execute__stranger__reverts(
    lock, payment, schedule, stranger, pass_time, refused_to_outsiders
):
    schedule(payment)
    pass_time(DELAY_S)
    reason = "timelock: caller is not the governor"
    refused_to_outsiders(lock.executeBatch, *payment.args, reason=reason)
    refused_to_outsiders(lock.execute, stranger, 5, b"", NONE, NONE, reason=reason)


def test_execute_batch__ready__calls_once(lock, payment, schedule, stranger, governor, pass_time):
    schedule(payment)
    with ape.reverts("timelock: operation is not ready"):
        lock.executeBatch(*payment.args, sender=governor)
    pass_time(DELAY_S)
    before = stranger.balance
    receipt = lock.executeBatch(*payment.args, sender=governor)
    [event] = receipt.decode_logs(lock.CallExecuted)
    assert (event.id, event.index, event.target, event.value, event.data) == (
        payment.id, 0, stranger, 5, b"",
    )  # fmt: skip
    assert stranger.balance == before + 5
    assert lock.getTimestamp(payment.id) == 1
    assert lock.isOperationDone(payment.id) and not lock.isOperationPending(payment.id)
    with ape.reverts("timelock: operation is not ready"):
        lock.executeBatch(*payment.args, sender=governor)
    with ape.reverts("timelock: already scheduled"):
        schedule(payment)


def test_execute__single_call__with_coin_sent_along(lock, stranger, governor, pass_time):
    args = (stranger, 7, b"", NONE, NONE)
    lock.schedule(*args, DELAY_S, sender=governor)
    pass_time(DELAY_S)
    before = stranger.balance
    lock.execute(*args, value=7, sender=governor)
    assert stranger.balance == before + 7


def test_execute_batch__one_call_fails__all_are_undone_with_its_reason(
    lock, payer, stranger, governor, schedule, pass_time
):
    payer.transfer(lock, 5)
    operation = Operation(
        [stranger.address, lock.address],
        [5, 0],
        [b"", bytes(lock.updateDelay.encode_input(59))],
    )
    schedule(operation)
    pass_time(DELAY_S)
    with ape.reverts("timelock: delay too short"):
        lock.executeBatch(*operation.args, sender=governor)
    assert lock.balance == 5
    assert lock.isOperationReady(operation.id)


def test_execute_batch__predecessor__must_be_done(
    lock, payment, stranger, schedule, governor, pass_time
):
    second = Operation([stranger.address], [0], [b""], payment.id)
    schedule(payment)
    schedule(second)
    pass_time(DELAY_S)
    with ape.reverts("timelock: predecessor is not done"):
        lock.executeBatch(*second.args, sender=governor)
    lock.executeBatch(*payment.args, sender=governor)
    lock.executeBatch(*second.args, sender=governor)


def test_update_delay__stranger_and_governor__reverts(lock, governor, refused_to_outsiders):
    reason = "timelock: only by an operation"
    refused_to_outsiders(lock.updateDelay, 60, reason=reason)
    with ape.reverts(reason):
        lock.updateDelay(60, sender=governor)


def test_update_delay__by_an_operation__holds_for_the_next(
    lock, governor, schedule, payment, pass_time
):
    change = Operation([lock.address], [0], [bytes(lock.updateDelay.encode_input(60))])
    schedule(change)
    pass_time(DELAY_S)
    receipt = lock.executeBatch(*change.args, sender=governor)
    [event] = receipt.decode_logs(lock.MinDelayChange)
    assert (event.oldDuration, event.newDuration) == (DELAY_S, 60)
    assert lock.getMinDelay() == 60
    schedule(payment, 60)
