"""What the documents tell a reader to type or to open is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

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
        if language in ("sh", "bash", "console", "shell"):
            lines += [line.removeprefix("$ ") for line in body.splitlines()]
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


def test_documents__cairn__is_a_command(documents):
    from cairn.cli import cairn

    known = set(cairn.list_commands(None))
    for name, text in documents.items():
        for words in commands(text):
            if words[0] == "cairn" and not words[1].startswith("-"):
                assert words[1] in known, f"{name}: {words}"


def test_documents__link__leads_somewhere(documents, root):
    for name, text in documents.items():
        for target in LINK.findall(text):
            assert ((root / Path(name).parent) / target).exists(), f"{name} links to {target}"


def test_documents__python_to_run__runs(documents):
    """A block that begins ```python run is run as it stands; one that cannot be is not marked so."""
    for name, text in documents.items():
        for language, marks, body in FENCE.findall(text):
            if language == "python" and "run" in marks.split():
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
