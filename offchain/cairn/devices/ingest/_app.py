"""The HTTP side: POST /device, GET /health, GET /metrics."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect

from cairn.devices._messages import MAX_MESSAGE_BYTES
from cairn.devices.ingest._answers import Answer
from cairn.devices.ingest._intake import Intake, Refusal
from cairn.devices.ingest._metrics import Metrics

_RETRY_AFTER_S = {Answer.FLOOD: 60, Answer.BUSY: 5}
_BODY_TIMEOUT_S = 10.0


def create_app(
    intake: Intake, metrics: Metrics, health: Callable[[], tuple[bool, dict[str, Any]]]
) -> FastAPI:
    """The application. `health` says whether all is well, and what there is to know."""
    app = FastAPI(title="Cairn ingest", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/device")
    async def device(request: Request) -> Response:
        """Take one packet; the answers are in docs/spec/ingest.md."""
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                body = await _body(request)
        except (TimeoutError, ClientDisconnect):
            return _answer(metrics, Answer.MALFORMED, "the body did not come, or not in time")
        if body is None:
            detail = f"a body has {MAX_MESSAGE_BYTES} bytes at most"
            return _answer(metrics, Answer.OVERSIZED, detail)
        found = intake.judge_message(body)
        if isinstance(found, Refusal):
            return _answer(metrics, found.answer, found.detail)
        answer = await asyncio.wrap_future(intake.submit(found))
        return _answer(metrics, answer, _DETAILS.get(answer))

    @app.get("/health")
    def get_health() -> Response:
        good, report = health()
        return _json(200 if good else 503, report)

    @app.get("/metrics")
    def get_metrics() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return app


_DETAILS = {
    Answer.CONFLICT: "another packet of this device and second is stored: the first one stays",
    Answer.BUSY: "the packet was not stored: come again later",
}


async def _body(request: Request) -> bytes | None:
    """The whole body, or None as soon as it is too long."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MAX_MESSAGE_BYTES:
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_MESSAGE_BYTES:
            return None
    return bytes(body)


def _answer(metrics: Metrics, answer: Answer, detail: str | None = None) -> Response:
    metrics.count("http", answer)
    said: dict[str, Any] = {"answer": answer.value}
    if detail is not None:
        said["detail"] = detail
    response = _json(answer.status, said)
    if answer in _RETRY_AFTER_S:
        response.headers["Retry-After"] = str(_RETRY_AFTER_S[answer])
    if answer == Answer.OVERSIZED:
        response.headers["Connection"] = "close"  # the rest of it is not read
    return response


def _json(status: int, content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), status_code=status, media_type="application/json")
