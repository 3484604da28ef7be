"""A server over a fake catalog: one air-quality model of three features, for sale under terms 5."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace

import httpx
import pytest

from cairn.domain.keccak import keccak256
from cairn.domain.schema import Column, Schema
from cairn.errors import CairnError
from cairn.serving import (
    FakeCatalog,
    FakePredictor,
    ModelBoard,
    Offer,
    Predictor,
    ReceiptSigner,
    ServingSettings,
    create_app,
)

SCHEMA = Schema(
    features=(
        Column("temperature", "degC", "0.01", "-40", "85"),
        Column("humidity", "%RH", "0.01", "0", "100", missing=True),
        Column("pressure", "hPa", "0.01", "300", "1100"),
    ),
    targets=(Column("gas_resistance", "ohm", "0.01", "0", "20000000"),),
)


def program(n_features: int = 3, bias: int = 7) -> bytes:
    """The bytes of a fake program: the sum of its features and a bias."""
    return f"fake {n_features} {bias}".encode()


def decode(data: bytes) -> Predictor:
    word, *numbers = data.split()
    if word != b"fake":
        raise CairnError("these bytes are no program: fetch them again")
    n_features, bias = map(int, numbers)
    return FakePredictor(keccak256(data), n_features, bias)


def make_offer(program_bytes: bytes | None = None, schema: Schema = SCHEMA) -> Offer:
    data = program() if program_bytes is None else program_bytes
    return Offer(
        model_id=1,
        name="air-quality",
        terms_id=5,
        version=3,
        program_hash=keccak256(data),
        program_cid=b"cid of " + data,
        schema_hash=schema.schema_hash,
        schema_cid=b"cid of the schema",
        aliases={"production": 3, "candidate": 4},
    )


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Server:
    """The application with everything that a test may turn."""

    client: httpx.AsyncClient
    catalog: FakeCatalog
    board: ModelBoard
    settings: ServingSettings
    clock: Clock
    offer: Offer = field(default_factory=make_offer)

    async def move_to(self, bias: int, terms_id: int = 6, version: int = 4) -> Offer:
        """Put another version up for sale, without telling the server."""
        data = program(bias=bias)
        offer = replace(make_offer(data), terms_id=terms_id, version=version)
        self.catalog.put(offer, data, SCHEMA.to_json())
        return offer

    async def infer(
        self, body: object, path: str = "/v2/models/air-quality/infer"
    ) -> httpx.Response:
        return await self.client.post(path, json=body)


async def follow(board: ModelBoard) -> None:
    """Have a board read its registry, and wait until it has loaded what it found."""
    await board.refresh()
    await board.wait_for_loads()


def rows(*values: float | None, n: int = 1) -> dict[str, object]:
    """A request body with one FP64 tensor for each feature, `n` rows of the same values."""
    return {
        "inputs": [
            {"name": c.name, "shape": [n], "datatype": "FP64", "data": [v] * n}
            for c, v in zip(SCHEMA.features, values, strict=True)
        ]
    }


def raw(*values: int, n: int = 1) -> dict[str, object]:
    """A request body with the one INT32 tensor."""
    return {
        "inputs": [
            {"name": "features", "shape": [n, 3], "datatype": "INT32", "data": [*values] * n}
        ]
    }


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


MakeServer = Callable[..., Server]


def open_server(signer: ReceiptSigner | None = None, **options: object) -> Server:
    """A server that has not read its registry yet; `access` is open unless said otherwise."""
    settings = ServingSettings(**{"access": "open", **options})  # type: ignore[arg-type]
    catalog, clock = FakeCatalog(), Clock()
    offer = make_offer()
    catalog.put(offer, program(), SCHEMA.to_json())
    board = ModelBoard(catalog, settings, decode, clock)
    app = create_app(settings, catalog, decode, board=board, signer=signer)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://cairn.test")
    return Server(client, catalog, board, settings, clock, offer)


@pytest.fixture
async def make_server() -> AsyncIterator[MakeServer]:
    """Makes servers of the test's own."""
    opened: list[Server] = []

    def make(**options: object) -> Server:
        opened.append(open_server(**options))
        return opened[-1]

    yield make
    for server in opened:
        await server.client.aclose()
        server.board.close()


@pytest.fixture
async def own_server(make_server: MakeServer) -> Server:
    """A server that has read its registry, for tests that turn its knobs."""
    made = make_server()
    await follow(made.board)
    return made


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that has read its registry, shared by the tests that only ask it."""
    made = open_server()
    asyncio.run(follow(made.board))
    yield made
    made.board.close()
