"""Every way in which a request is refused: its status, its shape, and what it names."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from cairn.serving import ServingSettings

from .conftest import MakeServer, Server, follow, raw, rows

pytestmark = pytest.mark.anyio


def refused(answer: httpx.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    for word in words:
        assert word in answer.json()["error"]
    assert "Traceback" not in answer.text


def one(change: dict[str, object]) -> dict[str, object]:
    """A request whose first tensor, that of the temperature, is changed."""
    body = rows(20, 50, 1000)
    body["inputs"][0].update(change)  # type: ignore[index]
    return body


# --- who may ask -------------------------------------------------------------------------------


async def test_infer__access_not_set__is_refused_with_the_reason(make_server: MakeServer) -> None:
    assert ServingSettings().access == "closed"
    server = make_server(access="closed")
    await follow(server.board)
    refused(await server.infer(raw(1, 2, 3)), 403, "CAIRN_SERVE_ACCESS=open", "on chain")
    assert (await server.client.get("/v2/models/1")).status_code == 200


# --- which model -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["2", "0", "01x", "water", "9" * 80, "%00", "٣"])
@pytest.mark.parametrize("tail", ["", "/ready"])
async def test_model__unknown__is_not_found(server: Server, name: str, tail: str) -> None:
    refused(await server.client.get(f"/v2/models/{name}{tail}"), 404, "not served here")


@pytest.mark.parametrize("version", ["2", "4", "03", "candidate", "nightly", "-3"])
async def test_version__not_the_one_of_the_terms__is_not_found(
    server: Server, version: str
) -> None:
    answer = await server.client.get(f"/v2/models/1/versions/{version}")
    refused(answer, 404, "serves version 3", "terms 5", version)


async def test_model__not_for_sale__is_not_found(own_server: Server) -> None:
    own_server.catalog.offers[1] = None
    await follow(own_server.board)
    refused(await own_server.infer(raw(1, 2, 3), "/v2/models/1/infer"), 404, "not for sale")
    assert (await own_server.client.get("/v2/health/ready")).status_code == 200


async def test_model__name_borne_twice__is_asked_for_by_id(own_server: Server) -> None:
    own_server.catalog.offers[2] = replace(own_server.offer, model_id=2)
    await follow(own_server.board)
    refused(await own_server.infer(raw(1, 2, 3)), 404, "by id", "1, 2")
    assert (await own_server.infer(raw(1, 2, 3), "/v2/models/2/infer")).status_code == 200


async def test_path__unknown__has_the_protocols_shape(server: Server) -> None:
    refused(await server.client.get("/v2/model/1"), 404)


async def test_infer__wrong_verb__has_the_protocols_shape(server: Server) -> None:
    answer = await server.client.get("/v2/models/1/infer")
    refused(answer, 405)
    assert answer.headers["allow"] == "POST"


# --- which body --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ("empty",)),
        (b"{", ("not JSON",)),
        (b"\xff\xfe", ("not JSON",)),
        (b"[" * 100_000, ("brackets",)),
        (b'{"id":"' + b"]" * 9_000 + b'","inputs":' + b"[" * 9_000, ("brackets",)),
        (b"[1]", ("not an inference request",)),
        (b"null", ("not an inference request",)),
        (b"{}", ("inputs",)),
        (b'{"inputs": {}}', ("inputs",)),
        (b'{"inputs": [{"name": "a", "shape": [1], "data": [1]}]}', ("inputs.0.datatype",)),
        (b'{"inputs": [{"name": 3, "shape": [1], "datatype": "FP64", "data": [1]}]}', ("name",)),
        (
            b'{"inputs": [{"name": "a", "shape": ["1"], "datatype": "FP64", "data": [1]}]}',
            ("shape",),
        ),
        (b'{"inputs": [{"name": "a", "shape": [1], "datatype": "FP64", "data": 1}]}', ("data",)),
        (b'{"inputs": [], "id": 42}', ("id",)),
        (b'{"inputs": [], "id": "' + b"x" * 129 + b'"}', ("id",)),
        (b'{"inputs": [NaN]}', ("NaN", "null")),
        (b'{"inputs": [-Infinity]}', ("Infinity",)),
        (b'{"inputs": [0.' + b"1" * 100 + b"]}", ("102 characters",)),
        (b'{"inputs": [' + b"1" * 5000 + b"]}", ("not JSON",)),
    ],
)
async def test_infer__body_that_is_no_request__is_malformed(
    server: Server, body: bytes, words: tuple[str, ...]
) -> None:
    answer = await server.client.post(
        "/v2/models/1/infer", content=body, headers={"content-type": "application/json"}
    )
    refused(answer, 400, *words)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/octet-stream"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
async def test_infer__not_plain_json__is_refused(server: Server, headers: dict[str, str]) -> None:
    answer = await server.client.post("/v2/models/1/infer", content=b"{}", headers=headers)
    refused(answer, 415)


async def test_infer__body_announced_too_large__is_refused_unread(make_server: MakeServer) -> None:
    server = make_server(max_body_bytes=100)
    await follow(server.board)
    refused(await server.infer(raw(1, 2, 3, n=40)), 413, "100 bytes")


async def test_infer__body_streamed_too_large__is_refused(make_server: MakeServer) -> None:
    server = make_server(max_body_bytes=100)
    await follow(server.board)
    sent = []

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            sent.append(1)
            yield b" " * 64

    answer = await server.client.post("/v2/models/1/infer", content=endless())
    refused(answer, 413, "100 bytes")


async def test_infer__body_that_never_ends__times_out(make_server: MakeServer) -> None:
    server = make_server(body_timeout_s=0.01)
    await follow(server.board)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    answer = await server.client.post("/v2/models/1/infer", content=stalled())
    refused(answer, 408, "0.01 s")


async def test_infer__too_many_rows__is_too_large(make_server: MakeServer) -> None:
    server = make_server(max_rows=4)
    await follow(server.board)
    assert (await server.infer(raw(1, 2, 3, n=4))).status_code == 200
    refused(await server.infer(raw(1, 2, 3, n=5)), 413, "5 rows", "takes 4")
    refused(await server.infer(rows(1, 2, 1000, n=5)), 413, "5 rows")


# --- which inputs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((85.01, 50, 1000), ("temperature", "85.01", "degC", "[-40, 85]", "row 0")),
        ((-40.01, 50, 1000), ("temperature",)),
        ((20, 100.01, 1000), ("humidity", "%RH")),
        ((20, 50, 1e300), ("pressure", "out of range")),
        ((None, 50, 1000), ("temperature", "missing")),
        ((20, None, 1000), ("humidity", "missing", "stand-in")),
    ],
)
async def test_infer__measurement_out_of_range__is_refused_by_name(
    server: Server, values: tuple[float | None, ...], words: tuple[str, ...]
) -> None:
    refused(await server.infer(rows(*values)), 422, *words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "heat"}, ("heat", "temperature, humidity, pressure")),
        ({"name": "humidity"}, ("humidity", "twice")),
        ({"datatype": "FP32"}, ("FP32", "FP64", "INT32")),
        ({"datatype": "fp64"}, ("fp64",)),
        ({"shape": [2]}, ("1 values", "2")),
        ({"shape": [0], "data": []}, ("at least one row",)),
        ({"shape": [-1]}, ("shape",)),
        ({"shape": []}, ("shape",)),
        ({"shape": [1, 2]}, ("shape", "[rows, 1]")),
        ({"shape": [1, 1, 1]}, ("shape",)),
        ({"shape": [2], "data": [1, 2]}, ("humidity has 1 rows", "temperature has 2")),
        ({"data": ["20"]}, ("temperature, row 0", "no number")),
        ({"data": [True]}, ("temperature, row 0", "no number")),
        ({"data": [[20, 21]]}, ("nested",)),
        ({"data": [[[20]]]}, ("no number",)),
        ({"datatype": "INT32", "data": [20.0]}, ("temperature, row 0", "INT32")),
        ({"datatype": "INT32", "data": [None]}, ("temperature, row 0", "INT32")),
        ({"datatype": "INT32", "data": [2**31]}, ("temperature, row 0", "INT32")),
        ({"datatype": "INT32", "data": [True]}, ("temperature, row 0", "INT32")),
    ],
)
async def test_infer__tensor_that_does_not_fit__is_refused_by_name(
    server: Server, change: dict[str, object], words: tuple[str, ...]
) -> None:
    refused(await server.infer(one(change)), 422, *words)


async def test_infer__no_inputs__names_the_features(server: Server) -> None:
    refused(await server.infer({"inputs": []}), 422, "temperature, humidity, pressure")


async def test_infer__matrix_of_the_wrong_width__is_refused(server: Server) -> None:
    tensor = {"name": "features", "shape": [1, 2], "datatype": "INT32", "data": [1, 2]}
    refused(await server.infer({"inputs": [tensor]}), 422, "features", "[rows, 3]")


async def test_infer__unknown_output__is_refused_by_name(server: Server) -> None:
    body = {**raw(1, 2, 3), "outputs": [{"name": "smell"}]}
    refused(await server.infer(body), 422, "smell", "gas_resistance")


async def test_infer__one_invalid_row__answers_nothing(server: Server) -> None:
    body = {
        "inputs": [
            {
                "name": "features",
                "shape": [3, 3],
                "datatype": "INT32",
                "data": [1, 2, 3, 4, -(2**31), 6, 7, 8, 9],
            }
        ]
    }
    refused(await server.infer(body), 422, "row 1", "humidity missing", "nothing was answered")


async def test_infer__defect_in_the_server__hides_the_trace_and_names_the_request(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(rows: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(server.board.find("1").predictor, "predict", broken)
    answer = await server.infer(raw(1, 2, 3))
    refused(answer, 500, answer.headers["x-request-id"])
    assert "secret" not in answer.text
