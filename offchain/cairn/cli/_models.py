"""`cairn models`, `cairn versions` and `cairn providers`: what there is, and who serves it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from eth_utils.address import is_address, to_checksum_address
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cairn.catalog import (
    Catalog,
    CatalogSettings,
    ListedModel,
    model_row,
    open_catalog,
    provider_row,
    version_row,
)
from cairn.chain import COIN, NATIVE_COIN, Currencies, Currency, Model, System, Terms
from cairn.domain.cid import Cid
from cairn.domain.schema import Column, Schema
from cairn.domain.text import printable
from cairn.errors import CairnError
from cairn.settings import ConnectionSettings
from cairn.storage import ContentStore, StorageError

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
of_alliance = click.option("--alliance", help="Of this alliance: its name, or its timelock (0x…).")


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
            click.echo(f"{name:>12}  {printable(str(value))}")
    for name in ("features", "targets"):
        if name in shown:
            _print(shown[name], ("name", "unit", "min", "max", "scale"), name)


@models.command("search")
@click.argument("text", required=False)
@click.option("--tag", "tags", multiple=True, help="Has this tag; repeatable: has all of them.")
@of_alliance
@click.option("--alias", help="Has this alias, such as production.")
@click.option("--provider", help="Served with stake by this operator (0x…).")
@click.option("--on-sale/--not-on-sale", default=None, help="Whether it is for sale now.")
@click.option(
    "--deprecated/--not-deprecated", default=None, help="Whether it was taken out of use for good."
)
@click.option("--price-up-to", help="At most so many whole coins of its own currency, such as 0.5.")
@as_json
def search_models(
    text: str | None,
    tags: tuple[str, ...],
    alliance: str | None,
    alias: str | None,
    provider: str | None,
    on_sale: bool | None,
    deprecated: bool | None,
    price_up_to: str | None,
    as_json: bool,
) -> None:
    """Models with TEXT in their name, their alliance's name or a tag; all that is given must hold."""
    with searching() as (catalog, currencies):
        found = catalog.models(
            text=text,
            tags=tags,
            alliance=address_or_name(alliance),
            alias=alias,
            on_sale=on_sale,
            deprecated=deprecated,
            provider=None if provider is None else address_or_name(provider),
        )
        if price_up_to is not None:
            found = [one for one in found if is_within(one, price_up_to, currencies)]
        rows = [priced(one, currencies) for one in found]
    if as_json:
        click.echo(json.dumps(rows))
        return
    _print(rows, ("id", "name", "alliance", "aliases", "tags", "price", "providers"))


@click.group()
def versions() -> None:
    """The versions of models."""


@versions.command("list")
@click.argument("model_id", type=click.IntRange(min=1))
@as_json
def list_versions(model_id: int, as_json: bool) -> None:
    """The versions of a model, oldest first."""
    rows = version_rows(ConnectionSettings().connect(), model_id)
    if as_json:
        click.echo(json.dumps(rows))
        return
    _print(rows, ("version", "sold", "parent", "round", "program_hash", "program_cid"))


@versions.command("search")
@click.argument("text", required=False)
@click.option("--model", "model_id", type=click.IntRange(min=1), help="Of this model.")
@of_alliance
@click.option("--alias", help="This alias points at it now.")
@click.option("--round", "round_id", type=click.IntRange(min=1), help="Made by this round.")
@click.option("--sold/--not-sold", default=None, help="Whether it is the one that is sold now.")
@click.option(
    "--evaluated/--not-evaluated", default=None, help="An evaluation let it pass its model's rule."
)
@click.option(
    "--deprecated/--not-deprecated", default=None, help="Whether it was taken out of use for good."
)
@as_json
def search_versions(
    text: str | None,
    model_id: int | None,
    alliance: str | None,
    alias: str | None,
    round_id: int | None,
    sold: bool | None,
    evaluated: bool | None,
    deprecated: bool | None,
    as_json: bool,
) -> None:
    """Versions of models with TEXT in their name or alliance's name; all that is given must hold."""
    with searching() as (catalog, _):
        found = catalog.versions(
            text=text,
            model_id=model_id,
            alliance=address_or_name(alliance),
            alias=alias,
            round_id=round_id,
            sold=sold,
            evaluated=evaluated,
            deprecated=deprecated,
        )
    rows = [version_row(one) for one in found]
    if as_json:
        click.echo(json.dumps(rows))
        return
    _print(
        rows,
        (
            "model",
            "name",
            "version",
            "sold",
            "aliases",
            "parent",
            "round",
            "qualified_by",
            "deprecated",
            "program_cid",
        ),
    )


@click.group()
def providers() -> None:
    """The operators that stand behind answers with stake."""


@providers.command("search")
@click.option("--model", "model_id", type=click.IntRange(min=1), help="Opted in to serve it.")
@click.option("--stake-from", default="0", help="At least so many coins, such as 2.5.")
@as_json
def search_providers(model_id: int | None, stake_from: str, as_json: bool) -> None:
    """Operators, those with most stake first; all that is given must hold."""
    least = _units(COIN, stake_from, "--stake-from")
    with searching() as (catalog, _):
        found = catalog.providers(model_id=model_id, least_stake_wei=least)
    if as_json:
        click.echo(json.dumps([provider_row(one) for one in found]))
        return
    rows = [
        {
            **provider_row(one),
            "stake": COIN.text(one.stake_wei),
            "unbonding": COIN.text(one.unbonding_wei),
            "slashed": COIN.text(one.slashed_wei),
        }
        for one in found
    ]
    _print(rows, ("operator", "stake", "unbonding", "slashed", "models", "endpoints"))


@contextmanager
def searching() -> Iterator[tuple[Catalog, Currencies]]:
    """The index, brought up to date, and the currencies' names."""
    settings = CatalogSettings()
    system = settings.connect()
    with open_catalog(settings, system) as catalog:
        yield catalog, Currencies(system.node)


def address_or_name(text: str | None) -> str | None:
    """An address with its checksum, as the index has it; any other text as it is."""
    return text if text is None or not is_address(text) else str(to_checksum_address(text))


def is_within(model: ListedModel, price: str, currencies: Currencies) -> bool:
    """Whether a model is sold for at most so many whole coins of its currency."""
    if model.sale is None:
        return False
    try:
        most = Decimal(price)
    except InvalidOperation:
        raise click.BadParameter(f"{price!r} is not an amount such as 0.5") from None
    decimals = currencies.get(model.currency).decimals
    return Decimal(model.sale.price) <= most.scaleb(decimals)


def priced(model: ListedModel, currencies: Currencies) -> dict[str, Any]:
    """One model that was found, as JSON can say it, its price in whole coins too."""
    sale, row = model.sale, model_row(model)
    price = None if sale is None else currencies.get(model.currency).text(sale.price)
    return {**row, "price": price}


def _units(currency: Currency, text: str, option: str) -> int:
    try:
        return currency.units(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


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
    table = Table(title=title, box=None)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in columns))
    # Into a file or a pipe a row is a line, and nothing of it is lost.
    Console(soft_wrap=True, width=None if sys.stdout.isatty() else 1_000).print(table)


def _cell(value: Any) -> str:
    """A value for people; what strangers chose speaks neither to the terminal nor to the table."""
    if value is None or value in ([], {}):
        return "-"
    if isinstance(value, dict):
        value = ", ".join(f"{name} {inner}" for name, inner in value.items())
    elif isinstance(value, list):
        value = ", ".join(map(str, value))
    return escape(printable(str(value)))
