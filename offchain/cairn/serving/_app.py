"""The API: the Open Inference Protocol over the models of a registry."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from pydantic.json_schema import models_json_schema
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from cairn.serving import _codec as codec
from cairn.serving._access import AccessGate, gate_of
from cairn.serving._board import ModelBoard
from cairn.serving._catalog import ModelCatalog
from cairn.serving._errors import ServingError, Unfit
from cairn.serving._http import RequestContext, read_body
from cairn.serving._index import Index, catalog_routes
from cairn.serving._loading import Decoder, LoadedModel
from cairn.serving._logs import request_id
from cairn.serving._oip import (
    ErrorResponse,
    InferenceRequest,
    InferenceResponse,
    ModelMetadata,
    ModelReady,
    Parameters,
    ServerLive,
    ServerMetadata,
    ServerReady,
)
from cairn.serving._receipts import UNSIGNED, ReceiptSigner
from cairn.serving._settings import ServingSettings

PLATFORM = "cairn-program_1"
_log = logging.getLogger("cairn.serving")

_EXAMPLES: dict[str, Any] = {
    "one row, in physical units": {
        "value": {
            "id": "42",
            "inputs": [
                {"name": "temperature", "shape": [1], "datatype": "FP64", "data": [21.37]},
                {"name": "humidity", "shape": [1], "datatype": "FP64", "data": [48.2]},
                {"name": "pressure", "shape": [1], "datatype": "FP64", "data": [1013.25]},
            ],
        }
    },
    "two rows, in device integers": {
        "value": {
            "inputs": [
                {
                    "name": "features",
                    "shape": [2, 3],
                    "datatype": "INT32",
                    "data": [2137, 4820, 101325, 2140, 4815, 101320],
                }
            ]
        }
    },
}
_ANSWER: dict[str, Any] = {
    "model_name": "air-quality",
    "model_version": "3",
    "id": "42",
    "parameters": {
        "model_id": 1,
        "version": 3,
        "program_hash": "0x5f1c…",
        "terms_id": 5,
        "chain_id": 4690,
        "receipt": "0x3b0c…1c",
        "receipt_root": "0x77aa…",
        "receipt_issued_at": 1793059200,
        "receipt_seed": "0x91fe…",
        "receipt_judge": "0x8a79…",
        "operator": "0x15d3…",
    },
    "outputs": [
        {
            "name": "gas_resistance",
            "shape": [1],
            "datatype": "FP64",
            "data": [50213.07],
            "parameters": {"unit": "ohm", "scale": "0.01"},
        },
        {"name": codec.RAW, "shape": [1, 1], "datatype": "INT32", "data": [5021307]},
    ],
}


def create_app(
    settings: ServingSettings,
    catalog: ModelCatalog,
    decode: Decoder,
    *,
    gate: AccessGate | None = None,
    board: ModelBoard | None = None,
    signer: ReceiptSigner | None = None,
    index: Index | None = None,
    version: str = "unknown",
) -> FastAPI:
    """The application. While it runs, a background task keeps its models in step with the registry.

    `decode` makes what runs a program from its bytes; `gate` decides who may ask (default: what
    the settings name); `board` holds the models (default: one that follows `catalog`); `signer` signs
    the answers (default: nobody, and they say so); `index` is what `/catalog` is searched in (default:
    there is no `/catalog`); `version` is what the server says of itself.
    """
    models = board or ModelBoard(catalog, settings, decode)
    who_may_ask = gate or gate_of(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(models.run())
        if index is not None:
            index.start()
        # So that the first answer is a good one; a registry out of reach holds nobody up for long.
        await models.wait_until_read(settings.start_wait_s)
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            models.close()
            if index is not None:
                index.stop()
            _log.info("the server has stopped")

    app = FastAPI(
        title="Cairn",
        version=version,
        description=(
            "Predictions of models that alliances own together, over the Open Inference Protocol. "
            "A model is named by its registry id, or by its name where only one bears it."
        ),
        lifespan=lifespan,
        redoc_url=None,
        responses={404: {"model": ErrorResponse}, 503: {"model": ErrorResponse}},
    )
    app.state.board = models
    app.add_middleware(RequestContext)
    _shape_errors(app)
    _describe_infer(app)
    if index is not None:
        app.include_router(catalog_routes(index))

    @app.get("/v2", tags=["server"])
    @app.get("/v2/", include_in_schema=False)
    async def server_metadata() -> ServerMetadata:
        """What this server is."""
        return ServerMetadata(name="cairn", version=version, extensions=["cairn-null-is-missing"])

    @app.get("/v2/health/live", tags=["server"])
    async def server_live() -> ServerLive:
        """Whether the server answers at all."""
        return ServerLive(live=True)

    @app.get(
        "/v2/health/ready", tags=["server"], response_model=ServerReady,
        responses={503: {"model": ErrorResponse}},
    )  # fmt: skip
    async def server_ready() -> Any:
        """Whether every model for sale can be asked."""
        reason = models.not_ready()
        if reason is None:
            return ServerReady(live=True, ready=True)
        return JSONResponse({"live": True, "ready": False, "error": reason}, 503)

    @app.get("/v2/models/{model}", tags=["models"])
    @app.get("/v2/models/{model}/versions/{version}", tags=["models"])
    async def model_metadata(model: str, version: str | None = None) -> ModelMetadata:
        """What a model takes and gives, by the registry's schema."""
        found = models.find(model, version)
        offer = found.offer
        signing = signer.describe() if signer else {"receipt": UNSIGNED}
        parameters = _provenance(found, models.chain_id) | signing
        return codec.metadata_of(
            offer.name, offer.version, PLATFORM, found.schema, parameters, offer.aliases
        )

    @app.get("/v2/models/{model}/ready", tags=["models"], response_model=ModelReady)
    @app.get(
        "/v2/models/{model}/versions/{version}/ready", tags=["models"], response_model=ModelReady
    )
    async def model_ready(model: str, version: str | None = None) -> Any:
        """Whether a model can be asked."""
        found = models.find(model, version)
        return ModelReady(name=found.offer.name, ready=True)

    @app.post(
        "/v2/models/{model}/infer",
        tags=["inference"],
        response_model=InferenceResponse,
        responses=_INFER_RESPONSES,
    )
    @app.post(
        "/v2/models/{model}/versions/{version}/infer",
        tags=["inference"],
        response_model=InferenceResponse,
        responses=_INFER_RESPONSES,
    )
    async def infer(request: Request, model: str, version: str | None = None) -> Response:
        """The predictions for a batch of rows; all rows are answered, or none."""
        found = models.find(model, version)
        fields = request.state.log_fields
        fields.update(model_id=found.offer.model_id, version=found.offer.version)
        who_may_ask.check(found.offer, request.headers)
        body = await read_body(request, settings.max_body_bytes, settings.body_timeout_s)
        work = partial(_answer, found, body, models, signer, settings.max_rows)
        # Many rows, or a large program, would hold up everybody else on the event loop.
        is_small = (
            len(body) <= settings.inline_bytes and found.predictor.n_words <= settings.inline_words
        )
        answer, fields["rows"] = work() if is_small else await run_in_threadpool(work)
        return Response(answer, media_type="application/json")

    return app


