"""The store behind an IPFS node's RPC API, through ipfshttpclient; the node is not trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import ipfshttpclient
import requests
import urllib3
from ipfshttpclient import exceptions as ipfs_errors

from cairn.domain.cid import DEFAULT_PROFILE, Block, Cid, CidError, Codec

from ._bounded import (
    MAX_ANSWER_BYTES,
    Allowance,
    BoundedAdapter,
    Budget,
    FailedAnswer,
    LateAnswer,
    OverlongAnswer,
    StrangeAnswer,
)
from ._dag import BlockBacked, check_block, walk
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
from ._port import (
    DEFAULT_LIMITS,
    Limits,
    Progress,
    Source,
    Target,
    opened,
    stream_cid,
    whole_or_nothing,
)

_UPLOAD_PIECE_BYTES: Final = 1 << 18
_SLOWEST_TRANSFER_BYTES_PER_S: Final = 1 << 20
"""A transfer may take as long as at this rate before it counts as hanging."""


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


DEFAULT_TIMEOUTS: Final = IpfsTimeouts()


class IpfsStore(BlockBacked):
    """A Kubo node or an IPFS Cluster proxy at a multiaddr such as /ip4/127.0.0.1/tcp/5001/http.

    The CID is computed here before content is sent, and the upload fails unless the node names the
    same one; only then is it pinned. What is fetched is hashed here block by block before it is
    passed on: the nodes of the tree come one by one, and the leaves as one stream that is cut where
    the tree says that they end.
    """

    def __init__(
        self,
        address: str,
        *,
        timeouts: IpfsTimeouts = DEFAULT_TIMEOUTS,
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._address = address
        self._timeouts = timeouts
        self._budget = Budget()
        try:
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
        session: requests.Session = self._client._client._session
        session.trust_env = False
        session.max_redirects = 0
        adapters: dict[str, Any] = dict(session.adapters)
        for prefix, adapter in adapters.items():
            # The client hands urllib3 an argument that it warns of since version 2.
            adapter.poolmanager.connection_pool_kw.pop("strict", None)
            session.mount(prefix, BoundedAdapter(adapter, self._budget))

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
            upload_s = (stream.tell() - start) / _SLOWEST_TRANSFER_BYTES_PER_S
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

    def fetch_to(
        self,
        cid: Cid,
        target: Target,
        *,
        limits: Limits = DEFAULT_LIMITS,
        progress: Progress | None = None,
    ) -> int:
        if isinstance(target, Path):
            with whole_or_nothing(target) as file:
                return self.fetch_to(cid, file, limits=limits, progress=progress)
        total = 0
        with closing(_Leaves(self, cid)) as leaves:

            def get(one: Cid, max_bytes: int, leaf_bytes: int | None) -> bytes:
                if leaf_bytes is None:
                    return self.get_block(one, max_bytes=max_bytes)
                try:
                    data = leaves.take(one, total, leaf_bytes)
                except NodeRefused:
                    # The node gives a stream up when it lacks any leaf ahead; asked for this one
                    # alone, it gives it or says that this is the one.
                    leaves.close()
                    return self.get_block(one, max_bytes=max_bytes)
                return check_block(one, data, self.name, max_bytes)

            for _, node in walk(cid, get, limits=limits):
                leaves.file_bytes = max(leaves.file_bytes, node.file_bytes)
                if node.inline:
                    target.write(node.inline)
                    total += len(node.inline)
                    if progress is not None:
                        progress(len(node.inline))
        return total

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

    def is_pinned(self, cid: Cid) -> bool:
        try:
            with self._asking("pin/ls", cid) as server_s:
                answer = self._client.pin.ls(
                    str(cid), type="recursive", opts={"timeout": _duration(server_s)}
                )
        except ContentNotFound:
            return False
        except NodeRefused as error:
            if "not pinned" not in str(error):
                raise
            return False
        return any(key == cid for key in _keys(answer))

    def pins(self) -> Iterator[Cid]:
        with self._asking("pin/ls", None) as server_s:
            answer = self._client.pin.ls(type="recursive", opts={"timeout": _duration(server_s)})
        yield from _keys(answer)

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
        max_bytes: int = MAX_ANSWER_BYTES,
        answer_s: float | None = None,
    ) -> Iterator[float]:
        """Bounds one request and turns its failures into ours; yields the server's time-out."""
        allowed_s = self._timeouts.answer_s if answer_s is None else answer_s
        server_s = self._timeouts.server_s + allowed_s - self._timeouts.answer_s
        subject = f"{what} {cid}" if cid is not None else what
        before = self._budget.allowance
        self._budget.allowance = Allowance(max_bytes, allowed_s)
        try:
            yield server_s
        except StorageError:
            raise
        except StrangeAnswer as error:
            raise NodeRefused(
                f"{self.name} answered {subject} with {error}; check what listens at this address"
            ) from error
        except OverlongAnswer as error:
            raise LimitExceeded(
                f"{self.name} sent more than {max_bytes} bytes for {subject}; do not use this node "
                "for it"
            ) from error
        except (LateAnswer, ipfs_errors.TimeoutError, requests.Timeout, TimeoutError) as error:
            raise self._late(subject) from error
        except (FailedAnswer, ipfs_errors.ErrorResponse) as error:
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
        except (
            ipfs_errors.CommunicationError,
            requests.RequestException,
            HTTPException,
            OSError,
        ) as error:
            raise self._broken(error, cid, subject) from error
        except (ipfs_errors.Error, KeyError, TypeError, AttributeError, AssertionError) as error:
            raise NodeRefused(
                f"{self.name} gave an answer to {subject} that no IPFS node gives "
                f"({type(error).__name__}: {error}); check what listens at this address"
            ) from error
        finally:
            self._budget.allowance = before

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
            if isinstance(cause, IncompleteRead) and cid is not None:
                partial = cause.partial
                return TruncatedBlock(
                    cid, self.name, partial if isinstance(partial, int) else len(partial)
                )
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


