"""The pinning service's client, against a service that keeps to the API's letter or breaks it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from cairn.domain.cid import Cid, cid_of
from cairn.storage import (
    ContentNotFound,
    ContentStore,
    CorruptBlock,
    LimitExceeded,
    MemoryStore,
    NodeRefused,
    NodeTimeout,
    NodeUnreachable,
    PinFailed,
    PinningService,
    PinningStore,
)

CONTENT = random.Random(13).randbytes(262_144 + 100)
URL = "https://pins.invalid/psa"


class Service:
    """The server's side of the IPFS Pinning Service API, in memory."""

    def __init__(self) -> None:
        self.requests: dict[str, dict[str, Any]] = {}
        self.states = ["queued", "pinning", "pinned"]
        self.answers: list[httpx.Response | Exception] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        assert request.headers["Authorization"] == "Bearer t0ken"
        path = request.url.path.removeprefix("/psa/pins")
        if request.method == "POST":
            number = f"r{len(self.requests)}"
            self.requests[number] = {
                "requestid": number,
                "status": self.states[0],
                "created": f"2026-11-23T00:00:00.{len(self.requests):03d}Z",
                "pin": json.loads(request.content),
                "delegates": [],
            }
            return httpx.Response(202, json=self.requests[number])
        if request.method == "DELETE":
            del self.requests[path[1:]]
            return httpx.Response(202)
        if path:
            status = self.requests[path[1:]]
            at = self.states.index(status["status"])
            status["status"] = self.states[min(at + 1, len(self.states) - 1)]
            return httpx.Response(200, json=status)
        asked = request.url.params
        found = [
            one
            for one in reversed(self.requests.values())
            if one["status"] in asked["status"].split(",")
            and asked.get("cid", one["pin"]["cid"]) == one["pin"]["cid"]
            and one["created"] < asked.get("before", "9")
        ]
        return httpx.Response(
            200, json={"count": len(found), "results": found[: int(asked["limit"])]}
        )


@pytest.fixture
def server() -> Service:
    return Service()


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def service(server: Service, naps: list[float]) -> PinningService:
    return PinningService(
        URL,
        "t0ken",
        transport=httpx.MockTransport(server),
        clock=lambda: sum(naps),
        sleep=naps.append,
        pin_timeout_s=10,
        poll_s=2,
    )


@pytest.fixture
def node() -> MemoryStore:
    return MemoryStore("the node")


def test_add__goes_to_the_node_and_waits_for_the_service(
    service: PinningService, server: Service, node: MemoryStore, naps: list[float]
) -> None:
    store = PinningStore(service, node, origins=["/ip4/192.0.2.1/tcp/4001/p2p/12D3"])
    assert isinstance(store, ContentStore)
    cid = store.add(CONTENT)
    assert node.is_pinned(cid)
    assert store.is_pinned(cid)
    assert store.has(cid)
    assert list(store.pins()) == [cid]
    assert naps == [2, 2]
    assert server.requests["r0"]["pin"] == {
        "cid": str(cid),
        "origins": ["/ip4/192.0.2.1/tcp/4001/p2p/12D3"],
    }
    assert store.fetch(cid) == CONTENT
    store.close()


def test_pin__again__makes_no_second_request(service: PinningService, server: Service) -> None:
    cid = cid_of(b"x")
    service.pin(cid, label="weights")
    service.pin(cid)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"status": "queued"},
        {"status": "pinned"},
        {"status": "pinned", "pin": []},
        {"results": 7},
        {"results": ["?"]},
        {"results": [{"status": "queued"}], "count": 1},
        {"results": [{"requestid": 7, "pin": {}}], "count": "many"},
    ],
    ids=str,
)
def test_service__answers_what_no_service_does__is_refused(
    service: PinningService, server: Service, said: dict[str, Any]
) -> None:
    def answers(*others: dict[str, Any]) -> None:
        server.answers = [httpx.Response(200, json=one) for one in (*others, said, said, said)]

    for act in (
        lambda: service.pin(cid_of(b"x")),
        lambda: service.unpin(cid_of(b"x")),
        lambda: service.is_pinned(cid_of(b"x")),
        lambda: list(service.pins()),
    ):
        for before in ((), ({"count": 0, "results": []},)):
            answers(*before)
            with suppress(NodeRefused, PinFailed):
                assert not act(), "nothing is taken for pinned"


def test_service__sends_without_end_or_elsewhere__is_refused(
    service: PinningService, server: Service
) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(1 << 16)

    server.answers = [httpx.Response(200, content=endless())]
    with pytest.raises(NodeRefused, match="more than"):
        service.is_pinned(cid_of(b"x"))
    server.answers = [httpx.Response(302, headers={"Location": "https://elsewhere.invalid"})]
    with pytest.raises(NodeRefused, match="302"):
        service.is_pinned(cid_of(b"x"))


def test_service__drips__is_given_up(server: Service) -> None:
    now = [0.0]

    def dripping() -> Iterator[bytes]:
        while True:
            now[0] += 5
            yield b" "

    service = PinningService(
        URL,
        "t0ken",
        transport=httpx.MockTransport(server),
        clock=lambda: now[0],
        request_timeout_s=30,
    )
    server.answers = [httpx.Response(200, content=dripping())]
    with pytest.raises(NodeTimeout, match="in time"):
        service.is_pinned(cid_of(b"x"))


