"""The server's process: uvicorn around the application."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI

from cairn.serving._logs import configure_logs
from cairn.serving._settings import ServingSettings


def serve(app: FastAPI, settings: ServingSettings) -> None:
    """Serve until SIGTERM or SIGINT; then take no new connection, finish what was asked, exit 0."""
    configure_logs()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_s,
        # uvicorn refuses the connection that makes it so many.
        limit_concurrency=settings.max_connections + 1,
        h11_max_incomplete_event_size=64 * 1024,
    )
    # uvicorn raises the signal that ended it once more when it is done: an orderly end, for us.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    uvicorn.Server(config).run()


def _leave(_: int, __: FrameType | None) -> None:
    sys.exit(0)
