"""The index on PostgreSQL: the same content as on SQLite, made again in place, one writer at a time."""

from __future__ import annotations

import pytest

from cairn.catalog import Catalog, Follower
from cairn.catalog.fakes import FakeWorld
from cairn.chain import ModelCreated, OptedIn, ProposalCreated, Staked, Store, StoreBusy, Tagged
from tests.integration._postgresql import postgresql  # noqa: F401

pytestmark = pytest.mark.requires("postgresql")

SOME = bytes([1]) * 32
ONE = "0x" + "1" * 40


def inhabited() -> FakeWorld:
    """With what is hard to keep: zeros in texts, no UTF-8, integers of 256 bits."""
    world = FakeWorld()
    air = world.launch(1, "Air\0\udcff")
    world.registry.say(ModelCreated(1, air.alliance, air.shares, air.currency, "a\0b", SOME, SOME))
    world.registry.say(Tagged(SOME, 1, "air"))
    world.ledger.say(Staked(ONE, 2**256 - 1, 2**256 - 1))
    world.ledger.say(OptedIn(ONE, 2**256 - 1))
    world.governor(air).say(
        ProposalCreated(2**255, ONE, (ONE,), (2**200,), (b"\0\xff",), 5, 9, "words\0 \udcff")
    )
    return world


def content(store: Store) -> list[object]:
    catalog = Catalog(store)
    return [catalog.alliances(), catalog.models(), catalog.providers(), catalog.proposals()]


def test_sync__on_postgresql__is_as_on_sqlite(postgresql: str) -> None:
    world, store, lite = inhabited(), Store(postgresql), Store("sqlite://")
    Follower(store, world.sources(page_blocks=2)).sync()
    Follower(lite, world.sources()).sync()
    assert content(store) == content(lite)
    [proposal] = Catalog(store).proposals()
    assert proposal.description == "words\0 \udcff" and proposal.values == (2**200,)

    other = Store(postgresql)
    with other.lease("catalog"), pytest.raises(StoreBusy):
        Follower(store, world.sources()).sync()
    other.close()

    before = content(store)
    Follower(store, world.sources()).rebuild()
    assert content(store) == before
    world.chain.reorganise(1)
    world.chain.mine()
    Follower(store, world.sources()).sync()
    assert Catalog(store).proposals() == []
    store.close()
    lite.close()
