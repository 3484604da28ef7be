"""`cairn evaluate`: say how good a version is, check what others said, prove a row wrong."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import click

from cairn.cli._operator import Coin
from cairn.cli._signing import send, signs
from cairn.domain.losses import LossKind, mean_loss
from cairn.domain.rows import ValidationSet
from cairn.errors import CairnError
from cairn.settings import ConnectionSettings
from cairn.training import (
    EvaluationError,
    assess,
    challenge_call,
    post_call,
    posted_id,
    show_call,
)

KINDS = {kind.name.lower().replace("_", "-"): kind for kind in LossKind}

set_file = click.option(
    "--set",
    "set_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The validation set's file; else the one that was published.",
)
evaluation_id = click.argument("evaluation_id", type=click.IntRange(min=1))


@click.group()
def evaluate() -> None:
    """Say how good a version is with stake behind it, check it, and prove a row wrong."""


@evaluate.command()
@click.argument("model_id", type=click.IntRange(min=1))
@click.argument("version", type=click.IntRange(min=1))
@click.option(
    "--set",
    "set_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="The validation set's file.",
)
@click.option("--loss", "kind", type=click.Choice(sorted(KINDS)), required=True)
@click.option("--window", "window_s", type=int, default=86_400, show_default=True, help="Seconds.")
@click.option("--lock", type=Coin(), default="2", show_default=True, help="Stake behind it, coin.")
@click.option("--sealed", is_flag=True, help="Do not publish the set's file.")
@signs
def post(
    model_id: int,
    version: int,
    set_path: Path,
    kind: str,
    window_s: int,
    lock: int,
    sealed: bool,
    account: str,
    passphrase_file: Path | None,
) -> None:
    """Evaluate a version on a set of rows, and post it with the account's stake behind it."""
    connection = ConnectionSettings()
    system, rows = connection.connect(), read_set(set_path)
    with closing(connection.open_store()) as store:
        call, losses = post_call(
            system,
            store,
            model_id,
            version,
            rows,
            KINDS[kind],
            window_s=window_s,
            lock_wei=lock,
            sealed=sealed,
        )
    receipt = send(system, call, account, passphrase_file)
    mean = mean_loss(losses.kind, losses.total, len(rows.rows))
    click.echo(
        f"evaluation {posted_id(system, receipt)}: {mean:.6g} a row on {len(rows.rows)} "
        f"rows (transaction 0x{receipt.tx_hash.hex()})"
    )


@evaluate.command()
@evaluation_id
@set_file
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def verify(
    context: click.Context, evaluation_id: int, set_path: Path | None, as_json: bool
) -> None:
    """Recompute an evaluation. Exit code 1 and the first wrong row if it is wrong."""
    connection = ConnectionSettings()
    with closing(connection.open_store()) as store:
        rows = None if set_path is None else read_set(set_path)
        found = assess(connection.connect(), store, evaluation_id, rows)
    if as_json:
        shown = {"matches": found.matches, "reason": found.reason, "row": found.row}
        click.echo(json.dumps(shown))
    else:
        words = "right" if found.matches else "WRONG"
        click.echo(f"evaluation {evaluation_id} is {words}: {found.reason}")
    context.exit(0 if found.matches else 1)


@evaluate.command()
@evaluation_id
@set_file
@signs
def challenge(
    evaluation_id: int, set_path: Path | None, account: str, passphrase_file: Path | None
) -> None:
    """Prove an evaluation wrong by its first wrong row: half of its lock is the account's."""
    connection = ConnectionSettings()
    system = connection.connect()
    with closing(connection.open_store()) as store:
        rows = None if set_path is None else read_set(set_path)
        call, found = challenge_call(system, store, evaluation_id, rows)
    receipt = send(system, call, account, passphrase_file)
    click.echo(
        f"evaluation {evaluation_id} is void: {found.reason} (transaction 0x{receipt.tx_hash.hex()})"
    )


