"""`ape run demo`: the whole story on a chain of this machine, from signed readings to a paid,
audited prediction.

Starts a local chain, an operator and an API, tells what happens step by step, and ends everything
that it started. The sensors are simulated: every reading in the story is synthetic.
"""

from __future__ import annotations

import click

from cairn.errors import CairnError
from scripts._deployment import DeploymentError
from scripts._stage import Stage, open_stage
from scripts._story import tell


@click.command()
@click.option("--seed", type=int, default=2021, show_default=True, help="Of the simulated sensors.")
@click.option("--port", type=int, default=0, help="Of the local chain; by default a free one.")
def cli(seed: int, port: int) -> None:
    """Play the story of an alliance, and show who earned what."""
    try:
        with open_stage(port=port) as stage:
            tell(stage, seed)
    except (CairnError, DeploymentError) as error:
        raise click.ClickException(str(error)) from error


__all__ = ["Stage", "cli"]
