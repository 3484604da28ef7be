"""A small air-quality plan and tables that follow it."""

import numpy as np
import pandas as pd
import pytest

from cairn.domain.schema import Column, Schema
from cairn.training import Plan


@pytest.fixture(scope="session")
def schema() -> Schema:
    return Schema(
        features=(
            Column("temperature", "degC", "0.01", "-40", "85", missing=True),
            Column("humidity", "%RH", "0.01", "0", "100", missing=True),
            Column("pressure", "hPa", "0.01", "300", "1100"),
        ),
        targets=(Column("gas_resistance", "ohm", "0.01", "0", "1000000"),),
    )


@pytest.fixture(scope="session")
def plan(schema: Schema) -> Plan:
    return Plan.from_schema(
        schema,
        estimator="Ridge",
        parameters={"alpha": "0.01"},
        ranges={"pressure": (95_000, 105_000), "temperature": (-1_000, 4_000)},
        seed=7,
    )


@pytest.fixture(scope="session")
def coarse() -> Schema:
    """The same with a target in units of 10 ohm: a network's 32 bits are too few for 0.01 ohm."""
    return Schema(
        features=(
            Column("temperature", "degC", "0.01", "-40", "85", missing=True),
            Column("humidity", "%RH", "0.01", "0", "100", missing=True),
            Column("pressure", "hPa", "0.01", "300", "1100"),
        ),
        targets=(Column("gas_resistance", "ohm", "10", "0", "1000000"),),
    )


@pytest.fixture
def table() -> pd.DataFrame:
    """200 readings of a linear law with a little noise."""
    rng = np.random.default_rng(20)
    temperature = rng.integers(500, 3_000, 200)
    humidity = rng.integers(2_000, 9_000, 200)
    pressure = rng.integers(98_000, 103_000, 200)
    gas = 30_000_000 - 4_000 * temperature + 900 * humidity + rng.integers(-9_000, 9_000, 200)
    return pd.DataFrame(
        {
            "temperature": temperature,
            "humidity": humidity,
            "pressure": pressure,
            "gas_resistance": gas,
        }
    )
