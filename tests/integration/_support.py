"""Processes that a test may kill, a way to the node that it may shut, and people who transact."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import urlsplit

from cairn.chain import (
    ZERO_ADDRESS,
    Answered,
    Call,
    InferenceMarket,
    LocalSigner,
    Receipt,
    Sender,
    Status,
    System,
    development_account,
)
from cairn.domain.integers import pack_features
from cairn.domain.programs import FeatureRule, Program, linear_program

ROOT = Path(__file__).resolve().parents[2]
CHAIN_ID = 4690
COIN = 10**18
WINDOW_S = 600
LOOPBACK = "127.0.0.1"
OPERATOR, RIVAL, REQUESTER, ALLIANCE = 4, 5, 6, 1
FEATURES = pack_features([100, 30])
RIGHT = pack_features([3 * 100 - 2 * 30 + 7])
WRONG = pack_features([248])


def small_program() -> Program:
    """y = 3 a - 2 b + 7."""
    rules = [FeatureRule(-1_000, 1_000, 0, 0, 3), FeatureRule(-1_000, 1_000, 0, 0, -2)]
    return linear_program(rules, bias=7, shift=0)


def free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


class Anvil:
    """A local chain with IoTeX's chain id, for as long as the block lasts."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"

    def _arguments(self) -> list[str]:
        return f"anvil --chain-id {CHAIN_ID} --port {self.port} --accounts 20".split()

    def __enter__(self) -> Self:
        command = self._arguments()
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # npm's anvil is a script that starts the real one: end both
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "Listening on" in line:
                break
        else:
            raise RuntimeError("anvil ended before it listened")
        # Nobody may be left waiting because a pipe is full.
        threading.Thread(target=self._drain, args=(self._process.stdout,), daemon=True).start()
        return self

    @staticmethod
    def _drain(stream: Iterator[str]) -> None:
        for _ in stream:
            pass

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ask(self, method: str, *params: Any) -> Any:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=10)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        assert "error" not in answer, answer
        return answer["result"]

    def automine(self, on: bool) -> None:
        self.ask("evm_setAutomine", on)
        if on:
            self.mine()

    def mine(self) -> None:
        self.ask("evm_mine")

    def advance(self, seconds: int) -> None:
        self.ask("evm_increaseTime", seconds)
        self.mine()


