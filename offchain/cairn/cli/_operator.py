"""`cairn operator`: stake, work, look, withdraw. Thin: what it does is in `cairn.operator`."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from pydantic import ValidationError

from cairn.logs import configure_logs
from cairn.operator import OperatorError, Settings
from cairn.operator.manage import (
    initialise,
    list_endpoint,
    look,
    resume,
    withdraw,
    withdraw_listing,
)
from cairn.operator.service import run as run_worker


class Coin(click.ParamType):
    """An amount of the chain's native coin, in whole coins: `2.5`. Becomes wei."""

    name = "coin"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        if isinstance(value, int):
            return value
        try:
            wei = Decimal(value).scaleb(18)
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount such as 2.5", param, ctx)
        if wei != wei.to_integral_value() or wei <= 0:
            self.fail(f"{value!r} is not a positive amount in wei", param, ctx)
        return int(wei)


def _settings(account: str | None) -> Settings:
    try:
        settings = Settings(account=account) if account else Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "missing":
            raise OperatorError(
                "no account: name it with --account or CAIRN_OPERATOR_ACCOUNT"
            ) from None
        raise OperatorError(f"{first['loc'][0]}: {first['msg']}") from None
    return settings.on(settings.load_deployment())


account = click.option(
    "--account", help="Ape account alias; CAIRN_OPERATOR_ACCOUNT does as well. Local: TEST::n."
)


@click.group()
def operator() -> None:
    """Answer requests, aggregate rounds and watch other operators, with stake behind it.

    Settings come from CAIRN_OPERATOR_*; docs/spec/operator.md lists them.
    """


@operator.command()
@account
def run(account: str | None) -> None:
    """Work until told to stop (SIGTERM, Ctrl-C)."""
    settings = _settings(account)
    configure_logs(settings.log_level)
    asyncio.run(run_worker(settings))


@operator.command()
@account
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(account: str | None, as_json: bool) -> None:
    """Show stake, earnings and jobs."""
    found = look(_settings(account))
    click.echo(json.dumps(found.as_dict()) if as_json else found.as_text())


@operator.command()
@account
@click.option(
    "--stake", type=Coin(), help="Coin that the stake shall be: only what it lacks is deposited."
)
@click.option(
    "--reserve", type=Coin(), help="Coin that shall stand behind receipts of HTTP predictions."
)
@click.option("--model", "models", type=int, multiple=True, help="A model to serve; repeatable.")
def init(
    account: str | None, stake: int | None, reserve: int | None, models: tuple[int, ...]
) -> None:
    """Bring stake and reserve up to amounts and opt into models. What is done already is left as it is."""
    settings = _settings(account)
    for line in initialise(settings, stake_wei=stake or 0, reserve_wei=reserve or 0, models=models):
        click.echo(line)


@operator.command(name="list")
@account
@click.argument("model_id", type=click.IntRange(1))
@click.argument("endpoint")
def list_command(account: str | None, model_id: int, endpoint: str) -> None:
    """Say in the registry at which URL you answer for a model that you serve with stake."""
    for line in list_endpoint(_settings(account), model_id, endpoint):
        click.echo(line)


@operator.command(name="unlist")
@account
@click.argument("model_id", type=click.IntRange(1))
def unlist_command(account: str | None, model_id: int) -> None:
    """Take your URL for a model out of the registry."""
    for line in withdraw_listing(_settings(account), model_id):
        click.echo(line)


@operator.command(name="resume")
@account
@click.argument("model_id", type=int)
def resume_command(account: str | None, model_id: int) -> None:
    """Answer for a model again that was suspended, once you know why an answer was wrong."""
    for line in resume(_settings(account), model_id):
        click.echo(line)


@operator.command(name="withdraw")
@account
@click.option("--unbond", type=Coin(), help="Also begin to take this much stake out.")
@click.option(
    "--unbond-reserve", type=Coin(), help="Also begin to take this much of the reserve out."
)
@click.option(
    "--unbond-all", is_flag=True, help="Also begin to take out all free stake, and the reserve."
)
@click.option("--opt-out", type=int, multiple=True, help="A model to serve no more; repeatable.")
def withdraw_command(
    account: str | None,
    unbond: int | None,
    unbond_reserve: int | None,
    unbond_all: bool,
    opt_out: tuple[int, ...],
) -> None:
    """Pay out earnings and bounties, and stake and reserve that have finished unbonding."""
    if unbond_all and (unbond or unbond_reserve):
        raise click.UsageError("--unbond-all leaves nothing to --unbond and --unbond-reserve")
    settings = _settings(account)
    for line in withdraw(
        settings,
        unbond_wei=unbond or 0,
        unbond_reserve_wei=unbond_reserve or 0,
        unbond_all=unbond_all,
        opt_out=opt_out,
    ):
        click.echo(line)
