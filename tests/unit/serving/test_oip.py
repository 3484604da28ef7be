"""The Open Inference Protocol, endpoint by endpoint."""

import pytest

from cairn.domain.keccak import keccak256

from .conftest import Server, program, raw, rows

pytestmark = pytest.mark.anyio

HASH = "0x" + keccak256(program()).hex()


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
async def test_server_metadata__asked__names_server_version_and_extensions(
    server: Server, path: str
) -> None:
    answer = await server.client.get(path)
    assert answer.status_code == 200
    assert set(answer.json()) == {"name", "version", "extensions"}
    assert answer.json()["name"] == "cairn"


async def test_live__asked__is_live(server: Server) -> None:
    answer = await server.client.get("/v2/health/live")
    assert (answer.status_code, answer.json()) == (200, {"live": True})


async def test_ready__all_models_loaded__is_ready(server: Server) -> None:
    answer = await server.client.get("/v2/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"live": True, "ready": True})


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/air-quality",
        "/v2/models/1",
        "/v2/models/air-quality/versions/3",
        "/v2/models/1/versions/production",
    ],
)
async def test_model_metadata__by_name_id_version_or_alias__is_the_registrys_schema(
    server: Server, path: str
) -> None:
    answer = await server.client.get(path)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["name"], said["versions"]) == ("air-quality", ["3", "production"])
    assert said["platform"]
    assert [(t["name"], t["datatype"], t["shape"]) for t in said["inputs"]] == [
        ("temperature", "FP64", [-1]),
        ("humidity", "FP64", [-1]),
        ("pressure", "FP64", [-1]),
    ]
    assert said["inputs"][0]["parameters"] == {
        "unit": "degC",
        "scale": "0.01",
        "min": "-40",
        "max": "85",
        "missing_allowed": False,
        "also_datatype": "INT32",
    }
    assert [(t["name"], t["datatype"], t["shape"]) for t in said["outputs"]] == [
        ("gas_resistance", "FP64", [-1]),
        ("raw-integers", "INT32", [-1, 1]),
    ]
    assert said["outputs"][0]["parameters"]["unit"] == "ohm"


@pytest.mark.parametrize("path", ["/v2/models/air-quality/ready", "/v2/models/1/versions/3/ready"])
async def test_model_ready__loaded__is_ready(server: Server, path: str) -> None:
    answer = await server.client.get(path)
    assert (answer.status_code, answer.json()) == (200, {"name": "air-quality", "ready": True})


async def test_infer__physical_units__answers_the_integers_and_the_scaled_value(
    server: Server,
) -> None:
    body = {"id": "42", "parameters": {"anything": 1}, **rows(21.37, 48.2, 1013.25)}
    answer = await server.infer(body)
    assert answer.status_code == 200, answer.text
    total = 2137 + 4820 + 101325 + 7
    assert answer.json() == {
        "model_name": "air-quality",
        "model_version": "3",
        "id": "42",
        "parameters": {
            "model_id": 1,
            "version": 3,
            "program_hash": HASH,
            "terms_id": 5,
            "chain_id": 4690,
            "receipt": "unsigned: no receipt",
        },
        "outputs": [
            {
                "name": "gas_resistance",
                "shape": [1],
                "datatype": "FP64",
                "data": [total / 100],
                "parameters": {"unit": "ohm", "scale": "0.01"},
            },
            {
                "name": "raw-integers",
                "shape": [1, 1],
                "datatype": "INT32",
                "data": [total],
                "parameters": {},
            },
        ],
    }


async def test_infer__no_id__answers_with_the_requests_own(server: Server) -> None:
    answer = await server.infer(raw(1, 2, 3))
    assert answer.json()["id"] == answer.headers["x-request-id"] != ""


async def test_infer__raw_integers__are_taken_as_they_are(server: Server) -> None:
    # 20000 hPa x100 is out of the schema's range: the contract would take it, so does this.
    answer = await server.infer(raw(-1, 5, 2_000_000))
    assert answer.json()["outputs"][1]["data"] == [-1 + 5 + 2_000_000 + 7]


@pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]])
async def test_infer__batch_flat_or_nested__answers_row_by_row(
    server: Server, data: list[object]
) -> None:
    body = {"inputs": [{"name": "features", "shape": [2, 3], "datatype": "INT32", "data": data}]}
    answer = await server.infer(body)
    assert answer.json()["outputs"][1] == {
        "name": "raw-integers",
        "shape": [2, 1],
        "datatype": "INT32",
        "data": [13, 22],
        "parameters": {},
    }
    assert answer.json()["outputs"][0]["shape"] == [2]


async def test_infer__column_tensors_of_two_dimensions_and_mixed_types__are_joined(
    server: Server,
) -> None:
    body = {
        "inputs": [
            {"name": "pressure", "shape": [2, 1], "datatype": "FP64", "data": [[1000], [1000.5]]},
            {"name": "humidity", "shape": [2], "datatype": "INT32", "data": [10, 20]},
            {"name": "temperature", "shape": [2], "datatype": "FP64", "data": [1, 2]},
        ]
    }
    answer = await server.infer(body)
    assert answer.json()["outputs"][1]["data"] == [100 + 10 + 100000 + 7, 200 + 20 + 100050 + 7]


async def test_infer__largest_batch__is_answered_alike(server: Server) -> None:
    n = server.settings.max_rows
    answer = await server.infer(raw(1, 2, 3, n=n))
    assert answer.json()["outputs"][1]["data"] == [13] * n


async def test_infer__outputs_named__returns_only_those(server: Server) -> None:
    body = {**raw(1, 2, 3), "outputs": [{"name": "gas_resistance"}]}
    answer = await server.infer(body)
    assert [output["name"] for output in answer.json()["outputs"]] == ["gas_resistance"]


async def test_infer__halves__round_to_even_as_the_schema_says(server: Server) -> None:
    # 0.125 / 0.01 = 12.5 and 0.135 / 0.01 = 13.5, exactly, since the JSON text is decimal.
    answer = await server.infer(rows(0.125, 0.135, 1000))
    assert answer.json()["outputs"][1]["data"] == [12 + 14 + 100000 + 7]


async def test_openapi__read__has_the_request_with_examples_and_the_errors(server: Server) -> None:
    page = (await server.client.get("/openapi.json")).json()
    for path in (
        "/v2/models/{model}/infer",
        "/v2/models/{model}/versions/{version}/infer",
    ):
        post = page["paths"][path]["post"]
        body = post["requestBody"]["content"]["application/json"]
        assert body["schema"] == {"$ref": "#/components/schemas/InferenceRequest"}
        assert len(body["examples"]) == 2
        assert {"200", "400", "403", "404", "413", "422", "503"} <= set(post["responses"])
    assert {"InferenceRequest", "RequestInput", "ErrorResponse"} <= set(
        page["components"]["schemas"]
    )


async def test_openapi__its_own_examples__are_answered(server: Server) -> None:
    page = (await server.client.get("/openapi.json")).json()
    body = page["paths"]["/v2/models/{model}/infer"]["post"]["requestBody"]
    for example in body["content"]["application/json"]["examples"].values():
        answer = await server.infer(example["value"])
        assert answer.status_code == 200, answer.text
