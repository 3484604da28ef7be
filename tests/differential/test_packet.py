"""The contract and Python read the same bytes alike: every packet, sound or broken."""

import boa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cairn.devices import simulate_fleet
from cairn.domain._pebble import BinPackage, SensorData
from cairn.domain.packets import (
    MAX_PACKET_BYTES,
    PacketError,
    PacketFormat,
    decode_packet,
    decode_readings,
    recover_devices,
)

READER = """
# pragma version 0.4.3

from contracts.modules import packet as packets

@view
@external
def read(packet: Bytes[512], is_older: bool) -> (bool, uint256, Bytes[64], address, address):
    is_fine: bool = False
    envelope: packets.Envelope = empty(packets.Envelope)
    is_fine, envelope = packets._open(packet)
    if not is_fine:
        return False, 0, b"", empty(address), empty(address)
    low: uint256 = 0
    high: uint256 = 0
    is_fine, low, high = packets._decode(packet, envelope, is_older)
    if not is_fine:
        return False, 0, b"", empty(address), empty(address)
    digest: bytes32 = packets._digest(packet, envelope)
    return (
        True,
        envelope.timestamp,
        concat(convert(low, bytes32), convert(high, bytes32)),
        packets._signer(digest, False, envelope.r, envelope.s),
        packets._signer(digest, True, envelope.r, envelope.s),
    )
"""

SIGNATURE = bytes(range(1, 33)) + bytes(range(65, 97))


@pytest.fixture(scope="module")
def reader():
    return boa.loads(READER)


