"""`ape run propose`: put a proposal to the shareholders of an alliance, and see it through.

ape run propose promote --model 1 --version 2 --network iotex:testnet:node --account me
ape run propose vote|queue|execute|cancel|show <proposal id> ...

What is proposed, and how it is shown, is what `cairn proposal` does; here Ape connects and signs.
"""

from __future__ import annotations

from typing import Any

import click
from ape import networks
from ape.api import AccountAPI

from cairn.catalog import CatalogSettings
from cairn.chain import Call, System
from cairn.cli.proposals import Commands
from scripts._command import NodeCommand
from scripts._system import account_named, deployment_file, node_url


class ApeHand:
    """An account that Ape signs for."""

    def __init__(self, account: AccountAPI) -> None:
        self._account = account
        self.address = str(account.address)

    def send(self, call: Call) -> None:
        ecosystem = networks.active_provider.network.ecosystem
        transaction = ecosystem.create_transaction(
            # Named, for the node to estimate with: Ape adds the sender only later.
            sender=self.address,
            receiver=call.to,
            data=call.data,
            value=call.value,
        )
        self._account.call(transaction)


def connect() -> tuple[CatalogSettings, System]:
    """The contracts of the connected network."""
    settings = CatalogSettings(rpc_url=node_url(), deployment=deployment_file())
    return settings, settings.connect()


def open_hand(_: System, given: dict[str, Any]) -> ApeHand:
    return ApeHand(account_named(given.pop("account")))


def account_options() -> list[click.Parameter]:
    return [
        click.Option(["--account"], required=True, help="Ape alias; local chains: TEST::n."),
    ]


_COMMANDS = Commands(connect, open_hand, account_options, NodeCommand)

cli = click.Group(
    help="Propose, vote, queue, execute, show.",
    commands=[*_COMMANDS.create(), *_COMMANDS.steps()],
)
