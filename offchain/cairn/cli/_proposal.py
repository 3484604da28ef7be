"""`cairn proposal`: what alliances decide, from draft to execution, by an account of Ape's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cairn.catalog import CatalogSettings
from cairn.chain import Call, Sender, Signer, System, open_account
from cairn.cli.proposals import Commands


class KeystoreHand:
    """An account of Ape's keystore."""

    def __init__(self, system: System, signer: Signer) -> None:
        self._sender = Sender(system.node, signer, chain_id=system.network.chain_id)
        self.address = signer.address

    def send(self, call: Call) -> None:
        self._sender.send(call)


def connect() -> tuple[CatalogSettings, System]:
    settings = CatalogSettings()
    return settings, settings.connect()


def open_hand(system: System, given: dict[str, Any]) -> KeystoreHand:
    signer = open_account(
        given.pop("account"),
        system.node,
        system.network,
        passphrase_file=given.pop("passphrase_file"),
    )
    return KeystoreHand(system, signer)


def account_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--account"],
            required=True,
            envvar="CAIRN_ACCOUNT",
            help="Ape account alias. Local: TEST::n.",
        ),
        click.Option(
            ["--passphrase-file"],
            type=click.Path(path_type=Path),
            help="Else APE_ACCOUNTS_<alias>_PASSPHRASE.",
        ),
    ]


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
