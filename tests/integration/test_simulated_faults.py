"""Each fault that a synthetic sensor can have, on its way in: what shows, and who notices it.

Keys and clocks are checked by the ingester and by the contract. What a sensor measures wrongly and
signs rightly is refused by nobody: of a stuck channel the training table tells, of drift the
residuals of a model that other sensors taught.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boa
import numpy as np
import pytest

from cairn.devices import (
    AIR_QUALITY,
    CLIMATES,
    BatchError,
    SimulatedDevice,
    SimulatedFault,
    build_batch,
    simulate_fleet,
    thin_packets,
    training_table,
)
from cairn.devices.ingest import Answer, Intake, KnownDevice, Roster
from cairn.devices.ingest._intake import Refusal
from cairn.domain.packets import PacketFormat, decode_packet
from cairn.training import Plan, predict, train
from tests.differential._registry import BOND_WEI, NOBODY, consent_of, forge, openings_of
from tests.unit.ingest.conftest import (  # noqa: F401
    NOW,
    PERIOD_S,
    clock,
    metrics,
    monotonic,
    store,
    url,
)

DAY = 288
SENT = 120


def faulty(fault: SimulatedFault) -> SimulatedDevice:
    return SimulatedDevice(5, 0, CLIMATES[0], PERIOD_S, fault)


@pytest.fixture
def send(store, metrics, clock, monotonic) -> Iterator[Callable[..., Counter[Answer]]]:
    """Send packets by themselves, as over MQTT, and count the answers."""
    roster = Roster(store)
    roster.replace(
        [KnownDevice(faulty(SimulatedFault.NONE).device, PacketFormat.CURRENT, PERIOD_S)]
    )
    intake = Intake(store, roster, metrics, None, clock, monotonic)

    def send_(packets: list[bytes]) -> Counter[Answer]:
        found = [intake.judge_packet(raw) for raw in packets]
        return Counter(
            one.answer if isinstance(one, Refusal) else intake.submit(one).result(60)
            for one in found
        )

    yield send_
    intake.close()


class Chain:
    """A registry with the sensor admitted, at the ingester's hour."""

    def __init__(self, sensor: SimulatedDevice) -> None:
        boa.env.timestamp = NOW
        self.registry = boa.load("contracts/devices/DeviceRegistry.vy", BOND_WEI, NOBODY, NOBODY)
        self.alliance = boa.env.generate_address()
        self.owner = boa.env.generate_address()
        boa.env.set_balance(self.owner, BOND_WEI)
        with boa.env.prank(self.owner):
            self.registry.register(
                sensor.address, 1, PERIOD_S, *consent_of(sensor, self.owner, NOW)
            )
        with boa.env.prank(self.alliance):
            self.registry.admit([sensor.address])

    def anchor(self, batch: Any) -> int:
        with boa.env.prank(self.owner):
            return self.registry.anchor_batch(
                self.alliance, "0x" + batch.device.hex(), batch.root, batch.count, batch.first,
                batch.last, b"", value=BOND_WEI,
            )  # fmt: skip

    def mature(self, batch: Any) -> bool:
        batch_id = self.anchor(batch)
        boa.env.time_travel(blocks=4)
        drawn = self.registry.drawn_leaves(batch_id)
        self.registry.mature_batch(batch_id, openings_of(batch, drawn))
        return self.registry.is_mature(batch_id)


@pytest.fixture
def on_chain() -> Iterator[Callable[[SimulatedDevice], Chain]]:
    with boa.env.anchor():
        yield Chain


def packets_of(sensor: SimulatedDevice, count: int = SENT) -> list[bytes]:
    """Its newest packets."""
    return sensor.packets(NOW - count * (PERIOD_S + 1), count)


def test_no_fault__is_stored_and_matures(send, on_chain):
    sensor = faulty(SimulatedFault.NONE)
    packets = packets_of(sensor)
    assert send(packets) == {Answer.STORED: SENT}
    assert on_chain(sensor).mature(build_batch(packets, sensor.device, PERIOD_S))