def _answer(
    found: LoadedModel,
    body: bytes,
    models: ModelBoard,
    signer: ReceiptSigner | None,
    max_rows: int,
) -> tuple[str, int]:
    """The answer to a request's body, as JSON, and its number of rows. Raises ServingError."""
    asked = codec.parse_request(body)
    wanted = codec.wanted_outputs(asked, found.schema)
    rows = codec.rows_of(asked, found.schema, max_rows)
    results = found.predictor.predict(rows)
    valid = [result for result in results if result is not None]
    if len(valid) != len(rows):
        raise Unfit(codec.invalid_rows(rows, results, found.schema))
    receipt: Parameters = {"receipt": UNSIGNED}
    if signer is not None:
        receipt = signer.sign(found.offer, rows, valid, models.chain_time)
    answer = InferenceResponse(
        model_name=found.offer.name,
        model_version=str(found.offer.version),
        id=asked.id if asked.id is not None else request_id.get() or "",
        parameters=_provenance(found, models.chain_id) | receipt,
        outputs=codec.outputs_of(valid, found.schema, wanted),
    )
    return answer.model_dump_json(), len(rows)


def _provenance(found: LoadedModel, chain_id: int | None) -> Parameters:
    """What a prediction can be checked by."""
    return {
        "model_id": found.offer.model_id,
        "version": found.offer.version,
        "program_hash": "0x" + found.offer.program_hash.hex(),
        "terms_id": found.offer.terms_id,
        "chain_id": chain_id or 0,
    }


def _shape_errors(app: FastAPI) -> None:
    """Every error has the protocol's shape: `{"error": "..."}`."""

    @app.exception_handler(ServingError)
    async def refused(_: Request, error: ServingError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, error.status, error.headers)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse({"error": f"{where}: {first['msg']}"}, 422)


_INFER_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"example": _ANSWER}}},
    400: {"model": ErrorResponse, "description": "The body is not an inference request"},
    403: {"model": ErrorResponse, "description": "This caller may not ask"},
    408: {"model": ErrorResponse, "description": "The body did not arrive in time"},
    413: {"model": ErrorResponse, "description": "Too many bytes or rows"},
    415: {"model": ErrorResponse, "description": "The body is not JSON"},
    422: {"model": ErrorResponse, "description": "The model cannot take these inputs"},
}


def _describe_infer(app: FastAPI) -> None:
    """Put the request body, which the handler reads by itself, into the OpenAPI page."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            page = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            _, extra = models_json_schema(
                [(InferenceRequest, "validation")], ref_template="#/components/schemas/{model}"
            )
            page["components"]["schemas"].update(extra["$defs"])
            body = {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/InferenceRequest"},
                        "examples": _EXAMPLES,
                    }
                },
            }
            for path, operations in page["paths"].items():
                if path.endswith("/infer"):
                    operations["post"]["requestBody"] = body
            app.openapi_schema = page
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
