"""read_packet and verify_reading: a signed reading, read on chain."""

import ape

from cairn.devices._simulator import _signed
from cairn.domain.packets import encode_packet


def test_read_packet__registered_sensor__is_decoded(registered, sensor, packets, batch):
    device, timestamp, readings = registered.read_packet(packets[3])
    assert device.lower() == sensor.address
    assert timestamp == batch.packets[3].timestamp
    assert readings == batch.readings[3].packed


def test_read_packet__unregistered_sensor__reverts(registry, packets):
    with ape.reverts("packet: signer is not registered"):
        registry.read_packet(packets[0])


def test_read_packet__revoked_sensor__still_says_who_signed(registered, sensor, owner, packets):
    registered.revoke(sensor.address, sender=owner)
    assert registered.read_packet(packets[0])[0].lower() == sensor.address


def test_read_packet__garbage__reverts(registered):
    for garbage in (b"", b"\x00", b"{}", b"\xff" * 512):
        with ape.reverts("packet: malformed"):
            registered.read_packet(garbage)


def test_read_packet__signed_garbage__reverts(registered, sensor):
    raw = _signed(sensor._key, b"\xff\xff\xff", 1_700_000_000)
    with ape.reverts("packet: malformed readings"):
        registered.read_packet(raw)


def test_read_packet__high_s__reverts(registered, batch):
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    packet = batch.packets[0]
    s = order - int.from_bytes(packet.signature[32:], "big")
    raw = encode_packet(
        packet.data, packet.timestamp, packet.signature[:32] + s.to_bytes(32, "big")
    )
    with ape.reverts("packet: malformed"):
        registered.read_packet(raw)


def test_read_packet__gas__is_below_120000(registered, packets, owner, caller):
    data = registered.read_packet.encode_input(packets[0])
    receipt = caller.forward(registered, data, sender=owner)
    assert receipt.gas_used < 120_000


def test_verify_reading__in_the_batch__is_decoded(anchored, batch):
    opening = batch.opening(7)
    timestamp, readings = anchored.verify_reading(
        batch.batch_id, 7, opening.packet, list(opening.proof)
    )
    assert timestamp == batch.packets[7].timestamp
    assert readings == batch.readings[7].packed


def test_verify_reading__wrong_place__reverts(anchored, batch):
    opening = batch.opening(7)
    with ape.reverts("reading: not in the batch"):
        anchored.verify_reading(batch.batch_id, 8, opening.packet, list(opening.proof))
    with ape.reverts("reading: index beyond the batch"):
        anchored.verify_reading(batch.batch_id, 20, opening.packet, list(opening.proof))
    with ape.reverts("batch: there is none of this id"):
        anchored.verify_reading(99, 7, opening.packet, list(opening.proof))