class FrailAnvil(Anvil):
    """A node that is killed on purpose. What was mined is there when it comes back, as on a node with a
    disk; what waited to be mined is lost. It mines when `tick` says so, `seconds` of the chain's clock later.
    """

    def __init__(self, folder: Path, like: Anvil) -> None:
        super().__init__()
        self._file = folder / "state.json"
        self._file.write_bytes(self.state_of(like))
        # Before it has loaded its chain, Anvil shows a block 0 of its own: let it be the same one.
        self._genesis = int(like.ask("eth_getBlockByNumber", "0x0", False)["timestamp"], 16)
        self.kills = 0

    @staticmethod
    def state_of(node: Anvil) -> bytes:
        return gzip.decompress(bytes.fromhex(node.ask("anvil_dumpState")[2:]))

    def _arguments(self) -> list[str]:
        genesis = ["--timestamp", str(self._genesis)]
        return [*super()._arguments(), *genesis, "--no-mining", "--load-state", str(self._file)]

    def __enter__(self) -> Self:
        super().__enter__()
        self._now = self.timestamp()
        return self

    def timestamp(self) -> int:
        return int(self.ask("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def tick(self, seconds: int) -> None:
        self._now += seconds
        self.ask("evm_setNextBlockTimestamp", self._now)
        self.mine()

    def _height(self) -> int:
        return int(self.ask("eth_blockNumber"), 16)

    def die(self) -> None:
        self._died_at = self._height()
        self._file.write_bytes(self.state_of(self))
        self.__exit__()
        self.kills += 1

    def come_back(self) -> None:
        """Back when all is loaded: Anvil answers before that, as a chain that has just begun."""
        super().__enter__()
        while self._height() < self._died_at:
            threading.Event().wait(0.05)
        self._now = self.timestamp()


class Gate:
    """A proxy to the node. Methods in `shut` are answered with 503, as a node behind a broken
    balancer does; what was asked is counted.
    """

    def __init__(self, target: str) -> None:
        self.shut: set[str] = set()
        self.asked: dict[str, int] = {}
        parts = urlsplit(target)
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked = json.loads(body)
                for one in asked if isinstance(asked, list) else [asked]:
                    gate.asked[one["method"]] = gate.asked.get(one["method"], 0) + 1
                    if one["method"] in gate.shut:
                        return self._answer(503, b"shut")
                upstream = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
                upstream.request("POST", "/", body, {"Content-Type": "application/json"})
                answer = upstream.getresponse()
                data = answer.read()
                upstream.close()
                return self._answer(answer.status, data)

            def _answer(self, status: int, data: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Worker:
    """`cairn operator run`, and what it logs."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    def start(self, **changes: str) -> None:
        assert self._process is None, "it is running"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cairn", "operator", "run"],
            env={**self._environment, **changes},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines = queue.Queue()
        arguments = (self._process.stderr, self._lines)
        self._reader = threading.Thread(target=self._read, args=arguments, daemon=True)
        self._reader.start()

    def _read(self, stream: IO[str], lines: queue.Queue[str | None]) -> None:
        with stream, self._log.open("a") as file:
            for line in stream:
                file.write(line)
                lines.put(line)
        lines.put(None)

    def wait_for(self, event: str, within_s: float = 120, **fields: Any) -> dict[str, Any]:
        """Read its log until it says this; a field is compared, or asked if it is a function.
        Fails with the log if it ends before, or does not say it in time.
        """
        assert self._process is not None, "it is not running"
        seen: list[str] = []
        until = time.monotonic() + within_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                line, why = None, f"did not say {event!r} within {within_s:g} s"
            else:
                why = f"ended without saying {event!r}"
            if line is None:
                raise AssertionError(f"the worker {why}:\n{''.join(seen)}")
            seen.append(line)
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if said["event"] == event and all(
                wanted(said.get(name)) if callable(wanted) else said.get(name) == wanted
                for name, wanted in fields.items()
            ):
                return said

    def kill(self) -> None:
        """With no chance to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop; returns its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        os.kill(process.pid, number)
        code = process.wait()
        self._reader.join()
        return code


class Oracle:
    """The people around the market, each with a development account."""

    def __init__(self, system: System, anvil: Anvil) -> None:
        self.system = system
        self.anvil = anvil
        self.model_id = 0
        self.price = 10**15

    @property
    def market(self) -> InferenceMarket:
        return self.system.market

    def signer(self, index: int) -> LocalSigner:
        return development_account(index, self.system.node, self.system.network)

    def send(self, index: int, call: Call) -> Receipt:
        sender = Sender(
            self.system.node, self.signer(index), chain_id=CHAIN_ID, poll_interval_s=0.02
        )
        return sender.send(call)

    def put_on_sale(self, program: Program, program_cid: bytes) -> int:
        """Publish a program, make a model of it, stake two operators on it."""
        system = self.system
        for name, arguments in program.publish_calls():
            self.send(ALLIANCE, system.programs.call(name, *arguments))
        token = system.deployment.alliance("Air").ShareToken.address
        some = bytes([1]) * 32
        models = system.models
        self.send(ALLIANCE, models.create_model("small", token, some, program_cid))
        self.model_id = models.n_models()
        self.send(
            ALLIANCE,
            models.register_version(
                self.model_id, program.hash, program_cid, some, some, program_cid, 0
            ),
        )
        self.send(ALLIANCE, models.set_alias(self.model_id, "production", 1))
        self.send(
            ALLIANCE,
            models.set_terms(self.model_id, self.price, 5_000, 3_000, WINDOW_S, COIN, 0),
        )
        for index in (OPERATOR, RIVAL):
            self.send(index, system.stakes.deposit(20 * COIN))
            self.send(index, system.stakes.opt_in(self.model_id))
        return self.model_id

    def ask(self, features: bytes = FEATURES, *, operator: int | None = OPERATOR) -> int:
        """A request that names its operator, so that nobody need wait for his turn; None names nobody."""
        deadline = self.system.node.head().timestamp + 6 * 3_600
        named = ZERO_ADDRESS if operator is None else self.signer(operator).address
        call = self.market.request(
            self.model_id, features, self.price, deadline, named, value=self.price
        )
        self.send(REQUESTER, call)
        return self.market.n_requests()

    def status(self, request_id: int) -> Status:
        return self.market.get_request(request_id).status

    def answers(self, request_id: int) -> list[Answered]:
        """All that was ever answered to a request."""
        node = self.system.node
        found = [
            self.market.decode(log)
            for log in node.logs(
                [self.market.address], self.market.topics(Answered), 0, node.head().number
            )
        ]
        return [one for one in found if one is not None and one.request_id == request_id]

    def transactions_of(self, index: int) -> int:
        return self.system.node.nonce(self.signer(index).address)
