# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PacketFeatures: which readings of a packet are a model's features
@license Apache-2.0
@notice A model's alliance says once which channels of a sensor's packet feed it; from then on a signed packet
        has one meaning to that model. The market asks here when a prediction is bought from a packet.
@dev MARKET-6: which channels of a packet feed a model is said once, by its alliance, and never changes.
@custom:kill Cannot be stopped: no owner, no upgrade.
"""

from ..interfaces import IDeviceRegistry
from ..interfaces import IModelRegistry
from ..interfaces import IPacketFeatures

implements: IPacketFeatures

# int32 in a reading, one a channel; a model takes each at most once.
N_CHANNELS: constant(uint256) = 16
# The firmware's copy of the temperature: no sensor of its own, and so no feature.
TEMPERATURE2: constant(uint256) = 9

# A sensor's clock may be ahead of the chain's by this much, as in the DeviceRegistry.
MAX_AHEAD_S: constant(uint256) = 600

REGISTRY: public(immutable(IModelRegistry))
DEVICES: public(immutable(IDeviceRegistry))

# Model id -> the place in a reading of each feature, a byte each, in the features' order; set_channels
# writes it, once.
channels_of: public(HashMap[uint256, Bytes[N_CHANNELS]])


@deploy
def __init__(registry: IModelRegistry, devices: IDeviceRegistry):
    """
    @param registry Where models' alliances are named.
    @param devices Who reads the packets of sensors.
    """
    assert registry.address != empty(address), "channels: registry is zero"
    assert devices.address.is_contract, "channels: no device registry"
    REGISTRY = registry
    DEVICES = devices


# --- alliances ---


@external
def set_channels(model_id: uint256, channels: Bytes[N_CHANNELS]):
    alliance: address = staticcall REGISTRY.alliance_of(model_id)
    assert msg.sender == alliance, "channels: caller is not alliance"
    assert len(self.channels_of[model_id]) == 0, "channels: set already"
    assert len(channels) != 0, "channels: none"
    for i: uint256 in range(len(channels), bound=N_CHANNELS):
        place: uint256 = convert(slice(channels, i, 1), uint256)
        assert place < N_CHANNELS and place != TEMPERATURE2, "channels: no such channel"
    self.channels_of[model_id] = channels
    log IPacketFeatures.ChannelsSet(model_id=model_id, channels=channels)


# --- views ---


@view
@external
def features_of(
    model_id: uint256, packet: Bytes[512], max_age_s: uint256
) -> (address, uint256, Bytes[64]):
    device: address = empty(address)
    timestamp: uint256 = 0
    readings: Bytes[64] = b""
    device, timestamp, readings = staticcall DEVICES.read_packet(packet)
    alliance: address = staticcall REGISTRY.alliance_of(model_id)
    assert staticcall DEVICES.is_admitted(alliance, device), "packet: sensor is not admitted"
    assert timestamp <= block.timestamp + MAX_AHEAD_S, "packet: from the future"
    age_s: uint256 = block.timestamp - min(timestamp, block.timestamp)
    assert age_s <= max_age_s, "packet: too old"
    channels: Bytes[N_CHANNELS] = self.channels_of[model_id]
    assert len(channels) != 0, "packet: model reads no packets"
    return device, timestamp, self._pick(readings, channels)


# --- internal ---


@pure
@internal
def _pick(readings: Bytes[64], channels: Bytes[N_CHANNELS]) -> Bytes[4 * N_CHANNELS]:
    """
    @notice The readings of some channels, four bytes each, in their order.
    """
    words: uint256[2] = [
        extract32(readings, 0, output_type=uint256), extract32(readings, 32, output_type=uint256)
    ]
    picked: uint256[2] = [0, 0]
    for i: uint256 in range(len(channels), bound=N_CHANNELS):
        place: uint256 = convert(slice(channels, i, 1), uint256)
        reading: uint256 = (words[place // 8] >> (224 - 32 * (place % 8))) & (2**32 - 1)
        picked[i // 8] |= reading << (224 - 32 * (i % 8))
    both: Bytes[64] = concat(convert(picked[0], bytes32), convert(picked[1], bytes32))
    return slice(both, 0, 4 * len(channels))
