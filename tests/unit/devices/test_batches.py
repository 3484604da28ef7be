"""Batches: what makes one, what its file is, and what each refusal names."""

import pytest
from eth_abi import encode

from cairn.devices import (
    BatchError,
    batch_id,
    build_batch,
    parse_batch,
    simulate_fleet,
    thin_packets,
    verify_packets,
)
from cairn.domain.keccak import keccak256
from cairn.domain.merkle import packet_leaf, verify_proof

START = 1_700_000_000


@pytest.fixture(scope="module")
def sensors():
    return simulate_fleet(seed=3, count=2)


@pytest.fixture(scope="module")
def packets(sensors):
    return sensors[0].packets(START, 12)


@pytest.fixture(scope="module")
def batch(sensors, packets):
    return build_batch(packets, sensors[0].device, 300)


def test_build_batch__genuine__knows_its_window_and_id(sensors, batch):
    assert (batch.count, batch.first, batch.last) == (
        12,
        batch.packets[0].timestamp,
        batch.packets[-1].timestamp,
    )
    encoded = encode(["address", "bytes32"], [sensors[0].device, batch.root])
    assert batch.batch_id == int.from_bytes(keccak256(encoded), "big")
    assert batch_id(batch.device, batch.root) == batch.batch_id


def test_opening__each_index__proves_its_packet(batch):
    for index in range(batch.count):
        opening = batch.opening(index)
        leaf = packet_leaf(index, batch.device, opening.packet)
        assert verify_proof(batch.root, leaf, opening.proof)
        misplaced = packet_leaf(index + 1, batch.device, opening.packet)
        assert not verify_proof(batch.root, misplaced, opening.proof)


def test_build_batch__any_number_of_workers__same_file(sensors, packets, batch):
    assert build_batch(packets, sensors[0].device, 300, workers=1).file == batch.file


def test_build_batch__many_stretches__keep_their_order(sensors):
    many = sensors[0].packets(START, 600)
    opened = verify_packets(many, sensors[0].device, workers=3)
    assert [packet.raw for packet, _ in opened] == many


@pytest.mark.parametrize(
    ("arrange", "reason"),
    [
        (lambda p, _: [], "no packets"),
        (lambda p, _: [p[0], p[1], p[1]], r"packet 2: .* is a duplicate of packet 1's"),
        (lambda p, _: [p[0], p[2], p[1]], r"packet 2: .* older than packet 1"),
        (lambda p, o: [*p[:4], o[4], *p[5:]], "packet 4: the signature is not by device"),
        (lambda p, o: [o[0], *p[1:]], "packet 0: the signature is not by device"),
        (lambda p, _: [*p[:3], b"\xff"], r"packet 3: .* not valid protobuf"),
        (lambda p, _: [*p[:3], b'{"message":{}}'], r"packet 3: .* JSON"),
    ],
)
def test_build_batch__bad_packet__is_named(sensors, packets, arrange, reason):
    others = sensors[1].packets(START, 12)
    with pytest.raises(BatchError, match=reason):
        build_batch(arrange(packets, others), sensors[0].device, 300)


def test_build_batch__closer_than_the_period__is_named_and_thinned(sensors, packets):
    with pytest.raises(BatchError, match=r"packet 1: only .* after packet 0"):
        build_batch(packets, sensors[0].device, 600)
    thinned = thin_packets([*packets[::-1], packets[3]], 600)
    assert 5 <= len(thinned) <= 6
    build_batch(thinned, sensors[0].device, 600)


def test_parse_batch__canonical__is_the_batch(batch):
    assert parse_batch(batch.file, 300, device=batch.device, root=batch.root) == batch


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda file: b"", "not a batch file"),
        (lambda file: file[:-1], "ends or is garbled"),
        (lambda file: file + b"\0", "1 bytes after"),
        (lambda file: file[:34] + bytes(4) + file[38:], "0 packets"),
        (lambda file: b"x" + file[1:], "not a batch file"),
    ],
)
def test_parse_batch__damaged__says_how(batch, change, reason):
    with pytest.raises(BatchError, match=reason):
        parse_batch(change(batch.file), 300)


def test_parse_batch__not_the_anchored_one__is_refused(batch, sensors, packets):
    with pytest.raises(BatchError, match="the anchor of"):
        parse_batch(batch.file, 300, device=sensors[1].device)
    shorter = build_batch(packets[:-1], sensors[0].device, 300)
    with pytest.raises(BatchError, match="the anchored one"):
        parse_batch(shorter.file, 300, device=batch.device, root=batch.root)
