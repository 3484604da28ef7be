"""`cairn audit`: what it prints and how it exits. The walk itself is tested in unit/audit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from cairn.audit import Absent, Finding, State
from cairn.cli import _audit
from cairn.cli._audit import show, summary, tree_of
from cairn.cli._main import run
from cairn.storage import MemoryStore

LEAF = Finding("signatures", "signatures of batch 1", State.HELD, "signed [each] of 3")
TREE = Finding("batch", "batch 1", State.HELD, "3 readings", (LEAF,))


def with_state(state: State) -> Finding:
    return Finding("batch", "batch 1", State.HELD, "", (Finding("packets", "", state, "why"),))


@pytest.mark.parametrize(
    ("state", "code"), [(State.HELD, 0), (State.BROKEN, 3), (State.NOT_VISIBLE, 4)]
)
@pytest.mark.parametrize("as_json", [True, False])
def test_show__by_the_worst_link__exits(
    state: State, code: int, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(with_state(state), as_json) == code
    assert state.value in capsys.readouterr().out


def test_show__broken_and_not_visible__is_broken() -> None:
    both = Finding("a", "", State.NOT_VISIBLE, "", (Finding("b", "", State.BROKEN, ""),))
    assert show(both, True) == 3


def test_show__json__is_one_line_with_the_tree(capsys: pytest.CaptureFixture[str]) -> None:
    show(TREE, True)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    said = json.loads(out)
    assert said["state"] == "held"
    assert said["finding"]["children"][0]["subject"] == "signatures of batch 1"


def test_show__people__see_each_link_and_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    show(TREE, False)
    out = capsys.readouterr().out
    assert "✓ held batch 1: 3 readings" in out
    assert "└── ✓ held signatures of batch 1: signed [each] of 3" in out
    assert "2 held, 0 broken, 0 not visible" in out


def test_show__into_a_pipe__cuts_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    detail = "word " * 60 + "the end"
    show(Finding("batch", "batch 1", State.HELD, "", (replace(LEAF, detail=detail),)), False)
    assert "the end" in capsys.readouterr().out


def test_tree_of__nested__has_the_same_shape() -> None:
    assert len(tree_of(TREE).children) == 1
    assert "every link held" in summary(TREE)


class Walker:
    """Stands for the auditor: notes what was asked."""

    def __init__(self, *_: object) -> None:
        pass

    def request(self, request_id: int) -> Finding:
        if request_id == 404:
            raise Absent("the market on chain 4690 has no request 404")
        return Finding("prediction", f"request {request_id}", State.HELD, "")

    def purchase(self, tx_hash: bytes) -> Finding:
        return Finding("prediction", f"transaction {tx_hash[-1]}", State.NOT_VISIBLE, "")

    def version(self, model_id: int, version: int) -> Finding:
        return Finding("version", f"{model_id}/{version}", State.BROKEN, "")

    def batch(self, batch_id: int) -> Finding:
        return Finding("batch", f"batch {batch_id}", State.HELD, "")


class NoConnection:
    def connect(self) -> None:
        return None

    def open_store(self) -> MemoryStore:
        return MemoryStore()


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs `cairn audit …` over a stand-in for the walk."""
    monkeypatch.setattr(_audit, "Auditor", Walker)
    monkeypatch.setattr(_audit, "ChainLedger", lambda system: None)
    monkeypatch.setattr(_audit, "ConnectionSettings", NoConnection)

    def go(*arguments: str) -> tuple[int, str, str]:
        code = run(["audit", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return go


@pytest.mark.parametrize(
    ("arguments", "code", "subject"),
    [
        (["prediction", "7"], 0, "request 7"),
        (["prediction", "0x" + "00" * 31 + "09"], 4, "transaction 9"),
        (["version", "1", "2"], 3, "1/2"),
        (["batch", "12"], 0, "batch 12"),
        (["batch", "0xff"], 0, "batch 255"),
    ],
)
def test_audit__a_subject__asks_for_it_and_exits_by_it(
    command: Callable[..., tuple[int, str, str]], arguments: list[str], code: int, subject: str
) -> None:
    found = command(*arguments, "--json")
    assert found[0] == code
    assert json.loads(found[1])["finding"]["subject"] == subject


@pytest.mark.parametrize(
    "arguments",
    [
        ["prediction", "0"],
        ["prediction", "0x12"],
        ["prediction", "first"],
        ["version", "1", "0"],
        ["version", "1"],
        ["version", "1", str(2**256)],
        ["prediction", str(2**256)],
        ["batch", "x"],
        ["batch", "0"],
        ["batch", hex(2**256)],
    ],
)
def test_audit__no_such_kind_of_subject__is_a_wrong_command_line(
    command: Callable[..., tuple[int, str, str]], arguments: list[str]
) -> None:
    code, out, err = command(*arguments)
    assert (code, out) == (2, "")
    assert "Usage" in err


def test_audit__unknown_request__is_an_error_of_one_line(
    command: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, err = command("prediction", "404")
    assert (code, out) == (1, "")
    assert err == "cairn: the market on chain 4690 has no request 404\n"
