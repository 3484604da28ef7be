# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title devices: who owns a sensor, and what it signed
@license Apache-2.0
@notice Registers signing sensors with their own consent (or their ioID's), moves them from owner to
        owner, keeps which alliance admitted them, and reads the packets that they signed.
@dev A part of DeviceRegistry, whose header has the invariants: here are DEV-1 to DEV-4. Whoever
     anchors for a sensor keeps BATCH-2 and says so with `_set_last_anchored`. The pragma above
     locks the functions that the contract exports, all with its one lock.
"""

from ..interfaces import IDeviceRegistry
from ..interfaces import IIoID
from ..interfaces import IIoIDRegistry
from . import packet as packets

# A sensor's clock may be ahead of the chain's by this much: theirs are set by satellite or network.
MAX_AHEAD_S: constant(uint256) = 600
# The longest reporting period: a month.
MAX_PERIOD_S: constant(uint256) = 30 * 86400
UINT32: constant(uint256) = 2**32 - 1

# IoTeX's identity contracts; empty on a chain without them.
IOID_REGISTRY: immutable(IIoIDRegistry)
IOID: immutable(IIoID)

# Sensor -> owner | format << 160 | is_revoked << 168 | period_s << 176 | confirmed_at << 208.
# Written by owners.
_devices: HashMap[address, uint256]
# Sensor -> whom its owner offered it to. Written by owners.
offered_to: public(HashMap[address, address])
# Alliance -> sensor -> is_admitted << 32 | last timestamp anchored. Written by alliances (the bit)
# and by owners (the timestamp).
_seats: HashMap[address, HashMap[address, uint256]]


@deploy
def __init__(ioid_registry: address, ioid: address):
    """
    @param ioid_registry IoTeX's ioIDRegistry, or empty on a chain without it.
    @param ioid IoTeX's ioID token, or empty on a chain without it.
    """
    assert (ioid_registry == empty(address)) == (ioid == empty(address)), "init: half of ioid"
    IOID_REGISTRY = IIoIDRegistry(ioid_registry)
    IOID = IIoID(ioid)


########################################################################
# Anyone
########################################################################


@view
@external
def ioid_contracts() -> (address, address):
    """
    @notice IoTeX's ioIDRegistry and ioID; empty on a chain without them.
    """
    return IOID_REGISTRY.address, IOID.address


@view
@external
def device(device: address) -> IDeviceRegistry.Device:
    return self._device(device)


@view
@external
def is_admitted(alliance: address, device: address) -> bool:
    return self._seats[alliance][device] >> 32 == 1 and not self._device(device).is_revoked


@view
@external
def last_anchored(alliance: address, device: address) -> uint256:
    """
    @notice The last timestamp of a sensor's newest batch in an alliance; the next begins after it.
    """
    return self._seats[alliance][device] & UINT32


@view
@external
def read_packet(packet: Bytes[512]) -> (address, uint256, Bytes[64]):
    is_open: bool = False
    envelope: packets.Envelope = empty(packets.Envelope)
    is_open, envelope = packets._open(packet)
    assert is_open, "packet: malformed"

    digest: bytes32 = packets._digest(packet, envelope)
    signer: address = packets._signer(digest, False, envelope.r, envelope.s)
    record: uint256 = self._devices[signer]
    if record == 0:
        signer = packets._signer(digest, True, envelope.r, envelope.s)
        record = self._devices[signer]
    assert record != 0 and signer != empty(address), "packet: signer is not registered"

    is_decoded: bool = False
    readings: Bytes[64] = b""
    is_decoded, readings = self._readings(packet, envelope, self._unpack(record).format)
    assert is_decoded, "packet: malformed readings"
    return signer, envelope.timestamp, readings


########################################################################
# Owners of sensors
########################################################################


@external
def register(
    device: address,
    format: IDeviceRegistry.PacketFormat,
    period_s: uint256,
    confirmed_at: uint256,
    r: bytes32,
    s: bytes32,
):
    self._check_consent(device, 0, confirmed_at, r, s)
    self._register(device, format, period_s, confirmed_at)


@external
def register_by_ioid(device: address, format: IDeviceRegistry.PacketFormat, period_s: uint256):
    assert self._ioid_owner(device) == msg.sender, "register: caller lacks its ioid"
    # Consents that the sensor gave before are spent by this.
    self._register(device, format, period_s, block.timestamp)


@external
def offer(device: address, new_owner: address):
    record: IDeviceRegistry.Device = self._check_owner(device)
    assert not record.is_revoked, "offer: device is revoked"
    self.offered_to[device] = new_owner
    log IDeviceRegistry.DeviceOffered(device=device, owner=msg.sender, new_owner=new_owner)


@external
def accept(device: address, confirmed_at: uint256, r: bytes32, s: bytes32):
    record: IDeviceRegistry.Device = self._device(device)
    assert record.owner != empty(address), "accept: device is not registered"
    assert self.offered_to[device] == msg.sender or self._ioid_owner(device) == msg.sender, (
        "accept: not offered to the caller"
    )
    assert not record.is_revoked, "accept: device is revoked"
    self._check_consent(device, record.confirmed_at, confirmed_at, r, s)
    old_owner: address = record.owner
    record.owner = msg.sender
    record.confirmed_at = confirmed_at
    self._devices[device] = self._pack(record)
    self.offered_to[device] = empty(address)
    log IDeviceRegistry.DeviceTransferred(device=device, owner=old_owner, new_owner=msg.sender)


@external
def revoke(device: address):
    record: IDeviceRegistry.Device = self._check_owner(device)
    assert not record.is_revoked, "revoke: revoked already"
    record.is_revoked = True
    self._devices[device] = self._pack(record)
    self.offered_to[device] = empty(address)
    log IDeviceRegistry.DeviceRevoked(device=device, owner=msg.sender)


########################################################################
# Alliances: whoever calls speaks for himself, and a timelock for its alliance
########################################################################


@external
def admit(devices: DynArray[address, 32]):
    for device: address in devices:
        assert self._devices[device] != 0, "admit: device is not registered"
        seat: uint256 = self._seats[msg.sender][device]
        self._seats[msg.sender][device] = (1 << 32) | (seat & UINT32)
        log IDeviceRegistry.DeviceAdmitted(alliance=msg.sender, device=device)


@external
def expel(devices: DynArray[address, 32]):
    for device: address in devices:
        # The last timestamp stays: who comes back may not anchor the same time again.
        self._seats[msg.sender][device] = self._seats[msg.sender][device] & UINT32
        log IDeviceRegistry.DeviceExpelled(alliance=msg.sender, device=device)


########################################################################
# Internal
########################################################################


@view
@internal
def _check_owner(device: address) -> IDeviceRegistry.Device:
    record: IDeviceRegistry.Device = self._device(device)
    assert record.owner == msg.sender, "device: caller is not its owner"
    return record


@view
@internal
def _check_consent(
    device: address, newer_than: uint256, confirmed_at: uint256, r: bytes32, s: bytes32
):
    """
    @notice The sensor's ConfirmPackage names the caller as owner, and is its newest.
    """
    assert confirmed_at > newer_than, "consent: not newer than the last"
    assert confirmed_at <= block.timestamp + MAX_AHEAD_S and confirmed_at <= UINT32, (
        "consent: from the future"
    )
    digest: bytes32 = sha256(
        concat(convert(msg.sender, bytes20), slice(convert(confirmed_at, bytes32), 28, 4))
    )
    assert packets._is_signed_by(device, digest, r, s), "consent: not signed by the device"


@internal
def _register(
    device: address,
    format: IDeviceRegistry.PacketFormat,
    period_s: uint256,
    confirmed_at: uint256,
):
    assert self._devices[device] == 0, "register: device has an owner"
    assert device != empty(address), "register: device is empty"
    assert (
        format == IDeviceRegistry.PacketFormat.CURRENT
        or format == IDeviceRegistry.PacketFormat.UNSIGNED_TEMPERATURE
    ), "register: choose one format"
    assert period_s != 0 and period_s <= MAX_PERIOD_S, "register: period out of bounds"
    self._devices[device] = self._pack(
        IDeviceRegistry.Device(
            owner=msg.sender,
            format=format,
            period_s=period_s,
            confirmed_at=confirmed_at,
            is_revoked=False,
        )
    )
    log IDeviceRegistry.DeviceRegistered(
        device=device, owner=msg.sender, format=format, period_s=period_s
    )


@view
@internal
def _ioid_owner(device: address) -> address:
    """
    @notice Who owns a sensor's ioID; empty if nobody, or where there is no ioID.
    """
    if IOID.address == empty(address):
        return empty(address)
    if not staticcall IOID_REGISTRY.exists(device):
        return empty(address)
    token_id: uint256 = staticcall IOID_REGISTRY.deviceTokenId(device)
    return staticcall IOID.ownerOf(token_id)


@pure
@internal
def _pack(record: IDeviceRegistry.Device) -> uint256:
    revoked: uint256 = 1 if record.is_revoked else 0
    return (
        convert(record.owner, uint256)
        | (convert(record.format, uint256) << 160)
        | (revoked << 168)
        | (record.period_s << 176)
        | (record.confirmed_at << 208)
    )


@pure
@internal
def _unpack(record: uint256) -> IDeviceRegistry.Device:
    return IDeviceRegistry.Device(
        owner=self._address(record),
        format=convert((record >> 160) & 255, IDeviceRegistry.PacketFormat),
        period_s=(record >> 176) & UINT32,
        confirmed_at=record >> 208,
        is_revoked=(record >> 168) & 1 == 1,
    )


@view
@internal
def _device(device: address) -> IDeviceRegistry.Device:
    return self._unpack(self._devices[device])


@view
@internal
def _seat(alliance: address, device: address) -> (bool, uint256):
    """
    @notice Whether an alliance admitted a sensor, and the last timestamp anchored there.
    """
    seat: uint256 = self._seats[alliance][device]
    return seat >> 32 == 1, seat & UINT32


@internal
def _set_last_anchored(alliance: address, device: address, last_timestamp: uint256):
    """
    @notice The caller has made sure that the sensor is admitted and that the timestamp moves
            forward and is below 2**32.
    """
    self._seats[alliance][device] = (1 << 32) | last_timestamp


@pure
@internal
def _address(word: uint256) -> address:
    """
    @notice The address in the low 160 bits of a packed word.
    """
    return convert(word & convert(max_value(uint160), uint256), address)


@view
@internal
def _judge(device: address, packet: Bytes[512]) -> (bool, uint256, Bytes[64]):
    """
    @notice Whether a packet is a well-formed reading signed by a sensor; its timestamp, readings.
    """
    is_fine: bool = False
    readings: Bytes[64] = b""
    envelope: packets.Envelope = empty(packets.Envelope)
    is_fine, envelope = packets._open(packet)
    if not is_fine:
        return False, 0, b""
    digest: bytes32 = packets._digest(packet, envelope)
    if not packets._is_signed_by(device, digest, envelope.r, envelope.s):
        return False, 0, b""
    is_fine, readings = self._readings(packet, envelope, self._device(device).format)
    return is_fine, envelope.timestamp, readings


@view
@internal
def _readings(
    packet: Bytes[512], envelope: packets.Envelope, format: IDeviceRegistry.PacketFormat
) -> (bool, Bytes[64]):
    is_decoded: bool = False
    low: uint256 = 0
    high: uint256 = 0
    is_decoded, low, high = packets._decode(
        packet, envelope, format == IDeviceRegistry.PacketFormat.UNSIGNED_TEMPERATURE
    )
    return is_decoded, concat(convert(low, bytes32), convert(high, bytes32))
