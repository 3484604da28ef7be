"""Synthetic Pebbles: keys of their own, plausible air, the real wire format.

Whatever comes from here is SYNTHETIC and is called so wherever it shows: it exercises Cairn, it is
no measurement. Every process is a function of the seed and of time alone, so that any stretch of
time can be made, in any order, and is the same on every machine.

The air: temperature and humidity follow day and season and drift with the weather, pressure moves
slowly, light follows the sun and clouds. A hidden pollution process rises with still, high-pressure
weather and with traffic, and is washed out by warmth and light. The gas sensor's resistance falls
with pollution and humidity and rises with temperature, so that the other channels tell much of it,
though not all.
"""

import hashlib
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any

import numpy as np
from coincurve import PrivateKey
from numpy.typing import NDArray

from cairn.devices._messages import encode_message, outer_fields, signed_text
from cairn.domain import _secp256k1
from cairn.domain._pebble import SensorData
from cairn.domain.packets import (
    Confirmation,
    Packet,
    confirmation_digest,
    encode_confirmation,
    encode_packet,
    signed_digest,
)

__all__ = ["CLIMATES", "Climate", "SimulatedDevice", "SimulatedFault", "simulate_fleet"]

_DAY_S = 86_400
_NO_FIX = 2_000_000_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Climate:
    """Where a synthetic device stands."""

    name: str
    latitude: float  # degrees
    longitude: float
    temperature_c: float  # of the year
    season_c: float  # half the way from January to July
    diurnal_c: float  # half the way from night to day
    humidity: float  # %RH
    pressure_hpa: float  # at its height
    pollution: float  # how dirty its air is, 0 to 1


CLIMATES = (
    Climate("coast", 43.3, -1.98, 14.5, 6.0, 3.0, 76.0, 1015.0, 0.35),
    Climate("valley", 45.5, 10.2, 13.5, 11.0, 5.5, 66.0, 998.0, 0.65),
    Climate("plateau", 40.4, -3.7, 15.0, 10.0, 7.0, 54.0, 940.0, 0.5),
    Climate("harbour", 51.9, 4.5, 11.0, 7.5, 3.5, 79.0, 1014.0, 0.55),
    Climate("steppe", 47.5, 19.0, 11.5, 12.0, 6.0, 62.0, 1001.0, 0.45),
)
"""Five climates; a fleet goes round them."""


class SimulatedFault(Flag):
    """What may be wrong with a synthetic device, singly or together.

    Drift and stuck begin with the first packet of each stretch that is asked for.
    """

    NONE = 0
    DRIFT = auto()  # its gas sensor loses 2 % of its resistance a day
    STUCK = auto()  # its temperature stays where it was
    WRONG_KEY = auto()  # every tenth packet is signed by another key
    CLOCK_SKEW = auto()  # its clock is an hour ahead
    REPLAY = auto()  # every tenth packet is sent twice


def _seed(*parts: object) -> int:
    """A number that depends on all parts, alike on every machine."""
    text = "/".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


class _Wander:
    """A smooth random process of unit variance, a function of time: waves of random phase."""

    def __init__(self, seed: int, shortest_s: float, longest_s: float, waves: int = 24) -> None:
        rng = np.random.default_rng(seed)
        low, high = math.log(2 * math.pi / longest_s), math.log(2 * math.pi / shortest_s)
        self._omega = np.exp(rng.uniform(low, high, waves))
        weight = self._omega**-0.5
        self._amplitude = weight * math.sqrt(2 / float(np.sum(weight**2)))
        self._phase = rng.uniform(0, 2 * math.pi, waves)

    def __call__(self, at: Floats) -> Floats:
        angle = at[:, None] * self._omega + self._phase
        result: Floats = np.sin(angle) @ self._amplitude
        return result


