"""GET /health and /metrics: whether the worker works, and how much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from cairn.operator._settings import Settings
from cairn.operator._worker import Worker

_MOST_HEAD_BYTES = 8_192
_READ_TIMEOUT_S = 5.0


class Health:
    """What the last good step left behind. Times are of a monotonic clock."""

    def __init__(self, max_step_age_s: float, clock: Callable[[], float]) -> None:
        self._max_step_age_s = max_step_age_s
        self._clock = clock
        self._stepped_at: float | None = None
        self._steps = 0
        self._counts: dict[str, Any] = {}

    def stepped(self, worker: Worker) -> None:
        self._stepped_at = self._clock()
        self._steps += 1
        self._counts = worker.counts()

    def report(self) -> tuple[bool, dict[str, Any]]:
        age = None if self._stepped_at is None else self._clock() - self._stepped_at
        good = age is not None and age <= self._max_step_age_s
        return good, {
            "status": "ok" if good else "not working",
            "last_step_age_s": None if age is None else round(age, 3),
            **self._counts,
        }

    def metrics(self) -> str:
        """Prometheus' text format."""
        good, report = self.report()
        lines = [
            "# TYPE cairn_operator_up gauge",
            f"cairn_operator_up {int(good)}",
            "# TYPE cairn_operator_steps_total counter",
            f"cairn_operator_steps_total {self._steps}",
        ]
        if report["last_step_age_s"] is not None:
            lines += [
                "# TYPE cairn_operator_last_step_age_seconds gauge",
                f"cairn_operator_last_step_age_seconds {report['last_step_age_s']}",
            ]
        for name in ("next_block", "transactions_waiting"):
            if name in report:
                lines += [
                    f"# TYPE cairn_operator_{name} gauge",
                    f"cairn_operator_{name} {report[name]}",
                ]
        for table in ("requests", "rounds"):
            lines.append(f"# TYPE cairn_operator_{table} gauge")
            for state, count in sorted(report.get(table, {}).items()):
                lines.append(f'cairn_operator_{table}{{state="{state}"}} {count}')
        return "\n".join(lines) + "\n"


async def serve_health(health: Health, settings: Settings) -> asyncio.Server | None:
    """Serve both, if settings name a port."""
    if settings.health_port is None:
        return None

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
            writer.write(_response(health, head.split(b"\r\n", 1)[0].split(b" ")))
            await writer.drain()
        except (
            TimeoutError,
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
        ):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(
        answer, settings.health_host, settings.health_port, limit=_MOST_HEAD_BYTES
    )


def _response(health: Health, request_line: list[bytes]) -> bytes:
    good, report = health.report()
    status, kind, body = "404 Not Found", "text/plain", "there are /health and /metrics\n"
    if request_line[:1] != [b"GET"]:
        status = "405 Method Not Allowed"
    elif request_line[1:2] == [b"/health"]:
        status = "200 OK" if good else "503 Service Unavailable"
        kind, body = "application/json", json.dumps(report) + "\n"
    elif request_line[1:2] == [b"/metrics"]:
        status, kind, body = "200 OK", "text/plain; version=0.0.4", health.metrics()
    data = body.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + data
