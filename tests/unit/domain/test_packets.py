"""Packets: envelopes, signatures, readings, and what each refusal says."""

import re
from pathlib import Path

import pytest

from cairn.devices import SimulatedDevice, simulate_fleet
from cairn.domain import _pebble
from cairn.domain._pebble import BinPackage, SensorData, SensorData2021
from cairn.domain.channels import CHANNEL_NAMES
from cairn.domain.integers import MISSING
from cairn.domain.packets import (
    Confirmation,
    Fault,
    PacketError,
    PacketFormat,
    PacketVerifier,
    check_confirmation,
    decode_confirmation,
    decode_packet,
    decode_readings,
    encode_confirmation,
    encode_packet,
    recover_devices,
    select_channels,
)
from cairn.domain.schema import Column, Schema

START = 1_700_000_000
BEFORE_1E7 = 1_627_948_799
SIGNATURE = bytes(64)


@pytest.fixture(scope="module")
def sensors() -> tuple[SimulatedDevice, ...]:
    return simulate_fleet(seed=7, count=2)


@pytest.fixture(scope="module")
def raw(sensors) -> bytes:
    return sensors[0].packets(START, 1)[0]


def readings(message, timestamp=START, format=PacketFormat.CURRENT):
    return decode_readings(message.SerializeToString(), timestamp, format)


def package(**changes) -> bytes:
    fields = {"type": 0, "data": b"\x08\x01", "timestamp": START, "signature": SIGNATURE}
    given = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    return BinPackage(**given).SerializeToString()


def test_descriptors__against_the_proto_file__are_the_same():
    text = (Path(_pebble.__file__).parent / "proto" / "pebble.proto").read_text()
    found = {}
    for name, body in re.findall(r"message (\w+) \{(.*?)\n\}", text, re.DOTALL):
        found[name] = tuple(
            (label, int(number), kind, field, default or None)
            for label, kind, field, number, default in re.findall(
                r"(optional|repeated) (\w+) (\w+) = (\d+)(?: \[default = (-?\d+)\])?;", body
            )
        )
    assert found == _pebble.FIELDS


def test_verify__genuine__opens_and_decodes(sensors, raw):
    packet, decoded = PacketVerifier(sensors[0].device).verify(raw)
    assert packet.raw == raw
    assert START <= packet.timestamp < START + 10
    assert len(decoded.values) == len(CHANNEL_NAMES)
    assert sensors[0].device in recover_devices(packet)


def test_verify__another_devices__names_the_device(sensors, raw):
    verifier = PacketVerifier(sensors[1].device)
    for _ in range(2):  # before and after the verifier knows its device's key
        with pytest.raises(PacketError, match="not by device 0x" + sensors[1].device.hex()) as info:
            verifier.verify(raw)
        assert info.value.fault == Fault.DEVICE
        verifier.verify(sensors[1].packets(START, 1)[0])


def test_verify__each_byte_flipped__is_noticed(sensors, raw):
    known = PacketVerifier(sensors[0].device)
    known.verify(raw)
    for verifier in (known, None):
        for place in range(len(raw)):
            flipped = bytearray(raw)
            flipped[place] ^= 1
            with pytest.raises(PacketError):
                (verifier or PacketVerifier(sensors[0].device)).verify(bytes(flipped))


def test_verify__high_s__is_refused_with_and_without_the_key(sensors, raw):
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    packet = decode_packet(raw)
    s = order - int.from_bytes(packet.signature[32:], "big")
    high = encode_packet(
        packet.data, packet.timestamp, packet.signature[:32] + s.to_bytes(32, "big")
    )
    verifier = PacketVerifier(sensors[0].device)
    with pytest.raises(PacketError, match="low-s") as info:
        verifier.verify(high)
    assert info.value.fault == Fault.SIGNATURE
    verifier.verify(raw)
    with pytest.raises(PacketError):
        verifier.verify(high)


@pytest.mark.parametrize(
    ("content", "fault", "reason"),
    [
        (b"", Fault.NOT_A_READING, "only type 0"),
        (b"\xff", Fault.MALFORMED, "not valid protobuf"),
        (b"\x08\x00" * 257, Fault.MALFORMED, "at most 512"),
        (b'{"message": {}, "signature": {}}', Fault.OLD_FORMAT, "before mid 2021"),
        (package() + b"\x4b\x4c", Fault.MALFORMED, "group"),
        (package(type=None), Fault.NOT_A_READING, "only type 0"),
        (package(type=2), Fault.NOT_A_READING, "type 2"),
        (package(data=None), Fault.MALFORMED, "no data"),
        (package(timestamp=None), Fault.MALFORMED, "no timestamp"),
        (package(signature=bytes(63)), Fault.MALFORMED, "63 bytes"),
        (package(signature=None), Fault.MALFORMED, "0 bytes"),
    ],
)
def test_decode_packet__broken__says_how(content, fault, reason):
    with pytest.raises(PacketError, match=reason) as info:
        decode_packet(content)
    assert info.value.fault == fault