def python_read(raw, old):
    """What Python makes of the bytes, in the shape of the contract's answer."""
    try:
        packet = decode_packet(raw)
        if not 0 < int.from_bytes(packet.signature[32:], "big") <= (2**256 // 2):
            return None
        format = PacketFormat.UNSIGNED_TEMPERATURE if old else PacketFormat.CURRENT
        readings = decode_readings(packet.data, packet.timestamp, format)
    except PacketError:
        return None
    return packet.timestamp, readings.packed, set(recover_devices(packet))


def contract_read(reader, raw, old):
    is_fine, timestamp, readings, even, odd = reader.read(raw, old)
    if not is_fine:
        return None
    signers = {bytes.fromhex(str(signer)[2:]) for signer in (even, odd)} - {bytes(20)}
    return timestamp, readings, signers


def check(reader, raw, old=False):
    expected = python_read(raw, old)
    assert contract_read(reader, raw, old) == expected, raw.hex()
    return expected


# Bytes near protobuf's wire format: sound fields, odd spellings, nonsense.
def varint(value: int, padding: int = 0) -> bytes:
    groups = [value >> shift & 127 for shift in range(0, max(1, value.bit_length()), 7)]
    groups += [0] * padding
    return bytes(group | 128 for group in groups[:-1]) + bytes(groups[-1:])


values = st.one_of(
    st.integers(0, 2**64 - 1),
    st.integers(0, 300),
    st.sampled_from([2**31 - 1, 2**31, 2**32 - 1, 2**32, 4_000_000_000, 1_800_000_000]),
    st.sampled_from([1_799_999_999, 3_600_000_000, 3_600_000_001, 3_600_000_002, 2**64 - 1]),
)
varints = st.builds(varint, values, st.sampled_from([0, 0, 0, 1, 2, 9]))
wild_tags = st.one_of(
    st.integers(0, 127),
    st.integers(0, 2**32 + 2**16),
    st.sampled_from([2**32 - 1, 2**32, 0xFFFFFFF8, 1 << 29]),
)


def bytes_field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(numbers):
    number = st.sampled_from(numbers)
    return st.one_of(
        st.builds(lambda n, v: varint(n << 3) + v, number, varints),
        st.builds(
            lambda n, vs, pad: bytes_field(n, b"".join(vs)),
            number,
            st.lists(varints, max_size=4),
            st.just(0),
        ),
        st.builds(
            lambda n, content, pad: varint(n << 3 | 2) + varint(len(content), pad) + content,
            number,
            st.binary(max_size=12),
            st.integers(0, 6),
        ),
        st.builds(
            lambda n, content: varint(n << 3 | 1) + content,
            number,
            st.binary(min_size=8, max_size=8),
        ),
        st.builds(
            lambda n, content: varint(n << 3 | 5) + content,
            number,
            st.binary(min_size=4, max_size=4),
        ),
        st.builds(
            lambda tag, pad, rest: varint(tag, pad) + rest,
            wild_tags,
            st.integers(0, 4),
            st.binary(max_size=6),
        ),
        st.builds(lambda n: varint(n << 3 | 3) + varint(n << 3 | 4), number),
    )


inner = st.lists(fields([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11, 12, 12, 13, 14, 99]), max_size=14)


def sound(number, kind):
    return st.builds(lambda v: varint(number << 3) + v, kind)


relaxed = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@relaxed
@given(parts=inner, timestamp=st.integers(1_600_000_000, 2**32 - 1), old=st.booleans())
def test_readings__any_fields__same_integers(reader, parts, timestamp, old):
    data = b"".join(parts)
    raw = BinPackage(
        type=0, data=data, timestamp=timestamp, signature=SIGNATURE
    ).SerializeToString()
    check(reader, raw, old)


@relaxed
@given(
    parts=st.permutations(
        [
            b"\x08\x00",
            bytes_field(2, bytes.fromhex("08dc0b30ff07")),
            b"\x18" + varint(1_700_000_000),
            bytes_field(4, SIGNATURE),
        ]
    ),
    extra=st.lists(fields([1, 2, 3, 4, 5, 77]), max_size=4),
    places=st.lists(st.integers(0, 4), min_size=4, max_size=4),
)
def test_envelope__any_order_and_extras__same_answer(reader, parts, extra, places):
    for part, place in zip(extra, places, strict=False):
        parts.insert(place, part)
    check(reader, b"".join(parts))


@relaxed
@given(raw=st.binary(max_size=MAX_PACKET_BYTES))
def test_packet__any_bytes__same_answer(reader, raw):
    check(reader, raw)


@pytest.fixture(scope="module")
def packets():
    return simulate_fleet(11, 1)[0].packets(1_700_000_000, 3)


def test_packet__simulated__is_read(reader, packets):
    for raw in packets:
        assert check(reader, raw) is not None


def test_packet__each_byte_changed__same_answer(reader, packets):
    raw = packets[0]
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 128 if place % 2 else 1
        check(reader, bytes(changed))


def test_packet__cut_short__same_answer(reader, packets):
    for size in range(len(packets[0])):
        check(reader, packets[0][:size])


@relaxed
@given(
    temperature=st.integers(0, 2**32 - 1),
    latitude=st.integers(-(2**31), 2**31 - 1),
    timestamp=st.sampled_from([1_627_948_799, 1_627_948_800, 1_700_000_000]),
    old=st.booleans(),
)
def test_older_format__any_values__same_integers(reader, temperature, latitude, timestamp, old):
    data = b"\x30" + varint(temperature) + SensorData(latitude=latitude).SerializeToString()
    raw = BinPackage(
        type=0, data=data, timestamp=timestamp, signature=SIGNATURE
    ).SerializeToString()
    assert check(reader, raw, old) is not None


def test_packet__too_long_by_one__is_refused_by_both(reader):
    data = bytes_field(13, bytes(MAX_PACKET_BYTES - 84))
    raw = BinPackage(type=0, data=data, timestamp=1_700_000_000, signature=SIGNATURE)
    exact = raw.SerializeToString()
    padded = exact + bytes_field(9, b"")
    for packet in (exact, padded):
        if len(packet) <= MAX_PACKET_BYTES:
            assert check(reader, packet) is not None
    with pytest.raises(PacketError):
        decode_packet(exact + bytes_field(9, bytes(MAX_PACKET_BYTES)))


def test_packet__costliest_shapes__stay_bounded(reader):
    """Work is linear in the length: the worst packets cost no block."""
    for filler in (b"\x58\x00", b"\x70\x00", b"\x30\x00", b"\x5a\x01\x00"):
        data = filler * ((MAX_PACKET_BYTES - 80) // len(filler))
        raw = BinPackage(
            type=0, data=data, timestamp=1_700_000_000, signature=SIGNATURE
        ).SerializeToString()
        assert check(reader, raw) is not None
        assert reader._computation.get_gas_used() < 400_000
