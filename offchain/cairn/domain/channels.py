"""The channels of a Pebble reading: names, places and units.

A reading is a vector of int32 in this order, on chain and off: `Readings.values` in Python, the
64 bytes that `DeviceRegistry.read_packet` returns in Vyper. Each value is in the device's own unit,
the integer that it signed; MISSING where it reported none.
"""

from dataclasses import dataclass

__all__ = ["CHANNELS", "CHANNEL_NAMES", "Channel", "channel_index"]


@dataclass(frozen=True)
class Channel:
    """One channel: `scale` is the physical value of one device integer, a decimal string."""

    name: str
    field: int  # number of the field in SensorData
    unit: str
    scale: str


CHANNELS: tuple[Channel, ...] = (
    Channel("snr", 1, "dB", "0.01"),
    Channel("vbat", 2, "V", "0.01"),
    Channel("latitude", 3, "degree", "0.0000001"),
    Channel("longitude", 4, "degree", "0.0000001"),
    Channel("gas_resistance", 5, "ohm", "0.01"),
    Channel("temperature", 6, "degC", "0.01"),
    Channel("pressure", 7, "hPa", "0.01"),
    Channel("humidity", 8, "%RH", "0.01"),
    Channel("light", 9, "lux", "0.01"),
    # A copy of temperature by the firmware, not a second sensor: a schema refuses it.
    Channel("temperature2", 10, "degC", "0.01"),
    Channel("gyroscope_x", 11, "LSB", "1"),
    Channel("gyroscope_y", 11, "LSB", "1"),
    Channel("gyroscope_z", 11, "LSB", "1"),
    Channel("accelerometer_x", 12, "LSB", "1"),
    Channel("accelerometer_y", 12, "LSB", "1"),
    Channel("accelerometer_z", 12, "LSB", "1"),
)
"""SensorData's channels, in the order of a reading's vector."""

CHANNEL_NAMES: tuple[str, ...] = tuple(channel.name for channel in CHANNELS)

_INDEX = {name: index for index, name in enumerate(CHANNEL_NAMES)}


def channel_index(name: str) -> int:
    """The place of a channel in a reading's vector; raises KeyError for an unknown name."""
    return _INDEX[name]
