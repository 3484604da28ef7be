"""read_packet, verify_reading and mature_batch refuse what Python refuses, to the last byte."""

import boa
import pytest

from cairn.devices import BatchError, batch_id, build_batch, parse_batch
from cairn.devices._simulator import _signed
from cairn.domain.packets import encode_packet
from tests.differential._registry import make_scene, openings_of

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture(scope="module")
def scene():
    scene = make_scene()
    scene.anchor(scene.batch)
    scene.draw()
    return scene


def flipped(content):
    """The content with one bit of each byte flipped, one byte at a time."""
    for place in range(len(content)):
        yield content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_read_packet__unregistered_signer__reverts(scene):
    raw = _signed(scene.sensor._other_key, scene.batch.packets[0].data, 1_700_000_000)
    with boa.reverts("packet: signer is not registered"):
        scene.registry.read_packet(raw)


@pytest.mark.parametrize("garbage", [b"", b"\x00", b"{}", b"\xff" * 512])
def test_read_packet__garbage__reverts(scene, garbage):
    with boa.reverts("packet: malformed"):
        scene.registry.read_packet(garbage)


def test_read_packet__signed_garbage__reverts(scene):
    raw = _signed(scene.sensor._key, b"\xff\xff\xff", 1_700_000_000)
    with boa.reverts("packet: malformed readings"):
        scene.registry.read_packet(raw)


def test_read_packet__high_s__reverts(scene):
    packet = scene.batch.packets[0]
    s = ORDER - int.from_bytes(packet.signature[32:], "big")
    signature = packet.signature[:32] + s.to_bytes(32, "big")
    with boa.reverts("packet: malformed"):
        scene.registry.read_packet(encode_packet(packet.data, packet.timestamp, signature))


def test_read_packet__each_byte_flipped__reverts(scene):
    for raw in flipped(scene.packets[0]):
        with boa.reverts():
            scene.registry.read_packet(raw)


def test_verify_reading__each_byte_of_packet_or_proof_flipped__reverts(scene):
    opening = scene.batch.opening(7)
    proof = list(opening.proof)
    verify = scene.registry.verify_reading
    verify(scene.batch.batch_id, 7, opening.packet, proof)
    for raw in flipped(opening.packet):
        with boa.reverts("reading: not in the batch"):
            verify(scene.batch.batch_id, 7, raw, proof)
    for number, sibling in enumerate(proof):
        for bad in flipped(sibling):
            with boa.reverts("reading: not in the batch"):
                verify(
                    scene.batch.batch_id,
                    7,
                    opening.packet,
                    [*proof[:number], bad, *proof[number + 1 :]],
                )


def test_verify_reading__each_byte_of_the_root_flipped__reverts(scene):
    opening = scene.batch.opening(7)
    for root in flipped(scene.batch.root):
        other_id = batch_id(scene.batch.device, root)
        with boa.reverts("batch: there is none of this id"):
            scene.registry.verify_reading(other_id, 7, opening.packet, list(opening.proof))


def test_verify_reading__wrong_place__reverts(scene):
    opening = scene.batch.opening(7)
    proof = list(opening.proof)
    with boa.reverts("reading: not in the batch"):
        scene.registry.verify_reading(scene.batch.batch_id, 8, opening.packet, proof)
    with boa.reverts("reading: index beyond the batch"):
        scene.registry.verify_reading(scene.batch.batch_id, 20, opening.packet, proof)


def test_mature_batch__each_byte_of_an_opening_flipped__reverts(scene):
    batch = scene.batch
    openings = openings_of(batch, scene.registry.drawn_leaves(batch.batch_id))
    packet, proof = openings[0]
    bad = [(raw, proof) for raw in flipped(packet)]
    for number, sibling in enumerate(proof):
        bad += [
            (packet, [*proof[:number], node, *proof[number + 1 :]]) for node in flipped(sibling)
        ]
    for opening in bad:
        with boa.reverts("mature: not the drawn leaf"):
            scene.registry.mature_batch(batch.batch_id, [opening, *openings[1:]])
    with boa.env.anchor():
        scene.registry.mature_batch(batch.batch_id, openings)
        assert scene.registry.is_mature(batch.batch_id)


def test_batch_file__each_byte_flipped__is_noticed(scene):
    batch = build_batch(scene.packets[:4], scene.sensor.device, 300)
    assert parse_batch(batch.file, 300, device=batch.device, root=batch.root) == batch
    for file in flipped(batch.file):
        with pytest.raises(BatchError):
            parse_batch(file, 300, device=batch.device, root=batch.root, workers=1)
        # By itself too: count, lengths, signatures and the order of time leave no byte free.
        with pytest.raises(BatchError):
            parse_batch(file, 300, workers=1)
    for root in flipped(batch.root):
        with pytest.raises(BatchError, match="the anchored one"):
            parse_batch(batch.file, 300, device=batch.device, root=root, workers=1)


def test_read_packet__gas__is_below_120000(scene):
    registry, raw = scene.registry, scene.packets[5]
    calldata = registry.read_packet.prepare_calldata(raw)
    registry.read_packet(raw)
    execution = registry._computation.get_gas_used()
    total = 21_000 + sum(16 if byte else 4 for byte in calldata) + execution
    on_iotex = 10_000 + max(100 * len(calldata) + execution, 250 * len(calldata))
    assert total <= 120_000
    assert on_iotex <= 120_000
