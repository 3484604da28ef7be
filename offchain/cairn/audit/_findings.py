"""What an audit says: one finding a link, in the tree in which evidence hangs together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class State(Enum):
    """How a link was found. The value is what people and `--json` read."""

    HELD = "held"
    BROKEN = "broken"
    NOT_VISIBLE = "not visible"


@dataclass(frozen=True)
class Finding:
    """One link of the evidence, and the links that it leans on."""

    link: str  # which kind of link: "program", "batch" ...
    subject: str  # which one: "version 2 of model 1"
    state: State
    detail: str  # what was compared, and for a broken link what it should have been
    children: tuple[Finding, ...] = field(default=())

    def walk(self) -> Iterator[Finding]:
        """This finding and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def worst(self) -> State:
        """Broken if any link is broken, else not visible if any is not, else held."""
        states = {finding.state for finding in self.walk()}
        for state in (State.BROKEN, State.NOT_VISIBLE):
            if state in states:
                return state
        return State.HELD

    def as_json(self) -> dict[str, Any]:
        """A tree of plain values, for `--json`."""
        return {
            "link": self.link,
            "subject": self.subject,
            "state": self.state.value,
            "detail": self.detail,
            "children": [child.as_json() for child in self.children],
        }


EXIT_CODES = {State.HELD: 0, State.BROKEN: 3, State.NOT_VISIBLE: 4}
"""What `cairn audit` exits with; 1 and 2 are every command's codes for errors."""


def held(link: str, subject: str, detail: str, *children: Finding) -> Finding:
    return Finding(link, subject, State.HELD, detail, children)


def broken(link: str, subject: str, detail: str, *children: Finding) -> Finding:
    return Finding(link, subject, State.BROKEN, detail, children)


def unseen(link: str, subject: str, detail: str) -> Finding:
    return Finding(link, subject, State.NOT_VISIBLE, detail)
