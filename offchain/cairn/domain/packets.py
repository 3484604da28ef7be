"""Packets: what a Pebble signs, how it is checked and what it says.

A packet is a serialized BinPackage (proto/pebble.proto). Its device signed
`u32be(type) || data || u32be(timestamp)`, SHA-256, secp256k1, low s, with `data` exactly as
received. `DeviceRegistry.read_packet` takes and refuses the same bytes; the rules that both keep:

- at most MAX_PACKET_BYTES; type DATA; data not empty; timestamp not zero; a signature of 64 bytes;
- protobuf's wire rules: a scalar that comes again overrides, repeated fields may come packed, an
  unknown field (also a known number with another wire type) is skipped. The one departure: a field
  of the deprecated group kind is refused.

What a reading holds is in channels.py. A channel is MISSING when it is absent, does not fit an
int32 (an unsigned value of 2^31 or more), or is a position outside the globe (2000000000 is the
firmware's "no fix"); the three axes of a motion sensor are missing together unless exactly three
came.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from operator import attrgetter
from typing import Any

from coincurve import PublicKey
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from cairn.domain import _secp256k1
from cairn.domain._pebble import BinPackage, ConfirmPackage, SensorData, SensorData2021
from cairn.domain.channels import CHANNEL_NAMES, channel_index
from cairn.domain.integers import INT32_MAX, MISSING, pack_features
from cairn.errors import CairnError

__all__ = [
    "MAX_PACKET_BYTES",
    "Confirmation",
    "Fault",
    "Packet",
    "PacketError",
    "PacketFormat",
    "PacketVerifier",
    "Readings",
    "check_confirmation",
    "confirmation_digest",
    "decode_confirmation",
    "decode_packet",
    "decode_readings",
    "encode_confirmation",
    "encode_packet",
    "recover_devices",
    "select_channels",
    "signed_digest",
]

MAX_PACKET_BYTES = 512
"""A packet with every channel has some 170 bytes; what a contract reads is bounded."""

DATA = 0
"""BinPackage.type of a reading."""

DEGREES_1E5_UNTIL = 1_627_948_800
"""2021-08-03 UTC: before it, positions were in degrees x1e5."""

_LATITUDE_BOUND = 900_000_000
_LONGITUDE_BOUND = 1_800_000_000


class PacketFormat(IntEnum):
    """How a device's readings are understood: a device keeps its format. As in the registry."""

    CURRENT = 1
    UNSIGNED_TEMPERATURE = 2  # July 2021 to February 2022


class Fault(IntEnum):
    """Why a packet is refused."""

    MALFORMED = 1
    NOT_A_READING = 2
    OLD_FORMAT = 3
    SIGNATURE = 4
    DEVICE = 5


class PacketError(CairnError):
    """A packet that is refused; `fault` says why for those who count."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet as received, its envelope opened; neither signature nor readings are checked."""

    raw: bytes
    data: bytes
    timestamp: int  # unix seconds, by the device's clock
    signature: bytes


@dataclass(frozen=True, slots=True)
class Readings:
    """What a packet says: one int32 a channel, in the order of channels.CHANNELS."""

    values: tuple[int, ...]

    def __getitem__(self, channel: str) -> int | None:
        """A channel's device integer, or None if it is missing."""
        value = self.values[channel_index(channel)]
        return None if value == MISSING else value

    @property
    def packed(self) -> bytes:
        """The 64 bytes that `read_packet` returns."""
        return pack_features(self.values)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A device's word on who owns it: the firmware's ConfirmPackage."""

    owner: bytes
    timestamp: int
    signature: bytes


_GROUP = 3
"""Protobuf's wire type of the deprecated groups."""


def _parse(message: Any, raw: bytes, what: str) -> Any:
    try:
        parsed = message.FromString(raw)
    except DecodeError:
        raise PacketError(
            Fault.MALFORMED, f"{what} is not valid protobuf: take the bytes as the device sent them"
        ) from None
    unknown: Any = UnknownFieldSet(parsed)
    if len(unknown) and any(field.wire_type == _GROUP for field in unknown):
        raise PacketError(Fault.MALFORMED, f"{what} holds a protobuf group: no Pebble sends one")
    return parsed