def test_wrong_key__is_refused_at_every_door(send, on_chain, store):
    sensor = faulty(SimulatedFault.WRONG_KEY)
    packets = packets_of(sensor)
    assert send(packets) == {Answer.STORED: SENT * 9 // 10, Answer.UNKNOWN_DEVICE: SENT // 10}
    good = [raw for index, raw in enumerate(packets) if index % 10 != 9]
    assert store.read_waiting(sensor.device, NOW, SENT) == [
        (decode_packet(raw).timestamp, raw) for raw in good
    ]
    with pytest.raises(BatchError, match="packet 9: the signature is not by device"):
        build_batch(packets, sensor.device, PERIOD_S)
    # An owner who anchors them all the same is proved wrong by the first of them.
    chain = on_chain(sensor)
    forgery = forge(sensor.device, packets)
    batch_id = chain.anchor(forgery)
    chain.registry.void_faulty(batch_id, 9, forgery.opening(9))
    assert chain.registry.batch(batch_id).state == 4


def test_clock_skew__is_refused_as_long_as_it_is_in_the_future(send, on_chain):
    sensor = faulty(SimulatedFault.CLOCK_SKEW)
    packets = packets_of(sensor)
    ahead = sum(decode_packet(raw).timestamp > NOW + 600 for raw in packets)
    assert 0 < ahead < SENT
    assert send(packets) == {Answer.STORED: SENT - ahead, Answer.FUTURE: ahead}
    # A clock that is wrong by less than the past allows is the sensor's word: an hour is not seen.
    chain = on_chain(sensor)
    with boa.reverts("anchor: window ends in the future"):
        chain.anchor(build_batch(packets, sensor.device, PERIOD_S))
    assert chain.mature(build_batch(packets[:-ahead], sensor.device, PERIOD_S))


def test_replay__is_known_and_kept_once(send, store):
    sensor = faulty(SimulatedFault.REPLAY)
    packets = packets_of(sensor)
    assert len(packets) == SENT * 11 // 10
    assert send(packets) == {Answer.STORED: SENT, Answer.KNOWN: SENT // 10}
    assert store.counts() == {"waiting": SENT}
    with pytest.raises(BatchError, match=r"packet 10: .* duplicate of packet 9's"):
        build_batch(packets, sensor.device, PERIOD_S)
    assert thin_packets(packets, PERIOD_S) == list(dict.fromkeys(packets))


def test_stuck__is_signed_and_counts__and_the_table_names_it(send, on_chain):
    tables = {}
    for fault in (SimulatedFault.NONE, SimulatedFault.STUCK):
        sensor = faulty(fault)
        packets = packets_of(sensor)
        batch = build_batch(packets, sensor.device, PERIOD_S)
        tables[fault] = training_table([batch], AIR_QUALITY)
        if fault == SimulatedFault.STUCK:
            assert send(packets) == {Answer.STORED: SENT}
            assert on_chain(sensor).mature(batch)
    assert tables[SimulatedFault.NONE].still == ()
    assert tables[SimulatedFault.STUCK].still == ((sensor.address, "temperature"),)
    assert len(tables[SimulatedFault.STUCK].frame) == SENT


def test_drift__is_signed_and_counts__and_a_model_of_others_tells(send, on_chain):
    def table_of(sensor: SimulatedDevice, count: int) -> Any:
        batch = build_batch(packets_of(sensor, count), sensor.device, PERIOD_S)
        return training_table([batch], AIR_QUALITY), batch

    others = simulate_fleet(6, 3, PERIOD_S, climates=CLIMATES[:1])
    plan = Plan.from_schema(AIR_QUALITY, estimator="Ridge", parameters={"alpha": "0.01"}, seed=1)
    taught = np.mean(
        [train(plan, table_of(one, 10 * DAY)[0].frame).values for one in others], axis=0
    )

    def last_day(fault: SimulatedFault) -> float:
        """How much of the gas resistance that the others expect is there."""
        table, batch = table_of(faulty(fault), 10 * DAY)
        if fault == SimulatedFault.DRIFT:
            assert send(packets_of(faulty(fault))) == {Answer.STORED: SENT}
            assert on_chain(faulty(fault)).mature(batch)
        newest = table.features[-DAY:].astype(np.int64)
        expected = predict(plan, np.rint(taught).astype(np.int32), newest)
        return float(np.mean(table.targets[-DAY:, 0] / expected))

    assert abs(last_day(SimulatedFault.NONE) - 1) < 0.06
    assert last_day(SimulatedFault.DRIFT) < 0.88
