"""Request ids, log lines and settings."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from cairn.serving import ServingSettings, configure_logs

from .conftest import Server, raw


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the process logs, as configured for serving; the loggers are put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs(stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


def requests_in(lines: io.StringIO) -> list[dict[str, object]]:
    entries = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [entry for entry in entries if entry["logger"] == "cairn.serving.access"]


@pytest.mark.anyio
async def test_log__request_answered__has_id_route_status_and_no_features(
    server: Server, lines: io.StringIO
) -> None:
    answer = await server.client.post(
        "/v2/models/1/infer", json=raw(31337, 2, 3), headers={"x-request-id": "abc-1"}
    )
    assert answer.headers["x-request-id"] == "abc-1"
    (entry,) = requests_in(lines)
    assert entry["ms"] >= 0
    assert {
        key: entry[key]
        for key in (
            "event",
            "request_id",
            "method",
            "path",
            "status",
            "model_id",
            "version",
            "rows",
        )
    } == {
        "event": "request",
        "request_id": "abc-1",
        "method": "POST",
        "path": "/v2/models/1/infer",
        "status": 200,
        "model_id": 1,
        "version": 3,
        "rows": 1,
    }
    assert "31337" not in lines.getvalue()


@pytest.mark.anyio
@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\x01", '{"a":1}'])
async def test_log__request_id_that_is_none__is_replaced(server: Server, given: str) -> None:
    answer = await server.client.get("/v2", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.anyio
async def test_log__defect__has_the_trace_on_one_line(
    server: Server, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(rows: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(server.board.find("1").predictor, "predict", broken)
    await server.infer(raw(1, 2, 3))
    entries = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert any("RuntimeError: a defect" in entry.get("trace", "") for entry in entries)
    assert [entry["status"] for entry in requests_in(lines)] == [500]


@pytest.mark.parametrize("models", ["", "0", "1,", "-1", "one", "1;2", "²"])
def test_settings__models_that_are_no_ids__are_refused(models: str) -> None:
    with pytest.raises(ValidationError, match="registry id"):
        ServingSettings(models=models)


def test_settings__from_the_environment__names_who_may_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAIRN_SERVE_ACCESS", "open")
    monkeypatch.setenv("CAIRN_SERVE_MODELS", "4, 1,4")
    settings = ServingSettings()
    assert settings.access == "open"
    assert settings.model_ids() == (4, 1)


def test_settings__unknown_access__is_refused() -> None:
    with pytest.raises(ValidationError):
        ServingSettings(access="everyone")  # type: ignore[arg-type]
