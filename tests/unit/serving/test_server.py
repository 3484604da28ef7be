"""The server's process: it says that it is up, answers, and ends what it began when told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.anyio

# A server whose program takes until the test says go: a line on its standard input.
SERVER = """
import sys, threading
sys.path.insert(0, {folder!r})
from conftest import SCHEMA, make_offer, program
from cairn.serving import FakeCatalog, FakePredictor, ServingSettings, create_app, serve
from cairn.domain.keccak import keccak256

def wait():
    print("asked", flush=True)
    sys.stdin.readline()

catalog = FakeCatalog()
catalog.put(make_offer(), program(), SCHEMA.to_json())
decode = lambda data: FakePredictor(keccak256(data), 3, 7, before=wait)
settings = ServingSettings(access="open", port={port}, inline_bytes=0, max_connections=1)
serve(create_app(settings, catalog, decode), settings)
"""


async def test_serve__full_and_stopped_while_answering__answers_and_ends_with_0() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = SERVER.format(folder=str(Path(__file__).parent), port=port)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin and process.stdout and process.stderr
    lines = []
    try:
        async with asyncio.timeout(60):
            while True:
                lines.append(json.loads(await process.stderr.readline()))
                if "Uvicorn running" in lines[-1]["event"]:
                    break
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                body = {
                    "inputs": [
                        {
                            "name": "features",
                            "shape": [1, 3],
                            "datatype": "INT32",
                            "data": [1, 2, 3],
                        }
                    ]
                }
                asked = asyncio.create_task(client.post("/v2/models/1/infer", json=body))
                assert await process.stdout.readline() == b"asked\n"
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as another:
                    refused = await another.get("/v2/health/live")
                assert refused.status_code == 503
                process.send_signal(signal.SIGTERM)
                while True:
                    lines.append(json.loads(await process.stderr.readline()))
                    if "Waiting for" in lines[-1]["event"] or "Shutting" in lines[-1]["event"]:
                        break
                process.stdin.write(b"go\n")
                await process.stdin.drain()
                answer = await asked
            assert answer.status_code == 200
            assert answer.json()["outputs"][1]["data"] == [13]
            rest = (await process.stderr.read()).splitlines()
            lines += [json.loads(line) for line in rest]
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert [line["status"] for line in lines if line["event"] == "request"] == [200]
    assert "the server has stopped" in [line["event"] for line in lines]
