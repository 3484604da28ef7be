"""A real Kubo node on loopback, offline, with a repo of its own; and a proxy before it that lies."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cairn.storage import IpfsStore, IpfsTimeouts
from tools.kubo_node import Kubo, find_kubo


@pytest.fixture(scope="session")
def kubo_binary() -> Path:
    return find_kubo()


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
                # A whole answer keeps its connection: the next call would else meet it half closed.
                cut = proxy.cut_connection and spoilt != body
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

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that hangs up on a liar is what the tests want."""
                if not isinstance(sys.exc_info()[1], OSError):
                    super().handle_error(request, client_address)  # type: ignore[arg-type]

        self._server = Server(("127.0.0.1", 0), Handler)
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
