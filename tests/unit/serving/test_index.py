"""`/catalog`: searches of an index that follows the chain, without asking the chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cairn.catalog.fakes import FakeWorld
from cairn.chain import (
    AliasSet,
    ModelCreated,
    NodeUnreachable,
    OptedIn,
    Staked,
    Store,
    Tagged,
    TermsSet,
    VersionRegistered,
)
from cairn.serving import FakeCatalog, Index, ServingSettings, create_app
from tests.unit.serving.conftest import decode

pytestmark = pytest.mark.anyio

COIN = 10**18
SOME = bytes([1]) * 32
OPERATOR, STRANGER = ("0x" + digit * 40 for digit in "12")


@pytest.fixture
def world() -> FakeWorld:
    made = FakeWorld()
    air = made.launch(1, "Air of the Valleys")
    say = made.registry.say
    say(ModelCreated(1, air.alliance, air.shares, air.currency, "air-quality", SOME, SOME))
    say(ModelCreated(2, STRANGER, STRANGER, STRANGER, "rivers", SOME, SOME))
    for version in (1, 2):
        say(VersionRegistered(1, version, bytes([version]) * 32, SOME, SOME, SOME, b"", 0, version))
    say(Tagged(SOME, 1, "air"))
    say(AliasSet(1, b"production".ljust(32, b"\0"), 2))
    say(TermsSet(1, 1, 2, 5 * COIN, 3_000, 5_000, 600, COIN, 4))
    made.ledger.say(Staked(OPERATOR, 10 * COIN, 10 * COIN))
    made.ledger.say(OptedIn(OPERATOR, 1))
    return made


@pytest.fixture
def index(world: FakeWorld, tmp_path: Path) -> Iterator[Index]:
    made = Index(lambda: Store(f"sqlite:///{tmp_path / 'index.db'}"), world.sources(), 0.01)
    yield made
    made.stop()


@pytest.fixture
def client(index: Index) -> httpx.AsyncClient:
    app = create_app(ServingSettings(), FakeCatalog(), decode, index=index)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://cairn.test")


Found = Callable[..., object]


async def test_catalog__index_not_made__is_503_and_models_are_answered_for(client) -> None:
    answer = await client.get("/catalog/models")
    assert answer.status_code == 503 and "ask again" in answer.json()["error"]
    assert (await client.get("/v2/health/live")).status_code == 200


async def test_catalog__models__are_found_by_what_is_so_now(client, index, world) -> None:
    index.sync()
    found = (await client.get("/catalog/models")).json()
    assert [one["id"] for one in found["models"]] == [1, 2] and found["found"] == 2
    assert found["up_to_block"] == world.chain.head().number
    for query in (
        "text=valleys",
        "tag=air",
        "on_sale=true",
        "alias=production",
        "alliance=Air of the Valleys",
    ):
        found = (await client.get(f"/catalog/models?{query}")).json()
        assert [one["id"] for one in found["models"]] == [1], query
    [model] = found["models"]
    assert model["price_units"] == str(5 * COIN) and model["tags"] == ["air"]
    assert (await client.get("/catalog/models?tag=air&tag=water")).json()["models"] == []


async def test_catalog__versions_and_providers__are_listed(client, index) -> None:
    index.sync()
    found = (await client.get("/catalog/versions?model=1&sold=true")).json()
    assert [one["version"] for one in found["versions"]] == [2]
    assert found["versions"][0]["program_hash"] == "0x" + "02" * 32
    [provider] = (await client.get("/catalog/providers?model=1")).json()["providers"]
    assert (provider["operator"], provider["stake_wei"]) == (OPERATOR, str(10 * COIN))


async def test_catalog__page__begins_and_ends_where_it_was_asked(client, index) -> None:
    index.sync()
    found = (await client.get("/catalog/models?limit=1&offset=1")).json()
    assert [one["id"] for one in found["models"]] == [2] and found["found"] == 2
    for query in ("limit=0", "limit=501", "offset=-1", "on_sale=perhaps"):
        answer = await client.get(f"/catalog/models?{query}")
        assert answer.status_code == 422 and query.partition("=")[0] in answer.json()["error"]


async def test_catalog__chain_out_of_reach__answers_with_what_was_read(
    client, index, world, monkeypatch
) -> None:
    index.sync()
    up_to = world.chain.head().number
    world.registry.say(AliasSet(1, b"staging".ljust(32, b"\0"), 1))

    def fail(*_: object) -> None:
        raise NodeUnreachable("nobody answers")

    monkeypatch.setattr(world.chain, "head", fail)
    with pytest.raises(NodeUnreachable):
        index.sync()
    found = (await client.get("/catalog/models?text=air")).json()
    assert found["up_to_block"] == up_to
    assert found["models"][0]["aliases"] == {"production": 2}


async def test_index__started__follows_until_it_is_stopped(client, index, world) -> None:
    index.start()
    assert index.wait_until_read(30)
    assert (await client.get("/catalog/models?text=rivers")).json()["found"] == 1


async def test_index__database_that_cannot_be_had__is_tried_again(
    world, tmp_path, monkeypatch
) -> None:
    tries = []

    def open_store() -> Store:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("read-only")
        return Store(f"sqlite:///{tmp_path / 'index.db'}")

    index = Index(open_store, world.sources(), 0.01)
    index.start()
    assert index.wait_until_read(30) and len(tries) == 2
    index.stop()
