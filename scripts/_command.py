"""Commands that speak to a node."""

from __future__ import annotations

from typing import Any

import click
from ape import project
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ApeException

from cairn.errors import CairnError
from scripts._deployment import DeploymentError


class NodeCommand(ConnectedProviderCommand):
    """A command with --network; what goes wrong on the way is said in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        read_networks_once()
        try:
            return super().invoke(ctx)
        except (CairnError, DeploymentError, ApeException, LookupError) as error:
            raise click.ClickException(_one_line(error)) from error


def read_networks_once() -> None:
    """Ape parses a custom ecosystem's settings anew each time it looks at one, several times for a
    transaction: a third of the story's time. It takes them from its cache where they are in it.
    """
    config = project.config
    config._plugin_configs["iotex"] = config.get_config("iotex")


def _one_line(error: Exception) -> str:
    text = error.args[0] if isinstance(error, LookupError) and error.args else error
    return " ".join(str(text).split())
