"""What the documents tell a reader to type or to open is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from cairn.cli import cairn
from cairn.operator import Settings

FENCE = re.compile(r"^```(\w+)?([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.fixture(scope="module")
def documents(files) -> dict[str, str]:
    return {name: text for name, text in files.items() if name.endswith(".md")}


def commands(text: str) -> list[list[str]]:
    """The command lines of a document: in shell blocks, and in indented ones."""
    text = re.sub(r"\\\n\s*", "", text)  # continued lines
    lines = re.findall(r"^    (?:\$ )?((?:make|ape|cairn) .*)$", FENCE.sub("", text), re.MULTILINE)
    for language, _, body in FENCE.findall(text):
        if language in ("", "sh", "bash", "console", "shell"):
            lines += [line.removeprefix("$ ") for line in body.splitlines()]
    lines = [line for line in lines if line.startswith(("make ", "ape ", "cairn "))]
    split = [shlex.split(line, comments=True) for line in lines]
    return [words for words in split if words and words[0] in ("make", "ape", "cairn")]


def test_documents__make__is_a_target(documents, files):
    targets = set(re.findall(r"^([a-z][a-z-]*):", files["Makefile"], re.MULTILINE))
    asked = {
        (name, word)
        for name, text in documents.items()
        for words in commands(text)
        if words[0] == "make"
        for word in words[1:]
        if "=" not in word
    }
    assert asked
    assert not {(name, target) for name, target in asked if target not in targets}


def test_documents__ape_run__is_a_script(documents, root):
    for name, text in documents.items():
        for words in commands(text):
            if words[:2] == ["ape", "run"]:
                assert (root / "scripts" / f"{words[2]}.py").exists(), f"{name}: {words}"


def test_documents__cairn__is_a_command_with_these_options(documents):
    asked = [
        (name, words)
        for name, text in documents.items()
        for words in commands(text)
        if words[0] == "cairn"
    ]
    assert asked
    assert not {(name, *words) for name, words in asked if not is_command_line(words)}


def is_command_line(words: list[str]) -> bool:
    """Whether the words name a command, down to the last group, and only options that it has."""
    command: click.Command = cairn
    context = click.Context(command)
    for word in words[1:]:
        if word.startswith("-"):
            known = {name for param in command.get_params(context) for name in param.opts}
            known |= {
                name for param in command.get_params(context) for name in param.secondary_opts
            }
            if word.partition("=")[0] not in known:
                return False
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return False
            command, context = found, click.Context(found, parent=context)
    return True


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("cairn audit version 1 2 --json", True),
        ("cairn operator init --stake=2.5 --model 1", True),
        ("cairn --version", True),
        ("cairn audit vision 1 2", False),
        ("cairn audit version 1 2 --yaml", False),
        ("cairn fly", False),
    ],
)
def test_is_command_line__options_and_subcommands__are_resolved(line, is_one):
    assert is_command_line(line.split()) is is_one


def test_documents__link__leads_somewhere(documents, root):
    for name, text in documents.items():
        for target in LINK.findall(text):
            assert ((root / Path(name).parent) / target).exists(), f"{name} links to {target}"


def test_documents__python_to_run__runs(documents):
    """A block that begins ```python run is run as it stands; one that cannot be is not marked so."""
    blocks = [
        (name, body)
        for name, text in documents.items()
        for language, marks, body in FENCE.findall(text)
        if language == "python" and "run" in marks.split()
    ]
    assert blocks
    for name, body in blocks:
        exec(compile(body, name, "exec"), {"__name__": "__doc__"})


def test_operator_document__settings__are_those_of_the_class(documents):
    """One row a setting: its variable without the prefix, and its default."""
    text = documents["docs/spec/operator.md"]
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| `?([^|`]*)`? \|", text, re.MULTILINE))
    expected = {}
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        if isinstance(default, bool):
            default = "yes" if default else "no"
        said = "" if default in (None, ()) else str(default)
        expected[name.upper()] = "required" if field.is_required() else said
    assert {name: value.strip() for name, value in rows.items()} == expected