class _Leaves:
    """The bytes of a file as one stream from the node, cut into its leaves by the caller.

    `file_bytes` is the length of the file; the caller sets it once the root is known.
    """

    def __init__(self, store: IpfsStore, root: Cid) -> None:
        self.file_bytes = 0
        self._store = store
        self._root = root
        self._allowance = Allowance(0, 0)
        self._pieces: Any = None
        self._rest = b""
        self._at = 0

    def take(self, leaf: Cid, at: int, size: int) -> bytes:
        """The `size` bytes at offset `at`, which are to be the leaf; not yet verified."""
        store = self._store
        with store._asking("cat", leaf) as server_s:
            if self._pieces is None or self._at != at:
                self.close()
                self._open(at, server_s)
            self._allowance.renew(store._timeouts.answer_s)
            parts, got = [self._rest], len(self._rest)
            while got < size:
                piece = next(self._pieces, None)
                if piece is None:
                    raise TruncatedBlock(leaf, store.name, got, size)
                parts.append(piece)
                got += len(piece)
        joined = b"".join(parts)
        self._rest = joined[size:]
        self._at += size
        return joined[:size]

    def close(self) -> None:
        if self._pieces is not None:
            self._pieces.close()
        self._pieces = None
        self._rest = b""

    def _open(self, at: int, server_s: float) -> None:
        left = self.file_bytes - at
        allowance = self._store._budget.allowance
        assert allowance is not None
        allowance.max_bytes = left
        self._allowance = allowance
        self._at = at
        slowest_s = server_s + left / _SLOWEST_TRANSFER_BYTES_PER_S
        self._pieces = self._store._client.cat(
            str(self._root),
            stream=True,
            opts={"offset": str(at), "timeout": _duration(slowest_s)},
        )


def _keys(answer: Any) -> Iterator[Cid]:
    for key in answer.as_json().get("Keys") or {}:
        try:
            yield Cid.parse(str(key))
        except CidError:
            # Somebody else's pin on a shared node, with another hash function: not ours.
            continue


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
