"""Several stores as one: failover, mending, and what happens when too few are left."""

from __future__ import annotations

import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from cairn.domain.cid import Block, Cid, cid_of
from cairn.storage import (
    ContentNotFound,
    ContentStore,
    CorruptBlock,
    EmbeddedStore,
    Fault,
    MemoryStore,
    NodeUnreachable,
    NoIntactCopy,
    ReplicatedStore,
    StorageError,
    TooFewCopies,
    copy,
)

CONTENT = random.Random(11).randbytes(3 * 262_144 + 100)
FIRST_LEAF, LAST_LEAF = cid_of(CONTENT[:262_144]), cid_of(CONTENT[-100:])


class DeadStore(MemoryStore):
    """A node that is down."""

    def __init__(self) -> None:
        super().__init__("the dead node")
        self.asked = 0

    def _down(self) -> StorageError:
        self.asked += 1
        return NodeUnreachable("the dead node cannot be reached; start it")

    def get_block(self, cid: Cid, *, max_bytes: int = 0) -> bytes:
        raise self._down()

    def add(self, source: object, **kwargs: object) -> Cid:
        raise self._down()

    def put_block(self, block: Block) -> None:
        raise self._down()

    def has(self, cid: Cid) -> bool:
        raise self._down()

    def pin(self, cid: Cid) -> None:
        raise self._down()

    def unpin(self, cid: Cid) -> None:
        raise self._down()

    def is_pinned(self, cid: Cid) -> bool:
        raise self._down()

    def pins(self) -> Iterator[Cid]:
        raise self._down()


@pytest.fixture
def near() -> MemoryStore:
    return MemoryStore("near")


@pytest.fixture
def far() -> MemoryStore:
    return MemoryStore("far")


def test_store__is_a_content_store(near: MemoryStore) -> None:
    assert isinstance(near, ContentStore)
    assert isinstance(ReplicatedStore([near]), ContentStore)


def test_add__stream__reaches_every_store(near: MemoryStore, far: MemoryStore) -> None:
    cid = ReplicatedStore([near, far]).add(BytesIO(CONTENT))
    assert near.fetch(cid) == far.fetch(cid) == CONTENT
    assert list(near.pins()) == list(far.pins()) == [cid]


def test_fetch__first_store_lacks_it__is_mended_from_the_second(
    near: MemoryStore, far: MemoryStore
) -> None:
    cid = far.add(CONTENT)
    assert ReplicatedStore([near, far]).fetch(cid) == CONTENT
    assert near.fetch(cid) == CONTENT


def test_fetch__each_store_damaged_elsewhere__is_whole_and_mends_both(
    near: MemoryStore, far: MemoryStore
) -> None:
    faults: list[Fault] = []
    both = ReplicatedStore([near, far], on_fault=faults.append)
    cid = both.add(CONTENT)
    near.blocks[FIRST_LEAF] = b"rubbish"
    del far.blocks[LAST_LEAF]
    assert both.fetch(cid) == CONTENT
    assert near.fetch(cid) == CONTENT
    assert {fault.store for fault in faults} == {"near"}


def test_fetch_to__path_and_damage__is_whole(
    near: MemoryStore, far: MemoryStore, tmp_path: Path
) -> None:
    both = ReplicatedStore([near, far])
    cid = both.add(CONTENT)
    near.blocks[LAST_LEAF] = b"rubbish"
    assert both.fetch_to(cid, tmp_path / "out") == len(CONTENT)
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert near.fetch(cid) == CONTENT


def test_fetch__first_store_down__is_asked_last_for_a_while(far: MemoryStore) -> None:
    dead, now = DeadStore(), [0.0]
    both = ReplicatedStore([dead, far], clock=lambda: now[0])
    cid = far.add(CONTENT)
    assert both.fetch(cid) == CONTENT
    assert dead.asked == 1
    now[0] = 31
    both.fetch(cid)
    assert dead.asked == 2


