"""`cairn card`: model cards, from what a program shows and the registry says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cairn.chain import System
from cairn.cli._programs import existing, read_rows, read_schema
from cairn.domain.cid import Cid
from cairn.domain.text import printable
from cairn.errors import CairnError
from cairn.models import CardFacts, load, load_skops, loss_report, read_card, write_card
from cairn.settings import ConnectionSettings


@click.group()
def card() -> None:
    """Write a model's card, and read the card of a version."""


@card.command()
@click.argument("program", type=existing)
@click.option("--name", help="The model's name; with --of, the registry's.")
@click.option("--license", "license_", required=True, help="Such as apache-2.0.")
@click.option("--description", default="", help="What it is for, in Markdown.")
@click.option("--tag", "tags", multiple=True, help="Repeatable.")
@click.option("--dataset", "datasets", multiple=True, help="What it was trained on; repeatable.")
@click.option("--synthetic", is_flag=True, help="The data are simulated: the card says so.")
@click.option("--of", "model_id", type=click.IntRange(1), help="The registry's model it is of.")
@click.option("--model", type=existing, help="The skops file it was exported from: shows the loss.")
@click.option("--data", type=existing, help="Rows for the loss: CSV or npy.")
@click.option("--target", type=existing, help="Their targets: CSV or npy.")
@click.option("--schema", type=existing, help="The schema's JSON.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Also write it to this file.")
def write(
    program: Path,
    name: str | None,
    license_: str,
    description: str,
    tags: tuple[str, ...],
    datasets: tuple[str, ...],
    synthetic: bool,
    model_id: int | None,
    model: Path | None,
    data: Path | None,
    target: Path | None,
    schema: Path | None,
    output: Path | None,
) -> None:
    """Write the card of a PROGRAM, and keep it in the content store: prints its CID, the card_cid."""
    settings = ConnectionSettings()
    registry = None if model_id is None else registry_facts(settings.connect(), model_id)
    if name is None and registry is None:
        raise click.UsageError("name the model with --name, or the registry's with --of")
    if (model is None) != (data is None):
        raise click.UsageError("the loss needs both --model and --data")
    loaded, columns = load(program), read_schema(schema)
    loss = None
    if model is not None and data is not None:
        truth = None if target is None else read_rows(target)
        loss = loss_report(loaded, load_skops(model), read_rows(data), truth, columns)
    facts = CardFacts(
        name=name or str((registry or {})["name"]),
        license=license_,
        description=description,
        tags=tags,
        datasets=datasets,
        synthetic=synthetic,
        registry=registry,
    )
    written = write_card(facts, loaded, loss, columns)
    if output is not None:
        try:
            output.write_bytes(written)
        except OSError as error:
            raise CairnError(f"{output} cannot be written: {error.strerror}") from None
    store = settings.open_store()
    try:
        cid = store.add(written)
    finally:
        store.close()
    click.echo(str(cid))


@card.command()
@click.argument("model_id", type=click.IntRange(min=1))
@click.argument("version", type=click.IntRange(min=1))
@click.option("--json", "as_json", is_flag=True, help="Print the front matter as JSON.")
def show(model_id: int, version: int, as_json: bool) -> None:
    """Show the card of a version of a model."""
    settings = ConnectionSettings()
    front, text = card_of(settings, settings.connect(), model_id, version)
    if as_json:
        click.echo(json.dumps(front))
        return
    for line in _lines(front):
        click.echo(printable(line))
    click.echo("\n" + printable(text, lines=True))


def registry_facts(system: System, model_id: int) -> dict[str, int | str]:
    """What the registry says of a model before a version of it has this card."""
    record = system.models.model(model_id)
    return {
        "chain_id": system.network.chain_id,
        "registry": system.models.address,
        "model_id": model_id,
        "name": record.name,
        "alliance": record.alliance,
        "schema_hash": "0x" + record.schema_hash.hex(),
    }


def card_of(
    settings: ConnectionSettings, system: System, model_id: int, version: int
) -> tuple[dict[str, Any], str]:
    """The card that a version names. Raises CairnError if it names none, or it is not at hand."""
    named = system.models.version(model_id, version).card_cid
    if not named:
        raise CairnError(f"version {version} of model {model_id} names no card")
    store = settings.open_store()
    try:
        return read_card(store.fetch(Cid.from_bytes(named), max_bytes=1 << 20))
    finally:
        store.close()


def _lines(front: dict[str, Any]) -> Sequence[str]:
    return [f"{key}: {json.dumps(value)}" for key, value in front.items()]
