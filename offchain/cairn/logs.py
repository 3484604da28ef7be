"""One JSON object a line: how every process of Cairn logs."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

__all__ = ["JsonLines", "configure_logs"]

Context = Callable[[], Mapping[str, Any]]
"""What is true of all that is logged just now, such as the id of the request that is answered."""

_NOISY = ("web3", "urllib3")


class JsonLines(logging.Formatter):
    """A record, its `fields` and its context. Never a key, never a passphrase, never what a request
    asked: none of them reaches a logger.
    """

    def __init__(self, context: Context = dict) -> None:
        super().__init__()
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **self._context(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


def configure_logs(
    level: str = "INFO", stream: TextIO | None = None, *, context: Context = dict
) -> None:
    """Send every log of this process to one stream (standard error), as JSON lines."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(context))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
