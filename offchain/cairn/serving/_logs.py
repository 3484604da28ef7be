"""What a server logs beside all else: the request's id in every line, and nothing of uvicorn's own."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import TextIO

from cairn import logs

request_id: ContextVar[str | None] = ContextVar("cairn_request_id", default=None)

access_logger = logging.getLogger("cairn.serving.access")


def configure_logs(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log of this process, uvicorn's too, to one stream as JSON lines."""
    logs.configure_logs(level, stream, context=_request)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Our own middleware writes the access lines, with the request's id.
    logging.getLogger("uvicorn.access").handlers.clear()
    logging.getLogger("uvicorn.access").propagate = False


def _request() -> dict[str, str]:
    current = request_id.get()
    return {} if current is None else {"request_id": current}
