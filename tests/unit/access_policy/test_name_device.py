import ape
import pytest

from cairn.chain import Mode

REFUSED = "name_device: not his, or not admitted"
NO_MEMBER = "policy: caller is not a member"


@pytest.fixture
def policy_id(policy):
    return policy(mode=Mode.MEMBERS)


def test_name_device__stranger__reverts(access, timelock, device, refused_to_outsiders):
    refused_to_outsiders(access.name_device, timelock, device.address, reason=REFUSED)


def test_name_device__own_and_admitted__makes_a_member(access, timelock, device, buyer, policy_id):
    assert access.reason(policy_id, buyer) == NO_MEMBER
    access.name_device(timelock, device.address, sender=buyer)
    assert access.device_named(timelock, buyer).lower() == device.address
    assert access.reason(policy_id, buyer) == ""


def test_name_device__of_another_alliance__reverts(
    access, device, buyer, stranger, policy, timelock
):
    with ape.reverts(REFUSED):
        access.name_device(stranger, device.address, sender=buyer)
    access.name_device(timelock, device.address, sender=buyer)
    assert access.reason(policy(creator=stranger, mode=Mode.MEMBERS), buyer) == NO_MEMBER


def test_reason__sensor_put_out_or_revoked_since__is_no_member(
    access, system, timelock, device, buyer, policy_id
):
    devices = system.device_registry
    access.name_device(timelock, device.address, sender=buyer)
    devices.expel([device.address], sender=timelock)
    assert access.reason(policy_id, buyer) == NO_MEMBER
    devices.admit([device.address], sender=timelock)
    assert access.reason(policy_id, buyer) == ""
    devices.revoke(device.address, sender=buyer)
    assert access.reason(policy_id, buyer) == NO_MEMBER


def test_reason__sensor_handed_over_since__is_no_member(
    access, system, timelock, device, buyer, stranger, policy_id, chain
):
    access.name_device(timelock, device.address, sender=buyer)
    devices = system.device_registry
    devices.offer(device.address, stranger, sender=buyer)
    consent = device.confirm(
        bytes.fromhex(stranger.address[2:]), devices.device(device.address).confirmed_at + 1
    )
    signature = consent.signature
    devices.accept(
        device.address, consent.timestamp, signature[:32], signature[32:], sender=stranger
    )
    assert access.reason(policy_id, buyer) == NO_MEMBER
    assert access.reason(policy_id, stranger) == NO_MEMBER  # he named none yet
    access.name_device(timelock, device.address, sender=stranger)
    assert access.reason(policy_id, stranger) == ""
