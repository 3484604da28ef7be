"""What the index holds is the set of the events, however and whenever they were read."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from cairn.catalog import Catalog, Follower
from cairn.catalog._facts import FACTS, times
from cairn.catalog.fakes import FakeWorld
from cairn.chain import (
    AliasSet,
    ConstitutionAmended,
    ModelCreated,
    NodeBehind,
    NodeUnreachable,
    OptedIn,
    OptedOut,
    ProposalCreated,
    ProposalQueued,
    Staked,
    Store,
    StoreBusy,
    TermsSet,
    UnbondingStarted,
    VersionRegistered,
    VoteCast,
)

SOME = bytes([1]) * 32
COIN = 10**18
NewStore = Callable[[], Store]


def content(store: Store) -> dict[str, list[Any]]:
    """All that an index holds, as the database has it."""
    with store.read() as db:
        found = {}
        for table in (*FACTS.values(), times):
            rows = db.execute(text(f"select * from {table.name} order by 1, 2")).all()
            found[table.name] = [tuple(row) for row in rows]
        return found


def account(number: int) -> str:
    return "0x" + f"{number:040x}"


def live(world: FakeWorld, seed: int, n_events: int) -> None:
    """A history: alliances come, models, votes, stakes; now and then a block that says nothing."""
    draw = random.Random(seed)
    launched = [world.launch(1, "Air")]
    n_models = 0
    for number in range(n_events):
        alliance = draw.choice(launched)
        governor = world.governor(alliance)
        kind = draw.randrange(11)
        if kind == 0:
            launched.append(world.launch(len(launched) + 1, draw.choice(["Air", "Water", "Ö\0x"])))
        elif kind == 1 or n_models == 0:
            n_models += 1
            world.registry.say(
                ModelCreated(
                    n_models, alliance.alliance, alliance.shares, alliance.currency,
                    f"model {number}", SOME, SOME,
                )
            )  # fmt: skip
        elif kind == 2:
            one = draw.randint(1, n_models)
            world.registry.say(VersionRegistered(one, number, SOME, SOME, SOME, SOME, b"", 0, 0))
        elif kind == 3:
            alias = draw.choice([b"production", b"candidate"]).ljust(32, b"\0")
            world.registry.say(AliasSet(draw.randint(1, n_models), alias, number))
        elif kind == 4:
            one = draw.randint(1, n_models)
            world.registry.say(TermsSet(one, number, 1, 2**96 - 1, 3_000, 5_000, 600, COIN, 0))
        elif kind == 5:
            world.ledger.say(Staked(account(draw.randrange(3)), 2 * COIN, 2 * COIN))
        elif kind == 6:
            # Nothing keeps a stranger from naming a model that there can never be.
            said = draw.choice([OptedIn, OptedOut])
            world.ledger.say(said(account(draw.randrange(3)), draw.choice([1, 2**256 - 1])))
        elif kind == 7:
            world.ledger.say(UnbondingStarted(account(draw.randrange(3)), COIN, 2_000_000_000))
        elif kind == 8:
            proposal_id = 2**255 + number
            governor.say(
                ProposalCreated(
                    proposal_id, account(1), (account(2),), (2**200,), (b"\1\2",), 5, 9,
                    "words\0 and \udcff",
                )
            )  # fmt: skip
            governor.say(VoteCast(account(1), proposal_id, 1, 3 * COIN, "why not"))
            governor.say(ProposalQueued(proposal_id, 12))
        elif kind == 9:
            world.charter(alliance).say(ConstitutionAmended(bytes([number % 256]) * 36))
        else:
            world.chain.mine(draw.randint(1, 3))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("page_blocks", [1, 7, 1_000])
def test_sync__in_pages_of_any_size__is_the_index_made_at_once(
    world: FakeWorld, new_store: NewStore, seed: int, page_blocks: int
) -> None:
    live(world, seed, 60)
    at_once, in_pages = new_store(), new_store()
    Follower(at_once, world.sources()).sync()
    Follower(in_pages, world.sources(page_blocks=page_blocks, overlap_blocks=page_blocks)).sync()
    assert content(in_pages) == content(at_once)
    n_events = sum(len(rows) for name, rows in content(at_once).items() if name != times.name)
    assert n_events == sum(len(block.logs) for block in world.chain.blocks) > 40


@pytest.mark.parametrize("seed", range(2))
def test_sync__as_the_chain_grows__is_the_index_made_at_once(
    world: FakeWorld, new_store: NewStore, seed: int
) -> None:
    growing, at_once = new_store(), new_store()
    draw = random.Random(seed)
    for part in range(8):
        live(world, 10 * seed + part, 9)
        # A process of its own each time, with pages of its own.
        Follower(growing, world.sources(page_blocks=draw.randint(1, 20))).sync()
    Follower(at_once, world.sources()).sync()
    assert content(growing) == content(at_once)


def test_rebuild__at_any_time__comes_to_the_same(world: FakeWorld, new_store: NewStore) -> None:
    live(world, 1, 40)
    store = new_store()
    follower = Follower(store, world.sources())
    follower.sync()
    before = content(store)
    follower.rebuild()
    assert content(store) == before


@pytest.mark.parametrize("depth", [1, 2, 12])
def test_sync__chain_rewritten__is_made_again(
    world: FakeWorld, new_store: NewStore, depth: int
) -> None:
    live(world, 2, 40)
    store, fresh = new_store(), new_store()
    Follower(store, world.sources()).sync()
    gone = content(store)
    world.chain.reorganise(depth)
    live(world, 3, 3)
    Follower(store, world.sources()).sync()
    Follower(fresh, world.sources()).sync()
    assert content(store) == content(fresh) != gone


def test_sync__a_node_was_late_with_logs__has_them_from_the_overlap(
    world: FakeWorld, new_store: NewStore
) -> None:
    live(world, 4, 30)
    # The newest blocks' logs are not there yet, a launch among them; nobody says so.
    late = world.launch(40, "Late")
    world.governor(late).say(ProposalQueued(7, 8))
    hidden = {number: world.chain.blocks[number].logs for number in (-1, -2, -3)}
    for number in hidden:
        world.chain.blocks[number].logs = []
    store, fresh = new_store(), new_store()
    Follower(store, world.sources()).sync()
    assert not Catalog(store).alliances("Late")
    for number, logs in hidden.items():
        world.chain.blocks[number].logs = logs
    live(world, 5, 3)
    Follower(store, world.sources()).sync()
    Follower(fresh, world.sources()).sync()
    assert content(store) == content(fresh)
    assert Catalog(store).alliances("Late")


def test_sync__another_chain_under_the_same_addresses__is_made_again(
    world: FakeWorld, new_store: NewStore
) -> None:
    store = new_store()
    live(world, 6, 40)
    Follower(store, world.sources()).sync()
    other = FakeWorld()  # shorter than what was read
    other.chain.blocks[0] = replace(other.chain.blocks[0], hash=SOME)
    other.launch(9, "Other")
    Follower(store, other.sources()).sync()
    assert [one.name for one in Catalog(store).alliances()] == ["Other"]


def test_sync__made_by_a_release_with_other_columns__is_made_again(
    world: FakeWorld, new_store: NewStore
) -> None:
    live(world, 7, 20)
    store = new_store()
    Follower(store, world.sources()).sync()
    before = content(store)
    with store.begin() as db:
        db.execute(text("alter table catalog_alias_set drop column version"))
        db.execute(text("update catalog_origins set origin = replace(origin, 'columns', 'was')"))
    Follower(store, world.sources()).sync()
    assert content(store) == before


def test_sync__broken_off__goes_on_where_it_was(world: FakeWorld, new_store: NewStore) -> None:
    live(world, 8, 40)
    store, fresh = new_store(), new_store()
    asked, failures = 0, 0
    logs = world.chain.logs

    def every_third_fails(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked % 3 == 0:
            raise NodeUnreachable("no")
        return logs(*arguments)

    world.chain.logs = every_third_fails  # type: ignore[method-assign]
    for _ in range(60):
        try:
            Follower(store, world.sources(page_blocks=6, overlap_blocks=2)).sync()
            break
        except NodeUnreachable:
            failures += 1
    world.chain.logs = logs  # type: ignore[method-assign]
    assert failures > 2
    Follower(fresh, world.sources()).sync()
    assert content(store) == content(fresh)


def test_sync__only_confirmed_blocks__are_read(world: FakeWorld, new_store: NewStore) -> None:
    world.launch(1, "Old")
    world.chain.mine(3)
    world.launch(2, "New")
    store = new_store()
    Follower(store, world.sources(confirmations=2)).sync()
    assert [one.name for one in Catalog(store).alliances()] == ["Old"]
    world.chain.mine(2)
    Follower(store, world.sources(confirmations=2)).sync()
    assert [one.name for one in Catalog(store).alliances()] == ["Old", "New"]


def test_sync__another_process_reads__is_refused(world: FakeWorld, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/catalog.db")
    with store.lease("catalog"), pytest.raises(StoreBusy):
        Follower(store, world.sources()).sync()
    store.close()


def test_sync__node_without_the_first_block__says_so(world: FakeWorld, new_store: NewStore) -> None:
    with pytest.raises(NodeBehind, match="no block 50"):
        Follower(new_store(), world.sources(first_block=50)).sync()


def test_sync__a_strangers_governor__is_not_heard(world: FakeWorld, new_store: NewStore) -> None:
    known = world.launch(1, "Air")
    stranger = replace(known, governor=account(5), charter=account(6))
    world.governor(stranger).say(ProposalQueued(1, 2))
    world.governor(known).say(ProposalQueued(3, 4))
    store = new_store()
    Follower(store, world.sources()).sync()
    table = FACTS[ProposalQueued]
    with store.read() as db:
        assert list(db.execute(select(table.c.proposalId)).scalars()) == [3]
