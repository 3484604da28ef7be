from collections.abc import Callable, Iterator

import pytest

from cairn.catalog import Catalog, Follower
from cairn.catalog.fakes import FakeWorld
from cairn.chain import Store


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


@pytest.fixture
def new_store() -> Iterator[Callable[[], Store]]:
    made: list[Store] = []

    def make() -> Store:
        made.append(Store("sqlite://"))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def catalog(world: FakeWorld, new_store: Callable[[], Store]) -> Callable[[], Catalog]:
    """The index of the world as it is now."""

    def read() -> Catalog:
        store = new_store()
        Follower(store, world.sources()).sync()
        return Catalog(store)

    return read
