"""The operator as a process checks what the registry of a real chain names, beside its answers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from cairn.storage import EmbeddedStore
from tests.integration._support import LOOPBACK, Oracle, Worker, free_port, small_program

PROGRAM = small_program().to_bytes()


def ask(port: int, path: str) -> str:
    connection = HTTPConnection(LOOPBACK, port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


def one_is_intact(copies: dict[str, int]) -> bool:
    return copies.get("intact") == 1


@pytest.fixture
def mute_node() -> Iterator[int]:
    """Takes connections and says nothing, as a node does that hangs."""
    with socket.create_server((LOOPBACK, 0), backlog=64) as server:
        yield server.getsockname()[1]


def test_operator__content_intact_then_lost__says_so_in_logs_and_metrics(
    oracle: Oracle, worker: Worker, store_folder: Path
) -> None:
    store = EmbeddedStore(store_folder)
    cid = store.add(PROGRAM)
    port = free_port()
    worker.start(
        CAIRN_OPERATOR_HEALTH_PORT=str(port), CAIRN_OPERATOR_CONTENT_CHECK_INTERVAL_S="0.2"
    )
    # Schema, program and card of the model on sale are one file here. What else the chain names by
    # now, other tests put there and this store does not hold.
    checked = worker.wait_for("content checked", copies=one_is_intact)
    lines = ask(port, "/metrics").splitlines()
    assert 'cairn_storage_copies{state="intact"} 1.0' in lines
    assert f"cairn_storage_contents_lost {checked['lost']}.0" in lines

    store._path(cid).unlink()
    told = worker.wait_for("content broken", cid=str(cid))
    assert "program of model 1, version 1" in told["what"]
    worker.wait_for("content checked", lost=checked["lost"] + 1)
    assert json.loads(ask(port, "/health"))["content"]["lost"] == checked["lost"] + 1

    store.add(PROGRAM)
    worker.wait_for("content checked", copies=one_is_intact, lost=checked["lost"])
    assert worker.stop() == 0


def test_operator__content_node_hangs__answers_all_the_same(
    oracle: Oracle, worker: Worker, store_folder: Path, mute_node: int
) -> None:
    EmbeddedStore(store_folder).add(PROGRAM)
    port = free_port()
    worker.start(
        CAIRN_OPERATOR_HEALTH_PORT=str(port),
        CAIRN_OPERATOR_IPFS=f"/ip4/{LOOPBACK}/tcp/{mute_node}/http",
    )
    for _ in range(2):
        request_id = oracle.ask()
        worker.wait_for("answered", request=request_id)
    assert "cairn_storage_check_running 1.0" in ask(port, "/metrics").splitlines()
    assert json.loads(ask(port, "/health"))["status"] == "ok"
    assert worker.stop() == 0
