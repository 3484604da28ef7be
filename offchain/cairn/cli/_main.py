"""The root of the command line: which commands there are, and how an error looks.

Exit codes: 0 it worked; 1 it did not, for the reason in one line on stderr; 2 the command line was
wrong. `cairn audit` has finer ones of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import click

from cairn.cli._lazy import Entry, LazyGroup
from cairn.errors import CairnError

ENTRIES = {
    "access": Entry(
        "cairn.cli._access", "access", "See what a model asks of callers, and meet it."
    ),
    "audit": Entry("cairn.cli._audit", "audit", "Check evidence back to the sensors' signatures."),
    "card": Entry("cairn.cli._card", "card", "Write a model's card, and read a version's."),
    "device": Entry("cairn.cli._device", "device", "Register, list and revoke sensors."),
    "down": Entry("cairn.cli._processes", "down", "End the local run that `make up` left running."),
    "evaluate": Entry(
        "cairn.cli._evaluate", "evaluate", "Say how good a version is, and check it."
    ),
    "export": Entry("cairn.cli._programs", "export", "Make an integer program from a model."),
    "ingest": Entry("cairn.cli._ingest", "ingest", "Take in devices' packets, and anchor them."),
    "inspect": Entry("cairn.cli._programs", "inspect", "Show what a program file holds."),
    "models": Entry("cairn.cli._models", "models", "List, show and search the registry's models."),
    "operator": Entry("cairn.cli._operator", "operator", "Answer requests with stake behind it."),
    "proposal": Entry("cairn.cli._proposal", "proposal", "Propose, vote, queue, execute, read."),
    "providers": Entry("cairn.cli._models", "providers", "Search the operators with stake."),
    "serve": Entry("cairn.cli._serve", "serve", "Serve models over HTTP."),
    "storage": Entry("cairn.cli._storage", "storage", "Add, fetch, pin and check content."),
    "verify": Entry("cairn.cli._verify", "verify", "Check a receipt, and challenge a wrong one."),
    "versions": Entry("cairn.cli._models", "versions", "List and search versions of models."),
}


def installed_version() -> str:
    """The version of the installed package; that of the source tree has none of its own."""
    try:
        return version("cairn")
    except PackageNotFoundError:
        return "0.1.0+source"


@click.group(
    cls=LazyGroup, entries=ENTRIES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(installed_version(), prog_name="cairn")
def cairn() -> None:
    """Train, own, govern and sell a model together, from signing sensors to paid predictions."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; errors become one line on stderr."""
    try:
        result = cairn.main(args=arguments, prog_name="cairn", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("cairn: interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CairnError as error:
        click.echo("cairn: " + " ".join(str(error).split()), err=True)
        return 1
    except BrokenPipeError:
        # The reader of our output has gone (`cairn … | head`): no more to say, and no trace.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return result if isinstance(result, int) else 0


def main() -> None:
    """The console script."""
    sys.exit(run())
