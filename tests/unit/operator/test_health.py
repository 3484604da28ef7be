"""/health and /metrics, over a real socket on loopback."""

import asyncio
import contextlib
import json

import pytest

from cairn.operator import Health, Settings
from cairn.operator._health import serve_health


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ask(health: Health, request: bytes) -> tuple[int, bytes]:
    """One request; returns the status and the body."""

    async def once() -> bytes:
        server = await serve_health(health, Settings(account="worker", health_port=0))
        assert server is not None
        host, port = server.sockets[0].getsockname()[:2]
        assert host == "127.0.0.1"
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        server.close()
        await server.wait_closed()
        return answer

    head, _, body = asyncio.run(once()).partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def test_health__no_step_yet__is_not_working(clock):
    status, body = ask(Health(60, clock), get("/health"))
    assert status == 503
    assert json.loads(body) == {"status": "not working", "last_step_age_s": None}


def test_health__stepped_lately__is_ok_with_counts(world, start, clock):
    world.ask()
    operator = start()
    operator.step(2)
    health = Health(60, clock)
    health.stepped(operator.worker.counts())
    clock.now += 5
    status, body = ask(health, get("/health"))
    found = json.loads(body)
    assert status == 200
    assert (found["status"], found["last_step_age_s"]) == ("ok", 5)
    assert found["account"] == world.signer.address
    assert found["requests"] == {"answered": 1}


def test_health__last_step_long_ago__is_not_working(world, start, clock):
    health = Health(60, clock)
    health.stepped(start().worker.counts())
    clock.now += 61
    assert ask(health, get("/health"))[0] == 503


def test_metrics__stepped__are_prometheus_lines(world, start, clock):
    world.ask()
    operator = start()
    operator.step(2)
    health = Health(60, clock)
    health.stepped(operator.worker.counts())
    status, body = ask(health, get("/metrics"))
    lines = body.decode().splitlines()
    assert status == 200
    assert "cairn_operator_up 1.0" in lines
    assert "cairn_operator_steps_total 1.0" in lines
    assert 'cairn_operator_requests{state="answered"} 1.0' in lines
    assert "cairn_operator_transactions_waiting 0.0" in lines


@pytest.mark.parametrize(
    ("request_", "status"),
    [(get("/"), 404), (b"POST /health HTTP/1.1\r\n\r\n", 405)],
    ids=["unknown-path", "other-method"],
)
def test_health__anything_else__is_refused(clock, request_, status):
    assert ask(Health(60, clock), request_)[0] == status


def test_health__head_without_end__is_dropped(clock):
    async def once() -> bytes:
        health = Health(60, clock)
        server = await serve_health(health, Settings(account="worker", health_port=0))
        assert server is not None
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"x" * 20_000)
        answer = await reader.read()
        writer.close()
        server.close()
        await server.wait_closed()
        return answer

    with contextlib.suppress(ConnectionResetError):  # dropped as well
        assert asyncio.run(once()) == b""


def test_serve_health__no_port_set__serves_nothing(clock):
    assert asyncio.run(serve_health(Health(60, clock), Settings(account="worker"))) is None