def decode_packet(raw: bytes) -> Packet:
    """Open a packet's envelope; raises PacketError that says what is wrong with it."""
    if len(raw) > MAX_PACKET_BYTES:
        raise PacketError(
            Fault.MALFORMED, f"a packet of {len(raw)} bytes: at most {MAX_PACKET_BYTES} are taken"
        )
    if raw[:1] == b"{":
        raise PacketError(
            Fault.OLD_FORMAT,
            "a packet in JSON, the format before mid 2021, whose signatures cannot be checked: "
            "update the device's firmware",
        )
    package = _parse(BinPackage, raw, "the packet")
    data, timestamp, signature = package.data, package.timestamp, package.signature
    if package.type != DATA:
        raise PacketError(
            Fault.NOT_A_READING, f"a packet of type {package.type}: only type 0, DATA, is a reading"
        )
    if not data:
        raise PacketError(Fault.MALFORMED, "the packet has no data: it is not a reading")
    if not timestamp:
        raise PacketError(Fault.MALFORMED, "the packet has no timestamp: set the device's clock")
    if len(signature) != 64:
        raise PacketError(Fault.MALFORMED, f"a signature of {len(signature)} bytes: r || s has 64")
    return Packet(raw, data, timestamp, signature)


def signed_digest(packet: Packet) -> bytes:
    """The 32 bytes that the device signed."""
    return hashlib.sha256(b"\0\0\0\0" + packet.data + packet.timestamp.to_bytes(4, "big")).digest()


def decode_readings(
    data: bytes, timestamp: int, format: PacketFormat = PacketFormat.CURRENT
) -> Readings:
    """The readings in a packet's data, by its device's format; raises PacketError."""
    old = format == PacketFormat.UNSIGNED_TEMPERATURE
    sensor = _parse(SensorData2021 if old else SensorData, data, "the packet's data")
    scalars = _SCALARS(sensor)
    if old and timestamp < DEGREES_1E5_UNTIL:
        scalars = (*scalars[:2], 100 * scalars[2], 100 * scalars[3], *scalars[4:])
    if (
        max(scalars) > INT32_MAX
        or abs(scalars[2]) > _LATITUDE_BOUND
        or abs(scalars[3]) > _LONGITUDE_BOUND
    ):
        scalars = _repaired(scalars)
    # A slice is a plain list: to iterate over the field itself takes three times as long.
    gyroscope, accelerometer = sensor.gyroscope[:], sensor.accelerometer[:]
    return Readings(
        (
            *scalars,
            *(gyroscope if len(gyroscope) == 3 else _NO_MOTION),
            *(accelerometer if len(accelerometer) == 3 else _NO_MOTION),
        )
    )


_SCALARS: Callable[[Any], tuple[int, ...]] = attrgetter(*CHANNEL_NAMES[:10])


def _repaired(scalars: tuple[int, ...]) -> tuple[int, ...]:
    """The scalars, with what cannot be as MISSING."""
    values = [value if value <= INT32_MAX else MISSING for value in scalars]
    for place, bound in ((2, _LATITUDE_BOUND), (3, _LONGITUDE_BOUND)):
        if abs(values[place]) > bound:
            values[place] = MISSING
    return tuple(values)


_NO_MOTION = (MISSING, MISSING, MISSING)


def select_channels(readings: Readings, channel_map: bytes) -> bytes:
    """Packed features from readings: one channel's place a byte (Schema.channel_map)."""
    return pack_features(readings.values[place] for place in channel_map)


def recover_devices(packet: Packet) -> tuple[bytes, ...]:
    """The addresses that may have signed a packet: at most two, since it carries no parity."""
    keys = _secp256k1.recover_keys(packet.signature, signed_digest(packet))
    return tuple(_secp256k1.address_of(key) for key in keys)


