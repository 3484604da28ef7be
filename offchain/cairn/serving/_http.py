"""What wraps every request: its id, its log line, its errors' shape, and its body's bounds."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cairn.serving._errors import Malformed, TooLarge, TooSlow, WrongMediaType
from cairn.serving._logs import access_logger, request_id

_log = logging.getLogger("cairn.serving")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestContext:
    """ASGI middleware: `X-Request-Id` in (or made here) and out, one log line, no trace outside."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        current = given if _ID.fullmatch(given) else uuid.uuid4().hex
        token = request_id.set(current)
        fields: dict[str, object] = {"method": scope["method"], "path": scope["path"][:200]}
        scope.setdefault("state", {})["log_fields"] = fields
        started = self._clock()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-request-id", current.encode("latin-1")),
                ]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            status = status or 499
        except Exception:  # noqa: BLE001
            # The process's edge: whatever went wrong, the caller gets the protocol's shape, and
            # the log the trace.
            _log.exception("a request failed")
            if not status:
                body = json.dumps(
                    {"error": f"internal error; tell the operator the request id {current}"}
                ).encode()
                await answer(
                    {
                        "type": "http.response.start",
                        "status": 500,
                        "headers": [
                            (b"content-type", b"application/json"),
                            (b"content-length", str(len(body)).encode()),
                        ],
                    }
                )
                await send({"type": "http.response.body", "body": body})
        finally:
            fields["status"] = status
            fields["ms"] = round(1000 * (self._clock() - started), 3)
            access_logger.info("request", extra={"fields": fields})
            request_id.reset(token)


async def read_body(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    """A JSON body within bounds; raises WrongMediaType, TooLarge, TooSlow or Malformed."""
    media = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise WrongMediaType(f"the body is {media[:64]}: send application/json")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise WrongMediaType("the body is compressed: send it plain")
    too_large = TooLarge(f"the body is over {max_bytes} bytes: send fewer rows at once")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:20]) > max_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for piece in request.stream():
                body += piece
                if len(body) > max_bytes:
                    raise too_large
    except TimeoutError:
        raise TooSlow(f"the body did not arrive within {timeout_s:g} s") from None
    if not body:
        raise Malformed("the body is empty: send an inference request as JSON")
    return bytes(body)
