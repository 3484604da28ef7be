"""`cairn storage`, as it is typed: from the root of the command line, and on a terminal."""

from __future__ import annotations

import os
import pty
import random
import subprocess
import sys
from pathlib import Path

import pytest

from cairn.cli._main import run
from cairn.domain.cid import cid_of
from cairn.storage import EmbeddedStore

CONTENT = random.Random(51).randbytes(9 * 262_144 + 7)
CID = str(cid_of(CONTENT))


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Types one command; returns its exit code."""
    for name in [name for name in os.environ if name.startswith("CAIRN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CAIRN_STORE", str(tmp_path / "store"))

    def type_in(*words: str | Path) -> int:
        try:
            return run(["storage", *map(str, words)])
        except SystemExit as end:
            return int(end.code or 0)

    return type_in


def test_storage__from_add_to_gc__does_each(storage, tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    store = EmbeddedStore(tmp_path / "store")
    assert storage("add", tmp_path / "file") == 0
    assert capsys.readouterr().out.strip() == CID

    store.unpin(cid_of(CONTENT))
    assert storage("pin", CID) == 0
    assert store.is_pinned(cid_of(CONTENT))
    assert storage("verify", CID) == 0
    assert storage("verify", "--pinned") == 0
    assert "intact" in capsys.readouterr().out

    leaf = store._path(cid_of(CONTENT[:262_144]))
    leaf.write_bytes(b"rubbish")
    assert storage("verify", CID) == 2
    assert "no store has an intact copy" in capsys.readouterr().err
    assert storage("repair", CID) == 1
    assert "Ask its publisher" in capsys.readouterr().err
    leaf.write_bytes(CONTENT[:262_144])
    assert storage("repair", CID) == 0
    assert "Every copy is intact and pinned." in capsys.readouterr().out

    assert storage("gc") == 0
    assert "freed 0 bytes" in capsys.readouterr().out
    store.unpin(cid_of(CONTENT))
    assert storage("gc") == 0
    assert "in 11 blocks" in capsys.readouterr().out
    assert storage("fetch", CID, tmp_path / "out") == 1


def test_storage__file_that_cannot_be_written__is_a_plain_message(
    storage, tmp_path: Path, capsys
) -> None:
    EmbeddedStore(tmp_path / "store").add(CONTENT)
    (tmp_path / "file").write_bytes(b"")
    assert storage("fetch", CID, tmp_path / "file" / "below") == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "file") in said
    assert "Traceback" not in said


def on_terminal(folder: Path, *words: str | Path) -> str:
    """What the command shows to somebody who sits at a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "cairn", "storage", "--folder", folder, *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm"}
    process = subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # so a terminal ends on Linux
        pass
    os.close(ours)
    process.communicate(timeout=60)
    assert process.returncode == 0, shown
    return shown.decode()


def test_storage__on_a_terminal__shows_how_far_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    shown = on_terminal(tmp_path / "store", "add", tmp_path / "file")
    assert "Adding" in shown
    assert "/2.3 MiB" in shown
    shown = on_terminal(tmp_path / "store", "fetch", CID, tmp_path / "out")
    assert "Fetching" in shown
    assert "/2.3 MiB" in shown
    assert (tmp_path / "out").read_bytes() == CONTENT
