"""`cairn ingest` killed at random points under load: nothing acknowledged is missing, nothing is
anchored twice. Five kills here; `make soak-ingest` does fifty.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cairn.chain import BatchAnchored, BatchState, Store
from cairn.devices import SimulatedDevice, simulate_fleet
from cairn.devices.ingest import PacketStore
from tests.integration._support import LOOPBACK, ROOT, Oracle, free_port

KILLS = int(os.environ.get("CAIRN_SOAK_KILLS", "5"))
SEED = int(os.environ.get("CAIRN_SOAK_SEED", "4690"))
PERIOD_S = 60
START = 1_700_000_000  # long before any clock here
OWNER, ALLIANCE = 7, 1  # development accounts


class Ingester:
    """`cairn ingest` as a process."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self._environment = {**environment, "CAIRN_INGEST_PORT": str(self.port)}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cairn", "ingest"],
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def wait_until_well(self) -> None:
        """Until /health says that packets are taken and the chain is looked at."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            assert self._process is not None and self._process.poll() is None, self.said()
            try:
                status, _ = self.ask("GET", "/health")
            except OSError:
                status = 0
            if status == 200:
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"not well within a minute:\n{self.said()}")

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=20)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(60)

    def said(self) -> str:
        return self._log.read_text()[-4_000:]


class Load:
    """Sends packets as fast as they are answered, and again until they are acknowledged."""

    def __init__(self, ingester: Ingester, work: list[tuple[SimulatedDevice, bytes]]) -> None:
        self._ingester = ingester
        self._work = iter(work)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.acknowledged: list[bytes] = []
        self.answers: dict[str, int] = {}
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(3)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                one = next(self._work, None)
            if one is None:
                return
            sensor, packet = one
            body = sensor.message(packet)
            while not self._stop.is_set():
                try:
                    status, answer = self._ingester.ask("POST", "/device", body)
                except OSError:
                    self._stop.wait(0.02)  # it is down: nothing was acknowledged
                    continue
                said = json.loads(answer)["answer"]
                with self._lock:
                    self.answers[said] = self.answers.get(said, 0) + 1
                    if status == 200:
                        self.acknowledged.append(packet)
                if status == 200:
                    break
                assert said in ("unknown_device", "busy"), answer
                self._stop.wait(0.05)

    def is_through(self, within_s: float) -> bool:
        """Whether all of it was acknowledged in time; waits for that."""
        until = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def sensors(oracle: Oracle) -> tuple[SimulatedDevice, ...]:
    """Two sensors, the owner's, admitted by the alliance."""
    fleet = simulate_fleet(SEED, 2, PERIOD_S)
    registry, now = oracle.system.devices, oracle.system.node.head().timestamp
    owner = oracle.signer(OWNER).address
    for sensor in fleet:
        word = sensor.confirm(bytes.fromhex(owner[2:]), now)
        r, s = word.signature[:32], word.signature[32:]
        if registry.device(sensor.address).period_s == 0:
            call = registry.register(sensor.address, 1, PERIOD_S, word.timestamp, r, s)  # type: ignore[arg-type]
            oracle.send(OWNER, call)
    oracle.send(ALLIANCE, registry.admit([sensor.address for sensor in fleet]))
    return fleet


@pytest.fixture
def ingester(oracle: Oracle, deployment_file: Path, tmp_path: Path) -> Iterator[Ingester]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CAIRN_")},
        "PYTHONPATH": str(ROOT / "offchain"),
        "CAIRN_RPC_URL": oracle.anvil.url,
        "CAIRN_DEPLOYMENT": str(deployment_file),
        "CAIRN_STORE": str(tmp_path / "store"),
        "CAIRN_INGEST_ACCOUNT": f"TEST::{OWNER}",
        "CAIRN_INGEST_ALLIANCE": oracle.signer(ALLIANCE).address,
        "CAIRN_INGEST_DATABASE": f"sqlite:///{tmp_path / 'ingest.db'}",
        "CAIRN_INGEST_POLL_INTERVAL_S": "0.05",
        "CAIRN_INGEST_BATCH_MOST": "50",
        "CAIRN_INGEST_BATCH_EVERY_S": "1000000000",
        "CAIRN_INGEST_BURST": "1000000",
    }
    one = Ingester(environment, tmp_path / "ingest.log")
    yield one
    one.end()


def anchored(oracle: Oracle) -> list[Any]:
    """Every batch that was ever anchored for the alliance."""
    registry, node = oracle.system.devices, oracle.system.node
    logs = node.logs([registry.address], registry.topics(BatchAnchored), 0, node.head().number)
    return [registry.decode(log) for log in logs]


@pytest.mark.slow
def test_ingest__killed_under_load__loses_nothing_and_anchors_nothing_twice(
    ingester: Ingester, sensors: tuple[SimulatedDevice, ...], oracle: Oracle, tmp_path: Path
) -> None:
    rng = random.Random(SEED)
    print(f"{KILLS} kills, seed {SEED}")
    each = 100 + 100 * KILLS
    work = [
        (sensor, packet)
        for pair in zip(*(sensor.packets(START, each) for sensor in sensors), strict=True)
        for sensor, packet in zip(sensors, pair, strict=True)
    ]
    load = Load(ingester, work)
    try:
        for _ in range(KILLS):
            ingester.start()
            if rng.random() < 0.8:  # else it may die while it starts
                ingester.wait_until_well()
            threading.Event().wait(rng.uniform(0.0, 1.2))
            ingester.end(signal.SIGKILL)
            oracle.anvil.mine()
        ingester.start()
        assert load.is_through(240), ingester.said()
    finally:
        load.end()
    assert sorted(load.acknowledged) == sorted(packet for _, packet in work)
    ingester.wait_until_well()
    until = time.monotonic() + 120 + 12 * KILLS
    registry = oracle.system.devices
    while True:
        oracle.anvil.mine()
        events = anchored(oracle)
        states = {registry.batch(one.batch_id).state for one in events}
        if len(events) >= 2 * (each // 50) and states == {BatchState.MATURE}:
            break
        assert time.monotonic() < until, f"{len(events)} batches, {states}\n{ingester.said()}"
        threading.Event().wait(0.1)
    assert ingester.end(signal.SIGTERM) == 0, ingester.said()

    # Whoever was told so finds it on disk.
    store = Store(f"sqlite:///{tmp_path / 'ingest.db'}")
    packets = PacketStore(store)
    assert sum(packets.counts().values()) == len(work)
    # Each packet is in one batch on chain at most, each batch there once.
    assert len({one.batch_id for one in events}) == len(events)
    bound = [raw for one in events for raw in packets.batch_packets(f"{one.batch_id:064x}")]
    assert len(bound) == len(set(bound)) == sum(one.count for one in events)
    assert set(bound) <= {packet for _, packet in work}
    assert len(bound) == 2 * (each // 50) * 50
    store.close()
    print(f"{len(work)} packets acknowledged, {len(events)} batches, answers {load.answers}")
