"""`ape run propose`: put a proposal to the shareholders of an alliance, and see it through.

ape run propose promote --model 1 --version 2 --network iotex:testnet:node --account me
ape run propose vote|queue|execute|show <proposal id> ...
"""

from __future__ import annotations

import json
from typing import Any

import click
from ape import project

from scripts._command import NodeCommand
from scripts._deployment import DeploymentError
from scripts._governance import AGAINST, FOR, PRODUCTION, STATES, Action, find_proposal, propose
from scripts._system import account_named, open_journal

TERMS = ("price", "operator_bps", "holders_bps", "window_s", "lock_wei", "policy_id")
SUPPORT = {"against": AGAINST, "for": FOR, "abstain": 2}


def _record(alliance: str | None) -> tuple[Any, dict[str, Any]]:
    """The network's deployment record, and the alliance's part of it."""
    record = open_journal().record
    alliances = record["alliances"]
    if not alliances:
        raise DeploymentError("no alliance is deployed on this network: run `ape run deploy` first")
    name = alliance or next(iter(alliances))
    if name not in alliances:
        raise DeploymentError(f"no alliance {name!r}; there are: {', '.join(alliances)}")
    return record["contracts"], alliances[name]


def _governor(alliance: str | None) -> tuple[Any, int]:
    _, contracts = _record(alliance)
    governor = contracts["Governor"]
    return project.Governor.at(governor["address"]), governor["block"]


def _propose(alliance: str | None, account: str, title: str, actions: list[Action]) -> None:
    governor, _ = _governor(alliance)
    proposal, _ = propose(governor, actions, title, account_named(account))
    click.echo(f"proposal {proposal.proposal_id}")
    click.echo(proposal.description)


alliance_option = click.option(
    "--alliance", help="The alliance's name; by default the first deployed."
)
account_option = click.option("--account", required=True, help="Ape alias; local chains: TEST::n.")


@click.group()
def cli() -> None:
    """Propose, vote, queue, execute, show."""


@cli.command(cls=NodeCommand)
@alliance_option
@account_option
@click.option("--model", "model_id", type=int, required=True)
@click.option("--version", type=int, required=True)
def promote(alliance: str | None, account: str, model_id: int, version: int) -> None:
    """Make a version of a model `production`."""
    contracts, _ = _record(alliance)
    registry = project.ModelRegistry.at(contracts["ModelRegistry"]["address"])
    action = Action(
        f"make version {version} of model {model_id} production",
        registry.set_alias,
        (model_id, PRODUCTION, version),
    )
    _propose(alliance, account, f"Promote version {version}", [action])


@cli.command(cls=NodeCommand)
@alliance_option
@account_option
@click.option("--model", "model_id", type=int, required=True)
@click.option("--price", type=int, required=True, help="In the currency's smallest unit.")
@click.option("--operator-bps", type=click.IntRange(0, 10_000), required=True)
@click.option("--holders-bps", type=click.IntRange(0, 10_000), required=True)
@click.option("--window", "window_s", type=int, required=True, help="Seconds.")
@click.option("--lock", "lock_wei", type=int, required=True, help="Stake for each answer, in wei.")
@click.option("--policy", "policy_id", type=int, default=0, help="Who may ask; 0, anyone.")
def terms(alliance: str | None, account: str, model_id: int, **values: int) -> None:
    """Set the terms on which a model's production version is sold."""
    contracts, _ = _record(alliance)
    registry = project.ModelRegistry.at(contracts["ModelRegistry"]["address"])
    words = ", ".join(f"{name} {value}" for name, value in values.items())
    action = Action(
        f"sell model {model_id} on new terms: {words}",
        registry.set_terms,
        (
            model_id,
            *(values[name] for name in TERMS),
        ),
    )
    _propose(alliance, account, f"Terms of model {model_id}", [action])


@cli.command(cls=NodeCommand)
@alliance_option
@account_option
@click.argument("devices", nargs=-1, required=True)
def admit(alliance: str | None, account: str, devices: tuple[str, ...]) -> None:
    """Admit sensors to the alliance."""
    contracts, _ = _record(alliance)
    registry = project.DeviceRegistry.at(contracts["DeviceRegistry"]["address"])
    action = Action(f"admit {', '.join(devices)}", registry.admit, (list(devices),))
    _propose(alliance, account, f"Admit {len(devices)} sensors", [action])


@cli.command(cls=NodeCommand)
@alliance_option
@account_option
@click.argument("proposal_id", type=int)
@click.argument("support", type=click.Choice(list(SUPPORT)))
def vote(alliance: str | None, account: str, proposal_id: int, support: str) -> None:
    """Vote for or against a proposal, or abstain."""
    governor, _ = _governor(alliance)
    governor.castVote(proposal_id, SUPPORT[support], sender=account_named(account))
    click.echo(f"voted {support}")


@cli.command(cls=NodeCommand)
@alliance_option
@account_option
@click.argument("proposal_id", type=int)
def queue(alliance: str | None, account: str, proposal_id: int) -> None:
    """Hand a proposal that succeeded to the timelock."""
    governor, since = _governor(alliance)
    proposal = find_proposal(governor, proposal_id, since)
    governor.queue(*proposal.key, sender=account_named(account))
    click.echo(f"queued; executable from {governor.proposalEta(proposal_id)}, unix seconds")


@cli.command(cls=NodeCommand)
@alliance_option
@account_option
@click.argument("proposal_id", type=int)
def execute(alliance: str | None, account: str, proposal_id: int) -> None:
    """Carry out a proposal whose delay in the timelock is over."""
    governor, since = _governor(alliance)
    proposal = find_proposal(governor, proposal_id, since)
    governor.execute(*proposal.key, sender=account_named(account))
    click.echo("executed")


@cli.command(cls=NodeCommand)
@alliance_option
@click.argument("proposal_id", type=int)
def show(alliance: str | None, proposal_id: int) -> None:
    """Show a proposal's words, state and votes as JSON."""
    governor, since = _governor(alliance)
    proposal = find_proposal(governor, proposal_id, since)
    against, for_, abstain = governor.proposalVotes(proposal_id)
    shown = {
        "proposal": str(proposal_id),
        "state": STATES[governor.state(proposal_id)],
        "description": proposal.description,
        "votes": {"for": for_, "against": against, "abstain": abstain},
        "deadline": governor.proposalDeadline(proposal_id),
    }
    click.echo(json.dumps(shown, indent=2))
