"""Packets over a real Mosquitto: kept once, acknowledged when on disk, sent again when they were not."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy.exc import OperationalError

from cairn.chain import Store
from cairn.cli.processes import is_free
from cairn.devices import SimulatedDevice, SimulatedFault, simulate_fleet
from cairn.devices.ingest import (
    IngestSettings,
    Intake,
    KnownDevice,
    Limits,
    Metrics,
    PacketStore,
    Roster,
    Subscriber,
)
from cairn.domain.packets import PacketFormat
from tests.integration._support import LOOPBACK, free_port

pytestmark = pytest.mark.requires("mosquitto")

NOW = 1_700_000_000
IMEI = "351358810263514"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """A Mosquitto of this test's own; its port."""
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} {LOOPBACK}\nallow_anonymous true\n")
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    assert program is not None
    process = subprocess.Popen(
        [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: not is_free(port))
    yield port
    process.terminate()
    process.wait(20)


@pytest.fixture
def sensors() -> tuple[SimulatedDevice, ...]:
    return simulate_fleet(31, 2)


@pytest.fixture
def packets(tmp_path: Path) -> Iterator[PacketStore]:
    store = Store(f"sqlite:///{tmp_path / 'ingest.db'}")
    yield PacketStore(store)
    store.close()


class Life:
    """One life of the MQTT side of an ingester."""

    def __init__(self, packets: PacketStore, sensors: tuple[SimulatedDevice, ...], port: int):
        self.metrics = Metrics()
        roster = Roster(packets)
        roster.replace([KnownDevice(sensors[0].device, PacketFormat.CURRENT, 300)])
        self.intake = Intake(packets, roster, self.metrics, Limits(), lambda: NOW)
        settings = IngestSettings(account="x", alliance="x", mqtt_host=LOOPBACK, mqtt_port=port)
        self.subscriber = Subscriber(self.intake, self.metrics, settings)
        assert self.subscriber.subscribed.wait(30)

    def counted(self, answer: str) -> float:
        labels = {"way": "mqtt", "answer": answer}
        return self.metrics.registry.get_sample_value("cairn_ingest_packets_total", labels) or 0

    def end(self) -> None:
        self.subscriber.close()
        self.intake.close()


@pytest.fixture
def begin(packets, sensors, broker) -> Iterator[Callable[[], Life]]:
    lives: list[Life] = []

    def begin_() -> Life:
        lives.append(Life(packets, sensors, broker))
        return lives[-1]

    yield begin_
    if lives:
        lives[-1].end()


@pytest.fixture
def publish(broker: int) -> Iterator[Callable[[bytes], None]]:
    """Send as a device does, and wait until the broker has it."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect(LOOPBACK, broker)
    client.loop_start()

    def publish_(packet: bytes) -> None:
        client.publish(f"device/{IMEI}/data", packet, qos=1).wait_for_publish(30)

    yield publish_
    client.disconnect()
    client.loop_stop()


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "waited 30 s in vain"
        threading.Event().wait(0.02)


def test_packets__published__are_stored_once_and_counted(begin, publish, sensors, packets) -> None:
    life = begin()
    good = sensors[0].packets(NOW - 6_000, 10)
    skewed = SimulatedDevice(31, 0, sensors[0].climate, 300, SimulatedFault.CLOCK_SKEW)
    changed = bytearray(good[0])
    changed[12] ^= 1
    for packet in [
        *good,
        good[3],
        bytes(changed),
        sensors[1].packets(NOW - 300, 1)[0],
        skewed.packets(NOW - 300, 1)[0],
        b"garbage",
        b"x" * 5_000,
        b'{"message": {}}',
    ]:
        publish(packet)
    expected = {
        "stored": 10, "known": 1, "unknown_device": 2, "future": 1, "malformed": 1,
        "oversized": 1, "old_format": 1,
    }  # fmt: skip
    wait_until(lambda: sum(life.counted(answer) for answer in expected) == 17)
    assert {answer: life.counted(answer) for answer in expected} == expected
    assert [raw for _, raw in packets.read_waiting(sensors[0].device, NOW, 99)] == good


def test_packets__sent_while_nobody_listened__are_kept_by_the_broker(
    begin, publish, sensors, packets
) -> None:
    begin().end()
    good = sensors[0].packets(NOW - 6_000, 10)
    for packet in good:
        publish(packet)
    life = begin()
    wait_until(lambda: life.counted("stored") == 10)
    assert [raw for _, raw in packets.read_waiting(sensors[0].device, NOW, 99)] == good


def test_packets__that_could_not_be_written__come_again(
    begin, publish, sensors, packets, monkeypatch
) -> None:
    keep, failures = packets.keep, 2

    def sometimes(arrivals):
        nonlocal failures
        if failures:
            failures -= 1
            raise OperationalError("INSERT", {}, Exception("disk is full"))
        return keep(arrivals)

    monkeypatch.setattr(packets, "keep", sometimes)
    life = begin()
    good = sensors[0].packets(NOW - 6_000, 10)
    for packet in good:
        publish(packet)
    wait_until(lambda: packets.counts().get("waiting") == 10)
    assert life.counted("busy") >= 1
    assert [raw for _, raw in packets.read_waiting(sensors[0].device, NOW, 99)] == good