def test_unpin__withdraws_every_request(service: PinningService, server: Service) -> None:
    cid = cid_of(b"x")
    service.pin(cid)
    server.requests["other"] = {**server.requests["r0"], "requestid": "other", "created": "2"}
    service.unpin(cid)
    service.unpin(cid)
    assert server.requests == {}
    assert not service.is_pinned(cid)


def test_pins__more_than_a_page__are_all_listed(service: PinningService) -> None:
    cids = {cid_of(bytes([number])) for number in range(230)}
    for cid in cids:
        service.pin(cid)
    assert set(service.pins()) == cids


def test_pin__service_fails__says_why(service: PinningService, server: Service) -> None:
    server.states = ["queued", "failed"]
    with pytest.raises(PinFailed, match="check that the nodes"):
        service.pin(cid_of(b"x"))


def test_pin__service_never_ends__stops_waiting(
    service: PinningService, server: Service, naps: list[float]
) -> None:
    server.states = ["queued", "pinning"]
    with pytest.raises(PinFailed, match="still says 'pinning'"):
        service.pin(cid_of(b"x"))
    assert sum(naps) == 10


def test_pin__service_pins_another_cid__is_refused(
    service: PinningService, server: Service
) -> None:
    wrong = {"requestid": "r", "status": "pinned", "pin": {"cid": str(cid_of(b"y"))}}
    server.answers = [
        httpx.Response(200, json={"count": 0, "results": []}),
        httpx.Response(202, json=wrong),
    ]
    with pytest.raises(NodeRefused, match="other than"):
        service.pin(cid_of(b"x"))


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (httpx.Response(401), NodeRefused, "access token"),
        (
            httpx.Response(409, json={"error": {"reason": "FULL", "details": "pay us"}}),
            NodeRefused,
            "FULL pay us",
        ),
        (httpx.Response(500, text="oops"), NodeRefused, "oops"),
        (httpx.Response(200, text="<html>"), NodeRefused, "no pinning service"),
        (httpx.ReadTimeout("late"), NodeTimeout, "in time"),
        (httpx.ConnectError("no route"), NodeUnreachable, "no route"),
    ],
)
def test_any_call__service_misbehaves__is_an_error_of_ours_without_the_token(
    service: PinningService,
    server: Service,
    answer: httpx.Response | Exception,
    error: type[Exception],
    reason: str,
) -> None:
    server.answers = [answer]
    with pytest.raises(error, match=reason) as raised:
        service.is_pinned(cid_of(b"x"))
    assert "t0ken" not in str(raised.value)


class Gateway:
    """A gateway over a store's blocks, which may lie."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.lie: httpx.Response | Exception | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self.lie, Exception):
            raise self.lie
        if self.lie is not None:
            return self.lie
        assert request.url.params["format"] == "raw"
        assert "Authorization" not in request.headers
        cid = Cid.parse(request.url.path.rpartition("/")[2])
        if cid not in self.store.blocks:
            return httpx.Response(404)
        return httpx.Response(200, stream=httpx.ByteStream(self.store.blocks[cid]))


@pytest.fixture
def gateway(node: MemoryStore) -> Gateway:
    return Gateway(node)


@pytest.fixture
def store(service: PinningService, gateway: Gateway) -> PinningStore:
    """A service whose node is gone: only its gateway is left to read from."""
    return PinningStore(
        service,
        MemoryStore("the node that is gone"),
        gateway="https://gateway.invalid/",
        transport=httpx.MockTransport(gateway),
    )


def test_fetch__from_the_gateway__is_verified(
    store: PinningStore, gateway: Gateway, node: MemoryStore
) -> None:
    cid = node.add(CONTENT)
    assert store.fetch(cid) == CONTENT
    node.blocks[cid_of(CONTENT[-100:])] = bytes(100)
    with pytest.raises(CorruptBlock):
        store.fetch(cid)
    with pytest.raises(ContentNotFound):
        store.fetch(cid_of(b"?"))


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        (httpx.Response(200, stream=httpx.ByteStream(bytes(3 << 20))), LimitExceeded),
        (httpx.Response(502), NodeRefused),
        (httpx.ReadTimeout("late"), NodeTimeout),
        (httpx.ReadError("reset"), NodeUnreachable),
    ],
)
def test_fetch__gateway_misbehaves__is_an_error_of_ours(
    store: PinningStore,
    gateway: Gateway,
    lie: httpx.Response | Exception,
    error: type[Exception],
) -> None:
    gateway.lie = lie
    with pytest.raises(error):
        store.fetch(cid_of(b"x"))


def test_fetch__gateway_drips__is_given_up(service: PinningService, node: MemoryStore) -> None:
    now = [0.0]

    def drip() -> Any:
        for _ in range(100):
            now[0] += 1
            yield b"."

    store = PinningStore(
        service,
        node,
        gateway="https://gateway.invalid",
        timeout_s=5,
        clock=lambda: now[0],
        transport=httpx.MockTransport(lambda request: httpx.Response(200, content=drip())),
    )
    with pytest.raises(NodeTimeout, match="too long"):
        store.fetch(cid_of(b"x"))
