"""The contracts' house style, as far as a test can tell."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePath

import pytest

VERSION = "# pragma version 0.4.3"
# Only tests deploy these; what they revert with is not for users.
APART = {"mocks"}
REASON = re.compile(r"[a-z][a-z0-9 _-]*: [^A-Z]+")
NOT_DEPLOYED = {"mocks", "modules", "interfaces"}


@pytest.fixture(scope="module")
def contracts(files) -> dict[str, str]:
    return {n: text for n, text in files.items() if n.startswith("contracts/") and ".vy" in n}


def reasons(source: str) -> Iterator[tuple[int, str | None]]:
    """Line and reason of every assert and raise; no reason is None. A reason that a view gives is
    said where it is returned: `raise reason` says it again.
    """
    line: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if [token.string for token in line] == ["raise", "reason"]:
                pass
            elif line and line[0].string == "return" and len(line) > 1:
                if line[1].type == tokenize.STRING and ": " in line[1].string:
                    yield line[0].start[0], line[1].string[1:-1]
            elif line and line[0].string in ("assert", "raise"):
                while line[-1].string == ")":
                    line.pop()
                last = line[-1]
                said = last.string[1:-1] if last.type == tokenize.STRING else None
                yield line[0].start[0], said
            line = []
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            line.append(token)


def test_contracts__first_line__is_the_exact_pragma(contracts):
    assert contracts
    assert not [n for n, text in contracts.items() if text.splitlines()[0] != VERSION]


def test_contracts__deployed__cannot_be_reentered(contracts):
    deployed = {
        name: text
        for name, text in contracts.items()
        if name.endswith(".vy") and not NOT_DEPLOYED & set(PurePath(name).parts)
    }
    lacking = [n for n, text in deployed.items() if "\n# pragma nonreentrancy on\n" not in text]
    assert not lacking


def test_contracts__header__tells_what_it_is(contracts):
    lacking = [
        f"{name} lacks {tag}"
        for name, text in contracts.items()
        if not APART & set(PurePath(name).parts)
        for tag in ("@title", "@license Apache-2.0", "@notice")
        if tag not in text and not (tag == "@notice" and name.endswith(".vyi"))
    ]
    assert not lacking


def test_contracts__reverts__are_unique_and_short_and_say_where(contracts):
    said: dict[str | None, list[str]] = {}
    for name, text in contracts.items():
        if not APART & set(PurePath(name).parts):
            for line, reason in reasons(text):
                said.setdefault(reason, []).append(f"{name}:{line}")
    assert not said.pop(None, []), "reverts without a reason"
    assert not {r: at for r, at in said.items() if len(at) > 1}, "said in more than one place"
    assert not {r: at for r, at in said.items() if len(r) > 40}, "too long"
    assert not {r: at for r, at in said.items() if not REASON.fullmatch(r)}, "not `place: reason`"


def test_reasons__examples__are_found():
    source = (
        'assert a > (\n    b\n), "place: why"\n'
        'assert c  # "not: this"\n'
        'raise "x: y"\n'
        'assert d, (\n    "e: f"\n)\n'
        'return "g: h", 0\n'
        'return ""\n'
        "raise reason\n"
        "raise other\n"
    )
    expected = [
        (1, "place: why"),
        (4, None),
        (5, "x: y"),
        (6, "e: f"),
        (9, "g: h"),
        (12, None),
    ]
    assert list(reasons(source)) == expected
