"""`ape run deploy`: deploy the system, and the alliances that the network's file lists.

Reads networks/<name>.yaml, writes deployments/<name>.json. Run again, it changes nothing;
interrupted, it resumes.
"""

from __future__ import annotations

import click
from ape.cli import ConnectedProviderCommand

from scripts._deployment import DeploymentError, commit
from scripts._system import (
    Alliance,
    AllianceSettings,
    System,
    SystemSettings,
    account_named,
    deploy_system,
    launch_alliance,
    load_network,
    network_name,
    open_journal,
)

__all__ = [
    "Alliance",
    "AllianceSettings",
    "System",
    "SystemSettings",
    "cli",
    "deploy_system",
    "launch_alliance",
]


@click.command(cls=ConnectedProviderCommand)
@click.option("--account", "alias", help="Ape alias of the deployer; local chains: TEST::0.")
def cli(alias: str | None) -> None:
    """Deploy the system and the alliances of the network's file."""
    try:
        settings = load_network(network_name())
        deployer = account_named(alias or settings["deployer"])
        journal = open_journal()
        journal.record.setdefault("commit", commit())
        journal.record["deployer"] = deployer.address
        system_settings = SystemSettings(**settings.get("system", {}))
        system = deploy_system(deployer, system_settings, journal, click.echo)
        for entry in settings.get("alliances", ()):
            launch_alliance(deployer, system, AllianceSettings(**entry), journal, click.echo)
        journal.save()
        click.echo(f"deployments/{network_name()}.json is up to date")
    except DeploymentError as error:
        raise click.ClickException(str(error)) from error
