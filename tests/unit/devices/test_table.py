"""The training table: its rules, in device integers."""

import numpy as np
import pytest

from cairn.devices import STILL_FROM, Batch, training_table
from cairn.domain.channels import CHANNEL_NAMES
from cairn.domain.integers import MISSING
from cairn.domain.packets import Packet, Readings
from cairn.domain.schema import Column, Schema, SchemaError

DEVICE = bytes(range(20))
SCHEMA = Schema(
    (
        Column("temperature", "degC", "0.01", "-40", "85", channel="temperature"),
        Column("light", "lux", "0.01", "0", "1000", missing=True, channel="light"),
    ),
    (Column("gas", "ohm", "0.01", "0", "1000", channel="gas_resistance"),),
)


def batch_of(*rows, device=DEVICE):
    """A batch whose rows are (timestamp, temperature, light, gas)."""
    packets, readings = [], []
    for timestamp, temperature, light, gas in rows:
        values = dict.fromkeys(CHANNEL_NAMES, MISSING)
        values |= {"temperature": temperature, "light": light, "gas_resistance": gas}
        packets.append(Packet(b"", b"", timestamp, b""))
        readings.append(Readings(tuple(values.values())))
    return Batch(device, tuple(packets), tuple(readings))


def rows_of(table):
    return np.hstack([table.features, table.targets]).tolist()


def test_table__readings__in_the_schemas_order():
    table = training_table([batch_of((300, -250, 7, 99)), batch_of((300, 1, 2, 3))], SCHEMA)
    assert rows_of(table) == [[-250, 7, 99], [1, 2, 3]]
    assert table.features.dtype == table.targets.dtype == np.int32
    assert list(table.frame.columns) == ["device", "timestamp", "temperature", "light", "gas"]
    assert table.frame.device[0] == "0x" + DEVICE.hex()


def test_table__missing__kept_where_allowed_else_left_out():
    rows = [(1, 1, MISSING, 1), (2, MISSING, 1, 1), (3, 1, 1, MISSING)]
    table = training_table([batch_of(*rows)], SCHEMA)
    assert rows_of(table) == [[1, MISSING, 1]]
    assert table.left_out == 2


def test_table__out_of_range__counts_as_missing():
    rows = [(1, 1, 100_001, 1), (2, 8_501, 1, 1), (3, 1, 1, 100_001), (4, 8_500, 100_000, 100_000)]
    table = training_table([batch_of(*rows)], SCHEMA)
    assert rows_of(table) == [[1, MISSING, 1], [8_500, 100_000, 100_000]]
    assert table.left_out == 2


def test_table__calibration__is_added_but_not_to_missing():
    calibration = {DEVICE: {"temperature": -10, "light": 5}, bytes(20): {"temperature": 999}}
    table = training_table([batch_of((1, 1, MISSING, 1), (2, 2, 2, 2))], SCHEMA, None, calibration)
    assert rows_of(table) == [[-9, MISSING, 1], [-8, 7, 2]]


@pytest.mark.parametrize("offsets", [{"colour": 1}, {"light": 2**31}])
def test_table__impossible_calibration__is_refused(offsets):
    with pytest.raises(SchemaError, match="calibration of"):
        training_table([batch_of((1, 1, 1, 1))], SCHEMA, None, {DEVICE: offsets})


def test_table__resampled__means_truncate_toward_zero():
    rows = [(600, -1, 4, 10), (899, -2, MISSING, 11), (900, 5, MISSING, 12)]
    table = training_table([batch_of(*rows)], SCHEMA, resample_s=300)
    assert rows_of(table) == [[-1, 4, 10], [5, MISSING, 12]]
    assert table.frame.timestamp.tolist() == [600, 900]


def test_table__resampled__a_glitch_is_not_in_the_mean():
    rows = [(600, 10, 1, 10), (700, 12, 1, 2**31 - 1), (800, 14, 2**31 - 1, 12)]
    assert rows_of(training_table([batch_of(*rows)], SCHEMA, resample_s=300)) == [[12, 1, 11]]


def test_table__resampled__devices_are_not_mixed():
    other = bytes(19) + b"\x01"
    batches = [batch_of((600, 1, 1, 1)), batch_of((600, 9, 9, 9), device=other)]
    assert rows_of(training_table(batches, SCHEMA, resample_s=300)) == [[1, 1, 1], [9, 9, 9]]


def test_table__column_that_never_changes__is_named_and_kept():
    other = bytes(19) + b"\x01"
    n = STILL_FROM
    moving = [(at, 5, MISSING, at % 7) for at in range(1, n + 1)]
    few = [(at, 5, 5, 5) for at in range(1, n)]
    batches = [batch_of(*moving[:30]), batch_of(*moving[30:]), batch_of(*few, device=other)]
    table = training_table(batches, SCHEMA)
    assert table.still == (("0x" + DEVICE.hex(), "temperature"),)
    assert len(table.frame) == 2 * n - 1


def test_table__no_batches__is_empty():
    table = training_table([], SCHEMA)
    assert table.features.shape == (0, 2)
    assert table.targets.shape == (0, 1)


def test_table__column_without_a_channel_or_bad_interval__is_refused():
    bare = Schema(SCHEMA.features, (Column("y", "u", "1", "0", "1"),))
    with pytest.raises(SchemaError, match="y comes from no channel"):
        training_table([], bare)
    with pytest.raises(SchemaError, match="resampling to 0 s"):
        training_table([], SCHEMA, resample_s=0)
