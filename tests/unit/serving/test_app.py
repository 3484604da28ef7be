"""The application itself: where a request is worked on, what it says of itself, and its settings."""

from __future__ import annotations

import threading

import httpx
import pytest
from pydantic import ValidationError

from cairn.domain.keccak import keccak256
from cairn.serving import FakeCatalog, FakePredictor, ServingSettings, create_app

from .conftest import SCHEMA, decode, make_offer, program, raw

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("n_words", "inline_bytes", "is_inline"),
    [(256, 16_384, True), (257, 16_384, False), (256, 10, False)],
)
async def test_infer__large_program_or_body__is_worked_on_in_a_thread(
    n_words: int, inline_bytes: int, is_inline: bool
) -> None:
    worked_in = []

    def note() -> None:
        worked_in.append(threading.current_thread())

    catalog = FakeCatalog()
    catalog.put(make_offer(), program(), SCHEMA.to_json())
    app = create_app(
        ServingSettings(access="open", inline_bytes=inline_bytes),
        catalog,
        lambda data: FakePredictor(keccak256(data), 3, 7, before=note, n_words=n_words),
    )
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://cairn.test") as client:
            answer = await client.post("/v2/models/1/infer", json=raw(1, 2, 3))
    assert answer.status_code == 200
    assert (worked_in == [threading.current_thread()]) is is_inline


async def test_server_metadata__of_a_release__names_it() -> None:
    app = create_app(ServingSettings(), FakeCatalog(), decode, version="9.8.7")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://cairn.test") as client:
        assert (await client.get("/v2")).json()["version"] == "9.8.7"


def test_settings__more_models_named_than_allowed__are_refused() -> None:
    with pytest.raises(ValidationError, match="names 3 models and max_models allows 2"):
        ServingSettings(models="1,2,5", max_models=2)
    assert ServingSettings(models="1,2,2", max_models=2).model_ids() == (1, 2)
