"""Schemas: canonical bytes, and measurements to device integers by one rule."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.domain.integers import MISSING
from cairn.domain.keccak import keccak256
from cairn.domain.schema import Column, Schema, SchemaError

TEMPERATURE = Column("temperature", "degC", "0.010", "-40", "85.0", channel="temperature")
PRESSURE = Column("pressure", "hPa", "0.01", "300", "1100", missing=True, channel="pressure")
GAS = Column("gas", "kohm", "0.1", "0", "1000")
SCHEMA = Schema((TEMPERATURE, PRESSURE), (GAS,))


def test_to_json__same_meaning__same_bytes():
    other = Column("temperature", "degC", "1E-2", "-40.00", "85", channel="temperature")
    assert Schema((other, PRESSURE), (GAS,)).to_json() == SCHEMA.to_json()
    assert SCHEMA.to_json().startswith(b'{"features":[{"channel":"temperature","max":"85","min"')
    assert SCHEMA.schema_hash == keccak256(SCHEMA.to_json())


def test_from_json__canonical__round_trips():
    assert Schema.from_json(SCHEMA.to_json()) == SCHEMA


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "nested too deep"),
        (b"{}", "format"),
        (SCHEMA.to_json().replace(b'"unit":"hPa"', b'"unit":1'), "lacks 'unit'"),
        (SCHEMA.to_json().replace(b'"unit":"hPa"', b'"unot":"hPa"'), "unknown keys"),
        (SCHEMA.to_json().replace(b'"85"', b'"85.0"'), "not canonical"),
        (SCHEMA.to_json() + b" ", "not canonical"),
    ],
)
def test_from_json__damaged__says_what_is_wrong(text, reason):
    with pytest.raises(SchemaError, match=reason):
        Schema.from_json(text)


@pytest.mark.parametrize(
    ("measurement", "value"),
    [
        ("21.5", 2150),
        (Decimal("21.535"), 2154),  # halves go to the even integer
        (Decimal("21.545"), 2154),
        ("-0.004", 0),
        (-40, -4000),
        ("85", 8500),
        ("0.1e1", 100),
    ],
)
def test_to_device__decimal__is_exact(measurement, value):
    assert TEMPERATURE.to_device(measurement) == value


@pytest.mark.parametrize(
    "measurement", ["85.01", "-40.006", 1000, "1e999999", "nan", "inf", "x", "1" * 99, 21.5, True]
)
def test_to_device__bad_measurement__names_the_feature(measurement):
    with pytest.raises(SchemaError, match="temperature"):
        TEMPERATURE.to_device(measurement)


@given(st.integers(-4000, 8500))
def test_to_measurement__any__round_trips(value):
    assert TEMPERATURE.to_device(TEMPERATURE.to_measurement(value)) == value


def test_encode__missing_where_allowed__is_missing():
    assert SCHEMA.encode({"temperature": 20}) == (2000, MISSING)
    assert SCHEMA.encode_packed({"temperature": 20}).hex() == "000007d080000000"


def test_encode__missing_or_unknown__names_the_feature():
    with pytest.raises(SchemaError, match="temperature is missing"):
        SCHEMA.encode({"pressure": 1000})
    with pytest.raises(SchemaError, match="no feature is named colour"):
        SCHEMA.encode({"temperature": 1, "colour": 1})


def test_check__device_integers__names_what_does_not_fit():
    assert SCHEMA.check([2150, MISSING]) == (2150, MISSING)
    with pytest.raises(SchemaError, match="temperature is 8501"):
        SCHEMA.check([8501, 100000])
    with pytest.raises(SchemaError, match="1 features: this model takes 2"):
        SCHEMA.check([1])


def test_decode_targets__integers__are_exact():
    assert SCHEMA.decode_targets([123]) == {"gas": Decimal("12.3")}


def test_channel_map__channels__are_their_places():
    assert SCHEMA.channel_map() == b"\x05\x06"
    with pytest.raises(SchemaError, match="gas comes from no channel"):
        Schema((GAS,), (PRESSURE,)).channel_map()


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a b"},
        {"scale": "0"},
        {"scale": "-1"},
        {"min": "86"},
        {"max": "1e9", "scale": "0.01"},
        {"channel": "temperature2"},
        {"channel": "colour"},
        {"min": "x"},
    ],
)
def test_column__cannot_be__is_refused(change):
    entry = {"name": "t", "unit": "degC", "scale": "0.01", "min": "0", "max": "85"}
    with pytest.raises(SchemaError):
        Column(**{**entry, **change})


def test_schema__two_columns_of_a_name__is_refused():
    with pytest.raises(SchemaError, match="two columns"):
        Schema((TEMPERATURE, TEMPERATURE), (GAS,))
