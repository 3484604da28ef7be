"""`cairn device`: register, list and revoke sensors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from cairn.chain import PacketFormat
from cairn.cli._signing import send, signs
from cairn.devices import RegisteredDevice, device_address, list_devices, parse_consent
from cairn.settings import ConnectionSettings

FORMATS = {"current": PacketFormat.CURRENT, "2021": PacketFormat.UNSIGNED_TEMPERATURE}


class DeviceAddress(click.ParamType):
    """An address in hexadecimal, as a DID (did:io:0x…), or as io1…: becomes 0x…."""

    name = "device"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        try:
            return device_address(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group()
def device() -> None:
    """Register, list and revoke sensors."""


@device.command()
@click.argument("device", type=DeviceAddress())
@click.option(
    "--consent",
    help="The device's ConfirmPackage that names the account: a file, or its hexadecimal digits.",
)
@click.option("--ioid", is_flag=True, help="By the device's ioID, which the account owns, instead.")
@click.option("--period", "period_s", type=click.IntRange(1, 2_592_000), default=300)
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), default="current")
@signs
def register(
    device: str,
    consent: str | None,
    ioid: bool,
    period_s: int,
    format_: str,
    account: str,
    passphrase_file: Path | None,
) -> None:
    """Register a sensor as the account's. It reports at most once in --period seconds."""
    if ioid == (consent is not None):
        raise click.UsageError("give the device's --consent, or --ioid")
    system = ConnectionSettings().connect()
    if consent is None:
        call = system.devices.register_by_ioid(device, FORMATS[format_], period_s)
    else:
        word = parse_consent(_bytes_of(consent), device)
        call = system.devices.register(
            device,
            FORMATS[format_],
            period_s,
            word.timestamp,
            word.signature[:32],
            word.signature[32:],
        )
    receipt = send(system, call, account, passphrase_file)
    click.echo(f"{device} is registered (transaction 0x{receipt.tx_hash.hex()})")


@device.command()
@click.argument("device", type=DeviceAddress())
@signs
def revoke(device: str, account: str, passphrase_file: Path | None) -> None:
    """Take a sensor out of use, for good: it anchors nothing any more."""
    system = ConnectionSettings().connect()
    receipt = send(system, system.devices.revoke(device), account, passphrase_file)
    click.echo(f"{device} is revoked (transaction 0x{receipt.tx_hash.hex()})")


@device.command(name="list")
@click.option("--owner", help="Only this owner's (0x…).")
@click.option("--alliance", help="Also whether this alliance (its name, or 0x…) admitted them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def list_(owner: str | None, alliance: str | None, as_json: bool) -> None:
    """List the registered sensors."""
    found = list_devices(ConnectionSettings().connect(), owner, alliance)
    if as_json:
        click.echo(json.dumps([one.as_dict() for one in found]))
        return
    for one in found:
        click.echo(line_of(one))
    if not found:
        click.echo("no sensor is registered" if owner is None else f"{owner} has no sensor")


def line_of(one: RegisteredDevice) -> str:
    """One sensor, for people."""
    words = [one.device, f"owner {one.owner}", f"every {one.period_s} s", one.format]
    if one.is_revoked:
        words.append("revoked")
    if one.is_admitted is not None:
        words.append("admitted" if one.is_admitted else "not admitted")
    return "  ".join(words)


def _bytes_of(text: str) -> bytes:
    digits = text.removeprefix("0x")
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", digits):
        return bytes.fromhex(digits)
    try:
        return Path(text).read_bytes()
    except OSError as error:
        raise click.UsageError(
            f"--consent {text}: neither hexadecimal nor a file: {error.strerror}"
        ) from None
