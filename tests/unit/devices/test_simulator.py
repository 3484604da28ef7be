"""The simulator: synthetic, seeded, in the real wire format, with faults that can be switched on."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

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
from cairn.domain.packets import PacketError, PacketVerifier, decode_packet

START = 1_700_000_000


def faulty(fault):
    return SimulatedDevice(5, 0, CLIMATES[0], faults=fault)


def temperatures(sensor, count):
    verifier = PacketVerifier(sensor.device)
    return [verifier.verify(raw)[1]["temperature"] for raw in sensor.packets(START, count)]


def test_packets__same_seed__same_bytes():
    once, again = (simulate_fleet(5, 2) for _ in range(2))
    assert [s.device for s in once] == [s.device for s in again]
    assert once[1].packets(START, 5) == again[1].packets(START, 5, workers=1)


def test_fleet__seeds_and_numbers__have_their_own_keys():
    devices = [sensor.device for seed in (1, 2) for sensor in simulate_fleet(seed, 7)]
    assert len(set(devices)) == 14


def test_packets__honest__never_come_closer_than_the_period():
    sensor = faulty(SimulatedFault.NONE)
    times = [decode_packet(raw).timestamp for raw in sensor.packets(START, 400)]
    assert min(np.diff(times)) >= sensor.period_s
    assert START <= times[0] < START + 5


def test_air__two_days_of_a_fleet__tell_of_gas():
    fleet = simulate_fleet(seed=4690, count=5)
    batches = [build_batch(s.packets(START, 500), s.device, 300) for s in fleet]
    table = training_table(batches, AIR_QUALITY)
    assert table.left_out == 0
    model = LinearRegression().fit(table.features, table.targets[:, 0])
    assert model.score(table.features, table.targets[:, 0]) > 0.5


def test_drift__ten_days__lowers_the_gas_resistance():
    def mean_gas(sensor):
        verifier = PacketVerifier(sensor.device)
        last = sensor.packets(START, 2_880)[-50:]
        return np.mean([verifier.verify(raw)[1]["gas_resistance"] for raw in last])

    ratio = mean_gas(faulty(SimulatedFault.DRIFT)) / mean_gas(faulty(SimulatedFault.NONE))
    assert ratio == pytest.approx(0.98**10, abs=0.02)


def test_stuck__any_time__repeats_one_temperature():
    assert len(set(temperatures(faulty(SimulatedFault.STUCK), 50))) == 1
    assert len(set(temperatures(faulty(SimulatedFault.NONE), 50))) > 5


def test_wrong_key__every_tenth__is_refused():
    sensor = faulty(SimulatedFault.WRONG_KEY)
    verifier = PacketVerifier(sensor.device)
    refused = []
    for index, raw in enumerate(sensor.packets(START, 30)):
        try:
            verifier.verify(raw)
        except PacketError:
            refused.append(index)
    assert refused == [9, 19, 29]


def test_clock_skew__packets__are_an_hour_ahead():
    ahead, right = (
        decode_packet(faulty(fault).packets(START, 1)[0]).timestamp
        for fault in (SimulatedFault.CLOCK_SKEW, SimulatedFault.NONE)
    )
    assert ahead - right == 3_600


def test_replay__every_tenth__is_sent_twice_and_thinned():
    sensor = faulty(SimulatedFault.REPLAY)
    packets = sensor.packets(START, 20)
    assert len(packets) == 22
    with pytest.raises(BatchError, match=r"packet 10: .* duplicate"):
        build_batch(packets, sensor.device, 300)
    assert build_batch(thin_packets(packets, 300), sensor.device, 300).count == 20