def test_fetch__nobody_has_it__is_not_found(near: MemoryStore, far: MemoryStore) -> None:
    with pytest.raises(ContentNotFound, match="near and far"):
        ReplicatedStore([near, far]).fetch(cid_of(b"?"))


def test_fetch__all_copies_bad__names_each(near: MemoryStore, far: MemoryStore) -> None:
    both = ReplicatedStore([near, far])
    cid = both.add(b"content")
    near.blocks[cid] = far.blocks[cid] = b"c0ntent"
    with pytest.raises(NoIntactCopy, match=r"near answered.*far answered"):
        both.fetch(cid)
    far.blocks.clear()
    with pytest.raises(CorruptBlock):
        ReplicatedStore([near]).fetch(cid)


def test_add__one_store_down__keeps_what_was_asked_or_fails(near: MemoryStore) -> None:
    faults: list[Fault] = []
    cid = ReplicatedStore([DeadStore(), near], on_fault=faults.append).add(CONTENT)
    assert near.fetch(cid) == CONTENT
    assert [fault.store for fault in faults] == ["the dead node"]
    with pytest.raises(TooFewCopies, match="1 of 2"):
        ReplicatedStore([DeadStore(), near], min_copies=2).add(CONTENT)
    with pytest.raises(NodeUnreachable):
        ReplicatedStore([DeadStore()]).add(CONTENT)


def test_init__more_copies_than_stores__is_refused(near: MemoryStore) -> None:
    for copies, stores in ((2, [near]), (0, [near]), (1, [])):
        with pytest.raises(TooFewCopies, match="name at least"):
            ReplicatedStore(stores, min_copies=copies)


def test_pins__of_all_stores__are_one_list(near: MemoryStore, far: MemoryStore) -> None:
    both = ReplicatedStore([near, far])
    one, two = near.add(b"one"), far.add(b"two")
    assert list(both.pins()) == sorted([one, two])
    assert both.is_pinned(one)
    both.unpin(one)
    assert not both.is_pinned(one)
    assert both.has(one)
    both.close()


def test_pins__one_store_down__are_told_by_the_others(near: MemoryStore) -> None:
    faults: list[Fault] = []
    both = ReplicatedStore([DeadStore(), near], on_fault=faults.append)
    cid = near.add(b"content")
    assert both.has(cid)
    assert both.is_pinned(cid)
    assert list(both.pins()) == [cid]
    assert {fault.store for fault in faults} == {"the dead node"}
    # That nobody has it, or pins it, can be said only by all.
    for asked in (both.has, both.is_pinned):
        with pytest.raises(NodeUnreachable):
            asked(cid_of(b"?"))
    with pytest.raises(NodeUnreachable):
        list(ReplicatedStore([DeadStore()]).pins())


def test_unpin__one_store_down__is_done_in_the_others_and_said(near: MemoryStore) -> None:
    both = ReplicatedStore([DeadStore(), near])
    cid = near.add(b"content")
    with pytest.raises(NodeUnreachable):
        both.unpin(cid)
    assert not near.is_pinned(cid)


def test_fetch_to__begun_again__counts_each_byte_once(
    near: MemoryStore, far: MemoryStore, tmp_path: Path
) -> None:
    both = ReplicatedStore([near, far])
    cid = both.add(CONTENT)
    near.blocks[LAST_LEAF] = b"rubbish"
    done: list[int] = []
    both.fetch_to(cid, tmp_path / "out", progress=done.append)
    assert sum(done) == len(CONTENT)
    assert min(done) > 0


def test_copy__between_backends__keeps_the_cid(near: MemoryStore, tmp_path: Path) -> None:
    cid = near.add(CONTENT)
    embedded = EmbeddedStore(tmp_path)
    assert copy(cid, near, embedded) == len(CONTENT)
    assert embedded.fetch(cid) == CONTENT
    assert embedded.is_pinned(cid)
    back = MemoryStore()
    copy(cid, embedded, back)
    assert back.blocks == near.blocks
