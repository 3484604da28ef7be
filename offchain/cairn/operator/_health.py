"""GET /health and /metrics: whether the worker works, and how much."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cairn.operator._content_watch import ContentReport, ContentWatch
from cairn.operator._settings import Settings

_MOST_HEAD_BYTES = 8_192
_READ_TIMEOUT_S = 5.0


class Health(Collector):
    """What the last good step left behind. Times are of a monotonic clock.

    `content` is the schedule that content is checked by, where there is one.
    """

    def __init__(self, max_step_age_s: float, clock: Callable[[], float]) -> None:
        self._max_step_age_s = max_step_age_s
        self._clock = clock
        self.content: ContentWatch | None = None
        self._stepped_at: float | None = None
        self._steps = 0
        self._counts: dict[str, Any] = {}

    def stepped(self, counts: dict[str, Any]) -> None:
        """Note a good step and what `Worker.counts` said after it."""
        self._stepped_at = self._clock()
        self._steps += 1
        self._counts = counts

    def report(self) -> tuple[bool, dict[str, Any]]:
        age = None if self._stepped_at is None else self._clock() - self._stepped_at
        good = age is not None and age <= self._max_step_age_s
        return good, {
            "status": "ok" if good else "not working",
            "last_step_age_s": None if age is None else round(age, 3),
            **self._counts,
            **({} if self.content is None else {"content": self._checked(self.content.report)}),
        }

    def _checked(self, report: ContentReport) -> dict[str, Any]:
        return {
            "checks": report.checks,
            "failures": report.failures,
            "last_check_age_s": (
                None if report.ended_at is None else round(self._clock() - report.ended_at, 3)
            ),
            "broken": len(report.last.broken),
            "lost": len(report.last.lost),
        }

    def metrics(self) -> bytes:
        """Prometheus' text format, version 0.0.4."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """What a Prometheus registry asks of whoever has figures."""
        good, report = self.report()
        yield _gauge("cairn_operator_up", "Whether the last good step is young enough", good)
        yield CounterMetricFamily("cairn_operator_steps", "Good steps", value=self._steps)
        if self._stepped_at is not None:
            age_s = self._clock() - self._stepped_at
            yield _gauge("cairn_operator_last_step_age_seconds", "Since the last good step", age_s)
        for name, told in (
            ("next_block", "The first block that has not been read"),
            ("transactions_waiting", "Transactions that are in no block yet"),
        ):
            if name in report:
                yield _gauge(f"cairn_operator_{name}", told, report[name])
        for table in ("requests", "roots", "rounds"):
            family = GaugeMetricFamily(
                f"cairn_operator_{table}", f"Jobs of {table} by state", labels=["state"]
            )
            for state, count in sorted(report.get(table, {}).items()):
                family.add_metric([state], count)
            yield family
        stopped = GaugeMetricFamily(
            "cairn_operator_suspended",
            "Models not answered for, since an answer was proved wrong",
            labels=["model"],
        )
        for model_id in report.get("suspended", {}):
            stopped.add_metric([str(model_id)], 1)
        yield stopped
        yield from _stake(report.get("stake", {}))
        for name, told in (
            ("budget", "The most that challenges may cost in 24 hours"),
            ("spent", "What challenges cost in the last 24 hours, or may yet"),
        ):
            if f"{name}_wei" in report.get("watch", {}):
                figure = report["watch"][f"{name}_wei"]
                yield _gauge(f"cairn_operator_watch_{name}_wei", told, figure)
        if self.content is not None:
            yield from _content(self.content.report, self._clock())


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, value=value)


def _stake(stake: dict[str, Any]) -> Iterator[Metric]:
    if stake.get("free_wei") is None:
        return
    yield _gauge("cairn_operator_free_stake_wei", "Stake that backs nothing", stake["free_wei"])
    yield _gauge(
        "cairn_operator_answers_waiting_for_stake",
        "Open requests that wait for stake to become free",
        stake["answers_waiting"],
    )
    backed = GaugeMetricFamily(
        "cairn_operator_answers_backed",
        "How many more answers the free stake can back, if all are to this model",
        labels=["model"],
    )
    for model_id, count in stake["answers_backed"].items():
        backed.add_metric([str(model_id)], count)
    yield backed


def _content(report: ContentReport, now: float) -> Iterator[Metric]:
    yield _gauge("cairn_storage_check_running", "Whether content is being checked", report.running)
    yield CounterMetricFamily("cairn_storage_checks", "Checks that ended", value=report.checks)
    yield CounterMetricFamily(
        "cairn_storage_check_failures", "Checks that could not be ended", value=report.failures
    )
    repairs = CounterMetricFamily(
        "cairn_storage_repairs", "Copies that a check set out to mend", labels=["result"]
    )
    repairs.add_metric(["repaired"], report.repaired)
    repairs.add_metric(["failed"], report.not_repaired)
    yield repairs
    if report.ended_at is None:
        return
    yield _gauge(
        "cairn_storage_last_check_age_seconds", "Since the last check", now - report.ended_at
    )
    yield _gauge("cairn_storage_last_check_seconds", "How long it took", report.took_s)
    families: dict[str, GaugeMetricFamily] = {}
    for one in report.last.figures():
        names, values = [key for key, _ in one.labels], [value for _, value in one.labels]
        if one.name not in families:
            families[one.name] = GaugeMetricFamily(one.name, one.help, labels=names)
        families[one.name].add_metric(values, one.value)
    yield from families.values()


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
    status, kind, data = "404 Not Found", "text/plain", b"there are /health and /metrics\n"
    if request_line[:1] != [b"GET"]:
        status = "405 Method Not Allowed"
    elif request_line[1:2] == [b"/health"]:
        status = "200 OK" if good else "503 Service Unavailable"
        kind, data = "application/json", (json.dumps(report) + "\n").encode()
    elif request_line[1:2] == [b"/metrics"]:
        status, kind, data = "200 OK", CONTENT_TYPE_PLAIN_0_0_4, health.metrics()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + data
