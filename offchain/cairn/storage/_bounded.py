"""HTTP answers read within bounds of size and time, whatever the other side sends.

The client under the IPFS store reads an answer to its end at once, however long that is, and never
looks at the trailer in which a node reports that it failed half-way. Both are mended here, below
it, in the transport of its session.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from http.client import HTTPResponse, IncompleteRead, RemoteDisconnected
from typing import Any, Final

import requests
from requests.adapters import BaseAdapter

MAX_ANSWER_BYTES: Final = 64 << 20
"""For answers other than content; the longest is a list of pins, at about 100 bytes each."""

_RECEIVE_BYTES: Final = 1 << 18
_PIECE_BYTES: Final = 1 << 16
_MAX_LINE_BYTES: Final = 8 << 10
_CHUNK_HEAD: Final = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


class OverlongAnswer(Exception):
    """More came than was allowed."""


class LateAnswer(Exception):
    """The answer took longer than was allowed."""


class StrangeAnswer(Exception):
    """The answer is not in a form that was asked for."""


class FailedAnswer(Exception):
    """The node said at the end of its answer that it is not whole."""


class Allowance:
    """What one answer may take; a stream of many blocks renews its time for each."""

    def __init__(self, max_bytes: int, seconds: float) -> None:
        self.max_bytes = max_bytes
        self.renew(seconds)

    def renew(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds


class Budget(threading.local):
    """The allowance of the request that this thread is about to make."""

    allowance: Allowance | None = None


class BoundedAdapter(BaseAdapter):
    """A session's transport that lets no answer exceed the allowance of the thread that asks."""

    def __init__(self, inner: Any, budget: Budget) -> None:
        super().__init__()
        self._inner = inner
        self._budget = budget

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        try:
            response: requests.Response = self._inner.send(request, **kwargs)
        except requests.ConnectionError as error:
            # Nothing that this client sends without a body does more when it is done twice.
            if request.body is not None or not _was_closed(error):
                raise
            response = self._inner.send(request, **kwargs)
        allowance = self._budget.allowance or Allowance(MAX_ANSWER_BYTES, 0)
        response.raw = _BoundedBody(response.raw, allowance)
        return response

    def close(self) -> None:
        self._inner.close()


def _was_closed(error: requests.ConnectionError) -> bool:
    """Whether the other side closed the connection before it said anything.

    So it looks when a node gives an idle connection up in the moment in which it is used again.
    """
    cause = error.args[0] if error.args else None
    while isinstance(cause, Exception):
        if isinstance(cause, (RemoteDisconnected, ConnectionResetError, BrokenPipeError)):
            return True
        cause = next((one for one in reversed(cause.args) if isinstance(one, Exception)), None)
    return False


class _BoundedBody:
    """A urllib3 response whose body is read as it comes in."""

    def __init__(self, raw: Any, allowance: Allowance) -> None:
        self._raw = raw
        self._allowance = allowance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        """The body in pieces of at least 64 KiB, the last one shorter.

        `amt` is ignored: the client asks for everything at once.
        """
        plain = self._raw._fp
        if not isinstance(plain, HTTPResponse) or self._raw.headers.get("Content-Encoding"):
            self._raw.close()
            raise StrangeAnswer("an encoding that was not asked for")
        try:
            yield from _gathered(self._arrivals(plain))
        except BaseException:
            self._raw.close()
            raise
        # Closes the answer, not its connection, which serves the next request.
        plain.close()
        self._raw.read()

    def _arrivals(self, plain: HTTPResponse) -> Iterator[tuple[list[bytes | memoryview], int]]:
        """What arrives, as it arrives: its parts, and their length.

        Read below Python's own parser of chunked answers, which costs some microseconds for each of
        the 4 KiB chunks that nodes send, and returns only when it has all that it was asked for.
        """
        allowance, total = self._allowance, 0
        chunks = _Chunks() if plain.chunked else None
        left = None if chunks else plain.length
        while left != 0:
            data = plain.fp.read1(_RECEIVE_BYTES)
            if time.monotonic() > allowance.until:
                raise LateAnswer
            if not data:
                if chunks is None and left is None:
                    return
                raise IncompleteRead(b"", left)
            parts: list[bytes | memoryview] = [data]
            if chunks is not None:
                parts = chunks.feed(data)
                if chunks.ended:
                    left = 0
            got = sum(map(len, parts))
            total += got
            if total > allowance.max_bytes or (chunks is None and left is not None and got > left):
                raise OverlongAnswer
            if chunks is None and left is not None:
                left -= got
            yield parts, got


class _Chunks:
    """The chunked transfer coding of RFC 9112, and its trailer."""

    def __init__(self) -> None:
        self.ended = False
        self._rest = b""
        self._left = 0
        self._in_trailer = False

    def feed(self, data: bytes) -> list[bytes | memoryview]:
        """The content in these bytes."""
        data = self._rest + data if self._rest else data
        view, at, size = memoryview(data), 0, len(data)
        content: list[bytes | memoryview] = []
        left = self._left
        while not self.ended:
            # The line end after a chunk counts as part of it, so that 2 means: only that.
            if left > 2:
                end = min(at + left - 2, size)
                content.append(view[at:end])
                left -= end - at
                at = end
            if left:
                if left > 2 or size - at < 2:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise StrangeAnswer("a chunk without an end")
                at += 2
                left = 0
            if self._in_trailer:
                end = data.find(b"\r\n", at, at + _MAX_LINE_BYTES)
                if end < 0:
                    self._check_line(size - at)
                    break
                self._trailer(data[at:end])
                at = end + 2
                continue
            head = _CHUNK_HEAD.match(data, at, at + _MAX_LINE_BYTES)
            if head is None:
                if data.find(b"\r\n", at, at + _MAX_LINE_BYTES) >= 0:
                    raise StrangeAnswer("a chunk without a length")
                self._check_line(size - at)
                break
            at = head.end()
            length = int(head[1], 16)
            if length:
                left = length + 2
            else:
                self._in_trailer = True
        self._left = left
        self._rest = data[at:]
        return content

    @staticmethod
    def _check_line(length: int) -> None:
        if length >= _MAX_LINE_BYTES:
            raise StrangeAnswer("an endless line")

    def _trailer(self, line: bytes) -> None:
        if not line:
            self.ended = True
            return
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"x-stream-error" and value.strip():
            raise FailedAnswer(value.strip().decode("utf-8", "replace"))


def _gathered(arrivals: Iterator[tuple[list[bytes | memoryview], int]]) -> Iterator[bytes]:
    """The same bytes in fewer pieces: every layer above costs by the piece."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for parts, length in arrivals:
        waiting += parts
        size += length
        if size >= _PIECE_BYTES:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)
