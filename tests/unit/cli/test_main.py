"""The root of the command line: what it lists, what it imports, how its errors look."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from cairn.cli import cairn
from cairn.cli._lazy import Entry, LazyGroup
from cairn.cli._main import ENTRIES, run
from cairn.errors import CairnError


def test_help__asked__lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    for name, entry in ENTRIES.items():
        assert f"  {name} " in said
        assert entry.help in said


def test_help__asked__imports_no_command() -> None:
    """So that it is quick: neither web3 nor numpy, FastAPI or scikit-learn."""
    code = (
        "import sys; from cairn.cli._main import run; run(['--help']); "
        "heavy = {'web3', 'numpy', 'fastapi', 'sklearn', 'pandas', 'sqlalchemy'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_module__run_as_a_script__is_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cairn", "--version"], capture_output=True, text=True
    )
    assert (result.returncode, result.stdout.split()[:2]) == (0, ["cairn,", "version"])


@pytest.mark.parametrize("arguments", [["fly"], ["--fly"], ["audit", "fly"]])
def test_run__wrong_command_line__exits_2_with_the_usage(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Usage: cairn" in said.err
    assert "fly" in said.err


def with_command(monkeypatch: pytest.MonkeyPatch, body: object) -> None:
    """Give the root a command `try` that runs `body`."""
    monkeypatch.setitem(cairn.commands, "try", click.Command("try", callback=body))  # type: ignore[arg-type]


def test_run__cairn_error__is_one_line_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise CairnError("the node\ndid not answer; check the endpoint")

    with_command(monkeypatch, fail)
    assert run(["try"]) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "cairn: the node did not answer; check the endpoint\n")


def test_run__defect__is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with_command(monkeypatch, fail)
    with pytest.raises(ZeroDivisionError):
        run(["try"])


def test_run__interrupted__says_so_and_exits_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with_command(monkeypatch, fail)
    assert run(["try"]) == 130
    assert capsys.readouterr().err.strip() == "cairn: interrupted"


def test_run__command_that_returns_a_number__exits_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_command(monkeypatch, lambda: 4)
    assert run(["try"]) == 4


def test_run__command_that_asks_to_exit__exits_with_its_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_command(monkeypatch, lambda: click.get_current_context().exit(3))
    assert run(["try"]) == 3


def test_lazy__module_not_installed__says_which() -> None:
    group = LazyGroup("group", entries={"go": Entry("no_such_module", "go", "Go.")})
    with pytest.raises(CairnError, match="no_such_module"):
        group.get_command(click.Context(group), "go")


def test_lazy__module_of_ours_missing__is_not_blamed_on_the_install() -> None:
    group = LazyGroup("group", entries={"go": Entry("cairn.cli._no_such", "go", "Go.")})
    with pytest.raises(
        CairnError, match=r"not in this release: it has no module cairn\.cli\._no_such"
    ):
        group.get_command(click.Context(group), "go")


def test_lazy__not_a_command__is_a_defect() -> None:
    group = LazyGroup("group", entries={"go": Entry("cairn.errors", "CairnError", "Go.")})
    with pytest.raises(TypeError, match="not a click command"):
        group.get_command(click.Context(group), "go")


def test_lazy__command_not_in_this_release__says_so() -> None:
    group = LazyGroup("group", entries={"go": Entry("cairn.errors", "go", "Go.")})
    with pytest.raises(CairnError, match="`cairn go` is not in this release"):
        group.get_command(click.Context(group), "go")


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_entries__each__is_a_command_with_help(name: str) -> None:
    command = cairn.get_command(click.Context(cairn), name)
    assert isinstance(command, click.Command)
    assert command.help
