"""set_channels: an alliance says once which channels of a packet feed its model."""

import ape
import pytest

TEMPERATURE_HUMIDITY_PRESSURE_LIGHT = bytes([5, 7, 6, 8])


def test_set_channels__by_an_outsider__is_refused(packets, model_id, refused_to_outsiders):
    refused_to_outsiders(
        packets.set_channels,
        model_id,
        TEMPERATURE_HUMIDITY_PRESSURE_LIGHT,
        reason="channels: caller is not alliance",
    )


def test_set_channels__of_an_unknown_model__is_refused(packets, model_id, timelock):
    with ape.reverts("channels: caller is not alliance"):
        packets.set_channels(model_id + 1, b"\x05", sender=timelock)


def test_set_channels__by_the_alliance__is_kept_and_told(packets, model_id, timelock):
    assert packets.channels_of(model_id) == b""
    receipt = packets.set_channels(model_id, TEMPERATURE_HUMIDITY_PRESSURE_LIGHT, sender=timelock)
    assert packets.channels_of(model_id) == TEMPERATURE_HUMIDITY_PRESSURE_LIGHT
    [event] = receipt.decode_logs(packets.ChannelsSet)
    assert (event.model_id, bytes(event.channels)) == (
        model_id,
        TEMPERATURE_HUMIDITY_PRESSURE_LIGHT,
    )


def test_set_channels__again__is_refused(packets, model_id, timelock):
    packets.set_channels(model_id, b"\x05", sender=timelock)
    for channels in (b"\x05", b"\x06"):
        with ape.reverts("channels: set already"):
            packets.set_channels(model_id, channels, sender=timelock)


@pytest.mark.parametrize(
    ("channels", "reason"),
    [
        (b"", "channels: none"),
        (b"\x10", "channels: no such channel"),
        (b"\x05\xff", "channels: no such channel"),
        (b"\x05\x09", "channels: no such channel"),  # temperature2, a copy
    ],
)
def test_set_channels__that_cannot_be__reverts(packets, model_id, timelock, channels, reason):
    with ape.reverts(reason):
        packets.set_channels(model_id, channels, sender=timelock)
