"""Pinning services: a second copy with somebody who keeps it for you.

Source: the IPFS Pinning Service API 1.0.0, and the trustless gateway specification for reading
what is pinned.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

import httpx

from cairn.domain.cid import Block, Cid, CidError

from ._dag import BlockBacked, check_block
from ._errors import (
    ContentNotFound,
    LimitExceeded,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
    PinFailed,
)
from ._port import DEFAULT_LIMITS, ContentStore, Progress, Source

_PAGE: Final = 100
_MAX_PAGES: Final = 1000
_ACTIVE: Final = "queued,pinning,pinned"
_MAX_ANSWER_BYTES: Final = 4 << 20
"""A page of pins has some 100 kB."""


class PinningService:
    """The client of one service; `token` is sent as its bearer token and stands in no message."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        request_timeout_s: float = 30.0,
        pin_timeout_s: float = 600.0,
        poll_s: float = 2.0,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._request_timeout_s = request_timeout_s
        self._pin_timeout_s = pin_timeout_s
        self._poll_s = poll_s
        self._clock = clock
        self._sleep = sleep
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"},
            timeout=request_timeout_s,
            transport=transport,
        )

    @property
    def name(self) -> str:
        return f"the pinning service at {self._url}"

    def pin(self, cid: Cid, *, label: str = "", origins: Sequence[str] = ()) -> None:
        """Ask for a pin unless there is one, and wait until the service holds all of it.

        `origins` are multiaddrs of nodes that have the content.
        """
        status = self._newest(cid, _ACTIVE)
        if status is None:
            body: dict[str, Any] = {"cid": str(cid)}
            if label:
                body["name"] = label[:255]
            if origins:
                body["origins"] = list(origins)
            status = self._ask("POST", "/pins", json=body)
        deadline = self._clock() + self._pin_timeout_s
        while (state := str(status.get("status"))) != "pinned":
            if state == "failed":
                details = status.get("info") or "no reason given"
                raise PinFailed(
                    f"{self.name} failed to pin {cid} ({details}); check that the nodes that have "
                    "it can be reached from outside, then pin again"
                )
            if self._clock() >= deadline:
                raise PinFailed(
                    f"{self.name} still says {state!r} of {cid} after {self._pin_timeout_s:g} s; "
                    "it goes on by itself, so look again later with 'cairn storage verify'"
                )
            self._sleep(self._poll_s)
            status = self._ask("GET", self._path(status))
        if not _is(status, cid):
            raise NodeRefused(
                f"{self.name} pinned something other than {cid}; do not rely on this service"
            )

    def unpin(self, cid: Cid) -> None:
        """Withdraw every request for the CID, so that a pin made twice is gone as well."""
        for status in list(self._list({"cid": str(cid), "status": f"{_ACTIVE},failed"})):
            self._ask("DELETE", self._path(status))

    def is_pinned(self, cid: Cid) -> bool:
        """Whether the service says that it holds all of the content."""
        status = self._newest(cid, "pinned")
        return status is not None and _is(status, cid)

    def pins(self) -> Iterator[Cid]:
        """Every CID that the service says it holds."""
        for status in self._list({"status": "pinned"}):
            try:
                yield Cid.parse(str(status["pin"]["cid"]))
            except CidError:
                continue
            except (KeyError, TypeError) as error:
                raise self._strange("/pins") from error

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _newest(self, cid: Cid, states: str) -> dict[str, Any] | None:
        page = self._ask("GET", "/pins", params={"cid": str(cid), "status": states, "limit": "1"})
        results, _ = self._page(page)
        return results[0] if results else None

    def _list(self, params: dict[str, str]) -> Iterator[dict[str, Any]]:
        before: str | None = None
        for _ in range(_MAX_PAGES):
            asked = {**params, "limit": str(_PAGE), **({"before": before} if before else {})}
            page = self._ask("GET", "/pins", params=asked)
            results, count = self._page(page)
            yield from results
            if not results or count <= len(results):
                return
            # Pages go back in time: the next one holds what was asked for before this one's last.
            if "created" not in results[-1]:
                raise self._strange("/pins")
            before = str(results[-1]["created"])

    def _page(self, page: dict[str, Any]) -> tuple[list[dict[str, Any]], int]:
        """The pins of one page, and how many there are in all."""
        results, count = page.get("results"), page.get("count")
        if (
            not isinstance(results, list)
            or not isinstance(count, int)
            or not all(isinstance(one, dict) for one in results)
        ):
            raise self._strange("/pins")
        return results, count

    def _path(self, status: dict[str, Any]) -> str:
        if not isinstance(status.get("requestid"), str):
            raise self._strange("/pins")
        return f"/pins/{quote(status['requestid'], safe='')}"

    def _strange(self, path: str) -> NodeRefused:
        return NodeRefused(
            f"{self.name} answered {path} with what no pinning service answers; check that its "
            "address is that of a pinning service API"
        )

    def _ask(self, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        try:
            with self._http.stream(method, self._url + path, **kwargs) as coming:
                answer = httpx.Response(coming.status_code, content=self._read(coming))
        except httpx.TimeoutException as error:
            raise NodeTimeout(f"{self.name} did not answer in time; try again later") from error
        except httpx.HTTPError as error:
            raise NodeUnreachable(
                f"{self.name} cannot be reached ({error}); check its address and your connection"
            ) from error
        if answer.status_code == 401:
            raise NodeRefused(f"{self.name} refuses the access token; set a valid one")
        if not answer.is_success:
            raise NodeRefused(
                f"{self.name} answered {answer.status_code}: {_reason(answer)}; see its documents "
                "for what it accepts"
            )
        if not answer.content:
            return {}
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise self._strange(path)
        return body

    def _read(self, answer: httpx.Response) -> bytes:
        """All of an answer, within bounds of size and time."""
        until = self._clock() + self._request_timeout_s
        data = bytearray()
        for piece in answer.iter_bytes():
            data += piece
            if len(data) > _MAX_ANSWER_BYTES:
                raise NodeRefused(
                    f"{self.name} sent more than {_MAX_ANSWER_BYTES} bytes; do not use this service"
                )
            if self._clock() > until:
                raise NodeTimeout(f"{self.name} did not answer in time; try again later")
        return bytes(data)


class PinningStore(BlockBacked):
    """A pinning service as a store: content goes up through `node`, which the service draws from.

    It is read back through the service's `gateway`, block by block and verified, or where there is
    none through the node.
    """

    def __init__(
        self,
        service: PinningService,
        node: ContentStore,
        *,
        origins: Sequence[str] = (),
        gateway: str | None = None,
        timeout_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._node = node
        self._origins = tuple(origins)
        self._gateway = gateway.rstrip("/") if gateway else None
        self._timeout_s = timeout_s
        self._clock = clock
        self._http = httpx.Client(timeout=timeout_s, transport=transport)

    @property
    def name(self) -> str:
        return self._service.name

    def add(self, source: Source, *, pin: bool = True, progress: Progress | None = None) -> Cid:
        cid = self._node.add(source, pin=pin, progress=progress)
        if pin:
            self._service.pin(cid, origins=self._origins)
        return cid

    def get_block(self, cid: Cid, *, max_bytes: int = DEFAULT_LIMITS.max_block_bytes) -> bytes:
        if self._gateway is None:
            return self._node.get_block(cid, max_bytes=max_bytes)
        name = f"the gateway {self._gateway}"
        until = self._clock() + self._timeout_s
        data = bytearray()
        try:
            with self._http.stream(
                "GET",
                f"{self._gateway}/ipfs/{cid}",
                params={"format": "raw"},
                headers={"Accept": "application/vnd.ipld.raw", "Accept-Encoding": "identity"},
            ) as answer:
                if answer.status_code in (404, 410):
                    raise ContentNotFound(cid, name)
                if answer.status_code != 200:
                    raise NodeRefused(
                        f"{name} answered {answer.status_code} for {cid}; try again later"
                    )
                for piece in answer.iter_raw():
                    data += piece
                    if len(data) > max_bytes:
                        raise LimitExceeded(
                            f"{name} sent more than {max_bytes} bytes for {cid}; do not use it"
                        )
                    if self._clock() > until:
                        raise NodeTimeout(f"{name} took too long for {cid}; try another store")
        except httpx.TimeoutException as error:
            raise NodeTimeout(f"{name} did not answer in time; try another store") from error
        except httpx.HTTPError as error:
            raise NodeUnreachable(
                f"{name} cannot be reached or broke off ({error}); check its address"
            ) from error
        return check_block(cid, bytes(data), name, max_bytes)

    def put_block(self, block: Block) -> None:
        self._node.put_block(block)

    def has(self, cid: Cid) -> bool:
        return self._service.is_pinned(cid)

    def pin(self, cid: Cid) -> None:
        self._service.pin(cid, origins=self._origins)

    def unpin(self, cid: Cid) -> None:
        self._service.unpin(cid)

    def is_pinned(self, cid: Cid) -> bool:
        return self._service.is_pinned(cid)

    def pins(self) -> Iterator[Cid]:
        return self._service.pins()

    def close(self) -> None:
        self._http.close()
        self._service.close()


def _is(status: dict[str, Any], cid: Cid) -> bool:
    try:
        return Cid.parse(str(status["pin"]["cid"])) == cid
    except (CidError, KeyError, TypeError):
        return False


def _reason(answer: httpx.Response) -> str:
    try:
        error = answer.json()["error"]
        return f"{error['reason']} {error.get('details', '')}".strip()[:300]
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.text[:300] or "no reason given"
