"""anchor_batch: roots of a sensor's packets, one reading a period at most."""

import ape
import pytest

from tests.unit.device_registry.conftest import BOND_WEI, anchor_args


def test_anchor_batch__stranger__reverts(admitted, alliance, stranger, batch):
    with ape.reverts("device: caller is not its owner"):
        admitted.anchor_batch(*anchor_args(alliance, batch), sender=stranger, value=BOND_WEI)


def test_anchor_batch__contract__reverts(admitted, alliance, owner, batch, caller):
    data = admitted.anchor_batch.encode_input(*anchor_args(alliance, batch))
    with ape.reverts("device: caller is not its owner"):
        caller.forward(admitted, data, sender=owner, value=BOND_WEI)


def test_anchor_batch__owner__records_and_logs(admitted, alliance, owner, batch, chain):
    receipt = admitted.anchor_batch(*anchor_args(alliance, batch), sender=owner, value=BOND_WEI)
    assert receipt.return_value == batch.batch_id
    record = admitted.batch(batch.batch_id)
    assert (record.alliance, record.owner) == (alliance, owner)
    assert record.device.lower() == "0x" + batch.device.hex()
    assert (record.count, record.first_timestamp, record.last_timestamp) == (
        20,
        batch.first,
        batch.last,
    )
    assert record.anchored_at == chain.blocks.head.timestamp
    assert record.draw_block == receipt.block_number + 2
    assert record.state == 1
    assert not admitted.is_mature(batch.batch_id)
    assert admitted.balance == BOND_WEI
    (event,) = receipt.decode_logs(admitted.BatchAnchored)
    assert (event.batch_id, event.root) == (batch.batch_id, batch.root)
    assert (event.count, event.first_timestamp, event.last_timestamp) == (
        20,
        batch.first,
        batch.last,
    )
    assert event.cid == b"\x01" + bytes(35)


def test_anchor_batch__next_window__is_taken(anchored, alliance, owner, next_batch):
    anchored.anchor_batch(*anchor_args(alliance, next_batch), sender=owner, value=BOND_WEI)
    assert anchored.last_anchored(alliance, "0x" + next_batch.device.hex()) == next_batch.last


def test_anchor_batch__unregistered_device__reverts(registry, alliance, owner, batch):
    with ape.reverts("device: caller is not its owner"):
        registry.anchor_batch(*anchor_args(alliance, batch), sender=owner, value=BOND_WEI)


def test_anchor_batch__other_alliance__reverts(admitted, other_alliance, owner, batch):
    with ape.reverts("anchor: device is not admitted"):
        admitted.anchor_batch(*anchor_args(other_alliance, batch), sender=owner, value=BOND_WEI)


@pytest.mark.parametrize("value", [0, BOND_WEI - 1, BOND_WEI + 1])
def test_anchor_batch__other_than_the_bond__reverts(admitted, alliance, owner, batch, value):
    with ape.reverts("anchor: send exactly the bond"):
        admitted.anchor_batch(*anchor_args(alliance, batch), sender=owner, value=value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"root": bytes(32)}, "anchor: root is zero"),
        ({"count": 0}, "anchor: count is zero or too large"),
        ({"count": 2**20 + 1}, "anchor: count is zero or too large"),
        ({"first_timestamp": 0}, "anchor: first timestamp is zero"),
        ({"last_timestamp": 1}, "anchor: window ends before it begins"),
        ({"last_timestamp": 2**32}, "anchor: window ends in the future"),
        ({"count": 21}, "anchor: more than one a period"),
    ],
)
def test_anchor_batch__bad_argument__says_which(admitted, alliance, owner, batch, changes, reason):
    arguments = anchor_args(alliance, batch, **changes)
    with ape.reverts(reason):
        admitted.anchor_batch(*arguments, sender=owner, value=BOND_WEI)


def test_anchor_batch__ahead_of_the_chain__at_most_ten_minutes(
    admitted, alliance, owner, batch, chain
):
    head = chain.blocks.head.timestamp
    late = anchor_args(alliance, batch, last_timestamp=head + 1_200)
    with ape.reverts("anchor: window ends in the future"):
        admitted.anchor_batch(*late, sender=owner, value=BOND_WEI)
    fine = anchor_args(alliance, batch, last_timestamp=head + 600)
    admitted.anchor_batch(*fine, sender=owner, value=BOND_WEI)


def test_anchor_batch__same_window_other_root__reverts(anchored, alliance, owner, batch):
    arguments = anchor_args(alliance, batch, root=b"\x07" * 32)
    with ape.reverts("anchor: window overlaps an earlier one"):
        anchored.anchor_batch(*arguments, sender=owner, value=BOND_WEI)


def test_anchor_batch__window_begins_at_the_last_end__reverts(anchored, alliance, owner, batch):
    arguments = anchor_args(
        alliance,
        batch,
        root=b"\x07" * 32,
        first_timestamp=batch.last,
        last_timestamp=batch.last,
        count=1,
    )
    with ape.reverts("anchor: window overlaps an earlier one"):
        anchored.anchor_batch(*arguments, sender=owner, value=BOND_WEI)


def test_anchor_batch__root_anchored_already__reverts(
    anchored, alliance, other_alliance, owner, batch, next_batch, sensor
):
    later = anchor_args(alliance, next_batch, root=batch.root)
    with ape.reverts("anchor: root is anchored already"):
        anchored.anchor_batch(*later, sender=owner, value=BOND_WEI)
    anchored.admit([sensor.address], sender=other_alliance)
    elsewhere = anchor_args(other_alliance, batch)
    with ape.reverts("anchor: root is anchored already"):
        anchored.anchor_batch(*elsewhere, sender=owner, value=BOND_WEI)


def test_anchor_batch__one_reading__is_taken(admitted, alliance, owner, batch):
    arguments = anchor_args(alliance, batch, last_timestamp=batch.first, count=1, cid=b"")
    admitted.anchor_batch(*arguments, sender=owner, value=BOND_WEI)
