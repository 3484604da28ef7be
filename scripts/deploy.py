"""`ape run deploy`: deploy the system, and the alliances that the network's file lists.

Reads networks/<name>.yaml, writes deployments/<name>.json, or the file that CAIRN_DEPLOYMENT names.
Run again, it changes nothing; interrupted, it resumes.
"""

from __future__ import annotations

import click

from scripts._command import NodeCommand
from scripts._deployment import commit
from scripts._system import (
    Alliance,
    AllianceSettings,
    System,
    SystemSettings,
    account_named,
    deploy_system,
    deployment_file,
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


HOW_TO_READ = ("confirmations", "log_page_blocks")


@click.command(cls=NodeCommand)
@click.option("--account", "alias", help="Ape alias of the deployer; local chains: TEST::0.")
def cli(alias: str | None) -> None:
    """Deploy the system and the alliances of the network's file."""
    settings = load_network(network_name())
    deployer = account_named(alias or settings["deployer"])
    journal = open_journal()
    journal.record.setdefault("commit", commit())
    journal.record["deployer"] = deployer.address
    # For whoever reads this deployment: its services are told nothing else of the network.
    journal.record.update({name: settings[name] for name in HOW_TO_READ})
    system_settings = SystemSettings.of(settings)
    system = deploy_system(deployer, system_settings, journal, click.echo)
    for entry in settings.get("alliances", ()):
        launch_alliance(deployer, system, AllianceSettings(**entry), journal, click.echo)
    journal.save()
    click.echo(f"{deployment_file()} is up to date")
