"""A model's schema: what each packed integer means, and the one way to make it from a measurement.

A schema travels as canonical JSON (UTF-8, keys sorted, nothing between the tokens, every decimal a
string); its keccak256 is `schema_hash` in the ModelRegistry. Numbers are decimals, never floats:
an API parses JSON with `parse_float=Decimal`.

The decimal rule: the device integer of a measurement is measurement / scale, rounded to the nearest
integer, halves to the even one; it must then lie within [min, max] of its column. None becomes
MISSING where the column allows it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any

from cairn.domain.channels import CHANNEL_NAMES, channel_index
from cairn.domain.integers import INT32_MAX, INT32_MIN, MISSING, pack_features
from cairn.domain.keccak import keccak256
from cairn.errors import CairnError

__all__ = ["FORMAT", "Column", "Number", "Schema", "SchemaError"]

FORMAT = "cairn-schema/1"

MAX_BYTES = 262_144
"""A schema's largest canonical JSON: some 2,000 columns."""

MAX_NESTING = 2_500
"""Brackets that a schema may open: one a column, and a few; deeper text is not a schema."""

Number = int | str | Decimal
"""A measurement: an exact number. Floats are refused, since they are not what was measured."""

_CONTEXT = Context(prec=60)


class SchemaError(CairnError):
    """A schema that cannot be, or a measurement that does not fit one; it names the column."""


