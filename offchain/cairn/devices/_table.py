"""From packets to a training table, in device integers. The rules, all of them:

- a value is the integer that the device signed, plus the device's calibration offset for the
  channel if one is given; MISSING stays MISSING;
- a value outside its column's [min, max] counts as missing;
- with `resample_s`, rows of a batch are grouped by timestamp // resample_s; a group's value is the
  mean of the values that are there, truncated toward zero, its timestamp the group's start;
- a row that lacks a target, or a feature that the schema does not allow to be missing, is left out.

Nothing is left out for being implausible: the device signed it. A column of a device that never
changes is named, and whoever trains on it decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cairn.devices._batches import Batch
from cairn.domain.channels import channel_index
from cairn.domain.integers import INT32_MAX, INT32_MIN, MISSING
from cairn.domain.schema import Schema, SchemaError

__all__ = ["STILL_FROM", "Table", "training_table"]

STILL_FROM = 50
"""Readings that are alike by chance more seldom than a sensor is stuck: four hours of the usual."""


@dataclass(frozen=True)
class Table:
    """A training table.

    frame: columns `device` (hexadecimal), `timestamp` (unix s, int64), then the schema's features
    and targets (int32, device integers). left_out: rows that a rule above left out. still: device
    and column whose values, STILL_FROM or more, are all alike: a stuck sensor, or a dark room.
    """

    schema: Schema
    frame: pd.DataFrame
    left_out: int
    still: tuple[tuple[str, str], ...]

    @property
    def features(self) -> NDArray[np.int32]:
        """(n_rows, n_features), in the schema's order."""
        names = [column.name for column in self.schema.features]
        rows: NDArray[np.int32] = self.frame[names].to_numpy(dtype=np.int32)
        return rows

    @property
    def targets(self) -> NDArray[np.int32]:
        """(n_rows, n_targets), in the schema's order."""
        names = [column.name for column in self.schema.targets]
        rows: NDArray[np.int32] = self.frame[names].to_numpy(dtype=np.int32)
        return rows


def training_table(
    batches: Sequence[Batch],
    schema: Schema,
    resample_s: int | None = None,
    calibration: Mapping[bytes, Mapping[str, int]] | None = None,
) -> Table:
    """The rows of verified batches, one a reading (or a resampled group), by batch and time.

    `calibration`: device -> channel -> offset in device integers. Raises SchemaError if a column
    comes from no channel, or if an offset or the resampling interval cannot be.
    """
    if resample_s is not None and resample_s < 1:
        raise SchemaError(f"resampling to {resample_s} s: give a positive number of seconds")
    columns = (*schema.features, *schema.targets)
    names = [column.name for column in columns]
    channels = []
    for column in columns:
        if column.channel is None:
            raise SchemaError(f"{column.name} comes from no channel of a packet")
        channels.append(column.channel)
    places = [channel_index(channel) for channel in channels]
    lows = np.array([column.low for column in columns], dtype=np.int64)
    highs = np.array([column.high for column in columns], dtype=np.int64)
    frames = []
    for batch in batches:
        offsets = _offsets(channels, batch.device, calibration)
        values = np.array([r.values for r in batch.readings], dtype=np.int64)[:, places]
        values = np.where(values == MISSING, MISSING, values + offsets)
        values = np.where((values < lows) | (values > highs), MISSING, values)
        times = np.array([packet.timestamp for packet in batch.packets], dtype=np.int64)
        if resample_s is not None:
            times, values = _resample(times, values, resample_s)
        frame = pd.DataFrame(values, columns=names)
        frame.insert(0, "timestamp", times)
        frame.insert(0, "device", "0x" + batch.device.hex())
        frames.append(frame)
    if frames:
        table = pd.concat(frames, ignore_index=True)
    else:
        table = pd.DataFrame(columns=["device", "timestamp", *names])
    keep = np.ones(len(table), dtype=bool)
    for column in columns:
        cells = table[column.name].to_numpy(dtype=np.int32)
        table[column.name] = cells
        if column in schema.targets or not column.missing:
            keep &= cells != MISSING
    kept = table[keep].reset_index(drop=True)
    return Table(schema, kept, int((~keep).sum()), _still(kept, names))


def _still(table: pd.DataFrame, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    found = []
    for device, rows in table.groupby("device", sort=False):
        for name in names:
            values = rows[name][rows[name] != MISSING]
            if len(values) >= STILL_FROM and values.nunique() == 1:
                found.append((str(device), name))
    return tuple(found)


def _offsets(
    channels: Sequence[str],
    device: bytes,
    calibration: Mapping[bytes, Mapping[str, int]] | None,
) -> NDArray[np.int64]:
    offsets = dict(calibration.get(device, {})) if calibration is not None else {}
    for channel, offset in offsets.items():
        if not INT32_MIN < offset <= INT32_MAX:
            raise SchemaError(f"calibration of {channel} by {offset}: give an int32")
        try:
            channel_index(channel)
        except KeyError:
            raise SchemaError(f"calibration of unknown channel {channel!r}") from None
    return np.array([offsets.get(channel, 0) for channel in channels], dtype=np.int64)


def _resample(
    times: NDArray[np.int64], values: NDArray[np.int64], every_s: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Integer means of groups, exact: truncated toward zero as the contracts divide."""
    groups, starts = np.unique(times // every_s, return_index=True)
    there = values != MISSING
    sums = np.add.reduceat(np.where(there, values, 0), starts, axis=0)
    counts = np.add.reduceat(there.astype(np.int64), starts, axis=0)
    safe = np.maximum(counts, 1)
    means = np.sign(sums) * (np.abs(sums) // safe)
    return groups * every_s, np.where(counts == 0, MISSING, means)
