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
from cairn.operator.manage import initialise, look, resume, withdraw
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
@click.option("--model", "models", type=int, multiple=True, help="A model to serve; repeatable.")
def init(account: str | None, stake: int | None, models: tuple[int, ...]) -> None:
    """Bring the stake up to an amount and opt into models. What is done already is left as it is."""
    for line in initialise(_settings(account), stake_wei=stake or 0, models=models):
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
@click.option("--unbond-all", is_flag=True, help="Also begin to take out all that is free.")
@click.option("--opt-out", type=int, multiple=True, help="A model to serve no more; repeatable.")
def withdraw_command(
    account: str | None, unbond: int | None, unbond_all: bool, opt_out: tuple[int, ...]
) -> None:
    """Pay out earnings and bounties, and stake that has finished unbonding."""
    if unbond and unbond_all:
        raise click.UsageError("give --unbond or --unbond-all, not both")
    settings = _settings(account)
    for line in withdraw(settings, unbond_wei=unbond or 0, unbond_all=unbond_all, opt_out=opt_out):
        click.echo(line)
