"""offer, accept and revoke: a sensor changes hands, or is put out of use."""

import ape

from tests.unit.device_registry.conftest import BOND_WEI, NOBODY, anchor_args


def test_offer__stranger__reverts(registered, sensor, stranger):
    with ape.reverts("device: caller is not its owner"):
        registered.offer(sensor.address, stranger, sender=stranger)


def test_offer__contract__reverts(registered, sensor, owner, caller):
    data = registered.offer.encode_input(sensor.address, caller)
    with ape.reverts("device: caller is not its owner"):
        caller.forward(registered, data, sender=owner)


def test_offer__revoked_device__reverts(registered, sensor, owner, newcomer):
    registered.revoke(sensor.address, sender=owner)
    with ape.reverts("offer: device is revoked"):
        registered.offer(sensor.address, newcomer, sender=owner)


def test_accept__not_offered__reverts(registered, sensor, newcomer, consent):
    with ape.reverts("accept: not offered to the caller"):
        registered.accept(sensor.address, *consent(newcomer, 10), sender=newcomer)


def test_accept__contract_not_offered__reverts(registered, sensor, owner, caller, consent):
    data = registered.accept.encode_input(sensor.address, *consent(caller, 10))
    with ape.reverts("accept: not offered to the caller"):
        caller.forward(registered, data, sender=owner)


def test_accept__unregistered_device__reverts(registry, sensor, newcomer, consent):
    with ape.reverts("accept: device is not registered"):
        registry.accept(sensor.address, *consent(newcomer), sender=newcomer)


def test_accept__offer_taken_back__reverts(registered, sensor, owner, newcomer, consent):
    registered.offer(sensor.address, newcomer, sender=owner)
    registered.offer(sensor.address, NOBODY, sender=owner)
    with ape.reverts("accept: not offered to the caller"):
        registered.accept(sensor.address, *consent(newcomer, 10), sender=newcomer)


def test_accept__offered_but_no_newer_consent__reverts(
    registered, sensor, owner, newcomer, consent
):
    registered.offer(sensor.address, newcomer, sender=owner)
    with ape.reverts("consent: not newer than the last"):
        registered.accept(sensor.address, *consent(newcomer, 1_000), sender=newcomer)
    with ape.reverts("consent: not signed by the device"):
        registered.accept(sensor.address, *consent(owner, 10), sender=newcomer)


def test_accept__offered_and_consented__moves_the_sensor(
    registered, sensor, owner, newcomer, consent, now
):
    registered.offer(sensor.address, newcomer, sender=owner)
    receipt = registered.accept(sensor.address, *consent(newcomer, 10), sender=newcomer)
    record = registered.device(sensor.address)
    assert (record.owner, record.confirmed_at, record.period_s) == (newcomer, now - 10, 300)
    assert registered.offered_to(sensor.address) == NOBODY
    (event,) = receipt.decode_logs(registered.DeviceTransferred)
    assert (event.owner, event.new_owner) == (owner, newcomer)


def test_accept__by_ioid_ownership__moves_the_sensor(
    registered_with_ioid, ioid, sensor, owner, newcomer, consent
):
    ioid.set_owner(sensor.address, newcomer, sender=owner)
    registered_with_ioid.accept(sensor.address, *consent(newcomer, 10), sender=newcomer)
    assert registered_with_ioid.device(sensor.address).owner == newcomer


def test_accept__by_ioid_without_consent__reverts(
    registered_with_ioid, ioid, sensor, owner, newcomer, consent
):
    ioid.set_owner(sensor.address, newcomer, sender=owner)
    with ape.reverts("consent: not signed by the device"):
        registered_with_ioid.accept(sensor.address, *consent(owner, 10), sender=newcomer)


def test_accept__moved__old_owner_anchors_nothing(
    admitted, sensor, alliance, owner, newcomer, consent, batch
):
    admitted.offer(sensor.address, newcomer, sender=owner)
    admitted.accept(sensor.address, *consent(newcomer, 10), sender=newcomer)
    with ape.reverts("device: caller is not its owner"):
        admitted.anchor_batch(*anchor_args(alliance, batch), sender=owner, value=BOND_WEI)
    admitted.anchor_batch(*anchor_args(alliance, batch), sender=newcomer, value=BOND_WEI)


def test_revoke__stranger__reverts(registered, sensor, stranger):
    with ape.reverts("device: caller is not its owner"):
        registered.revoke(sensor.address, sender=stranger)


def test_revoke__contract__reverts(registered, sensor, owner, caller):
    data = registered.revoke.encode_input(sensor.address)
    with ape.reverts("device: caller is not its owner"):
        caller.forward(registered, data, sender=owner)


def test_revoke__owner__is_for_good(admitted, sensor, alliance, owner, newcomer, consent, batch):
    admitted.offer(sensor.address, newcomer, sender=owner)
    receipt = admitted.revoke(sensor.address, sender=owner)
    assert len(list(receipt.decode_logs(admitted.DeviceRevoked))) == 1
    assert admitted.device(sensor.address).is_revoked
    assert not admitted.is_admitted(alliance, sensor.address)
    with ape.reverts("anchor: device is revoked"):
        admitted.anchor_batch(*anchor_args(alliance, batch), sender=owner, value=BOND_WEI)
    with ape.reverts("accept: not offered to the caller"):
        admitted.accept(sensor.address, *consent(newcomer, 10), sender=newcomer)
    with ape.reverts("revoke: revoked already"):
        admitted.revoke(sensor.address, sender=owner)


def test_accept__revoked_device_by_ioid__reverts(
    registered_with_ioid, ioid, sensor, owner, newcomer, consent
):
    registered_with_ioid.revoke(sensor.address, sender=owner)
    ioid.set_owner(sensor.address, newcomer, sender=owner)
    with ape.reverts("accept: device is revoked"):
        registered_with_ioid.accept(sensor.address, *consent(newcomer, 10), sender=newcomer)
