"""The process: steps until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time

from sqlalchemy.exc import OperationalError

from cairn.chain import NodeRefused, NodeUnreachable, StoreBusy
from cairn.operator._health import Health, serve_health
from cairn.operator._settings import Settings
from cairn.operator._wiring import Parts, Running

_log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 60.0


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
    running: Running | None = None
    failures = 0
    try:
        while not stop.is_set():
            pause = settings.poll_interval_s
            try:
                if running is None:
                    running = await asyncio.to_thread(Running, settings, parts or Parts())
                    _log.info("started", extra={"fields": {"account": running.worker.account}})
                if await asyncio.to_thread(running.worker.step):
                    pause = 0
                health.stepped(running.worker)
                if running.content_watch is not None:
                    health.content = running.content_watch
                    running.content_watch.tick()
                failures = 0
            except (NodeUnreachable, NodeRefused, OperationalError) as error:
                failures += 1
                pause = min(settings.poll_interval_s * 2**failures, _LONGEST_WAIT_S)
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


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
