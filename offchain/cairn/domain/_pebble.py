"""The protobuf messages of proto/pebble.proto, built without a compiler in a pool of their own."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["BinPackage", "ConfirmPackage", "SensorData", "SensorData2021"]

_PACKAGE = "cairn.pebble"
_ABSENT_UNSIGNED = "2147483648"  # one more than an int32 holds: missing, like any such value
_ABSENT_SIGNED = "-2147483648"

_Field = tuple[str, int, str, str, str | None]  # label, number, type, name, default


def _sensor_data(temperature: str) -> tuple[_Field, ...]:
    absent = {"uint32": _ABSENT_UNSIGNED, "sint32": _ABSENT_SIGNED}
    scalars = (
        ("uint32", "snr"),
        ("uint32", "vbat"),
        ("sint32", "latitude"),
        ("sint32", "longitude"),
        ("uint32", "gas_resistance"),
        (temperature, "temperature"),
        ("uint32", "pressure"),
        ("uint32", "humidity"),
        ("uint32", "light"),
        ("uint32", "temperature2"),
    )
    return (
        *(
            ("optional", number, kind, name, absent[kind])
            for number, (kind, name) in enumerate(scalars, 1)
        ),
        ("repeated", 11, "sint32", "gyroscope", None),
        ("repeated", 12, "sint32", "accelerometer", None),
        ("optional", 13, "bytes", "random", None),
    )


FIELDS: dict[str, tuple[_Field, ...]] = {
    "SensorData": _sensor_data("sint32"),
    "SensorData2021": _sensor_data("uint32"),
    "BinPackage": (
        ("optional", 1, "uint32", "type", "4294967295"),
        ("optional", 2, "bytes", "data", None),
        ("optional", 3, "uint32", "timestamp", None),
        ("optional", 4, "bytes", "signature", None),
    ),
    "ConfirmPackage": (
        ("optional", 1, "bytes", "owner", None),
        ("optional", 2, "uint32", "timestamp", None),
        ("optional", 3, "bytes", "signature", None),
        ("optional", 4, "uint32", "channel", None),
    ),
}
"""Each message's fields, as proto/pebble.proto says them."""


def _build() -> dict[str, Any]:
    field_type: Any = descriptor_pb2.FieldDescriptorProto
    file: Any = descriptor_pb2.FileDescriptorProto(
        name="cairn/pebble.proto", package=_PACKAGE, syntax="proto2"
    )
    for message_name, fields in FIELDS.items():
        message = file.message_type.add(name=message_name)
        for label, number, kind, name, default in fields:
            message.field.add(
                name=name,
                number=number,
                label=getattr(field_type, f"LABEL_{label.upper()}"),
                type=getattr(field_type, f"TYPE_{kind.upper()}"),
                default_value=default,
            )
    pool: Any = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in FIELDS
    }


_messages = _build()
SensorData: Any = _messages["SensorData"]
SensorData2021: Any = _messages["SensorData2021"]
BinPackage: Any = _messages["BinPackage"]
ConfirmPackage: Any = _messages["ConfirmPackage"]