def _decimal(value: Number, what: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise SchemaError(f"{what} is {value!r}: give an integer, a Decimal or a decimal string")
    if isinstance(value, str) and len(value) > 60:
        raise SchemaError(f"{what} is a number of {len(value)} characters: 60 are enough")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise SchemaError(f"{what} is {value!r}: give a decimal number such as 21.5") from None
    if not number.is_finite():
        raise SchemaError(f"{what} is {number}: give a finite number")
    if number and (number.adjusted() > 40 or int(number.as_tuple().exponent) < -40):
        raise SchemaError(f"{what} is {number:E}, far out of range: 40 digits are enough")
    return number


def _plain(number: Decimal) -> str:
    """The one spelling of a decimal: no exponent, no trailing zeros, no negative zero."""
    if number == 0:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class Column:
    """A feature or a target: one int32 of a packed vector.

    name: unique in the schema. channel: the reading's channel that it comes from (channels.py), or
    None. unit: of the measurement, for people. scale: the measurement worth one integer, a decimal
    string. min, max: bounds of the measurement, in its unit. missing: whether it may be absent.
    """

    name: str
    unit: str
    scale: str
    min: str
    max: str
    missing: bool = False
    channel: str | None = None
    _scale: Decimal = field(init=False, repr=False, compare=False)
    _low: int = field(init=False, repr=False, compare=False)
    _high: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.name or not self.name.isidentifier():
            raise SchemaError(f"a column named {self.name!r}: use letters, digits and underscores")
        scale = _decimal(self.scale, f"scale of {self.name}")
        if scale <= 0:
            raise SchemaError(f"scale of {self.name} is {self.scale}: give a positive number")
        if self.channel == "temperature2":
            raise SchemaError(f"{self.name} reads temperature2, a copy: read temperature instead")
        if self.channel is not None and self.channel not in CHANNEL_NAMES:
            raise SchemaError(
                f"{self.name} reads unknown channel {self.channel!r}: use one of "
                + ", ".join(name for name in CHANNEL_NAMES if name != "temperature2")
            )
        object.__setattr__(self, "_scale", scale)
        for attribute in ("scale", "min", "max"):
            number = _decimal(getattr(self, attribute), f"{attribute} of {self.name}")
            object.__setattr__(self, attribute, _plain(number))
        low, high = (self._round(Decimal(bound)) for bound in (self.min, self.max))
        if not INT32_MIN < low <= high <= INT32_MAX:
            raise SchemaError(
                f"{self.name} spans [{self.min}, {self.max}] at scale {self.scale}, or {low} to "
                f"{high}: give min <= max within ({INT32_MIN}, {INT32_MAX}], or a coarser scale"
            )
        object.__setattr__(self, "_low", low)
        object.__setattr__(self, "_high", high)

    def _round(self, measurement: Decimal) -> int:
        try:
            quotient = _CONTEXT.divide(measurement, self._scale)
            return int(quotient.to_integral_value(ROUND_HALF_EVEN))
        except (InvalidOperation, OverflowError):
            raise SchemaError(f"{self.name} is {measurement}, far out of range") from None

    @property
    def low(self) -> int:
        """The smallest device integer allowed."""
        return self._low

    @property
    def high(self) -> int:
        """The largest device integer allowed."""
        return self._high

    def to_device(self, measurement: Number | None) -> int:
        """The device integer of a measurement in the column's unit, by the decimal rule."""
        if measurement is None:
            if not self.missing:
                raise SchemaError(f"{self.name} is missing: this model needs it")
            return MISSING
        number = _decimal(measurement, self.name)
        value = self._round(number)
        if not self._low <= value <= self._high:
            raise SchemaError(
                f"{self.name} is {_plain(number)} {self.unit}, outside [{self.min}, {self.max}]"
            )
        return value

    def to_measurement(self, value: int) -> Decimal | None:
        """The exact measurement that a device integer stands for; None for MISSING."""
        return None if value == MISSING else value * self._scale

    def check(self, value: int) -> int:
        """Return a device integer, or raise SchemaError that names the column it does not fit."""
        if value == MISSING:
            if not self.missing:
                raise SchemaError(f"{self.name} is missing: this model needs it")
        elif not self._low <= value <= self._high:
            raise SchemaError(
                f"{self.name} is {value} (device integer), outside [{self._low}, {self._high}]"
            )
        return value

    def to_dict(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "max": self.max,
            "min": self.min,
            "missing": self.missing,
            "name": self.name,
            "scale": self.scale,
            "unit": self.unit,
        }
        if self.channel is not None:
            entry["channel"] = self.channel
        return entry

    @classmethod
    def from_dict(cls, entry: Any, what: str) -> "Column":
        if not isinstance(entry, dict):
            raise SchemaError(f"{what} is not an object: give name, unit, scale, min and max")
        texts = ("name", "unit", "scale", "min", "max")
        unknown = set(entry) - {*texts, "missing", "channel"}
        if unknown:
            raise SchemaError(f"{what} has unknown keys {sorted(map(str, unknown))}: remove them")
        for key in texts:
            if not isinstance(entry.get(key), str):
                raise SchemaError(f"{what} lacks {key!r}: give it as a string")
        missing, channel = entry.get("missing", False), entry.get("channel")
        if not isinstance(missing, bool) or not isinstance(channel, str | None):
            raise SchemaError(f"{what}: 'missing' is true or false, 'channel' a string or absent")
        return cls(**{key: entry[key] for key in texts}, missing=missing, channel=channel)


@dataclass(frozen=True)
class Schema:
    """The columns of a model's input and of its output, in the order of their packed integers."""

    features: tuple[Column, ...]
    targets: tuple[Column, ...]

    def __post_init__(self) -> None:
        if not self.features or not self.targets:
            raise SchemaError("a schema needs at least one feature and one target")
        names = [column.name for column in (*self.features, *self.targets)]
        for name in names:
            if names.count(name) > 1:
                raise SchemaError(f"two columns are named {name!r}: names are unique")

    @property
    def n_features(self) -> int:
        return len(self.features)

    def encode(self, measurements: Mapping[str, Number | None]) -> tuple[int, ...]:
        """Device integers of the features from measurements by name, by the decimal rule.

        A feature without an entry counts as missing; an entry without a feature is refused.
        """
        unknown = set(measurements) - {column.name for column in self.features}
        if unknown:
            raise SchemaError(
                f"no feature is named {', '.join(sorted(unknown))}: the model takes "
                + ", ".join(column.name for column in self.features)
            )
        return tuple(column.to_device(measurements.get(column.name)) for column in self.features)

    def encode_packed(self, measurements: Mapping[str, Number | None]) -> bytes:
        """The packed features of measurements: 4 bytes each."""
        return pack_features(self.encode(measurements))

    def check(self, values: Sequence[int]) -> tuple[int, ...]:
        """The features' device integers, or SchemaError that names the one that does not fit."""
        if len(values) != len(self.features):
            raise SchemaError(f"{len(values)} features: this model takes {len(self.features)}")
        return tuple(
            column.check(value) for column, value in zip(self.features, values, strict=True)
        )

    def decode_targets(self, values: Sequence[int]) -> dict[str, Decimal | None]:
        """The exact measurements that a model's outputs stand for, by target."""
        if len(values) != len(self.targets):
            raise SchemaError(f"{len(values)} outputs: this model gives {len(self.targets)}")
        return {
            column.name: column.to_measurement(value)
            for column, value in zip(self.targets, values, strict=True)
        }

    def channel_map(self) -> bytes:
        """One byte a feature: its channel's place in a reading, as `select_channels` takes it.

        Raises SchemaError if a feature comes from no channel.
        """
        places = bytearray()
        for column in self.features:
            if column.channel is None:
                raise SchemaError(f"{column.name} comes from no channel of a packet")
            places.append(channel_index(column.channel))
        return bytes(places)

    def to_json(self) -> bytes:
        """The canonical JSON."""
        return json.dumps(
            {
                "features": [column.to_dict() for column in self.features],
                "format": FORMAT,
                "targets": [column.to_dict() for column in self.targets],
            },
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()

    @property
    def schema_hash(self) -> bytes:
        """keccak256 of the canonical JSON."""
        return keccak256(self.to_json())

    @classmethod
    def from_json(cls, text: bytes | str) -> "Schema":
        """Read a schema; raises SchemaError that says what is wrong, also if not canonical."""
        raw = text.encode() if isinstance(text, str) else text
        # Checked first: the parser recurses in C, and deep nesting could overrun its stack.
        if len(raw) > MAX_BYTES or raw.count(b"[") + raw.count(b"{") > MAX_NESTING:
            raise SchemaError(f"the schema is larger than {MAX_BYTES} bytes, or nested too deep")
        try:
            entry = json.loads(raw)
        except (ValueError, RecursionError):
            raise SchemaError("the schema is not JSON: give what Schema.to_json wrote") from None
        if not isinstance(entry, dict) or entry.get("format") != FORMAT:
            raise SchemaError(f"the schema's format is not {FORMAT}: give a schema of this version")
        columns: dict[str, tuple[Column, ...]] = {}
        for key in ("features", "targets"):
            if not isinstance(entry.get(key), list):
                raise SchemaError(f"the schema lacks {key!r}: give a list of columns")
            columns[key] = tuple(
                Column.from_dict(item, f"{key}[{place}]") for place, item in enumerate(entry[key])
            )
        schema = cls(features=columns["features"], targets=columns["targets"])
        if schema.to_json() != raw:
            raise SchemaError("the schema is not canonical: write it with Schema.to_json")
        return schema
