"""A click group whose commands are imported when they are called, so that `--help` stays quick."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import click

from cairn.errors import CairnError


class Entry(NamedTuple):
    """Where a command lives, and what the group's help says of it."""

    module: str
    attribute: str
    help: str


class LazyGroup(click.Group):
    """Knows its commands by name; imports one only to run it or to print its own help."""

    def __init__(self, *args: Any, entries: dict[str, Entry] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._entries = dict(entries or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._entries})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self._entries.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        return entry_command(cmd_name, entry)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            entry = self._entries.get(name)
            if entry is not None:
                rows.append((name, entry.help))
                continue
            command = super().get_command(ctx, name)
            if command is not None and not command.hidden:
                rows.append((name, command.get_short_help_str()))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def entry_command(name: str, entry: Entry) -> click.Command:
    """Import the command that an entry names; raises CairnError when this install lacks it."""
    try:
        command = getattr(import_module(entry.module), entry.attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "cairn":
            # Our own: no install of anything else brings it.
            raise CairnError(
                f"`cairn {name}` is not in this release: it has no module {error.name}"
            ) from error
        raise CairnError(
            f"`cairn {name}` needs the module {error.name}, which is not installed: "
            "install the project's locked requirements"
        ) from error
    except AttributeError as error:
        raise CairnError(f"`cairn {name}` is not in this release") from error
    if not isinstance(command, click.Command):
        raise TypeError(f"{entry.module}.{entry.attribute} is not a click command")
    return command