class PacketVerifier:
    """Checks packets of one device. It finds the device's public key in the first good one."""

    def __init__(self, device: bytes, format: PacketFormat = PacketFormat.CURRENT) -> None:
        """`device` is the 20-byte address of the device's key."""
        if len(device) != 20:
            raise PacketError(
                Fault.DEVICE, f"a device address of {len(device)} bytes: give the 20 bytes"
            )
        self.device = device
        self.format = format
        self._key: PublicKey | None = None

    def verify(self, raw: bytes) -> tuple[Packet, Readings]:
        """Open a packet, check its signature and decode it; raises PacketError."""
        packet = decode_packet(raw)
        digest = signed_digest(packet)
        if self._key is None:
            self._find_key(packet, digest)
        elif not _secp256k1.verify(self._key, packet.signature, digest):
            raise self._not_ours()
        return packet, decode_readings(packet.data, packet.timestamp, self.format)

    def has_signed(self, signature: bytes, digest: bytes) -> bool:
        """Whether the device made a signature (r || s, low s) over another 32-byte digest."""
        if self._key is not None:
            return _secp256k1.verify(self._key, signature, digest)
        keys = _secp256k1.recover_keys(signature, digest)
        return self.device in [_secp256k1.address_of(key) for key in keys]

    def _find_key(self, packet: Packet, digest: bytes) -> None:
        """Keep the key that signed if it is the device's; otherwise say what is wrong."""
        keys = _secp256k1.recover_keys(packet.signature, digest)
        if not keys:
            raise PacketError(
                Fault.SIGNATURE,
                "the signature is not a low-s secp256k1 signature: the packet was changed",
            )
        for key in keys:
            if _secp256k1.address_of(key) == self.device:
                self._key = key
                return
        raise self._not_ours()

    def _not_ours(self) -> PacketError:
        return PacketError(
            Fault.DEVICE,
            f"the signature is not by device 0x{self.device.hex()}: the packet was changed, or is "
            "another device's",
        )


def encode_packet(data: bytes, timestamp: int, signature: bytes) -> bytes:
    """A BinPackage of a reading, as a device sends it."""
    raw: bytes = BinPackage(
        type=DATA, data=data, timestamp=timestamp, signature=signature
    ).SerializeToString()
    return raw


def confirmation_digest(owner: bytes, timestamp: int) -> bytes:
    """The 32 bytes that a device signs to name its owner."""
    return hashlib.sha256(owner + timestamp.to_bytes(4, "big")).digest()


def decode_confirmation(raw: bytes) -> Confirmation:
    """Open a ConfirmPackage; raises PacketError that says what is wrong with it."""
    if len(raw) > MAX_PACKET_BYTES:
        raise PacketError(Fault.MALFORMED, f"a confirmation of {len(raw)} bytes: some 90 are usual")
    package = _parse(ConfirmPackage, raw, "the confirmation")
    owner, timestamp, signature = package.owner, package.timestamp, package.signature
    if len(owner) != 20 or not any(owner):
        raise PacketError(Fault.MALFORMED, f"the confirmation names no owner: 0x{owner.hex()}")
    if not timestamp or len(signature) != 64:
        raise PacketError(Fault.MALFORMED, "the confirmation lacks its timestamp or signature")
    return Confirmation(owner, timestamp, signature)


def encode_confirmation(confirmation: Confirmation) -> bytes:
    """A ConfirmPackage, as a device sends it."""
    raw: bytes = ConfirmPackage(
        owner=confirmation.owner,
        timestamp=confirmation.timestamp,
        signature=confirmation.signature,
    ).SerializeToString()
    return raw


def check_confirmation(confirmation: Confirmation, device: bytes) -> None:
    """Raise PacketError unless the device signed the confirmation."""
    digest = confirmation_digest(confirmation.owner, confirmation.timestamp)
    keys = _secp256k1.recover_keys(confirmation.signature, digest)
    if device not in [_secp256k1.address_of(key) for key in keys]:
        raise PacketError(
            Fault.DEVICE, f"the confirmation is not signed by device 0x{device.hex()}"
        )
