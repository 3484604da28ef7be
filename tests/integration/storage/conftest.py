"""A real Kubo node on loopback, offline, with a repo of its own; and a proxy before it that lies."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cairn.storage import IpfsStore, IpfsTimeouts

REPOSITORY = Path(__file__).parents[3]
READY_S = 60


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "requires(tool): needs a tool that a machine may lack")


@pytest.fixture(scope="session")
def kubo_binary() -> Path:
    built = REPOSITORY / ".tools" / "bin" / "ipfs"
    if built.is_file():
        return built
    found = shutil.which("ipfs")
    if found is None:
        pytest.fail("no Kubo at hand: build it with 'make kubo', or put 'ipfs' on PATH")
    return Path(found)


class Kubo:
    """One node: its repo, its command line, and its daemon, which may be killed and restarted."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self._binary = binary
        self._log = folder / "daemon.log"
        self._daemon: subprocess.Popen[bytes] | None = None
        self.repo = folder / "repo"
        self.api_port = free_port()
        self.run("init", "--profile=test", "--empty-repo")
        self.run("config", "Addresses.API", f"/ip4/127.0.0.1/tcp/{self.api_port}")
        self.run("config", "Addresses.Gateway", "")
        self.run("config", "--json", "Addresses.Swarm", "[]")
        self.run("bootstrap", "rm", "--all")

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "IPFS_PATH": str(self.repo), "IPFS_TELEMETRY": "off"}

    @property
    def api(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{self.api_port}/http"

    def run(self, *args: str | Path) -> str:
        done = subprocess.run(
            [self._binary, *args],
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"ipfs {args}: {done.stderr}"
        return done.stdout.strip()

    def start(self) -> None:
        with self._log.open("wb") as log:
            self._daemon = subprocess.Popen(
                [self._binary, "daemon", "--offline"],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._daemon.stdout is not None
        watchdog = threading.Timer(READY_S, self._daemon.kill)
        watchdog.start()
        try:
            for line in self._daemon.stdout:
                if b"Daemon is ready" in line:
                    return
        finally:
            watchdog.cancel()
        raise AssertionError(f"Kubo did not start: {self._log.read_text()}")

    def kill(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()
            self._reap()

    def stop(self) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            self._reap()

    def _reap(self) -> None:
        assert self._daemon is not None
        self._daemon.communicate(timeout=READY_S)
        self._daemon = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def shared_kubo(kubo_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubo]:
    kubo = Kubo(kubo_binary, tmp_path_factory.mktemp("kubo"))
    kubo.start()
    yield kubo
    kubo.stop()


@pytest.fixture
def own_kubo(kubo_binary: Path, tmp_path: Path) -> Iterator[Kubo]:
    """A node that the test may kill."""
    kubo = Kubo(kubo_binary, tmp_path)
    kubo.start()
    yield kubo
    kubo.stop()


@pytest.fixture
def node(shared_kubo: Kubo) -> Iterator[IpfsStore]:
    store = IpfsStore(shared_kubo.api)
    yield store
    store.close()


Lie = Callable[[str, bytes], bytes | None]
"""Takes the API call and the node's answer; gives the answer to send, or None for silence."""


class LyingProxy:
    """Passes calls on to a node and spoils what it answers."""

    def __init__(self, kubo: Kubo) -> None:
        self.lie: Lie = lambda call, body: body
        self.cut_connection = False
        self._released = threading.Event()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                upstream = HTTPConnection("127.0.0.1", kubo.api_port, timeout=60)
                upstream.request("POST", self.path, body=self._body(), headers=self._kept())
                answer = upstream.getresponse()
                body = answer.read()
                upstream.close()
                call = urlsplit(self.path).path.removeprefix("/api/v0/")
                spoilt = proxy.lie(call, body) if answer.status == 200 else body
                if spoilt is None:
                    proxy._released.wait(60)
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                cut = proxy.cut_connection and answer.status == 200
                self.send_header("Content-Length", str(len(body) if cut else len(spoilt)))
                self.end_headers()
                self.wfile.write(spoilt)
                self.close_connection = cut

            def _kept(self) -> dict[str, str]:
                return {"Content-Type": self.headers.get("Content-Type", "text/plain")}

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.api = f"/ip4/127.0.0.1/tcp/{self._server.server_address[1]}/http"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def proxy(shared_kubo: Kubo) -> Iterator[LyingProxy]:
    proxy = LyingProxy(shared_kubo)
    yield proxy
    proxy.stop()


@pytest.fixture
def proxied(proxy: LyingProxy) -> Iterator[IpfsStore]:
    """The node as seen through the proxy, with little patience."""
    store = IpfsStore(
        proxy.api,
        timeouts=IpfsTimeouts(connect_s=5, silence_s=1.5, answer_s=20, server_s=10),
    )
    yield store
    store.close()
