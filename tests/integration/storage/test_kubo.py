"""Against a real Kubo node: the same CIDs, the same bytes, and nothing lost when it is killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from cairn.cli._main import run as run_command
from cairn.domain.cid import Cid, cid_of
from cairn.storage import (
    ContentNotFound,
    EmbeddedStore,
    IpfsStore,
    IpfsTimeouts,
    NamedCid,
    ReplicatedStore,
    StorageError,
    copy,
    file_cid,
    repair,
    verify,
)
from tools.kubo_node import ADD_OPTIONS, Kubo

pytestmark = pytest.mark.requires("kubo")

CHUNK = 262_144
CONTENT = random.Random(21).randbytes(4 * CHUNK + 77)
SIZES = {
    "0 B": 0,
    "1 B": 1,
    "one chunk": CHUNK,
    "one chunk and 1 B": CHUNK + 1,
    "174 chunks": 174 * CHUNK,
    "174 chunks and 1 B": 174 * CHUNK + 1,
    "60 MB": 60_000_000,
    "past 1 GiB": (1 << 30) + 1,
}


def make_file(path: Path, size: int) -> Path:
    """A file of which every chunk differs, made quickly: a counter in each chunk of zeros."""
    with path.open("wb") as file:
        file.truncate(size)
        for at in range(0, size, CHUNK):
            file.seek(at)
            file.write((at + 1).to_bytes(8, "little")[: size - at])
    return path


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(size, id=name, marks=[pytest.mark.slow] if size > 1 << 30 else [])
        for name, size in SIZES.items()
    ],
)
def test_cid__every_layout__is_what_kubo_prints(
    shared_kubo: Kubo, tmp_path: Path, size: int
) -> None:
    path = make_file(tmp_path / "file", size)
    printed = shared_kubo.run(
        "add",
        "--only-hash",
        *ADD_OPTIONS,
        path,
    )
    assert str(file_cid(path)) == printed


def test_add_and_fetch__through_the_node__is_the_embedded_store_s_content(
    node: IpfsStore, tmp_path: Path
) -> None:
    embedded = EmbeddedStore(tmp_path / "store")
    path = make_file(tmp_path / "file", 60_000_000)
    cid = node.add(path)
    assert embedded.add(path) == cid
    assert node.fetch_to(cid, tmp_path / "out") == 60_000_000
    assert file_cid(tmp_path / "out") == cid
    assert node.is_pinned(cid)
    assert cid in set(node.pins())
    node.unpin(cid)
    node.unpin(cid)
    assert not node.is_pinned(cid)


@pytest.mark.slow
def test_fetch__60_MB__takes_bounded_memory(shared_kubo: Kubo, node: IpfsStore) -> None:
    cid = node.add(b"".join(number.to_bytes(8, "little") for number in range(7_500_000)))
    # What importing the package takes is the base; fetching may add some blocks to it.
    program = (
        "import sys\n"
        "from cairn.domain.cid import Cid\n"
        "from cairn.storage import IpfsStore\n"
        # Not getrusage: its figure begins with what the parent held when it forked.
        "status = lambda: open('/proc/self/status')\n"
        "peak = lambda: next(int(l.split()[1]) for l in status() if l.startswith('VmHWM')) >> 10\n"
        "store, before = IpfsStore(sys.argv[1]), peak()\n"
        "store.fetch_to(Cid.parse(sys.argv[2]), open('/dev/null', 'wb'))\n"
        "print(peak() - before)\n"
    )
    grown = subprocess.run(
        [sys.executable, "-c", program, shared_kubo.api, str(cid)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert int(grown.stdout) <= 24


@pytest.mark.parametrize(
    "options",
    [
        ("--cid-version=0",),
        ("--cid-version=1", "--chunker=size-1048576", "--max-file-links=1024"),
        ("--cid-version=1", "--raw-leaves=false"),
        ("--cid-version=1", "--trickle"),
        ("--cid-version=1", "--chunker=rabin-16384-65536-131072"),
        ("--cid-version=1", "--preserve-mtime", "--mode=0644"),
    ],
    ids=" ".join,
)
def test_fetch__other_peoples_layouts__are_read_and_copied_with_their_cid(
    shared_kubo: Kubo, node: IpfsStore, tmp_path: Path, options: tuple[str, ...]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    cid = Cid.parse(shared_kubo.run("add", "--quieter", *options, path))
    assert node.fetch(cid) == CONTENT
    embedded = EmbeddedStore(tmp_path / "store")
    assert copy(cid, node, embedded) == len(CONTENT)
    assert embedded.fetch(cid) == CONTENT


def test_copy__from_the_embedded_store__is_what_kubo_reads(
    shared_kubo: Kubo, node: IpfsStore, tmp_path: Path
) -> None:
    embedded = EmbeddedStore(tmp_path / "store")
    content = random.Random(22).randbytes(3 * CHUNK + 1)
    cid = embedded.add(content)
    copy(cid, embedded, node)
    assert node.is_pinned(cid)
    shared_kubo.run("get", str(cid), f"--output={tmp_path / 'out'}")
    assert (tmp_path / "out").read_bytes() == content
    assert node.fetch(cid) == content


def test_fetch__nobody_has_it__is_not_found(node: IpfsStore) -> None:
    missing = cid_of(b"nobody ever added this")
    assert not node.has(missing)
    with pytest.raises(ContentNotFound):
        node.fetch(missing)
    with pytest.raises(ContentNotFound):
        node.pin(missing)


def test_collect__on_the_node__keeps_what_is_pinned(own_kubo: Kubo) -> None:
    store = IpfsStore(own_kubo.api)
    kept, loose = store.add(CONTENT), store.add(CONTENT[CHUNK + 5 :], pin=False)
    store.collect()
    assert store.fetch(kept) == CONTENT
    assert not store.has(loose)
    store.close()


def test_commands__folder_and_node__keep_content_in_both(
    own_kubo: Kubo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def typed(*words: str | Path) -> int:
        stores = ["--folder", tmp_path / "store", "--ipfs", own_kubo.api]
        try:
            return run_command(["storage", *map(str, [*stores, *words])])
        except SystemExit as end:
            return int(end.code or 0)

    (tmp_path / "file").write_bytes(CONTENT)
    cid, store = cid_of(CONTENT), IpfsStore(own_kubo.api)
    assert typed("add", tmp_path / "file") == 0
    assert capsys.readouterr().out.strip() == str(cid)
    assert store.is_pinned(cid)
    assert typed("verify", str(cid)) == 0

    # Lost here, whole on the node.
    EmbeddedStore(tmp_path / "store")._path(cid_of(CONTENT[:CHUNK])).unlink()
    assert typed("verify", str(cid)) == 1
    assert typed("repair", str(cid)) == 0
    assert typed("verify", str(cid)) == 0

    # Forgotten by the node, and brought back from here.
    store.unpin(cid)
    assert typed("gc", "--node") == 0
    assert not store.has(cid)
    assert typed("verify", str(cid)) == 1
    assert typed("pin", str(cid)) == 0
    assert store.is_pinned(cid)
    assert store.fetch(cid) == CONTENT
    store.close()


def test_add__node_killed_half_way__has_half_pinned_nothing_and_is_repeated(
    own_kubo: Kubo, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(random.Random(23).randbytes(40_000_000))
    store = IpfsStore(
        own_kubo.api, timeouts=IpfsTimeouts(connect_s=5, silence_s=10, answer_s=20, server_s=10)
    )
    # Kubo pins an empty folder of its own.
    before = set(store.pins())
    sent = 0

    def kill_half_way(size: int) -> None:
        nonlocal sent
        sent += size
        if sent > 20_000_000:
            own_kubo.kill()

    with pytest.raises(StorageError, match=r"start the node|in time"):
        store.add(path, progress=kill_half_way)
    own_kubo.start()
    assert set(store.pins()) == before
    cid = store.add(path)
    assert cid == file_cid(path)
    assert set(store.pins()) == {*before, cid}
    assert store.fetch_to(cid, tmp_path / "out") == 40_000_000
    store.close()


def test_replicas__node_killed_while_fetching__the_other_store_ends_it(
    own_kubo: Kubo, tmp_path: Path
) -> None:
    node = IpfsStore(
        own_kubo.api, timeouts=IpfsTimeouts(connect_s=2, silence_s=5, answer_s=10, server_s=5)
    )
    embedded = EmbeddedStore(tmp_path / "store")
    both = ReplicatedStore([node, embedded])
    path = make_file(tmp_path / "file", 20_000_000)
    cid = both.add(path)
    got = 0

    def kill_half_way(size: int) -> None:
        nonlocal got
        got += size
        if got > 4_000_000:
            own_kubo.kill()

    both.fetch_to(cid, tmp_path / "out", progress=kill_half_way)
    assert file_cid(tmp_path / "out") == cid
    found = verify([node, embedded], [NamedCid(cid)])
    assert [one.state for one in found.findings] == ["unreachable", "intact"]
    own_kubo.start()
    assert verify([node, embedded], [NamedCid(cid)]).damaged == ()
    both.close()


def test_repair__block_lost_on_the_node__comes_back_from_the_folder(
    own_kubo: Kubo, tmp_path: Path
) -> None:
    node, embedded = IpfsStore(own_kubo.api), EmbeddedStore(tmp_path / "store")
    cid = node.add(CONTENT)
    embedded.add(CONTENT)
    leaf = cid_of(CONTENT[:CHUNK])
    own_kubo.stop()
    lost = [one for one in own_kubo.repo.rglob("*.data") if one.read_bytes() == CONTENT[:CHUNK]]
    for path in lost:
        path.unlink()
    own_kubo.start()
    assert len(lost) == 1
    assert not node.has(leaf)
    (finding,) = verify([node], [NamedCid(cid)]).findings
    assert finding.state == "missing", finding.detail
    assert all(one.repaired for one in repair([node, embedded], [NamedCid(cid)]))
    assert verify([node], [NamedCid(cid)]).damaged == ()
    node.close()


def test_fetch__node_whose_disk_rotted__is_found_out(own_kubo: Kubo, tmp_path: Path) -> None:
    node, embedded = IpfsStore(own_kubo.api), EmbeddedStore(tmp_path / "store")
    cid = node.add(CONTENT)
    embedded.add(CONTENT)
    own_kubo.stop()
    for path in own_kubo.repo.rglob("*.data"):
        if path.read_bytes() == CONTENT[:CHUNK]:
            path.write_bytes(bytes(CHUNK))
    own_kubo.start()
    assert [one.state for one in verify([node], [NamedCid(cid)]).findings] == ["corrupt"]
    assert ReplicatedStore([node, embedded]).fetch(cid) == CONTENT
    node.close()
