"""The server's process: uvicorn around the application."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from cairn.serving._logs import configure_logs
from cairn.serving._settings import ServingSettings


def serve(app: FastAPI, settings: ServingSettings) -> None:
    """Serve until SIGTERM or SIGINT; then take no new connection, finish what was asked, end."""
    configure_logs()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_s,
        h11_max_incomplete_event_size=64 * 1024,
    )
    uvicorn.Server(config).run()