@evaluate.command()
@evaluation_id
@click.argument("index", type=click.IntRange(min=0))
@signs
def demand(evaluation_id: int, index: int, account: str, passphrase_file: Path | None) -> None:
    """Demand that row INDEX be shown, against a bond: back if the evaluation falls, else the shower's."""
    system = ConnectionSettings().connect()
    bond_wei = system.evaluations.demand_bond_wei()
    call = system.evaluations.demand(evaluation_id, index, bond_wei=bond_wei)
    receipt = send(system, call, account, passphrase_file)
    click.echo(f"row {index} is demanded (transaction 0x{receipt.tx_hash.hex()})")


@evaluate.command()
@evaluation_id
@click.argument("index", type=click.IntRange(min=0))
@set_file
@signs
def show(
    evaluation_id: int,
    index: int,
    set_path: Path | None,
    account: str,
    passphrase_file: Path | None,
) -> None:
    """Show row INDEX, which was demanded: the bond is the account's if the evaluation stands."""
    connection = ConnectionSettings()
    system = connection.connect()
    with closing(connection.open_store()) as store:
        rows = None if set_path is None else read_set(set_path)
        call = show_call(system, store, evaluation_id, index, rows)
    receipt = send(system, call, account, passphrase_file)
    click.echo(f"row {index} is shown (transaction 0x{receipt.tx_hash.hex()})")


@evaluate.command()
@evaluation_id
@signs
def settle(evaluation_id: int, account: str, passphrase_file: Path | None) -> None:
    """Let an evaluation that outlived its window stand: its stake is free again."""
    system = ConnectionSettings().connect()
    receipt = send(system, system.evaluations.settle(evaluation_id), account, passphrase_file)
    click.echo(f"evaluation {evaluation_id} stands (transaction 0x{receipt.tx_hash.hex()})")


@evaluate.command()
@evaluation_id
@click.argument("index", type=click.IntRange(min=0))
@signs
def void(evaluation_id: int, index: int, account: str, passphrase_file: Path | None) -> None:
    """Void an evaluation whose row INDEX was demanded and not shown in time."""
    system = ConnectionSettings().connect()
    call = system.evaluations.void_unshown(evaluation_id, index)
    receipt = send(system, call, account, passphrase_file)
    click.echo(f"evaluation {evaluation_id} is void (transaction 0x{receipt.tx_hash.hex()})")


@evaluate.command()
@evaluation_id
@click.argument("index", type=click.IntRange(min=0))
@signs
def reclaim(evaluation_id: int, index: int, account: str, passphrase_file: Path | None) -> None:
    """Credit the bond of row INDEX to whom it is due, once the evaluation has ended."""
    system = ConnectionSettings().connect()
    call = system.evaluations.reclaim(evaluation_id, index)
    receipt = send(system, call, account, passphrase_file)
    click.echo(f"the bond of row {index} is credited (transaction 0x{receipt.tx_hash.hex()})")


@evaluate.command()
@signs
def withdraw(account: str, passphrase_file: Path | None) -> None:
    """Take out the bonds that are credited to the account."""
    system = ConnectionSettings().connect()
    receipt = send(system, system.evaluations.withdraw(), account, passphrase_file)
    click.echo(f"the bonds are withdrawn (transaction 0x{receipt.tx_hash.hex()})")


@evaluate.command()
@evaluation_id
@signs
def qualify(evaluation_id: int, account: str, passphrase_file: Path | None) -> None:
    """Show the registry an evaluation that stands and meets its model's rule: its version has passed."""
    system = ConnectionSettings().connect()
    receipt = send(system, system.models.qualify(evaluation_id), account, passphrase_file)
    click.echo(
        f"the version of evaluation {evaluation_id} has passed "
        f"(transaction 0x{receipt.tx_hash.hex()})"
    )


def read_set(path: Path) -> ValidationSet:
    """A validation set's file; raises EvaluationError that names it if it is none."""
    try:
        return ValidationSet.from_bytes(path.read_bytes())
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}") from None
    except CairnError as error:
        raise EvaluationError(f"{path}: {error}") from None
