"""The air-quality model of the demo: gas resistance from the other channels of a Pebble."""

from cairn.domain.schema import Column, Schema

__all__ = ["AIR_QUALITY"]

AIR_QUALITY = Schema(
    features=(
        Column("temperature", "degC", "0.01", "-40", "85", channel="temperature"),
        Column("humidity", "%RH", "0.01", "0", "100", channel="humidity"),
        Column("pressure", "hPa", "0.01", "300", "1100", channel="pressure"),
        Column("light", "lux", "0.01", "0", "120000", channel="light"),
    ),
    targets=(Column("gas_resistance", "ohm", "0.01", "0", "20000000", channel="gas_resistance"),),
)
