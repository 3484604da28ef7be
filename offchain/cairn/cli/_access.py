"""`cairn access`: what a model asks of whoever buys its predictions, and how a caller meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from eth_utils.address import is_address, to_checksum_address

from cairn.chain import Mode, Rules, System
from cairn.cli._device import DeviceAddress
from cairn.cli._signing import open_sender, send, signs
from cairn.domain.cid import Cid
from cairn.domain.policy import CredentialError, Limit, read_credential
from cairn.errors import CairnError
from cairn.settings import ConnectionSettings

model_id = click.argument("model_id", type=click.IntRange(min=1))


class AccessError(CairnError):
    """Nothing that a policy asks for; says what it does ask for."""


@click.group()
def access() -> None:
    """See what a model asks of whoever buys its predictions, and meet it."""


@access.command()
@model_id
@click.option("--caller", help="Also whether this account (0x…) may ask now.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(model_id: int, caller: str | None, as_json: bool) -> None:
    """Show who may ask a model on sale, how often, having accepted which terms of use."""
    found = look(ConnectionSettings().connect(), model_id, caller)
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, value in found.items():
        click.echo(f"{name}: {'none' if value is None else value}")


@access.command(name="accept-terms")
@model_id
@click.argument("terms_hash")
@signs
def accept_terms(
    model_id: int, terms_hash: str, account: str, passphrase_file: Path | None
) -> None:
    """Accept a model's terms of use, which you have read, by the hash that `cairn access show` tells."""
    system = ConnectionSettings().connect()
    alliance, rules = rules_of(system, model_id)
    wanted = check_terms(rules, model_id, terms_hash)
    sender = open_sender(system, account, passphrase_file)
    if system.policies.accepted_at(alliance, wanted, sender.address):
        click.echo(f"{sender.address} accepted them already")
        return
    receipt = sender.send(system.policies.accept_terms(alliance, wanted))
    click.echo(f"{sender.address} accepted them (transaction 0x{receipt.tx_hash.hex()})")


@access.command(name="name-device")
@model_id
@click.argument("device", type=DeviceAddress())
@signs
def name_device(model_id: int, device: str, account: str, passphrase_file: Path | None) -> None:
    """Name a sensor of yours that the model's alliance admitted: it makes you a member."""
    system = ConnectionSettings().connect()
    alliance, _ = rules_of(system, model_id)
    receipt = send(system, system.policies.name_device(alliance, device), account, passphrase_file)
    click.echo(f"{device} is named (transaction 0x{receipt.tx_hash.hex()})")


@access.command()
@click.argument("credential", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@signs
def present(credential: Path, account: str, passphrase_file: Path | None) -> None:
    """Show a CREDENTIAL that an issuer signed: it counts for its subject, whoever shows it."""
    try:
        signed, signature = read_credential(credential.read_bytes())
    except (OSError, CredentialError) as error:
        raise CredentialError(f"{credential}: {error}") from None
    system = ConnectionSettings().connect()
    call = system.policies.present(signed, signature)
    receipt = send(system, call, account, passphrase_file)
    click.echo(
        f"credential {signed.serial} counts for {signed.subject} "
        f"(transaction 0x{receipt.tx_hash.hex()})"
    )


def policy_of(system: System, model_id: int) -> tuple[str, int]:
    """A model's alliance, and the policy that it is sold under. Raises AccessError if it is not."""
    terms_id = system.models.current_terms(model_id)
    if not terms_id:
        raise AccessError(f"model {model_id} is not for sale: nobody may ask it")
    return system.models.model(model_id).alliance, system.models.terms(terms_id).policy_id


def rules_of(system: System, model_id: int) -> tuple[str, Rules]:
    """A model's alliance, and its policy's rules. Raises AccessError if it has none."""
    alliance, policy_id = policy_of(system, model_id)
    if not policy_id:
        raise AccessError(
            f"model {model_id} has no policy: anyone may ask it, as often as he likes"
        )
    return alliance, system.policies.rules(policy_id)


def check_terms(rules: Rules, model_id: int, terms_hash: str) -> bytes:
    """The hash of the terms of use that a policy asks for, if it is the one named."""
    if not any(rules.terms_hash):
        raise AccessError(f"model {model_id} asks nobody to accept terms of use")
    asked = "0x" + rules.terms_hash.hex()
    if terms_hash.lower() != asked:
        where = Cid.from_bytes(rules.terms_cid)
        raise AccessError(
            f"model {model_id} asks for the terms {asked} ({where}), not for {terms_hash}: read them"
        )
    return rules.terms_hash


def look(system: System, model_id: int, caller: str | None = None) -> dict[str, Any]:
    """What a model asks of its callers, and why one of them would be refused now, as JSON can say it."""
    if caller is not None and not is_address(caller):
        raise AccessError(f"--caller {caller}: give an address, 0x and 40 digits")
    alliance, policy_id = policy_of(system, model_id)
    rules = system.policies.rules(policy_id) if policy_id else None
    found: dict[str, Any] = {"model_id": model_id, "alliance": alliance, "policy_id": policy_id}
    if rules is None:
        found["who"] = "anyone"
    else:
        found["who"] = str(rules.mode.name).lower()
        if int(rules.authority, 16):
            found["issuer" if rules.mode is Mode.BEARERS else "token"] = rules.authority
        if rules.threshold:
            found["threshold"] = rules.threshold
        found["limit_of_a_caller"] = _limit(rules.per_caller)
        found["limit_of_all"] = _limit(rules.in_all)
        if any(rules.terms_hash):
            found["terms_hash"] = "0x" + rules.terms_hash.hex()
            found["terms_cid"] = str(Cid.from_bytes(rules.terms_cid))
    if caller is not None:
        asks = to_checksum_address(caller)
        found["caller"] = asks
        found["refused"] = (system.policies.reason(policy_id, asks) or None) if policy_id else None
    return found


def _limit(limit: Limit) -> str | None:
    if limit.is_none:
        return None
    return f"{limit.capacity} at once, {limit.refill} each {limit.period_s} s"
