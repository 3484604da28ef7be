"""The store behind an IPFS node's RPC API, through ipfshttpclient; the node is not trusted."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import ipfshttpclient
import requests
import urllib3
from ipfshttpclient import exceptions as ipfs_errors
from requests.adapters import BaseAdapter

from cairn.domain.cid import DEFAULT_PROFILE, Block, Cid, CidError, Codec

from ._dag import Ahead, BlockBacked, check_block
from ._errors import (
    CidMismatch,
    ContentNotFound,
    LimitExceeded,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
    StorageError,
    TruncatedBlock,
)
from ._port import DEFAULT_LIMITS, Progress, Source, opened, stream_cid

_PIECE_BYTES: Final = 1 << 16
_UPLOAD_PIECE_BYTES: Final = 1 << 18
_SLOWEST_UPLOAD_BYTES_PER_S: Final = 1 << 20
"""An upload may take as long as at this rate before it counts as hanging."""

_MAX_ANSWER_BYTES: Final = 64 << 20
"""For answers other than blocks; the longest is a list of pins, at about 100 bytes each."""


@dataclass(frozen=True, slots=True)
class IpfsTimeouts:
    """How long to wait for the node.

    `answer_s` bounds one whole answer, however slowly it drips; `silence_s` one pause within it.
    `server_s` is what the node itself is told, so that it stops looking when nobody waits; it is
    also the time that it has to find all blocks of a pin.
    """

    connect_s: float = 5.0
    silence_s: float = 30.0
    answer_s: float = 60.0
    server_s: float = 25.0


class IpfsStore(BlockBacked):
    """A Kubo node or an IPFS Cluster proxy at a multiaddr such as /ip4/127.0.0.1/tcp/5001/http.

    The CID is computed here before content is sent, and the upload fails unless the node names the
    same one; only then is it pinned. Fetches go block by block and every block is hashed here.
    """

    def __init__(
        self,
        address: str,
        *,
        timeouts: IpfsTimeouts = IpfsTimeouts(),
        workers: int = 4,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._address = address
        self._timeouts = timeouts
        self._ahead = Ahead(workers, 4 * workers, timeouts.answer_s) if workers > 1 else None
        self._budget = _Budget()
        try:
            with warnings.catch_warnings():
                # The client passes urllib3 an argument that version 3 drops; 2 is pinned.
                warnings.filterwarnings("ignore", "The 'strict' parameter", FutureWarning)
                # connect() would refuse every node of today by its version number.
                self._client = ipfshttpclient.Client(
                    address,
                    chunk_size=_UPLOAD_PIECE_BYTES,
                    session=True,
                    auth=auth,
                    headers=dict(headers or {}),
                    timeout=(timeouts.connect_s, timeouts.silence_s),
                )
        except ipfs_errors.AddressError as error:
            raise NodeUnreachable(
                f"{address!r} is no address of an IPFS node; write it as a multiaddr such as "
                "/ip4/127.0.0.1/tcp/5001/http"
            ) from error
        # The one place where the client's insides are touched: it offers no bound on what a node
        # may send, and would follow a node's redirect to anywhere.
        session: requests.Session = self._client._client._session  # noqa: SLF001
        session.trust_env = False
        session.max_redirects = 0
        for prefix, adapter in list(session.adapters.items()):
            session.mount(prefix, _BoundedAdapter(adapter, self._budget))

    @property
    def name(self) -> str:
        return f"the IPFS node at {self._address}"

    @property
    def address(self) -> str:
        """The multiaddr of the node's API."""
        return self._address

    def add(self, source: Source, *, pin: bool = True, progress: Progress | None = None) -> Cid:
        with opened(source) as stream:
            start = stream.tell()
            expected = stream_cid(stream)
            upload_s = (stream.tell() - start) / _SLOWEST_UPLOAD_BYTES_PER_S
            stream.seek(start)
            with self._asking(
                "add", expected, answer_s=self._timeouts.answer_s + upload_s
            ) as server_s:
                answer = self._client.add(
                    _Reader(stream, progress),
                    pin=False,
                    cid_version=1,
                    raw_leaves=True,
                    chunker=f"size-{DEFAULT_PROFILE.chunk_bytes}",
                    opts={
                        "cid-base": "base32",
                        "hash": "sha2-256",
                        "max-file-links": str(DEFAULT_PROFILE.max_links),
                        "inline": "false",
                        "progress": "false",
                        "timeout": _duration(server_s),
                    },
                )
        self._expect(expected, _answered(answer, "Hash"))
        if pin:
            self.pin(expected)
        return expected

    def get_block(self, cid: Cid, *, max_bytes: int = DEFAULT_LIMITS.max_block_bytes) -> bytes:
        with self._asking("block/get", cid, max_bytes=max_bytes) as server_s:
            data: bytes = self._client.block.get(str(cid), opts={"timeout": _duration(server_s)})
        return check_block(cid, data, self.name, max_bytes)

    def put_block(self, block: Block) -> None:
        check_block(block.cid, block.data, "the caller", DEFAULT_LIMITS.max_block_bytes)
        with self._asking("block/put", block.cid) as server_s:
            answer = self._client.block.put(
                BytesIO(block.data),
                opts={
                    "cid-codec": "raw" if block.cid.codec is Codec.RAW else "dag-pb",
                    "mhtype": "sha2-256",
                    "pin": "false",
                    "timeout": _duration(server_s),
                },
            )
        self._expect(block.cid, _answered(answer, "Key"))

    def has(self, cid: Cid) -> bool:
        try:
            with self._asking("block/stat", cid) as server_s:
                answer = self._client.block.stat(
                    str(cid), offline=True, opts={"timeout": _duration(server_s)}
                )
        except ContentNotFound:
            return False
        self._expect(cid, _answered(answer, "Key"))
        return True

    def pin(self, cid: Cid) -> None:
        with self._asking("pin/add", cid) as server_s:
            answer = self._client.pin.add(str(cid), opts={"timeout": _duration(server_s)})
        pins = answer.as_json().get("Pins") or []
        if len(pins) != 1:
            raise CidMismatch(cid, ", ".join(map(str, pins)) or "nothing", self.name)
        self._expect(cid, str(pins[0]))

    def unpin(self, cid: Cid) -> None:
        try:
            with self._asking("pin/rm", cid) as server_s:
                self._client.pin.rm(str(cid), opts={"timeout": _duration(server_s)})
        except NodeRefused as error:
            if "not pinned" not in str(error):
                raise

    def pins(self) -> Iterator[Cid]:
        with self._asking("pin/ls", None) as server_s:
            answer = self._client.pin.ls(
                type="recursive", opts={"timeout": _duration(server_s)}
            )
        for key in answer.as_json().get("Keys") or {}:
            try:
                yield Cid.parse(str(key))
            except CidError:
                # Somebody else's pin on a shared node, with another hash function: not ours.
                continue

    def collect(self) -> None:
        """Ask the node to remove what no pin needs."""
        with self._asking("repo/gc", None, answer_s=self._timeouts.answer_s * 10):
            self._client.repo.gc(quiet=True)

    def version(self) -> str:
        """The node's own version."""
        with self._asking("version", None):
            return str(self._client.version()["Version"])

    def close(self) -> None:
        self._client.close()

    def _expect(self, cid: Cid, answered: str) -> None:
        # Compared as bytes: a node may spell the same CID in base58.
        try:
            same = Cid.parse(answered) == cid
        except CidError:
            same = False
        if not same:
            raise CidMismatch(cid, answered, self.name)

    @contextmanager
    def _asking(
        self,
        what: str,
        cid: Cid | None,
        *,
        max_bytes: int = _MAX_ANSWER_BYTES,
        answer_s: float | None = None,
    ) -> Iterator[float]:
        """Bounds one request and turns its failures into ours; yields the server's time-out."""
        allowed_s = self._timeouts.answer_s if answer_s is None else answer_s
        server_s = self._timeouts.server_s + allowed_s - self._timeouts.answer_s
        subject = f"{what} {cid}" if cid is not None else what
        try:
            with self._budget.of(max_bytes, allowed_s):
                yield server_s
        except _Overlong as error:
            raise LimitExceeded(
                f"{self.name} sent more than {max_bytes} bytes for {subject}; do not use this node "
                "for it"
            ) from error
        except (_Late, ipfs_errors.TimeoutError, requests.Timeout, TimeoutError) as error:
            raise self._late(subject) from error
        except ipfs_errors.ErrorResponse as error:
            raise self._refused(str(error), cid, subject) from error
        except ipfs_errors.StatusError as error:
            raise NodeRefused(
                f"{self.name} answered {subject} with {error}; check that its address is that of "
                "the node's API"
            ) from error
        except requests.TooManyRedirects as error:
            raise NodeRefused(
                f"{self.name} sends {subject} on to another address; name that address itself"
            ) from error
        except (ipfs_errors.CommunicationError, requests.RequestException, OSError) as error:
            raise self._broken(error, cid, subject) from error
        except (ipfs_errors.Error, KeyError, TypeError, AttributeError, AssertionError) as error:
            raise NodeRefused(
                f"{self.name} gave an answer to {subject} that no IPFS node gives "
                f"({type(error).__name__}: {error}); check what listens at this address"
            ) from error

    def _late(self, subject: str) -> NodeTimeout:
        return NodeTimeout(
            f"{self.name} did not answer {subject} in time; nobody that it knows may have the "
            "content, or it hangs. Try again, or ask another store"
        )

    def _refused(self, message: str, cid: Cid | None, subject: str) -> StorageError:
        lowered = message.lower()
        if cid is not None and ("not found" in lowered or "could not find" in lowered):
            return ContentNotFound(cid, self.name)
        if "deadline exceeded" in lowered or "timeout" in lowered:
            return self._late(subject)
        return NodeRefused(
            f"{self.name} refused {subject}: {message}; see the node's own log for the reason"
        )

    def _broken(self, error: Exception, cid: Cid | None, subject: str) -> StorageError:
        for cause in _causes(error):
            if isinstance(cause, urllib3.exceptions.IncompleteRead) and cid is not None:
                return TruncatedBlock(cid, self.name, int(cause.partial or 0))
            if isinstance(cause, (urllib3.exceptions.ReadTimeoutError, TimeoutError)):
                return self._late(subject)
        return NodeUnreachable(
            f"{self.name} cannot be reached or broke off at {subject} ({error}); start the node or "
            "correct its address, then try again"
        )