class SimulatedDevice:
    """A synthetic Pebble: its key is made from the seed and is never the key of a real device."""

    def __init__(
        self,
        seed: int,
        number: int,
        climate: Climate,
        period_s: int = 300,
        faults: SimulatedFault = SimulatedFault.NONE,
    ) -> None:
        """Device `number` of the fleet of `seed`. It reports every `period_s` seconds, or a few
        more, never less."""
        self.climate = climate
        self.period_s = period_s
        self.faults = faults
        self._identity = _seed("cairn-synthetic-device", seed, number)
        self._key = _key("cairn-synthetic-key", seed, number)
        self._other_key = _key("cairn-synthetic-other-key", seed, number)
        self.device = _secp256k1.address_of(self._key.public_key)
        rng = np.random.default_rng(self._identity)
        # No two sensors are alike, and no two gardens.
        self._gas_gain = float(rng.normal(1.0, 0.015))
        self._temperature_offset = float(rng.normal(0.0, 0.4))
        self._latitude = climate.latitude + float(rng.normal(0.0, 0.02))
        self._longitude = climate.longitude + float(rng.normal(0.0, 0.02))
        weather = _seed("weather", seed, climate.name)
        self._front = _Wander(weather, 2 * _DAY_S, 20 * _DAY_S)
        self._warmth = _Wander(weather + 1, _DAY_S, 12 * _DAY_S)
        self._damp = _Wander(weather + 2, _DAY_S / 2, 8 * _DAY_S)
        self._cloud = _Wander(weather + 3, _DAY_S / 12, 3 * _DAY_S)
        self._city = _Wander(weather + 4, _DAY_S / 4, 6 * _DAY_S)
        self._street = _Wander(self._identity, _DAY_S / 24, 2 * _DAY_S)

    @property
    def address(self) -> str:
        """The device's address in hexadecimal."""
        return "0x" + self.device.hex()

    def confirm(self, owner: bytes, timestamp: int) -> Confirmation:
        """The device's word that `owner` (20 bytes) owns it: its ConfirmPackage."""
        digest = confirmation_digest(owner, timestamp)
        return Confirmation(owner, timestamp, _secp256k1.sign(self._key, digest))

    def confirm_package(self, owner: bytes, timestamp: int) -> bytes:
        """The same as the bytes that the firmware would send."""
        return encode_confirmation(self.confirm(owner, timestamp))

    def message(self, packet: bytes) -> bytes:
        """A packet in the HTTP message of docs/spec/ingest.md, with the device's outer signature."""
        text = signed_text(*outer_fields(self.device, packet))
        signature = _secp256k1.sign(self._key, hashlib.sha256(text).digest())
        return encode_message(self.device, packet, signature)

    def packets(self, start: int, count: int, workers: int = 2) -> list[bytes]:
        """`count` signed synthetic packets, the first within a few seconds after `start`."""
        rng = np.random.default_rng(_seed(self._identity, start, count))
        # The firmware sleeps for the period and then needs a moment: gaps are never shorter.
        late = np.cumsum(rng.integers(0, 2, count))
        at = start + self.period_s * np.arange(count) + late
        channels = self._air(at.astype(np.float64), rng)
        if self.faults & SimulatedFault.CLOCK_SKEW:
            at = at + 3_600
        times = [int(time) for time in at]
        motion = rng.integers(-40, 40, (count, 6)).tolist()
        nonces = rng.bytes(8 * count).hex()
        columns = {name: values.tolist() for name, values in channels.items()}

        def make(index: int) -> bytes:
            x = motion[index]
            data: bytes = SensorData(
                **{name: values[index] for name, values in columns.items()},
                gyroscope=x[:3],
                accelerometer=[x[3], x[4], 8_192 + x[5]],
                random=nonces[16 * index : 16 * index + 16].encode(),
            ).SerializeToString()
            wrong = self.faults & SimulatedFault.WRONG_KEY and index % 10 == 9
            return _signed(self._other_key if wrong else self._key, data, times[index])

        # Signing happens outside Python's lock, so threads help.
        with ThreadPoolExecutor(workers) as pool:
            stretches = [range(at, min(at + 256, count)) for at in range(0, count, 256)]
            parts = pool.map(lambda stretch: [make(index) for index in stretch], stretches)
            packets = [raw for part in parts for raw in part]
        if self.faults & SimulatedFault.REPLAY:
            return [raw for i, raw in enumerate(packets) for _ in range(2 if i % 10 == 9 else 1)]
        return packets

    def _air(self, at: Floats, rng: np.random.Generator) -> dict[str, NDArray[np.int64]]:
        """The channels at unix times `at`, as the device's integers."""
        climate = self.climate
        count = len(at)
        day = 2 * math.pi * (at / _DAY_S + self._longitude / 360)
        year = 2 * math.pi * (at / (365.25 * _DAY_S))
        season: Floats = -np.cos(year - 0.35)  # lowest late in January
        front = self._front(at)
        # Overcast skies flatten the day.
        clear = 1 / (1 + np.exp(1.5 * self._cloud(at) - 1.2 * front))
        sun_height = np.maximum(0.0, -np.cos(day) * 0.8 + 0.15 + 0.2 * season)
        light = 30_000 * sun_height**1.3 * (0.2 + 0.8 * clear) * np.exp(rng.normal(0, 0.05, count))
        temperature = (
            climate.temperature_c
            + climate.season_c * season
            - climate.diurnal_c * (0.4 + 0.6 * clear) * np.cos(day - 0.6)
            + 2.5 * self._warmth(at)
            + self._temperature_offset
            + rng.normal(0, 0.08, count)
        )
        usual = climate.temperature_c + climate.season_c * season
        humidity = np.clip(
            climate.humidity
            - 1.9 * (temperature - usual)
            + 7.0 * self._damp(at)
            - 2.0 * front
            + rng.normal(0, 0.4, count),
            4.0,
            100.0,
        )
        pressure = climate.pressure_hpa + 7.5 * front + rng.normal(0, 0.08, count)
        traffic = np.exp(-(((at / 3_600) % 24 - 8) ** 2) / 4) + np.exp(
            -(((at / 3_600) % 24 - 18) ** 2) / 6
        )
        hidden = (
            climate.pollution
            + 0.16 * front
            - 0.014 * (temperature - 12.0)
            - 0.000006 * light
            + 0.05 * traffic
            + 0.05 * self._city(at)
            + 0.03 * self._street(at)
        )
        log_gas = (
            math.log(125_000)
            - 0.55 * hidden
            - 0.0075 * (humidity - 60.0)
            + 0.008 * (temperature - 12.0)
            + rng.normal(0, 0.02, count)
        )
        gas = self._gas_gain * np.exp(log_gas)
        if self.faults & SimulatedFault.DRIFT:
            gas = gas * 0.98 ** ((at - at[0]) / _DAY_S)
        if self.faults & SimulatedFault.STUCK:
            temperature = np.full(count, temperature[0])
        charge = 405 + 10 * np.sin(day - 1.0) + rng.normal(0, 0.6, count)

        def integers(values: Any) -> NDArray[np.int64]:
            rounded: NDArray[np.int64] = np.rint(values).astype(np.int64)
            return rounded

        fixed = rng.random(count) > 0.03
        position = rng.normal(0, 60, (2, count))
        return {
            "snr": integers(np.clip(1_400 + 300 * rng.normal(size=count), 0, None)),
            "vbat": integers(charge),
            "latitude": np.where(fixed, integers(1e7 * self._latitude + position[0]), _NO_FIX),
            "longitude": np.where(fixed, integers(1e7 * self._longitude + position[1]), _NO_FIX),
            "gas_resistance": integers(100 * gas),
            "temperature": integers(100 * temperature),
            "pressure": integers(100 * pressure),
            "humidity": integers(100 * humidity),
            "light": integers(100 * light),
            "temperature2": integers(np.maximum(0, 100 * temperature)),
        }


def _key(label: str, seed: int, number: int) -> PrivateKey:
    return PrivateKey(hashlib.sha256(f"{label}/{seed}/{number}".encode()).digest())


def _signed(key: PrivateKey, data: bytes, timestamp: int) -> bytes:
    digest = signed_digest(Packet(b"", data, timestamp, b""))
    return encode_packet(data, timestamp, _secp256k1.sign(key, digest))


def simulate_fleet(
    seed: int, count: int, period_s: int = 300, climates: Sequence[Climate] = CLIMATES
) -> tuple[SimulatedDevice, ...]:
    """`count` synthetic devices, one climate after the other."""
    return tuple(
        SimulatedDevice(seed, number, climates[number % len(climates)], period_s)
        for number in range(count)
    )
