"""Following the registry: loading, checking, moving on, and what is said when that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from cairn.domain.keccak import keccak256
from cairn.errors import CairnError
from cairn.serving import (
    FakeCatalog,
    FakePredictor,
    ModelBoard,
    NotReady,
    Offer,
    Predictor,
    ProgramRejected,
    ServingSettings,
    UnknownModel,
    create_app,
    load,
)

from .conftest import SCHEMA, MakeServer, Server, decode, follow, make_offer, program, raw

pytestmark = pytest.mark.anyio


async def ready(server: Server) -> tuple[int, str]:
    answer = await server.client.get("/v2/health/ready")
    assert answer.json()["ready"] is (answer.status_code == 200)
    return answer.status_code, answer.json().get("error", "")


async def test_ready__registry_never_read__is_not_ready(make_server: MakeServer) -> None:
    server = make_server()
    assert (await ready(server))[0] == 503
    assert (await server.client.get("/v2/health/live")).status_code == 200
    answer = await server.infer(raw(1, 2, 3))
    assert answer.status_code == 503
    assert "not read yet" in answer.json()["error"]


async def test_refresh__terms_name_another_version__serves_that_one(own_server: Server) -> None:
    await own_server.move_to(bias=100)
    await follow(own_server.board)
    answer = (await own_server.infer(raw(1, 2, 3))).json()
    assert answer["outputs"][1]["data"] == [106]
    assert (answer["model_version"], answer["parameters"]["terms_id"]) == ("4", 6)
    assert answer["parameters"]["program_hash"] == "0x" + keccak256(program(bias=100)).hex()


async def test_refresh__new_terms_for_the_same_program__fetches_nothing(own_server: Server) -> None:
    own_server.catalog.offers[1] = replace(own_server.offer, terms_id=9)
    own_server.catalog.content.clear()
    await follow(own_server.board)
    answer = await own_server.infer(raw(1, 2, 3))
    assert answer.json()["parameters"]["terms_id"] == 9


async def test_refresh__new_version_cannot_be_fetched__serves_the_old_one_for_a_grace(
    own_server: Server,
) -> None:
    offer = await own_server.move_to(bias=100)
    held = own_server.catalog.content.pop(offer.program_cid)
    await follow(own_server.board)
    answer = (await own_server.infer(raw(1, 2, 3))).json()
    assert (answer["model_version"], answer["parameters"]["terms_id"]) == ("3", 5)
    own_server.clock.now += own_server.settings.reload_grace_s + 1
    await follow(own_server.board)
    late = await own_server.infer(raw(1, 2, 3))
    assert late.status_code == 503
    assert "version 4" in late.json()["error"]
    assert "nobody holds" in late.json()["error"]
    assert (await ready(own_server))[0] == 503
    own_server.catalog.content[offer.program_cid] = held
    await follow(own_server.board)
    assert (await own_server.infer(raw(1, 2, 3))).json()["model_version"] == "4"


async def test_find__registry_long_out_of_sight__refuses_stale_terms(
    own_server: Server,
) -> None:
    own_server.catalog.fail_with = CairnError("the node did not answer")
    await follow(own_server.board)
    assert (await own_server.infer(raw(1, 2, 3))).status_code == 200
    own_server.clock.now += own_server.settings.max_staleness_s + 1
    answer = await own_server.infer(raw(1, 2, 3))
    assert answer.status_code == 503
    assert "may have changed" in answer.json()["error"]
    own_server.catalog.fail_with = None
    await follow(own_server.board)
    assert (await own_server.infer(raw(1, 2, 3))).status_code == 200
    assert (await ready(own_server))[0] == 200


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        ("program", "program's content hashes to"),
        ("schema", "schema's content hashes to"),
        ("no program", "no program"),
        ("width", "the program has 2 features, the schema 3"),
    ],
)
async def test_refresh__content_is_not_what_the_registry_names__is_not_served(
    make_server: MakeServer, tamper: str, words: str
) -> None:
    server = make_server()
    content, offer = server.catalog.content, server.offer
    if tamper == "program":
        content[offer.program_cid] = program(bias=8)
    elif tamper == "schema":
        content[offer.schema_cid] += b" "
    elif tamper == "no program":
        content[offer.program_cid] = b"garbage"
    else:
        narrow = program(n_features=2)
        server.catalog.put(make_offer(narrow), narrow, SCHEMA.to_json())
    await follow(server.board)
    with pytest.raises(NotReady, match=words):
        server.board.find("1")
    assert (await ready(server))[0] == 503


async def test_refresh__one_model_fails__the_others_are_served(make_server: MakeServer) -> None:
    server = make_server()
    server.catalog.offers[2] = replace(server.offer, model_id=2, name="water", program_cid=b"gone")
    await follow(server.board)
    assert (await server.infer(raw(1, 2, 3))).status_code == 200
    assert (await server.infer(raw(1, 2, 3), "/v2/models/water/infer")).status_code == 503
    assert (await ready(server))[0] == 503


async def test_refresh__only_named_models__others_are_unknown(make_server: MakeServer) -> None:
    server = make_server(models="1")
    server.catalog.offers[2] = replace(server.offer, model_id=2, name="water")
    await follow(server.board)
    assert (await server.client.get("/v2/models/water")).status_code == 404
    assert (await server.client.get("/v2/models/1")).status_code == 200


async def test_refresh__more_models_than_allowed__takes_the_oldest(make_server: MakeServer) -> None:
    server = make_server(max_models=2)
    for model_id in (2, 3):
        server.catalog.offers[model_id] = replace(
            server.offer, model_id=model_id, name=f"model {model_id}"
        )
    await follow(server.board)
    assert server.board.names() == ["air-quality", "model 2"]


class Held(FakeCatalog):
    """Hangs while it fetches the programs of some models, until it is let go."""

    def __init__(self, *model_ids: int) -> None:
        super().__init__()
        self.held = set(model_ids)
        self.release = threading.Event()

    def fetch_program(self, offer: Offer) -> bytes:
        if offer.model_id in self.held:
            self.release.wait()
        return super().fetch_program(offer)


@pytest.fixture
def held() -> Iterator[Held]:
    """Eight models that cannot be fetched, and the ninth, which can."""
    catalog = Held(*range(1, 9))
    for model_id in range(1, 10):
        data = program(bias=model_id)
        offer = replace(make_offer(data), model_id=model_id, name=f"model {model_id}")
        catalog.put(offer, data, SCHEMA.to_json())
    yield catalog
    catalog.release.set()


async def test_refresh__a_model_hangs_while_loading__the_others_terms_are_read(held: Held) -> None:
    held.held = {1, 2, 3, 4, 5}
    board = ModelBoard(held, ServingSettings(access="open"), decode)
    async with asyncio.timeout(5):
        await board.refresh()
        while board.not_ready() != "model 1: its program is being loaded":
            await asyncio.sleep(0)
        held.offers[9] = replace(held.offers[9] or make_offer(), terms_id=77)
        while board.names()[-1] != "model 9" or not_yet(board, "9", terms_id=77):
            await board.refresh()
    board.close()


def not_yet(board: ModelBoard, name: str, terms_id: int) -> bool:
    """Whether a model is not served under these terms."""
    try:
        return board.find(name).offer.terms_id != terms_id
    except NotReady:
        return True


async def test_refresh__every_loader_hangs__loaded_models_follow_their_terms(held: Held) -> None:
    held.held = set()
    board = ModelBoard(held, ServingSettings(access="open"), decode)
    await follow(board)
    held.held = set(range(1, 9))
    for model_id in range(1, 9):
        data = program(bias=100 + model_id)
        offer = replace(make_offer(data), model_id=model_id, name=f"model {model_id}", version=4)
        held.put(offer, data, SCHEMA.to_json())
    held.offers[9] = replace(held.offers[9] or make_offer(), terms_id=77)
    async with asyncio.timeout(5):
        await board.refresh()
        await board.refresh()
    assert board.find("9").offer.terms_id == 77
    assert board.find("1").offer.version == 3  # within its grace
    held.release.set()
    await board.wait_for_loads()
    assert board.find("1").offer.version == 4
    board.close()


async def test_refresh__terms_change_while_loading__the_last_named_is_served(held: Held) -> None:
    held.held = {1}
    board = ModelBoard(held, ServingSettings(access="open"), decode)
    await board.refresh()
    data = program(bias=50)
    newer = replace(make_offer(data), model_id=1, name="model 1", version=4, terms_id=6)
    held.put(newer, data, SCHEMA.to_json())
    await board.refresh()
    held.release.set()
    await board.wait_for_loads()
    assert board.find("1").offer == newer
    board.close()


async def test_refresh__model_gone_while_loading__is_forgotten(held: Held) -> None:
    held.held = {1}
    board = ModelBoard(held, ServingSettings(access="open"), decode)
    await board.refresh()
    del held.offers[1]
    await follow(board)
    held.release.set()
    with pytest.raises(UnknownModel, match="model 1 is not served"):
        board.find("1")
    board.close()


async def test_refresh__a_defect_while_loading__is_said_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def defective(_: bytes) -> Predictor:
        raise AssertionError("a defect")

    catalog = FakeCatalog()
    catalog.put(make_offer(), program(), SCHEMA.to_json())
    board = ModelBoard(catalog, ServingSettings(), defective)
    await follow(board)
    with pytest.raises(NotReady, match="AssertionError: a defect"):
        board.find("1")
    assert "a version was not loaded" in caplog.text
    board.close()


async def test_wait_until_read__a_model_hangs__ends_at_its_time(held: Held) -> None:
    board = ModelBoard(held, ServingSettings(access="open"), decode)
    await board.refresh()
    assert not await board.wait_until_read(0.01)
    held.release.set()
    assert await board.wait_until_read(5)
    board.close()


class HangingCatalog(FakeCatalog):
    """Hangs in every offer until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.release = threading.Event()
        self.asked = 0

    def offer(self, model_id: int) -> object:  # type: ignore[override]
        self.asked += 1
        self.release.wait()
        return super().offer(model_id)