class _Reader:
    """The stream as the client wants it, counting what was read."""

    def __init__(self, stream: Any, progress: Progress | None) -> None:
        self._stream = stream
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        if self._progress is not None and data:
            self._progress(len(data))
        return data


class _Overlong(Exception):
    """The node sent more than was allowed."""


class _Late(Exception):
    """The node took longer than was allowed."""


class _Budget(threading.local):
    """What the current request of this thread may take."""

    max_bytes: int = _MAX_ANSWER_BYTES
    until: float = float("inf")

    @contextmanager
    def of(self, max_bytes: int, seconds: float) -> Iterator[None]:
        before = self.max_bytes, self.until
        self.max_bytes, self.until = max_bytes, time.monotonic() + seconds
        try:
            yield
        finally:
            self.max_bytes, self.until = before


class _BoundedAdapter(BaseAdapter):
    """Lets no answer be longer or slower than the budget of the thread that asks."""

    def __init__(self, inner: Any, budget: _Budget) -> None:
        super().__init__()
        self._inner = inner
        self._budget = budget

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        response: requests.Response = self._inner.send(request, **kwargs)
        response.raw = _BoundedBody(response.raw, self._budget.max_bytes, self._budget.until)
        return response

    def close(self) -> None:
        self._inner.close()


class _BoundedBody:
    """A urllib3 response that is read as it comes in, within bounds."""

    def __init__(self, raw: Any, max_bytes: int, until: float) -> None:
        self._raw = raw
        self._max_bytes = max_bytes
        self._until = until

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amt: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:
        # `amt` is ignored: the client asks for everything at once, however much that is.
        # read1 returns after each arrival, so that a dripping node meets the deadline.
        total = 0
        while True:
            piece = self._raw.read1(_PIECE_BYTES, decode_content=decode_content)
            if not piece:
                break
            total += len(piece)
            if total > self._max_bytes:
                self._raw.close()
                raise _Overlong
            if time.monotonic() > self._until:
                self._raw.close()
                raise _Late
            yield piece
        # Closes the answer properly, so that its connection serves the next request.
        self._raw.read()


def _answered(answer: Any, key: str) -> str:
    """One field of the node's answer, whatever the node made of it."""
    try:
        return str(answer[key])
    except (KeyError, TypeError, IndexError):
        return f"no {key}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting.extend(arg for arg in one.args if isinstance(arg, BaseException))
        waiting.extend(link for link in (one.__cause__, one.__context__) if link is not None)


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
