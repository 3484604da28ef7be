"""Where data comes from: batches of signed packets, training tables, synthetic devices."""

from cairn.devices._air_quality import AIR_QUALITY
from cairn.devices._batches import (
    MAX_BATCH_PACKETS,
    Batch,
    BatchError,
    Opening,
    batch_id,
    build_batch,
    parse_batch,
    split_batch,
    thin_packets,
    verify_packets,
)
from cairn.devices._messages import MessageError, decode_message, encode_message
from cairn.devices._registered import (
    RegisteredDevice,
    device_address,
    list_devices,
    parse_consent,
)
from cairn.devices._simulator import (
    CLIMATES,
    Climate,
    SimulatedDevice,
    SimulatedFault,
    simulate_fleet,
)
from cairn.devices._table import STILL_FROM, Table, training_table

__all__ = [
    "AIR_QUALITY",
    "CLIMATES",
    "MAX_BATCH_PACKETS",
    "STILL_FROM",
    "Batch",
    "BatchError",
    "Climate",
    "MessageError",
    "Opening",
    "RegisteredDevice",
    "SimulatedDevice",
    "SimulatedFault",
    "Table",
    "batch_id",
    "build_batch",
    "decode_message",
    "device_address",
    "encode_message",
    "list_devices",
    "parse_batch",
    "parse_consent",
    "simulate_fleet",
    "split_batch",
    "thin_packets",
    "training_table",
    "verify_packets",
]
