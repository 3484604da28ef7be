"""register and register_by_ioid: a sensor gets an owner by its own consent."""

import ape
import pytest

from tests.unit.device_registry.conftest import NOBODY


def test_register__stranger_with_anothers_consent__reverts(
    registry, sensor, owner, stranger, consent
):
    with ape.reverts("consent: not signed by the device"):
        registry.register(sensor.address, 1, 300, *consent(owner), sender=stranger)


def test_register__contract_with_anothers_consent__reverts(
    registry, sensor, owner, consent, caller
):
    data = registry.register.encode_input(sensor.address, 1, 300, *consent(owner))
    with ape.reverts("consent: not signed by the device"):
        caller.forward(registry, data, sender=owner)


def test_register__contract_that_the_sensor_named__owns_it(
    registry, sensor, owner, consent, caller
):
    data = registry.register.encode_input(sensor.address, 1, 300, *consent(caller))
    caller.forward(registry, data, sender=owner)
    assert registry.device(sensor.address).owner == caller


def test_register__with_consent__records_and_logs(registry, sensor, owner, consent, now):
    receipt = registry.register(sensor.address, 1, 300, *consent(owner), sender=owner)
    record = registry.device(sensor.address)
    assert (record.owner, record.format, record.period_s) == (owner, 1, 300)
    assert (record.confirmed_at, record.is_revoked) == (now - 1_000, False)
    (event,) = receipt.decode_logs(registry.DeviceRegistered)
    assert (event.device.lower(), event.owner) == (sensor.address, owner)
    assert (event.format, event.period_s) == (1, 300)


def test_register__older_format_and_longest_values__are_kept(registry, sensor, owner, consent):
    registry.register(sensor.address, 2, 30 * 86_400, *consent(owner), sender=owner)
    record = registry.device(sensor.address)
    assert (record.format, record.period_s) == (2, 30 * 86_400)


def test_register__device_with_an_owner__reverts(registered, sensor, newcomer, consent):
    with ape.reverts("register: device has an owner"):
        registered.register(sensor.address, 1, 300, *consent(newcomer, 10), sender=newcomer)


def test_register__revoked_device__reverts(registered, sensor, owner, consent):
    registered.revoke(sensor.address, sender=owner)
    with ape.reverts("register: device has an owner"):
        registered.register(sensor.address, 1, 300, *consent(owner, 10), sender=owner)


@pytest.mark.parametrize("format", [0, 3])
def test_register__no_one_format__reverts(registry, sensor, owner, consent, format):
    with ape.reverts("register: choose one format"):
        registry.register(sensor.address, format, 300, *consent(owner), sender=owner)


@pytest.mark.parametrize("period_s", [0, 30 * 86_400 + 1])
def test_register__period_out_of_bounds__reverts(registry, sensor, owner, consent, period_s):
    with ape.reverts("register: period out of bounds"):
        registry.register(sensor.address, 1, period_s, *consent(owner), sender=owner)


def test_register__consent_from_the_future__reverts(registry, sensor, owner, consent):
    with ape.reverts("consent: from the future"):
        registry.register(sensor.address, 1, 300, *consent(owner, -2_000), sender=owner)


def test_register__no_timestamp__reverts(registry, sensor, owner, consent):
    _, r, s = consent(owner)
    with ape.reverts("consent: not newer than the last"):
        registry.register(sensor.address, 1, 300, 0, r, s, sender=owner)


def test_register__high_s__reverts(registry, sensor, owner, consent):
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    confirmed_at, r, s = consent(owner)
    high = (order - int.from_bytes(s, "big")).to_bytes(32, "big")
    with ape.reverts("consent: not signed by the device"):
        registry.register(sensor.address, 1, 300, confirmed_at, r, high, sender=owner)


def test_register__empty_device__reverts(registry, owner, consent):
    # A failed recovery gives the empty address: it must not pass for a device.
    with ape.reverts("consent: not signed by the device"):
        registry.register(NOBODY, 1, 300, 1_700_000_000, bytes(32), bytes(32), sender=owner)


def test_register_by_ioid__stranger__reverts(registry_with_ioid, ioid, sensor, owner, stranger):
    ioid.set_owner(sensor.address, owner, sender=owner)
    with ape.reverts("register: caller lacks its ioid"):
        registry_with_ioid.register_by_ioid(sensor.address, 1, 300, sender=stranger)


def test_register_by_ioid__contract__reverts(registry_with_ioid, ioid, sensor, owner, caller):
    ioid.set_owner(sensor.address, owner, sender=owner)
    data = registry_with_ioid.register_by_ioid.encode_input(sensor.address, 1, 300)
    with ape.reverts("register: caller lacks its ioid"):
        caller.forward(registry_with_ioid, data, sender=owner)


def test_register_by_ioid__unknown_to_ioid__reverts(registry_with_ioid, sensor, owner):
    with ape.reverts("register: caller lacks its ioid"):
        registry_with_ioid.register_by_ioid(sensor.address, 1, 300, sender=owner)


def test_register_by_ioid__its_owner__records_it(
    registry_with_ioid, ioid, sensor, owner, consent, chain
):
    ioid.set_owner(sensor.address, owner, sender=owner)
    registry_with_ioid.register_by_ioid(sensor.address, 1, 300, sender=owner)
    record = registry_with_ioid.device(sensor.address)
    assert record.owner == owner
    # Consents from before are spent.
    assert record.confirmed_at == chain.blocks.head.timestamp


def test_register_by_ioid__chain_without_ioid__reverts(registry, sensor, owner):
    assert registry.ioid_contracts() == (NOBODY, NOBODY)
    with ape.reverts("register: caller lacks its ioid"):
        registry.register_by_ioid(sensor.address, 1, 300, sender=owner)


def test_init__no_bond_or_half_of_ioid__reverts(project, deployer, ioid):
    with ape.reverts("init: the bond is zero"):
        project.DeviceRegistry.deploy(0, NOBODY, NOBODY, sender=deployer)
    with ape.reverts("init: half of ioid"):
        project.DeviceRegistry.deploy(1, ioid, NOBODY, sender=deployer)
