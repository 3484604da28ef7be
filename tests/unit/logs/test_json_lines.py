"""Every process logs one JSON object a line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from cairn.logs import configure_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the process logs to; the loggers are put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    noisy = {name: logging.getLogger(name).level for name in ("web3", "urllib3")}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in noisy.items():
        logging.getLogger(name).setLevel(before)


def said(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_configure_logs__fields_and_context__stand_in_the_line(stream: io.StringIO) -> None:
    configure_logs(stream=stream, context=lambda: {"request_id": "r1"})
    logging.getLogger("cairn.some").warning("two\nlines", extra={"fields": {"model": 4}})
    (line,) = said(stream)
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "cairn.some",
        "event": "two\nlines",
        "request_id": "r1",
        "model": 4,
    }


def test_configure_logs__failure__has_its_trace_on_the_line(stream: io.StringIO) -> None:
    configure_logs(stream=stream)
    try:
        raise RuntimeError("a defect")
    except RuntimeError:
        logging.getLogger("cairn.some").exception("failed")
    (line,) = said(stream)
    assert "RuntimeError: a defect" in line["trace"]


def test_configure_logs__chatter_of_libraries__is_left_out(stream: io.StringIO) -> None:
    configure_logs("DEBUG", stream)
    logging.getLogger("urllib3.connectionpool").debug("Starting new HTTP connection")
    logging.getLogger("cairn.some").debug("ours")
    assert [line["event"] for line in said(stream)] == ["ours"]
