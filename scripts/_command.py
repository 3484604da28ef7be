"""Commands that speak to a node."""

from __future__ import annotations

from typing import Any

import click
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ApeException

from cairn.errors import CairnError
from scripts._deployment import DeploymentError


class NodeCommand(ConnectedProviderCommand):
    """A command with --network; what goes wrong on the way is said in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (CairnError, DeploymentError, ApeException, LookupError) as error:
            raise click.ClickException(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    text = error.args[0] if isinstance(error, LookupError) and error.args else error
    return " ".join(str(text).split())
