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
NOT_DEPLOYED = {"mocks", "modules", "interfaces"}


@pytest.fixture(scope="module")
def contracts(files) -> dict[str, str]:
    return {n: text for n, text in files.items() if n.startswith("contracts/") and ".vy" in n}


def reasons(source: str) -> Iterator[tuple[int, str | None]]:
    """Line and reason of every assert and raise; no reason is None."""
    line: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
            if line and line[0].string in ("assert", "raise"):
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
    for name, text in contracts.items():
        if APART & set(PurePath(name).parts):
            continue
        for tag in ("@title", "@license Apache-2.0", "@notice"):
            assert tag in text, f"{name} lacks {tag}"


def test_contracts__reverts__are_unique_and_short_and_say_where(contracts):
    seen: dict[str, str] = {}
    for name, text in contracts.items():
        if APART & set(PurePath(name).parts):
            continue
        for line, reason in reasons(text):
            place = f"{name}:{line}"
            assert reason, f"{place} reverts without a reason"
            assert len(reason) <= 40, f"{place}: {reason!r} has {len(reason)} characters"
            assert re.fullmatch(r"[a-z][a-z0-9 _-]*: [^A-Z]+", reason), f"{place}: {reason!r}"
            assert reason not in seen, f"{place} and {seen[reason]} both say {reason!r}"
            seen[reason] = place


def test_reasons__examples__are_found():
    source = 'assert a > (\n    b\n), "place: why"\nassert c  # "not: this"\nraise "x: y"\n'
    assert list(reasons(source)) == [(1, "place: why"), (4, None), (5, "x: y")]
