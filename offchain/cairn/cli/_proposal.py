"""`cairn proposal`: what alliances decide, from draft to execution, by an account of Ape's."""

from __future__ import annotations

from typing import Any

import click

from cairn.catalog import CatalogSettings
from cairn.chain import Sender, System
from cairn.cli._signing import account_options, open_sender
from cairn.cli.proposals import Commands


def connect() -> tuple[CatalogSettings, System]:
    settings = CatalogSettings()
    return settings, settings.connect()


def open_hand(system: System, given: dict[str, Any]) -> Sender:
    return open_sender(system, given.pop("account"), given.pop("passphrase_file"))


_COMMANDS = Commands(connect, open_hand, account_options)

proposal = click.Group(
    "proposal",
    help="Propose, vote, queue, execute, and read what is proposed.",
    commands=[
        click.Group(
            "create",
            help="Propose an action to an alliance's shareholders.",
            commands=_COMMANDS.create(),
        ),
        *_COMMANDS.steps(),
    ],
)
