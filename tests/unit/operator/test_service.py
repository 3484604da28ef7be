"""The process around the worker: how long it waits, and what it does where."""

import asyncio
import os
import signal
import threading

import pytest

from cairn.chain import NodeUnreachable, StoreBusy
from cairn.operator import Settings, service


@pytest.mark.parametrize(
    ("failures", "pause_s"), [(1, 2.0), (3, 8.0), (10, 60.0), (2_000, 60.0), (10**9, 60.0)]
)
def test_pause_after__many_failures__is_bounded(failures, pause_s):
    assert service.pause_after(failures, 1.0) == pause_s


class Worker:
    """Notes the thread that each of its methods runs on, and has the process stopped."""

    account = "0x00"

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []

    def step(self) -> bool:
        self.threads.append(threading.current_thread())
        if len(self.threads) > 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return True

    def counts(self) -> dict[str, object]:
        self.threads.append(threading.current_thread())
        return {}


class Running:
    content_watch = None

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def close(self) -> None:
        pass


def test_run__steps_and_counts__keep_off_the_event_loop(monkeypatch):
    worker = Worker()
    monkeypatch.setattr(service, "connect_to_sign", lambda _: (None, None))
    monkeypatch.setattr(service, "Running", lambda *_: Running(worker))
    asyncio.run(service.run(Settings(account="worker", poll_interval_s=0.01)))
    assert len(worker.threads) >= 4
    assert threading.main_thread() not in worker.threads


def test_run__outage_of_any_length__is_waited_out(monkeypatch):
    """More failures than a float has powers of two."""
    worker, failures = Worker(), 1_100

    def connect(*_: object) -> Running:
        nonlocal failures
        failures -= 1
        if failures > 0:
            raise NodeUnreachable("gone")
        return Running(worker)

    async def no_wait(*_: object) -> None:
        return None

    monkeypatch.setattr(service, "connect_to_sign", lambda _: (None, None))
    monkeypatch.setattr(service, "Running", connect)
    monkeypatch.setattr(service, "_wait", no_wait)
    asyncio.run(service.run(Settings(account="worker", poll_interval_s=0.01)))
    assert worker.threads


def test_run__standing_by__unlocks_its_account_once(monkeypatch):
    worker, unlocked, refused = Worker(), [], 5

    def connect(settings):
        unlocked.append(settings.account)
        return None, None

    def take(*_: object) -> Running:
        nonlocal refused
        refused -= 1
        if refused > 0:
            raise StoreBusy("another process")
        return Running(worker)

    monkeypatch.setattr(service, "connect_to_sign", connect)
    monkeypatch.setattr(service, "Running", take)
    settings = Settings(account="worker", poll_interval_s=0.001, standby=True)
    asyncio.run(service.run(settings))
    assert worker.threads and unlocked == ["worker"]
