"""`cairn models` and `cairn versions`: what the registry holds."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cairn.chain import NATIVE_COIN, Model, System, Terms
from cairn.domain.cid import Cid
from cairn.domain.schema import Column, Schema
from cairn.errors import CairnError
from cairn.settings import ConnectionSettings
from cairn.storage import ContentStore, StorageError

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")


@click.group()
def models() -> None:
    """The registry's models."""


@models.command("list")
@as_json
def list_models(as_json: bool) -> None:
    """All models: which version is sold, and for how much."""
    rows = model_rows(ConnectionSettings().connect())
    if as_json:
        click.echo(json.dumps(rows))
        return
    _print(rows, ("id", "name", "version", "terms", "price", "currency"))


@models.command("show")
@click.argument("model_id", type=click.IntRange(min=1))
@as_json
def show_model(model_id: int, as_json: bool) -> None:
    """One model: its alliance, its terms, and what it takes and gives."""
    connection = ConnectionSettings()
    store = connection.open_store()
    try:
        shown = describe_model(connection.connect(), store, model_id)
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps(shown))
        return
    for name, value in shown.items():
        if name not in ("features", "targets"):
            click.echo(f"{name:>12}  {value}")
    for name in ("features", "targets"):
        if name in shown:
            _print(shown[name], ("name", "unit", "min", "max", "scale"), name)


@click.command()
@click.argument("model_id", type=click.IntRange(min=1))
@as_json
def versions(model_id: int, as_json: bool) -> None:
    """The versions of a model, oldest first."""
    rows = version_rows(ConnectionSettings().connect(), model_id)
    if as_json:
        click.echo(json.dumps(rows))
        return
    _print(rows, ("version", "sold", "parent", "round", "program_hash", "program_cid"))


def model_rows(system: System) -> list[dict[str, Any]]:
    """One row a model of the registry."""
    rows = []
    for model_id in range(1, system.models.n_models() + 1):
        model, terms_id = system.models.model(model_id), system.models.current_terms(model_id)
        rows.append({"id": model_id, "name": model.name, **_sale(system, model, terms_id)})
    return rows


def describe_model(system: System, store: ContentStore, model_id: int) -> dict[str, Any]:
    """A model's record; its columns too, if its schema is at hand. Raises CairnError if unknown."""
    if model_id > system.models.n_models():
        raise CairnError(f"the registry has no model {model_id}: see `cairn models list`")
    model = system.models.model(model_id)
    shown: dict[str, Any] = {
        "id": model_id,
        "name": model.name,
        "alliance": model.alliance,
        "share_token": model.share_token,
        "versions": system.models.latest_version(model_id),
        **_sale(system, model, system.models.current_terms(model_id)),
        "schema_hash": "0x" + model.schema_hash.hex(),
        "schema_cid": str(Cid.from_bytes(model.schema_cid)),
    }
    try:
        schema = Schema.from_json(store.fetch(Cid.from_bytes(model.schema_cid)))
    except StorageError as error:
        return {**shown, "schema": f"not at hand: {error}"}
    if schema.schema_hash != model.schema_hash:
        raise CairnError(f"the schema of model {model_id} is not the one that was registered")
    return {
        **shown,
        "features": [_column(column) for column in schema.features],
        "targets": [_column(column) for column in schema.targets],
    }


def version_rows(system: System, model_id: int) -> list[dict[str, Any]]:
    """One row a version of a model. Raises CairnError if the model is unknown."""
    if model_id > system.models.n_models():
        raise CairnError(f"the registry has no model {model_id}: see `cairn models list`")
    terms_id = system.models.current_terms(model_id)
    sold = system.models.terms(terms_id).version if terms_id else 0
    rows = []
    for number in range(1, system.models.latest_version(model_id) + 1):
        version = system.models.version(model_id, number)
        rows.append(
            {
                "version": number,
                "sold": number == sold,
                "parent": version.parent,
                "round": version.round_id,
                "program_hash": "0x" + version.program_hash.hex(),
                "program_cid": str(Cid.from_bytes(version.program_cid)),
                "registered_at": version.registered_at,
            }
        )
    return rows


def _sale(system: System, model: Model, terms_id: int) -> dict[str, Any]:
    terms: Terms | None = system.models.terms(terms_id) if terms_id else None
    native = model.currency == NATIVE_COIN
    return {
        "version": None if terms is None else terms.version,
        "terms": None if terms is None else terms_id,
        "price": None if terms is None else str(terms.price),
        "currency": "wei of the native coin" if native else f"units of {model.currency}",
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "unit": column.unit,
        "min": column.min,
        "max": column.max,
        "scale": column.scale,
        "missing_allowed": column.missing,
    }


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...], title: str | None = None) -> None:
    table = Table(*columns, title=title, box=None)
    for row in rows:
        table.add_row(*("-" if row[name] is None else str(row[name]) for name in columns))
    Console(soft_wrap=True).print(table)
