# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title packet_channels: which readings of a packet are a model's features
@license Apache-2.0
@notice Said once by the model's alliance, so that neither a caller nor a later vote chooses what a packet
        means.
@dev A part of InferenceMarket, whose header has the invariants: here is MARKET-6. The pragma above locks the
     functions that the contract exports, all with its one lock.
"""

from ..interfaces import IInferenceMarket
from . import request_book

uses: request_book

# int32 in a reading, one a channel; a model takes each at most once.
N_CHANNELS: constant(uint256) = 16
# The firmware's copy of the temperature: no sensor of its own, and so no feature.
TEMPERATURE2: constant(uint256) = 9

# Model id -> the place in a reading of each feature, a byte each, in the features' order; set_channels
# writes it, once.
channels_of: public(HashMap[uint256, Bytes[N_CHANNELS]])


# --- alliances ---


@external
def set_channels(model_id: uint256, channels: Bytes[N_CHANNELS]):
    alliance: address = staticcall request_book.REGISTRY.alliance_of(model_id)
    assert msg.sender == alliance, "channels: caller is not alliance"
    assert len(self.channels_of[model_id]) == 0, "channels: set already"
    assert len(channels) != 0, "channels: none"
    for i: uint256 in range(len(channels), bound=N_CHANNELS):
        place: uint256 = convert(slice(channels, i, 1), uint256)
        assert place < N_CHANNELS and place != TEMPERATURE2, "channels: no such channel"
    self.channels_of[model_id] = channels
    log IInferenceMarket.ChannelsSet(model_id=model_id, channels=channels)


# --- internal ---


@view
@internal
def _features_of(model_id: uint256, readings: Bytes[64]) -> Bytes[64]:
    """
    @notice The features that a model takes from a reading.
    """
    channels: Bytes[N_CHANNELS] = self.channels_of[model_id]
    assert len(channels) != 0, "predict: model reads no packets"
    return self._pick(readings, channels)


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
