"""`cairn audit`: each link of the evidence as held, broken or not visible from here."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext

import click
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from cairn.audit import EXIT_CODES, Auditor, Finding, State
from cairn.audit.chain import ChainLedger
from cairn.settings import ConnectionSettings

MARKS = {State.HELD: "[green]✓ held[/]", State.BROKEN: "[red]✗ broken[/]"}
MARKS[State.NOT_VISIBLE] = "[yellow]? not visible[/]"

MAX_ID = 2**256 - 1
PIPE_WIDTH = 1_000

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")


@click.group()
def audit() -> None:
    """Check evidence: exits 0 if every link held, 3 if one is broken, 4 if one is not visible."""


@audit.command()
@click.argument("prediction")
@as_json
def prediction(prediction: str, as_json: bool) -> int:
    """A prediction: the id of a request, or the hash of the transaction that bought it."""
    if re.fullmatch(r"0x[0-9a-fA-F]{64}", prediction):
        return run(lambda auditor: auditor.purchase(bytes.fromhex(prediction[2:])), as_json)
    if re.fullmatch(r"[1-9][0-9]{0,77}", prediction) and int(prediction) <= MAX_ID:
        return run(lambda auditor: auditor.request(int(prediction)), as_json)
    raise click.UsageError(
        f"{prediction!r} is neither a request's id nor a transaction's hash (0x and 64 digits)"
    )


@audit.command()
@click.argument("model_id", type=click.IntRange(1, MAX_ID))
@click.argument("version", type=click.IntRange(1, MAX_ID))
@as_json
def version(model_id: int, version: int, as_json: bool) -> int:
    """A version of a model: its program, its training, and the data behind it."""
    return run(lambda auditor: auditor.version(model_id, version), as_json)


@audit.command()
@click.argument("batch_id")
@as_json
def batch(batch_id: str, as_json: bool) -> int:
    """A batch of readings: its packets, their root and their signatures."""
    try:
        number = int(batch_id, 0)
    except ValueError:
        number = 0
    if not 0 < number <= MAX_ID:
        raise click.UsageError(f"{batch_id!r} is no batch id: give a number, or 0x…")
    return run(lambda auditor: auditor.batch(number), as_json)


def run(look: Callable[[Auditor], Finding], as_json: bool) -> int:
    """Audit on the chain and the store of the environment, print the findings, return the code."""
    connection = ConnectionSettings()
    store = connection.open_store()
    progress = Console(stderr=True)
    try:
        ledger = ChainLedger(connection.connect())
        live = progress.status("reading the chain") if progress.is_terminal else nullcontext()
        with live as status:
            tell = (lambda _: None) if status is None else (lambda text: status.update(text))
            found = look(Auditor(ledger, store, tell))
    finally:
        store.close()
    return show(found, as_json)


def show(found: Finding, as_json: bool) -> int:
    """Print findings to stdout and return the exit code."""
    if as_json:
        verdict = {"state": found.worst().value, "finding": found.as_json()}
        click.echo(json.dumps(verdict, ensure_ascii=False))
    else:
        # A pipe has no width, and would otherwise get 80 columns of each line.
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        console = Console(soft_wrap=True, highlight=False, width=width)
        console.print(tree_of(found))
        console.print(summary(found))
    return EXIT_CODES[found.worst()]


def tree_of(found: Finding) -> Tree:
    """The findings as a tree for people."""
    tree = Tree(_line(found))
    _grow(tree, found)
    return tree


def _grow(tree: Tree, found: Finding) -> None:
    for child in found.children:
        _grow(tree.add(_line(child)), child)


def _line(found: Finding) -> str:
    subject = f"{found.link} {escape(found.subject.removeprefix(found.link).strip())}"
    return f"{MARKS[found.state]} [bold]{subject}[/]: {escape(found.detail)}"


def summary(found: Finding) -> str:
    """One line: how many links held, are broken, are not visible."""
    states = [finding.state for finding in found.walk()]
    counts = ", ".join(f"{states.count(state)} {state.value}" for state in State)
    words = {
        State.HELD: "every link held, back to the sensors' signatures",
        State.BROKEN: "the evidence is broken",
        State.NOT_VISIBLE: "nothing is broken, but not all can be seen from here",
    }
    return f"{counts}: {words[found.worst()]}"
