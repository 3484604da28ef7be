"""Blocks that hash right and are made to harm: their reader ends, in time and with an error of ours."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import pytest

from cairn.domain.cid import Block, Cid, Codec, DagLink, cid_of, encode_file_node
from cairn.storage import (
    EmbeddedStore,
    LimitExceeded,
    Limits,
    MalformedContent,
    MemoryStore,
    NamedCid,
    ReplicatedStore,
    State,
    StoreDamaged,
    verify,
)


def node(store: MemoryStore | EmbeddedStore, data: bytes) -> Cid:
    cid = Cid(Codec.DAG_PB, hashlib.sha256(data).digest())
    store.put_block(Block(cid, data))
    return cid


def repeated(store: MemoryStore | EmbeddedStore, levels: int, width: int, leaf: bytes) -> Cid:
    """A tree that is a few small nodes on disk, and `width ** levels` leaves on the way through."""
    cid, size = cid_of(leaf), len(leaf)
    store.put_block(Block(cid, leaf))
    for _ in range(levels):
        cid = node(store, encode_file_node((DagLink(cid, size, size),) * width))
        size *= width
    return cid


def foreign_link(multihash: bytes) -> bytes:
    """A file node of one child, whose CID has this hash."""
    cid = b"\x01\x55" + multihash
    link = b"\x0a" + bytes((len(cid),)) + cid + b"\x12\x00\x18\x05"
    unixfs = b"\x08\x02\x18\x05\x20\x05"
    return b"\x12" + bytes((len(link),)) + link + b"\x0a" + bytes((len(unixfs),)) + unixfs


@pytest.mark.parametrize(
    "multihash",
    [b"\x00\x05hello", b"\x16\x20" + bytes(32), b"\x12\x14" + bytes(20), b""],
    ids=["identity", "sha3", "cut short", "none"],
)
def test_fetch__child_of_another_hash__is_malformed_and_ends_no_walk(multihash: bytes) -> None:
    store, other = MemoryStore("near"), MemoryStore("far")
    cid = node(store, foreign_link(multihash))
    good = store.add(b"content")
    with pytest.raises(MalformedContent, match="child"):
        store.fetch(cid)
    with pytest.raises(MalformedContent):
        ReplicatedStore([store, other]).fetch(cid)
    found = verify([store], [NamedCid(cid), NamedCid(good)])
    assert [one.state for one in found.findings] == [State.REFUSED, State.INTACT]


def test_collect__pin_of_such_a_file__removes_nothing(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    cid = node(store, foreign_link(b"\x00\x05hello"))
    with pytest.raises(MalformedContent):
        store.pin(cid)
    (tmp_path / "store" / "pins" / str(cid)).touch()
    with pytest.raises(StoreDamaged, match="Nothing was removed"):
        store.collect()


def test_pin_and_collect__tree_that_repeats_itself__takes_its_blocks_and_not_its_paths(
    tmp_path: Path,
) -> None:
    """Ten levels of 174: 10 ** 22 paths, none of which was ever walked before it was declared."""
    store = EmbeddedStore(tmp_path / "store")
    leaf = b"x"
    cid = repeated(store, 3, 174, leaf)
    deep = cid
    for _ in range(7):
        deep = node(store, encode_file_node((DagLink(deep, 1, 1),) * 174))
    store.pin(deep)
    assert store.collect().kept_blocks == 11


def test_fetch__tree_that_repeats_itself__is_bounded_by_its_blocks() -> None:
    """Twelve levels of two: 4,096 leaves of a byte, from thirteen small blocks."""
    store = MemoryStore()
    cid = repeated(store, 12, 2, b"x")
    assert len(store.blocks) == 13
    assert store.fetch(cid) == b"x" * 4096
    got = BytesIO()
    with pytest.raises(LimitExceeded, match="more than 1000 blocks"):
        store.fetch_to(cid, got, limits=Limits(max_blocks=1000))
    assert len(got.getvalue()) < 1000


def test_fetch__deeper_than_allowed__ends_there() -> None:
    store = MemoryStore()
    cid = repeated(store, 16, 1, b"x")
    with pytest.raises(LimitExceeded, match="deeper than 16"):
        store.fetch(cid)
    assert store.fetch(repeated(store, 15, 1, b"x")) == b"x"
