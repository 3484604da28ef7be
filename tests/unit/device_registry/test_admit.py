"""admit and expel: an alliance speaks for itself."""

import ape

from tests.unit.device_registry.conftest import BOND_WEI, anchor_args


def test_admit__stranger__admits_to_nobody_elses_alliance(registered, sensor, stranger, alliance):
    registered.admit([sensor.address], sender=stranger)
    assert not registered.is_admitted(alliance, sensor.address)
    assert registered.is_admitted(stranger, sensor.address)


def test_admit__contract__speaks_for_itself(registered, sensor, owner, alliance, caller):
    data = registered.admit.encode_input([sensor.address])
    caller.forward(registered, data, sender=owner)
    assert registered.is_admitted(caller, sensor.address)
    assert not registered.is_admitted(alliance, sensor.address)


def test_admit__unregistered_device__reverts(registry, sensor, alliance):
    with ape.reverts("admit: device is not registered"):
        registry.admit([sensor.address], sender=alliance)


def test_admit__registered__logs(registered, sensor, alliance):
    receipt = registered.admit([sensor.address], sender=alliance)
    (event,) = receipt.decode_logs(registered.DeviceAdmitted)
    assert (event.alliance, event.device.lower()) == (alliance, sensor.address)


def test_expel__stranger__changes_nothing(admitted, sensor, stranger, alliance):
    admitted.expel([sensor.address], sender=stranger)
    assert admitted.is_admitted(alliance, sensor.address)


def test_expel__contract__changes_nothing(admitted, sensor, owner, alliance, caller):
    caller.forward(admitted, admitted.expel.encode_input([sensor.address]), sender=owner)
    assert admitted.is_admitted(alliance, sensor.address)


def test_expel__alliance__ends_anchoring(admitted, sensor, owner, alliance, batch):
    receipt = admitted.expel([sensor.address], sender=alliance)
    assert len(list(receipt.decode_logs(admitted.DeviceExpelled))) == 1
    assert not admitted.is_admitted(alliance, sensor.address)
    with ape.reverts("anchor: device is not admitted"):
        admitted.anchor_batch(*anchor_args(alliance, batch), sender=owner, value=BOND_WEI)


def test_expel__and_admitted_again__time_is_not_anchored_twice(
    anchored, sensor, owner, alliance, batch
):
    anchored.expel([sensor.address], sender=alliance)
    anchored.admit([sensor.address], sender=alliance)
    assert anchored.last_anchored(alliance, sensor.address) == batch.last
    with ape.reverts("anchor: window overlaps an earlier one"):
        anchored.anchor_batch(
            *anchor_args(alliance, batch, root=b"\x07" * 32), sender=owner, value=BOND_WEI
        )
