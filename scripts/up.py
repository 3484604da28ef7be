"""`ape run up`: the demo's set-up, left running to explore: a local chain, an operator, an API."""

from __future__ import annotations

import click

from cairn.cli.processes import running
from cairn.errors import CairnError
from scripts._deployment import ROOT, DeploymentError
from scripts._stage import open_stage
from scripts._story import set_up

CHAIN_PORT = 8545  # the one in ape-config.yaml
API_PORT = 8690


@click.command()
@click.option("--seed", type=int, default=2021, show_default=True, help="Of the simulated sensors.")
def cli(seed: int) -> None:
    """Set everything up, and leave it running until `make down`."""
    var = ROOT / "var"
    already = running(var)
    if already:
        names = ", ".join(program.name for program in already)
        raise click.ClickException(f"already up ({names}): `make down` ends it")
    deployment = ROOT / "deployments" / "iotex-dev.json"
    try:
        with open_stage(var, deployment, CHAIN_PORT, API_PORT) as stage:
            set_up(stage, seed)
            stage.processes.keep()
            stage.chapter("It is up")
            stage.say(f"chain     {stage.rpc_url}  (Ape: --network iotex:dev:node)")
            stage.say(f"API       {stage.api_url}/docs")
            stage.say(f"contracts {deployment.relative_to(ROOT)}")
            stage.say(f"logs      {(var / 'log').relative_to(ROOT)}")
            stage.say("`make down` ends it")
    except (CairnError, DeploymentError) as error:
        raise click.ClickException(str(error)) from error
