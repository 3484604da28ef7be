"""The process: steps until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import Any

from sqlalchemy.exc import OperationalError

from cairn.chain import LocalSigner, NodeRefused, NodeUnreachable, StoreBusy, System
from cairn.operator._health import Health, serve_health
from cairn.operator._settings import Settings
from cairn.operator._wiring import Parts, Running, connect_to_sign
from cairn.operator._worker import Worker

_log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 60.0
_MOST_DOUBLINGS = 10


async def run(settings: Settings, parts: Parts | None = None) -> None:
    """Work until SIGTERM or SIGINT, which lets the step under way end.

    A node or database that cannot be reached is waited for. Whatever else goes wrong raises.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    health = Health(settings.max_step_age_s, time.monotonic)
    server = await serve_health(health, settings)
    connected: tuple[System, LocalSigner] | None = None  # once, however long it stands by
    running: Running | None = None
    failures = 0
    try:
        while not stop.is_set():
            pause = settings.poll_interval_s
            try:
                if connected is None:
                    connected = await asyncio.to_thread(connect_to_sign, settings)
                if running is None:
                    running = await asyncio.to_thread(
                        Running, settings, parts or Parts(), *connected
                    )
                    _log.info("started", extra={"fields": {"account": running.worker.account}})
                more, counts = await asyncio.to_thread(_step, running.worker)
                if more:
                    pause = 0
                health.stepped(counts)
                if running.content_watch is not None:
                    health.content = running.content_watch
                    running.content_watch.tick()
                failures = 0
            except (NodeUnreachable, NodeRefused, OperationalError) as error:
                failures += 1
                pause = pause_after(failures, settings.poll_interval_s)
                _log.warning("cannot work", extra={"fields": {"why": str(error)}})
            except StoreBusy as error:
                if not settings.standby:
                    raise
                if running is not None:  # overtaken: another process holds the account now
                    health.content = None
                    running.close()
                    running = None
                _log.debug("standing by", extra={"fields": {"why": str(error)}})
            if pause:
                await _wait(stop, pause)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        if server is not None:
            server.close()
            await server.wait_closed()
        if running is not None:
            await asyncio.to_thread(running.close)
        _log.info("stopped")


def _step(worker: Worker) -> tuple[bool, dict[str, Any]]:
    """A step and its figures, both of which ask the database: nothing for the event loop."""
    return worker.step(), worker.counts()


def pause_after(failures: int, poll_interval_s: float) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time, up to a bound."""
    longer = float(2 ** min(failures, _MOST_DOUBLINGS))
    return min(poll_interval_s * longer, _LONGEST_WAIT_S)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
