# pragma version 0.4.3
"""
@title packet: what a Pebble signed, read on chain
@license Apache-2.0
@notice Opens a sensor's packet (protobuf BinPackage holding SensorData), gives what its signature
        is over, and the readings as 16 int32 in two words.
@dev Nothing here reverts on any bytes: what is wrong comes back as `False` (PACKET-1), since judges
     call it too. Same bytes, same answer as `cairn.domain.packets` (PACKET-2): a scalar that comes
     again overrides; repeated fields may be packed; unknown fields, also known numbers with another
     wire type, are skipped; groups are refused. Work is linear in the packet's length (PACKET-3):
     each step takes at least one byte.

     Reading a field: one 32-byte window holds a tag (5 bytes at most) and the varint after it (10
     at most). `buffer` is the packet and 32 zero bytes, so that a window begins at every byte.
"""

MAX_PACKET_BYTES: constant(uint256) = 512  # a Pebble with every channel on sends about 170
PADDED_BYTES: constant(uint256) = MAX_PACKET_BYTES + 32
MAX_FIELDS: constant(uint256) = MAX_PACKET_BYTES // 2  # a tag and a value take two bytes
MAX_VARINT_BYTES: constant(uint256) = 10  # 64 bits; the low 32 count
MAX_TAG_BYTES: constant(uint256) = 5
MAX_LENGTH_BYTES: constant(uint256) = 5

N_CHANNELS: constant(uint256) = 16
UINT32: constant(uint256) = 2**32 - 1
# An int32 is held as its two's complement in the low 32 bits; the smallest one says "missing".
MISSING: constant(uint256) = 2**31

# Positions outside the globe are missing; 2000000000 is the firmware's "no fix".
LATITUDE_BOUND: constant(uint256) = 900_000_000  # degrees x1e7
LONGITUDE_BOUND: constant(uint256) = 1_800_000_000
# 2021-08-03 UTC: before it, devices of the older format sent degrees x1e5.
DEGREES_1E5_UNTIL: constant(uint256) = 1_627_948_800

# Half the order of secp256k1: of the two s that would do, the lower one is taken.
HALF_ORDER: constant(uint256) = (
    57896044618658097711785492504343953926418782139537452191302581570759080747168
)

# Protobuf's wire types.
VARINT: constant(uint256) = 0
FIXED64: constant(uint256) = 1
BYTES: constant(uint256) = 2
FIXED32: constant(uint256) = 5


struct Envelope:
    data_at: uint256  # where in the packet the readings begin
    data_size: uint256
    timestamp: uint256  # unix seconds, by the sensor's clock
    r: bytes32
    s: bytes32


@internal
@pure
def _field(window: uint256) -> (uint256, uint256, uint256):
    """
    @notice Read a tag, and the varint after it if the tag wants one.
    @param window The next 32 bytes.
    @return The tag; the value or length, or the payload's size of a fixed field; the bytes read.
            No bytes read says that it is malformed, or a group.
    """
    tag: uint256 = window >> 248
    size: uint256 = 1
    if tag > 127:
        # Longer than one byte: no field that is known, yet it must be skipped right.
        tag = tag & 127
        ended: bool = False
        for i: uint256 in range(1, MAX_TAG_BYTES):
            more: uint256 = (window >> (248 - 8 * i)) & 255
            tag |= (more & 127) << (7 * i)
            if more < 128:
                size = i + 1
                ended = True
                break
        if not ended or tag > UINT32:
            return 0, 0, 0
    if tag < 8:
        return 0, 0, 0  # field 0 does not exist

    wire: uint256 = tag & 7
    if wire == FIXED64:
        return tag, 8, size
    if wire == FIXED32:
        return tag, 4, size
    if wire != VARINT and wire != BYTES:
        return 0, 0, 0
    varint: uint256 = 0
    length: uint256 = 0
    varint, length = self._varint(window << (8 * size))
    if length == 0 or (wire == BYTES and length > MAX_LENGTH_BYTES):
        return 0, 0, 0
    return tag, varint, size + length


@internal
@pure
def _varint(window: uint256) -> (uint256, uint256):
    """
    @notice Read a varint. Returns its value, and its size, which is 0 if it does not end.
    """
    head: uint256 = window >> 248
    if head < 128:
        return head, 1
    varint: uint256 = head & 127
    for i: uint256 in range(1, MAX_VARINT_BYTES):
        # Safe: i < 10.
        more: uint256 = (window >> unsafe_sub(248, unsafe_mul(8, i))) & 255
        varint |= (more & 127) << unsafe_mul(7, i)
        if more < 128:
            return varint, unsafe_add(i, 1)
    return 0, 0


@internal
@pure
def _open(packet: Bytes[MAX_PACKET_BYTES]) -> (bool, Envelope):
    """
    @notice Open a packet's envelope. False unless it is a well-formed reading with a low s.
    """
    envelope: Envelope = empty(Envelope)
    buffer: Bytes[PADDED_BYTES] = concat(packet, empty(bytes32))
    end: uint256 = len(packet)
    at: uint256 = 0
    kind: uint256 = max_value(uint256)
    signature_at: uint256 = 0
    for i: uint256 in range(MAX_FIELDS):
        if at >= end:
            break
        tag: uint256 = 0
        amount: uint256 = 0
        size: uint256 = 0
        tag, amount, size = self._field(extract32(buffer, at, output_type=uint256))
        if size == 0:
            return False, envelope
        at += size
        if tag & 7 == VARINT:
            if at > end:
                return False, envelope
            if tag == 8:
                kind = amount & UINT32
            elif tag == 24:
                envelope.timestamp = amount & UINT32
        else:
            # Also refuses lengths that would overflow.
            if at > end or amount > end - at:
                return False, envelope
            if tag == 18:
                envelope.data_at = at
                envelope.data_size = amount
            elif tag == 34:
                signature_at = at if amount == 64 else 0
            at += amount
    if (
        kind != 0
        or envelope.data_size == 0
        or envelope.timestamp == 0
        or signature_at == 0
        or at != end
    ):
        return False, envelope
    envelope.r = extract32(buffer, signature_at)
    envelope.s = extract32(buffer, signature_at + 32)
    return self._is_low(envelope.s), envelope


