"""The embedded store: what it promises across damage, crashes and processes."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from io import BytesIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from cairn.domain.cid import Block, Cid, cid_of
from cairn.storage import (
    ContentNotFound,
    ContentStore,
    CorruptBlock,
    EmbeddedStore,
    LimitExceeded,
    Limits,
    MemoryStore,
    NamedCid,
    ReplicatedStore,
    State,
    StorageError,
    StoreBusy,
    StoreDamaged,
    StoreUnusable,
    TruncatedBlock,
    UnreadableBlock,
    verify,
)

THREE_CHUNKS = random.Random(7).randbytes(2 * 262_144 + 5)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "store")


def block_file(store: EmbeddedStore, cid: Cid) -> Path:
    return store._path(cid)


def leaves(store: EmbeddedStore, root: Cid) -> list[Cid]:
    return [cid for cid in store._below(root) if cid != root]


def test_store__is_a_content_store(store: EmbeddedStore) -> None:
    assert isinstance(store, ContentStore)


@pytest.mark.parametrize("data", [b"", b"x", THREE_CHUNKS], ids=len)
def test_add__bytes_path_and_streams__give_one_cid_and_the_bytes_back(
    store: EmbeddedStore, tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        with os.fdopen(write_end, "wb") as out:
            out.write(data)
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        piped = store.add(pipe)
    os.waitpid(child, 0)
    assert {store.add(data), store.add(path), store.add(BytesIO(data)), piped} == {cid_of(data)}
    assert store.fetch(piped) == data
    assert store.fetch_to(piped, tmp_path / "out") == len(data)
    assert (tmp_path / "out").read_bytes() == data
    assert list(store.pins()) == [piped]


def test_add__progress__counts_every_byte(store: EmbeddedStore, tmp_path: Path) -> None:
    done: list[int] = []
    cid = store.add(THREE_CHUNKS, progress=done.append)
    assert sum(done) == len(THREE_CHUNKS)
    done.clear()
    store.fetch_to(cid, tmp_path / "out", progress=done.append)
    assert sum(done) == len(THREE_CHUNKS)


def test_fetch__unknown__names_the_cid(store: EmbeddedStore) -> None:
    cid = cid_of(b"nowhere")
    assert not store.has(cid)
    with pytest.raises(ContentNotFound, match=str(cid)):
        store.fetch(cid)


def test_fetch__flipped_byte__is_never_passed_on(store: EmbeddedStore, tmp_path: Path) -> None:
    root = store.add(THREE_CHUNKS)
    path = block_file(store, cid_of(THREE_CHUNKS[-5:]))
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptBlock):
        store.fetch(root)
    with pytest.raises(CorruptBlock):
        store.fetch_to(root, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"], "nothing half-written is left"


def test_fetch__short_leaf__is_called_truncated(store: EmbeddedStore) -> None:
    root = store.add(THREE_CHUNKS)
    os.truncate(block_file(store, cid_of(THREE_CHUNKS[:262_144])), 1000)
    with pytest.raises(TruncatedBlock, match="1000 of 262144"):
        store.fetch(root)


def test_fetch__overlong_block__is_refused(store: EmbeddedStore) -> None:
    cid = store.add(b"tiny")
    block_file(store, cid).write_bytes(bytes(3 << 20))
    with pytest.raises(LimitExceeded):
        store.fetch(cid)


def test_fetch__more_than_the_caller_takes__is_refused(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    cid = store.add(THREE_CHUNKS)
    with pytest.raises(LimitExceeded, match="raise the limit"):
        store.fetch(cid, max_bytes=len(THREE_CHUNKS) - 1)
    with pytest.raises(LimitExceeded, match="deeper than 1"):
        store.fetch_to(cid, tmp_path / "out", limits=Limits(max_depth=1))
    with pytest.raises(LimitExceeded):
        store.fetch_to(cid, tmp_path / "out", limits=Limits(max_block_bytes=1000))
    assert not (tmp_path / "out").exists()


def test_add__over_a_damaged_block__repairs_it(store: EmbeddedStore) -> None:
    cid = store.add(THREE_CHUNKS)
    for leaf in leaves(store, cid):
        block_file(store, leaf).write_bytes(b"rubbish")
    store.add(THREE_CHUNKS)
    assert store.fetch(cid) == THREE_CHUNKS


def test_put_block__wrong_bytes__are_refused(store: EmbeddedStore) -> None:
    with pytest.raises(CorruptBlock):
        store.put_block(Block(cid_of(b"right"), b"wrong"))
    assert not store.has(cid_of(b"right"))


def test_pin__missing_leaf__is_refused(store: EmbeddedStore) -> None:
    cid = store.add(THREE_CHUNKS, pin=False)
    leaf = leaves(store, cid)[0]
    block_file(store, leaf).unlink()
    with pytest.raises(ContentNotFound, match=str(leaf)):
        store.pin(cid)
    assert list(store.pins()) == []


def test_unpin__twice__is_no_error(store: EmbeddedStore) -> None:
    cid = store.add(b"content")
    store.unpin(cid)
    store.unpin(cid)
    assert list(store.pins()) == []


def test_collect__keeps_what_pins_need_and_removes_the_rest(store: EmbeddedStore) -> None:
    kept = store.add(THREE_CHUNKS)
    shared = store.add(THREE_CHUNKS[:262_144] + b"another end", pin=False)
    before = store.collect(dry_run=True)
    assert store.fetch(shared)
    after = store.collect()
    assert after == before
    assert (after.kept_blocks, after.removed_blocks) == (4, 2)
    assert store.fetch(kept) == THREE_CHUNKS
    with pytest.raises(ContentNotFound):
        store.fetch(shared)
    store.unpin(kept)
    assert store.collect().removed_blocks == 4
    assert not store.has(kept)


def test_collect__unreadable_node_below_a_pin__removes_nothing(store: EmbeddedStore) -> None:
    pinned = store.add(THREE_CHUNKS)
    loose = store.add(b"loose", pin=False)
    block_file(store, pinned).write_bytes(b"rubbish")
    with pytest.raises(StoreDamaged, match="Nothing was removed"):
        store.collect()
    assert store.has(loose)
    assert all(store.has(leaf) for leaf in (cid_of(THREE_CHUNKS[-5:]),))


def test_collect__after_a_crash__clears_half_written_files(store: EmbeddedStore) -> None:
    litter = store._tmp / "12345-abcdef"
    litter.write_bytes(b"half a block")
    store.collect()
    assert not litter.exists()


def test_add__more_blocks_than_a_batch__is_whole_and_repeats_are_written_once(
    store: EmbeddedStore,
) -> None:
    content = bytes(70 * 262_144) + random.Random(8).randbytes(70 * 262_144)
    cid = store.add(content)
    assert store.fetch(cid) == content
    assert store.collect().kept_blocks == 1 + 70 + 1
    assert list(store._tmp.iterdir()) == []


def test_add__disk_full__says_so_and_pins_nothing(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(100))

    def full_at_the_third(handle: int) -> None:
        if next(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_at_the_third)
    with pytest.raises(StorageError, match="No space left"):
        store.add(THREE_CHUNKS)
    monkeypatch.undo()
    assert list(store.pins()) == []
    assert list(store._tmp.iterdir()) == []
    assert store.fetch(store.add(THREE_CHUNKS)) == THREE_CHUNKS


def test_get_block__disk_does_not_give_it__is_an_error_of_ours_and_mended(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad sector: the file is there, and reading it fails."""
    cid = store.add(THREE_CHUNKS)
    bad = block_file(store, leaves(store, cid)[0])
    plain = Path.open

    def failing(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path == bad:
            raise OSError(5, "Input/output error")
        return plain(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(UnreadableBlock, match="Input/output error"):
        store.fetch(cid)
    assert [one.state for one in verify([store], [NamedCid(cid)]).findings] == [State.CORRUPT]
    other = MemoryStore()
    other.add(THREE_CHUNKS)
    inode = bad.stat().st_ino
    assert ReplicatedStore([store, other]).fetch(cid) == THREE_CHUNKS
    assert bad.stat().st_ino != inode, "written anew"
    monkeypatch.undo()
    assert store.fetch(cid) == THREE_CHUNKS


def test_store__folder_gone_while_in_use__says_so(store: EmbeddedStore) -> None:
    cid = store.add(b"content")
    shutil.rmtree(store._folder)
    for act in (
        lambda: store.add(b"more"),
        lambda: store.pin(cid),
        lambda: store.unpin(cid),
        lambda: list(store.pins()),
        store.collect,
    ):
        with pytest.raises(StorageError, match="check the folder"):
            act()
    with pytest.raises(ContentNotFound):
        store.fetch(cid)


def test_collect__strange_things_in_tmp__are_left_alone(store: EmbeddedStore) -> None:
    (store._tmp / "folder").mkdir()
    (store._tmp / "1-ab").write_bytes(b"half a block")
    store.collect()
    assert [one.name for one in store._tmp.iterdir()] == ["folder"]


def test_add__from_a_slow_pipe__holds_nobody_up(store: EmbeddedStore, tmp_path: Path) -> None:
    impatient = EmbeddedStore(tmp_path / "store", lock_timeout_s=0)

    class Slow(RawIOBase):
        """Somebody collects while this is being read."""

        def __init__(self) -> None:
            self.left = [b"con", b"tent"]

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            impatient.collect()
            return self.left.pop(0) if self.left else b""

    cid = store.add(cast(BinaryIO, Slow()))
    assert store.fetch(cid) == b"content"


def start_writer(folder: Path, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, Path(__file__).with_name("writer.py"), folder, *map(str, args)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_store__several_processes_adding_while_one_collects__loses_no_pin(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    writers = [start_writer(tmp_path / "store", "add", seed) for seed in range(3)]
    added = set()
    for writer in writers:
        assert writer.stdout is not None
        for line in writer.stdout:
            added.add(Cid.parse(line))
            store.collect()
        assert writer.wait(timeout=60) == 0
    assert len(added) == 3 * 6 + 1
    assert set(store.pins()) == added
    for cid in added:
        assert cid == cid_of(store.fetch(cid))


def test_add__process_killed_half_way__leaves_no_pin_and_no_lock(tmp_path: Path) -> None:
    writer = start_writer(tmp_path / "store", "die", len(THREE_CHUNKS))
    writer.communicate(timeout=60)
    assert writer.returncode == -9
    store = EmbeddedStore(tmp_path / "store", lock_timeout_s=1)
    assert list(store.pins()) == []
    assert len(list(store._tmp.iterdir())) == 2
    assert store.collect().removed_blocks == 2
    assert list(store._tmp.iterdir()) == []
    assert store.add(THREE_CHUNKS) == cid_of(THREE_CHUNKS)


def test_collect__while_another_writes__waits_no_longer_than_told(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    import fcntl

    impatient = EmbeddedStore(tmp_path / "store", lock_timeout_s=0)
    with store._locked(fcntl.LOCK_SH), pytest.raises(StoreBusy, match="writer"):
        impatient.collect()
    with store._locked(fcntl.LOCK_EX), pytest.raises(StoreBusy, match="collection"):
        impatient.add(b"x")


def test_open__folder_of_something_else__is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(StoreUnusable, match=r"thesis\.txt"):
        EmbeddedStore(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_open__format_of_the_future__is_refused(tmp_path: Path) -> None:
    EmbeddedStore(tmp_path)
    (tmp_path / "FORMAT").write_text("cairn-store/9\n")
    with pytest.raises(StoreUnusable, match="cairn-store/9"):
        EmbeddedStore(tmp_path)


def test_open__a_file__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    with pytest.raises(StoreUnusable, match="another folder"):
        EmbeddedStore(path)


def test_blocks__strange_files_among_them__are_ignored(store: EmbeddedStore) -> None:
    (store._blocks / "00" / ".DS_Store").write_bytes(b"")
    (store._pins / ".DS_Store").write_bytes(b"")
    cid = store.add(b"content")
    store.collect()
    assert list(store.pins()) == [cid]
