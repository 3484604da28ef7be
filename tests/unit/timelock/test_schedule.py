import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.unit.timelock.conftest import DELAY_S, NONE, Operation

SALT = bytes([7]) * 32


def test_schedule__stranger__reverts(lock, payment, stranger, refused_to_outsiders):
    reason = "timelock: caller is not the governor"
    refused_to_outsiders(lock.scheduleBatch, *payment.args, DELAY_S, reason=reason)
    refused_to_outsiders(lock.schedule, stranger, 5, b"", NONE, NONE, DELAY_S, reason=reason)


def test_schedule_batch__governor__waits_for_the_delay(lock, payment, schedule, pass_time):
    assert lock.getOperationState(payment.id) == 0
    assert not lock.isOperation(payment.id)
    receipt = schedule(payment)
    assert lock.getTimestamp(payment.id) == receipt.timestamp + DELAY_S
    assert lock.getOperationState(payment.id) == 1
    assert lock.isOperationPending(payment.id) and not lock.isOperationReady(payment.id)
    pass_time(DELAY_S)
    assert lock.getOperationState(payment.id) == 2
    assert lock.isOperationPending(payment.id) and lock.isOperationReady(payment.id)


def test_schedule_batch__logs__as_openzeppelin_s(lock, stranger, schedule):
    operation = Operation([stranger.address, lock.address], [5, 0], [b"", b"\1\2"], NONE, SALT)
    receipt = schedule(operation)
    first, second = receipt.decode_logs(lock.CallScheduled)
    for index, event in enumerate((first, second)):
        assert (event.id, event.index, event.target, event.value) == (
            operation.id, index, operation.targets[index], operation.amounts[index],
        )  # fmt: skip
        assert (event.data, event.predecessor, event.delay) == (
            operation.payloads[index], NONE, DELAY_S,
        )  # fmt: skip
    [salted] = receipt.decode_logs(lock.CallSalt)
    assert (salted.id, salted.salt) == (operation.id, SALT)
    assert [log["topics"][0].hex() for log in receipt.logs] == [
        keccak(text="CallScheduled(bytes32,uint256,address,uint256,bytes,bytes32,uint256)").hex(),
    ] * 2 + [keccak(text="CallSalt(bytes32,bytes32)").hex()]


def test_hash_operation__as_openzeppelin_s(lock, stranger):
    types = ["address", "uint256", "bytes", "bytes32", "bytes32"]
    args = (stranger.address, 5, b"\1\2\3", NONE, SALT)
    assert lock.hashOperation(*args) == keccak(encode(types, args))
    batch = Operation([stranger.address], [5], [b"\1\2\3"], NONE, SALT)
    assert lock.hashOperationBatch(*batch.args) == batch.id


def test_schedule_batch__twice__reverts(payment, schedule):
    schedule(payment)
    with ape.reverts("timelock: already scheduled"):
        schedule(payment)


@pytest.mark.parametrize(
    ("delay_s", "reason"),
    [
        (DELAY_S - 1, "timelock: below the minimal delay"),
        (30 * 86_400 + 1, "timelock: above the longest delay"),
    ],
)
def test_schedule_batch__delay_out_of_bounds__reverts(payment, schedule, delay_s, reason):
    with ape.reverts(reason):
        schedule(payment, delay_s)


def test_schedule_batch__lists_unlike_in_length__reverts(schedule, stranger):
    for operation in (
        Operation([stranger.address], [5, 5], [b""]),
        Operation([stranger.address], [5], []),
    ):
        with ape.reverts("timelock: lists unlike in length"):
            schedule(operation)


def test_cancel__stranger__reverts(lock, payment, schedule, refused_to_outsiders):
    schedule(payment)
    refused_to_outsiders(lock.cancel, payment.id, reason="timelock: caller is not the governor")


def test_cancel__scheduled__is_forgotten(lock, payment, schedule, governor):
    schedule(payment)
    [event] = lock.cancel(payment.id, sender=governor).decode_logs(lock.Cancelled)
    assert event.id == payment.id
    assert lock.getTimestamp(payment.id) == 0
    with ape.reverts("timelock: nothing to cancel"):
        lock.cancel(payment.id, sender=governor)
    schedule(payment)
