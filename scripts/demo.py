"""`ape run demo`: the whole story on a chain of this machine.

From signed readings to a paid, audited prediction. Starts a local chain, an operator and an API,
tells what happens step by step, and ends everything that it started. The sensors are simulated:
every reading in the story is synthetic.
"""

from __future__ import annotations

import shutil

import click

from cairn.errors import CairnError
from scripts._deployment import ROOT, DeploymentError
from scripts._stage import open_stage
from scripts._story import tell


@click.command()
@click.option("--seed", type=int, default=2021, show_default=True, help="Of the simulated sensors.")
def cli(seed: int) -> None:
    """Play the story of an alliance, and show who earned what."""
    var = ROOT / "var" / "demo"
    shutil.rmtree(var, ignore_errors=True)
    try:
        with open_stage(var, var / "deployment.json") as stage:
            tell(stage, seed)
    except (CairnError, DeploymentError) as error:
        raise click.ClickException(str(error)) from error