def test_decode_readings__nothing_switched_on__all_missing():
    assert readings(SensorData()).values == (MISSING,) * len(CHANNEL_NAMES)
    assert readings(SensorData())["temperature"] is None


def test_decode_readings__all_channels__in_order():
    message = SensorData(
        snr=1, vbat=2, latitude=-3, longitude=4, gas_resistance=5, temperature=-6, pressure=7,
        humidity=8, light=9, temperature2=10, gyroscope=[-11, 12, -13], accelerometer=[14, -15, 16],
    )  # fmt: skip
    decoded = readings(message)
    assert decoded.values == (1, 2, -3, 4, 5, -6, 7, 8, 9, 10, -11, 12, -13, 14, -15, 16)
    assert decoded["temperature"] == -6
    assert len(decoded.packed) == 64


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("gas_resistance", 2**31 - 1, 2**31 - 1),
        ("gas_resistance", 2**31, None),
        ("light", 2**32 - 1, None),
        ("latitude", 2_000_000_000, None),
        ("longitude", 2_000_000_000, None),
        ("latitude", -900_000_000, -900_000_000),
        ("latitude", 900_000_001, None),
        ("longitude", 1_800_000_000, 1_800_000_000),
        ("longitude", -1_800_000_001, None),
    ],
)
def test_decode_readings__at_the_bounds__value_or_missing(field, value, expected):
    assert readings(SensorData(**{field: value}))[field] == expected


@pytest.mark.parametrize("n_axes", [0, 1, 2, 4])
def test_decode_readings__not_three_axes__all_three_missing(n_axes):
    decoded = readings(SensorData(gyroscope=[1] * n_axes, accelerometer=[1, 2, 3]))
    assert decoded.values[10:] == (MISSING, MISSING, MISSING, 1, 2, 3)


def test_decode_readings__packed_or_not__the_same():
    unpacked = b"\x58\x01\x58\x02\x58\x03"  # field 11, three times
    packed = b"\x5a\x03\x01\x02\x03"
    assert decode_readings(packed, START) == decode_readings(unpacked, START)
    assert decode_readings(packed, START).values[10:13] == (-1, 1, -2)


def test_decode_readings__temperature_2500_by_format__is_its_own():
    assert readings(SensorData(temperature=2500))["temperature"] == 2500
    older = PacketFormat.UNSIGNED_TEMPERATURE
    assert readings(SensorData2021(temperature=2500), format=older)["temperature"] == 2500
    # Read the wrong way it would be half: hence a flag for each device.
    assert readings(SensorData2021(temperature=2500))["temperature"] == 1250


def test_decode_readings__degrees_before_august_2021__are_scaled():
    older = PacketFormat.UNSIGNED_TEMPERATURE
    message = SensorData2021(latitude=4_330_000, longitude=2_000_000_000)
    assert readings(message, BEFORE_1E7, older)["latitude"] == 433_000_000
    assert readings(message, BEFORE_1E7, older)["longitude"] is None
    assert readings(message, BEFORE_1E7 + 1, older)["latitude"] == 4_330_000
    assert readings(message, BEFORE_1E7)["latitude"] == 4_330_000


def test_select_channels__by_schema__are_its_packed_features():
    columns = [
        Column(name, "u", "1", "-9", "9", channel=name) for name in ("humidity", "temperature")
    ]
    schema = Schema(tuple(columns), (Column("y", "u", "1", "0", "1"),))
    decoded = readings(SensorData(temperature=-2, humidity=3))
    assert select_channels(decoded, schema.channel_map()).hex() == "00000003fffffffe"


def test_confirmation__genuine__round_trips_and_checks(sensors):
    owner = bytes(range(20))
    confirmation = decode_confirmation(sensors[0].confirm_package(owner, START))
    assert (confirmation.owner, confirmation.timestamp) == (owner, START)
    check_confirmation(confirmation, sensors[0].device)
    with pytest.raises(PacketError, match="not signed by device"):
        check_confirmation(confirmation, sensors[1].device)
    other = Confirmation(bytes(19) + b"\x01", START, confirmation.signature)
    with pytest.raises(PacketError, match="not signed by device"):
        check_confirmation(other, sensors[0].device)


@pytest.mark.parametrize(
    ("owner", "timestamp", "signature", "reason"),
    [
        (bytes(20), START, SIGNATURE, "names no owner"),
        (b"\x01" * 19, START, SIGNATURE, "names no owner"),
        (b"\x01" * 20, 0, SIGNATURE, "lacks"),
        (b"\x01" * 20, START, bytes(63), "lacks"),
    ],
)
def test_decode_confirmation__broken__says_how(owner, timestamp, signature, reason):
    with pytest.raises(PacketError, match=reason):
        decode_confirmation(encode_confirmation(Confirmation(owner, timestamp, signature)))
