"""Pin, verify and repair over several stores, and the command line above them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from cairn.cli._storage import storage
from cairn.domain.cid import Cid, cid_of
from cairn.storage import (
    EmbeddedStore,
    MemoryStore,
    NamedCid,
    State,
    StorageConfig,
    StoreUnusable,
    open_store,
    open_stores,
    pin,
    repair,
    verify,
)

CONTENT = random.Random(12).randbytes(2 * 262_144 + 100)
LEAF = cid_of(CONTENT[:262_144])


@pytest.fixture
def stores() -> list[MemoryStore]:
    return [MemoryStore("near"), MemoryStore("far")]


def states(stores: list[MemoryStore], cid: Cid) -> list[State]:
    return [one.state for one in verify(stores, [NamedCid(cid)]).findings]


def test_verify__every_kind_of_copy__is_told_apart(stores: list[MemoryStore]) -> None:
    cid = stores[0].add(CONTENT)
    assert states(stores, cid) == [State.INTACT, State.MISSING]
    stores[0].blocks[LEAF] = b"rubbish"
    found = verify(stores, [NamedCid(cid, "model 1, version 2"), NamedCid(cid, "its card")])
    assert [one.state for one in found.findings] == [State.CORRUPT, State.MISSING]
    assert found.findings[0].label == "model 1, version 2, its card"
    assert found.lost == (cid,)
    assert found.metrics() == {
        'cairn_storage_copies{state="intact"}': 0,
        'cairn_storage_copies{state="missing"}': 1,
        'cairn_storage_copies{state="corrupt"}': 1,
        'cairn_storage_copies{state="unreachable"}': 0,
        'cairn_storage_copies{state="refused"}': 0,
        "cairn_storage_copies_broken": 1,
        "cairn_storage_contents": 1,
        "cairn_storage_contents_lost": 1,
        "cairn_storage_verified_bytes": 0,
    }


def test_verify__pinned_and_damaged__is_told_apart_from_what_was_never_kept(
    stores: list[MemoryStore],
) -> None:
    cid = stores[0].add(CONTENT)
    stores[0].blocks[LEAF] = b"rubbish"
    found = verify(stores, [NamedCid(cid)])
    assert [(one.store, one.pinned) for one in found.findings] == [("near", True), ("far", False)]
    assert [one.store for one in found.broken] == ["near"]
    assert len(found.damaged) == 2


def test_verify__a_folder__is_refused_and_not_called_corrupt(stores: list[MemoryStore]) -> None:
    folder = b"\x0a\x02\x08\x01"
    cid = Cid.parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn")
    stores[0].blocks[cid] = folder
    assert states(stores, cid) == [State.REFUSED, State.MISSING]


def test_repair__missing_and_corrupt__are_copied_and_pinned(stores: list[MemoryStore]) -> None:
    cid = stores[0].add(CONTENT)
    stores[1].add(CONTENT, pin=False)
    stores[0].blocks[LEAF] = b"rubbish"
    done = repair(stores, [NamedCid(cid)])
    assert [(one.store, one.repaired) for one in done] == [("near", True), ("far", True)]
    assert states(stores, cid) == [State.INTACT, State.INTACT]
    assert all(store.is_pinned(cid) for store in stores)
    assert repair(stores, [NamedCid(cid)]) == []


def test_repair__each_store_damaged_elsewhere__mends_both(stores: list[MemoryStore]) -> None:
    for store in stores:
        cid = store.add(CONTENT)
    stores[0].blocks[LEAF] = b"rubbish"
    del stores[1].blocks[cid_of(CONTENT[-100:])]
    assert all(one.repaired for one in repair(stores, [NamedCid(cid)]))
    assert states(stores, cid) == [State.INTACT, State.INTACT]


def test_repair__no_copy_left__says_so_and_pins_nothing(stores: list[MemoryStore]) -> None:
    cid = cid_of(CONTENT)
    done = repair(stores, [NamedCid(cid)])
    assert not any(one.repaired for one in done)
    assert "Ask its publisher" in done[0].detail
    assert not any(store.is_pinned(cid) for store in stores)


def test_pin__content_of_one_store__reaches_all(stores: list[MemoryStore]) -> None:
    cid = stores[1].add(CONTENT, pin=False)
    pin(stores, [cid])
    assert all(store.is_pinned(cid) for store in stores)
    assert stores[0].fetch(cid) == CONTENT


def test_open_stores__half_configured__says_what_is_missing(tmp_path: Path) -> None:
    for config, reason in (
        (StorageConfig(), "name a folder"),
        (StorageConfig(pinning_url="https://pins.invalid"), "name the node"),
        (
            StorageConfig(ipfs="/ip4/127.0.0.1/tcp/9/http", pinning_url="https://pins.invalid"),
            "access token",
        ),
    ):
        with pytest.raises(StoreUnusable, match=reason):
            open_stores(config)
    assert isinstance(open_store(StorageConfig(folder=tmp_path / "store")), EmbeddedStore)
    both = open_store(StorageConfig(folder=tmp_path / "store", ipfs="/ip4/127.0.0.1/tcp/9/http"))
    assert "embedded store" in both.name
    assert "IPFS node" in both.name
    both.close()


def test_config__printed__keeps_the_token() -> None:
    assert "secret" not in repr(StorageConfig(pinning_token="secret"))


@dataclass
class Named:
    """In the registry's place: names these CIDs."""

    cids: list[NamedCid]

    def named_cids(self) -> list[NamedCid]:
        return self.cids


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def run(
    folder: Path, *args: str, obj: object = None, env: dict[str, str] | None = None
) -> tuple[int, str]:
    result = CliRunner().invoke(
        storage, ["--folder", str(folder), *args], obj=obj, env={"COLUMNS": "200", **(env or {})}
    )
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


