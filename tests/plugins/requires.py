"""Tests that want what not every machine has, and lanes that share the work.

`@pytest.mark.requires("kubo")` leaves a test out where Kubo is missing, and the summary names it and how to
have it: nothing is skipped in silence. With REQUIRE_ALL=1 in the environment such a test fails instead.

`--lane chain` runs the tests that use Ape's chain; of the others `--lane processes` those of
tests/integration, which start Cairn's own processes, `--lane units` those of tests/unit, and
`--lane titanoboa` the rest, which compile for it; `--half 1` or `--half 2` a half of a lane's files.
Without them, all run.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
TOOLS = TESTS.parent / ".tools"
LOCAL_TOOLS = TOOLS / "bin"
BY_TITANOBOA = ("attacks", "differential", "stateful")
# Ape's fixtures: whoever asks for one wants its chain.
APE_FIXTURES = {"accounts", "chain", "networks", "project", "provider", "compilers"}


@dataclass(frozen=True)
class Need:
    """A thing that a test may want: the programs that show it is there, and how to have it."""

    programs: tuple[str, ...]  # any one of them
    how: str
    beside: tuple[str, ...] = ()  # folders outside the path, as globs

    def is_met(self) -> bool:
        path = os.pathsep.join([os.environ.get("PATH", ""), str(LOCAL_TOOLS), *self._folders()])
        return any(shutil.which(program, path=path) for program in self.programs)

    def _folders(self) -> Iterator[str]:
        for pattern in self.beside:
            yield from (str(found) for found in sorted(Path("/").glob(pattern.lstrip("/"))))


NEEDS = {
    "kubo": Need(
        ("ipfs",), "put Kubo's `ipfs` on the path, or run tools/kubo/build.sh, which wants Go"
    ),
    "flower": Need(("flwr",), "make flower", (str(TOOLS / "flower" / "bin"),)),
    "chromium": Need(("chromium", "chromium-browser", "google-chrome"), "apt-get install chromium"),
    "mosquitto": Need(("mosquitto",), "apt-get install mosquitto", ("/usr/sbin",)),
    "postgresql": Need(("postgres",), "apt-get install postgresql", ("/usr/lib/postgresql/*/bin",)),
    "redis": Need(("redis-server",), "apt-get install redis-server"),
    "nginx": Need(("nginx",), "apt-get install nginx-light", ("/usr/sbin",)),
    "go": Need(("go",), "install Go 1.26 or newer; Debian's own is older"),
    "node": Need(("node",), "install Node 20 or newer"),
}

LEFT_OUT = pytest.StashKey[dict[str, list[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cairn")
    group.addoption(
        "--lane",
        choices=("chain", "processes", "units", "titanoboa"),
        help="only the tests of one lane",
    )
    group.addoption("--half", choices=("1", "2"), help="only one half of the lane's files")
    group.addoption(
        "--left-out", metavar="FILE", help="also write what was left out there, as JSON"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = {}


def requires_all() -> bool:
    return os.environ.get("REQUIRE_ALL", "") not in ("", "0")


def lacking(item: pytest.Item) -> list[str]:
    """What the test wants and the machine lacks."""
    wanted = [name for mark in item.iter_markers("requires") for name in mark.args]
    unknown = sorted(set(wanted) - set(NEEDS))
    if unknown:
        raise pytest.UsageError(
            f"{item.nodeid} requires {', '.join(unknown)}: add it to NEEDS in tests/plugins/requires.py"
        )
    return [name for name in dict.fromkeys(wanted) if not NEEDS[name].is_met()]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    lane, half = config.getoption("--lane"), config.getoption("--half")
    mine = [item for item in items if not lane or lane == lane_of(item)]
    chosen = set(mine if half is None else halves(mine)[int(half) - 1])
    keep, elsewhere = [], []
    for item in items:
        missing = lacking(item)
        if item not in chosen:
            elsewhere.append(item)
        elif missing and not requires_all():
            elsewhere.append(item)
            for name in missing:
                config.stash[LEFT_OUT].setdefault(name, []).append(item.nodeid)
        else:
            keep.append(item)
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = keep


def lane_of(item: pytest.Item) -> str:
    if APE_FIXTURES & set(getattr(item, "fixturenames", ())):
        return "chain"
    if TESTS / "integration" in item.path.parents:
        return "processes"
    return "titanoboa" if {TESTS / one for one in BY_TITANOBOA} & {*item.path.parents} else "units"


def halves(items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """Whole files, shared out so that both halves have about as many tests."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    first: list[pytest.Item] = []
    second: list[pytest.Item] = []
    for _, tests in sorted(files.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        (first if len(first) <= len(second) else second).extend(tests)
    return first, second


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in lacking(item):
        pytest.fail(f"this machine lacks {name}: {NEEDS[name].how}", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    file = session.config.getoption("--left-out")
    if file:
        left_out = session.config.stash[LEFT_OUT]
        Path(file).write_text(
            json.dumps({n: {"how": NEEDS[n].how, "tests": t} for n, t in left_out.items()})
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, tests in sorted(terminalreporter.config.stash[LEFT_OUT].items()):
        terminalreporter.section(f"left out: {len(tests)} for lack of {name} ({NEEDS[name].how})")
        for test in tests:
            terminalreporter.line(test)