@internal
@pure
def _is_low(s: bytes32) -> bool:
    return s != empty(bytes32) and convert(s, uint256) <= HALF_ORDER


@internal
@view
def _digest(packet: Bytes[MAX_PACKET_BYTES], envelope: Envelope) -> bytes32:
    """
    @notice What the sensor signed: the type, which is 0, the data as received, the timestamp.
    """
    return sha256(
        concat(
            b"\x00\x00\x00\x00",
            slice(packet, envelope.data_at, envelope.data_size),
            slice(convert(envelope.timestamp, bytes32), 28, 4),
        )
    )


@internal
@view
def _signer(digest: bytes32, odd: bool, r: bytes32, s: bytes32) -> address:
    """
    @notice The address that signed, if the parity is right: a packet does not carry it, so both
            are tried. Empty if there is no such key.
    """
    return ecrecover(digest, 28 if odd else 27, r, s)


@internal
@view
def _is_signed_by(device: address, digest: bytes32, r: bytes32, s: bytes32) -> bool:
    if device == empty(address) or not self._is_low(s):
        return False
    return self._signer(digest, False, r, s) == device or (
        self._signer(digest, True, r, s) == device
    )


@internal
@pure
def _decode(
    packet: Bytes[MAX_PACKET_BYTES], envelope: Envelope, is_older_format: bool
) -> (bool, uint256, uint256):
    """
    @notice The readings of an opened packet: 16 int32, big-endian, in two words.
    @param is_older_format July 2021 to February 2022: unsigned temperature, degrees x1e5.
    @return Whether the data is well-formed; channels 0 to 7; channels 8 to 15.
    """
    # snr, vbat, latitude, longitude, gas resistance, temperature, pressure, humidity; light,
    # temperature2, gyroscope x y z, accelerometer x y z
    channels: uint256[N_CHANNELS] = [
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
        MISSING,
    ]
    n_motion: uint256[2] = [0, 0]  # values of gyroscope and accelerometer so far
    buffer: Bytes[PADDED_BYTES] = concat(packet, empty(bytes32))
    at: uint256 = envelope.data_at
    end: uint256 = at + envelope.data_size
    for i: uint256 in range(MAX_FIELDS):
        if at >= end:
            break
        tag: uint256 = 0
        amount: uint256 = 0
        size: uint256 = 0
        tag, amount, size = self._field(extract32(buffer, at, output_type=uint256))
        if size == 0:
            return False, 0, 0
        at += size
        if at > end:
            return False, 0, 0
        field: uint256 = tag >> 3
        wire: uint256 = tag & 7

        if wire == VARINT:
            if field < 11:
                channels[field - 1] = self._scalar(
                    field, amount & UINT32, is_older_format, envelope.timestamp
                )
            elif field < 13:
                motion: uint256 = field - 11
                if n_motion[motion] < 3:
                    channels[10 + 3 * motion + n_motion[motion]] = self._signed(amount & UINT32)
                n_motion[motion] += 1
            continue

        if amount > end - at:
            return False, 0, 0
        stop: uint256 = at + amount
        if wire == BYTES and (field == 11 or field == 12):
            # The packed spelling of a repeated field.
            motion: uint256 = field - 11
            for j: uint256 in range(MAX_PACKET_BYTES):
                if at >= stop:
                    break
                amount, size = self._varint(extract32(buffer, at, output_type=uint256))
                at += size
                if size == 0 or at > stop:
                    return False, 0, 0
                if n_motion[motion] < 3:
                    channels[10 + 3 * motion + n_motion[motion]] = self._signed(amount & UINT32)
                n_motion[motion] += 1
        at = stop

    for motion: uint256 in range(2):
        if n_motion[motion] != 3:
            for axis: uint256 in range(3):
                channels[10 + 3 * motion + axis] = MISSING
    low: uint256 = 0
    high: uint256 = 0
    for i: uint256 in range(8):
        low = (low << 32) | channels[i]
        high = (high << 32) | channels[8 + i]
    return True, low, high


@internal
@pure
def _signed(zigzag: uint256) -> uint256:
    """
    @notice The int32 of a sint32's varint: 0, -1, 1, -2 ... are spelled 0, 1, 2, 3 ...
    """
    half: uint256 = zigzag >> 1
    return UINT32 ^ half if zigzag & 1 == 1 else half


@internal
@pure
def _scalar(field: uint256, low32: uint256, is_older_format: bool, timestamp: uint256) -> uint256:
    """
    @notice A single-valued channel in its unit, or MISSING if it cannot be.
    """
    if field == 3 or field == 4:
        negative: uint256 = low32 & 1
        degrees: uint256 = (low32 >> 1) + negative
        if is_older_format and timestamp < DEGREES_1E5_UNTIL:
            degrees *= 100
        if degrees > (LATITUDE_BOUND if field == 3 else LONGITUDE_BOUND):
            return MISSING
        return (UINT32 + 1 - degrees) & UINT32 if negative == 1 else degrees
    if field == 6 and not is_older_format:
        return self._signed(low32)
    return min(low32, MISSING)  # one that does not fit an int32 is missing