def test_cli_verify__registry__is_walked(folder: Path) -> None:
    cid = EmbeddedStore(folder).add(CONTENT)
    registry = Named([NamedCid(cid, "air, version 1"), NamedCid(cid_of(b"?"), "lost")])
    code, output = run(folder, "verify", "--json", obj=registry)
    told = json.loads(output)
    assert code == 2
    assert told["lost"] == [str(cid_of(b"?"))]
    assert [one["state"] for one in told["findings"]] == ["intact", "missing"]
    assert told["metrics"]["cairn_storage_contents_lost"] == 1


def test_cli_verify__pinned__takes_the_pins(folder: Path) -> None:
    cid = EmbeddedStore(folder).add(CONTENT)
    code, output = run(folder, "verify", "--pinned")
    assert code == 0
    assert str(cid) in output


def test_cli_verify__no_deployment__is_a_plain_message(folder: Path, tmp_path: Path) -> None:
    code, output = run(
        folder, "verify", env={"CAIRN_DEPLOYMENT": str(tmp_path / "deployment.json")}
    )
    assert code == 1
    assert "deployment.json" in output


def test_cli_add_and_fetch__file__comes_back(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(CONTENT)
    code, output = run(folder, "add", str(tmp_path / "weights"))
    assert (code, output.strip()) == (0, str(cid_of(CONTENT)))
    code, output = run(folder, "fetch", output.strip(), str(tmp_path / "out"))
    assert code == 0
    assert f"{len(CONTENT):,} bytes, verified" in output
    assert (tmp_path / "out").read_bytes() == CONTENT
    code, output = run(folder, "fetch", str(cid_of(b"?")), str(tmp_path / "out"))
    assert code == 1
    assert "does not have" in output


def test_cli_verify__damage__ends_with_an_error(folder: Path) -> None:
    store = EmbeddedStore(folder)
    cid = store.add(CONTENT)
    (folder / "blocks" / f"{LEAF.digest[0]:02x}" / str(LEAF)).write_bytes(b"rubbish")
    code, output = run(folder, "verify", str(cid))
    assert code == 2
    assert "no store has an intact copy" in output
    code, output = run(folder, "repair", str(cid))
    assert code == 1
    assert "Ask its publisher" in output


def test_cli_pin__present__is_pinned(folder: Path) -> None:
    store = EmbeddedStore(folder)
    cid = store.add(CONTENT, pin=False)
    code, output = run(folder, "pin", str(cid))
    assert (code, store.is_pinned(cid)) == (0, True)
    assert "pinned" in output
    assert run(folder, "repair", str(cid))[1].strip() == "Every copy is intact and pinned."


def test_cli_gc__dry_run_first__removes_later(folder: Path) -> None:
    store = EmbeddedStore(folder)
    cid = store.add(CONTENT, pin=False)
    assert "would free" in run(folder, "gc", "--dry-run")[1]
    assert store.has(cid)
    code, output = run(folder, "gc")
    assert code == 0
    assert f"freed {len(CONTENT) + 154:,} bytes in 4 blocks" in output
    assert not store.has(cid)


def test_cli_gc__node_without_one_or_for_a_dry_run__is_a_wrong_command_line(folder: Path) -> None:
    code, output = run(folder, "gc", "--node")
    assert code == 2
    assert "--ipfs" in output
    code, output = run(folder, "--ipfs", "/ip4/127.0.0.1/tcp/1/http", "gc", "--node", "--dry-run")
    assert code == 2
    assert "leave --node or --dry-run out" in output


def test_cli__no_cid_or_no_store__is_a_plain_message(folder: Path, tmp_path: Path) -> None:
    code, output = run(folder, "pin", "nonsense")
    assert code == 2
    assert "is not a CID" in output
    (tmp_path / "file.txt").write_text("")
    code, output = run(tmp_path, "gc")
    assert code == 1
    assert "no content store" in output
