"""A store, two sensors of ours and one of somebody else's, and clocks that stand still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cairn.chain import Store
from cairn.devices import SimulatedDevice, simulate_fleet
from cairn.devices.ingest import Intake, KnownDevice, Limits, Metrics, PacketStore, Roster
from cairn.domain.packets import PacketFormat

NOW = 1_700_000_000
PERIOD_S = 300


class Clock:
    """Says what it was told."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture(scope="session")
def fleet() -> tuple[SimulatedDevice, ...]:
    return simulate_fleet(seed=31, count=3, period_s=PERIOD_S)


@pytest.fixture
def sensor(fleet) -> SimulatedDevice:
    return fleet[0]


@pytest.fixture
def other(fleet) -> SimulatedDevice:
    return fleet[1]


@pytest.fixture
def strangers(fleet) -> SimulatedDevice:
    """A sensor that is not ours."""
    return fleet[2]


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def monotonic() -> Clock:
    return Clock(0.0)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ingest.db'}"


@pytest.fixture
def store(url: str) -> Iterator[PacketStore]:
    one = Store(url)
    yield PacketStore(one)
    one.close()


@pytest.fixture
def roster(store, sensor, other) -> Roster:
    one = Roster(store)
    one.replace(
        KnownDevice(device.device, PacketFormat.CURRENT, PERIOD_S) for device in (sensor, other)
    )
    return one


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def make_intake(store, roster, metrics, clock, monotonic) -> Iterator[Callable[..., Intake]]:
    made: list[Intake] = []

    def make(**limits: float) -> Intake:
        one = Intake(store, roster, metrics, Limits(**limits), clock, monotonic)  # type: ignore[arg-type]
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


@pytest.fixture
def intake(make_intake) -> Intake:
    return make_intake()