async def test_refresh__registry_hangs__times_out_and_is_not_asked_twice() -> None:
    catalog = HangingCatalog()
    catalog.put(make_offer(), program(), SCHEMA.to_json())
    settings = ServingSettings(access="open", registry_timeout_s=0.02)
    board = ModelBoard(catalog, settings, decode)
    try:
        await board.refresh()
        with pytest.raises(NotReady, match=r"no answer within 0\.02 s"):
            board.find("1")
        await board.refresh()
        with pytest.raises(NotReady, match="has not come back"):
            board.find("1")
        assert catalog.asked == 1
    finally:
        catalog.release.set()
        board.close()


async def test_refresh__client_library_fails__is_reported_not_raised() -> None:
    class Faulty(FakeCatalog):
        def model_ids(self) -> list[int]:
            raise ConnectionError("refused")

    board = ModelBoard(Faulty(), ServingSettings(), decode)
    await board.refresh()
    assert "ConnectionError: refused" in str(board.not_ready())
    board.close()


async def test_app__runs__follows_the_registry_and_stops_with_it() -> None:
    catalog = FakeCatalog()
    catalog.put(make_offer(), program(), SCHEMA.to_json())
    settings = ServingSettings(access="open", poll_s=0.001)
    app = create_app(settings, catalog, decode)
    before = asyncio.all_tasks()
    async with app.router.lifespan_context(app):
        board = app.state.board
        async with asyncio.timeout(5):
            while board.not_ready() is not None:
                await asyncio.sleep(0)
            catalog.offers[1] = replace(make_offer(), terms_id=8)
            while board.find("1").offer.terms_id != 8:
                await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_app__a_defect_while_following__is_logged_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Defective(FakeCatalog):
        tries = 0

        def model_ids(self) -> list[int]:
            self.tries += 1
            raise AssertionError("a defect")

    catalog = Defective()
    board = ModelBoard(catalog, ServingSettings(poll_s=0.001), decode)
    task = asyncio.create_task(board.run())
    async with asyncio.timeout(5):
        while catalog.tries < 2:
            await asyncio.sleep(0)
    task.cancel()
    board.close()
    assert "following the registry failed" in caplog.text


def test_load__all_fits__gives_the_model() -> None:
    catalog = FakeCatalog()
    offer = make_offer()
    catalog.put(offer, program(), SCHEMA.to_json())
    loaded = load(catalog, offer, decode)
    assert (loaded.offer, loaded.schema) == (offer, SCHEMA)


def test_load__predictor__is_warm_before_it_is_asked() -> None:
    catalog = FakeCatalog()
    catalog.put(make_offer(), program(), SCHEMA.to_json())
    predictor = load(catalog, make_offer(), decode).predictor
    assert isinstance(predictor, FakePredictor) and predictor.is_warm


def test_load__program_of_another_hash__is_rejected() -> None:
    catalog = FakeCatalog()
    offer = replace(make_offer(), program_hash=bytes(32))
    catalog.put(offer, program(), SCHEMA.to_json())
    with pytest.raises(ProgramRejected, match="0x0000"):
        load(catalog, offer, decode)
