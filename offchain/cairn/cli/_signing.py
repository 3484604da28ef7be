"""Commands that sign: by which account, and how what they do is sent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cairn.chain import Call, Receipt, Sender, System, open_account

_F = TypeVar("_F", bound=Callable[..., Any])

_ACCOUNT: dict[str, Any] = {
    "required": True,
    "envvar": "CAIRN_ACCOUNT",
    "help": "Ape account alias. Local: TEST::n.",
}
_PASSPHRASE_FILE: dict[str, Any] = {
    "type": click.Path(path_type=Path),
    "help": "Else APE_ACCOUNTS_<alias>_PASSPHRASE.",
}


def signs(command: _F) -> _F:
    """Let a command take `account` and `passphrase_file`, for `send`."""
    with_file = click.option("--passphrase-file", **_PASSPHRASE_FILE)(command)
    return click.option("--account", **_ACCOUNT)(with_file)


def account_options() -> list[click.Parameter]:
    """The same options, for a command that is made without decorators."""
    return [
        click.Option(["--account"], **_ACCOUNT),
        click.Option(["--passphrase-file"], **_PASSPHRASE_FILE),
    ]


def send(system: System, call: Call, account: str, passphrase_file: Path | None) -> Receipt:
    """Sign a call and wait for it. Raises ChainError, if it reverted with the reason."""
    return open_sender(system, account, passphrase_file).send(call)


def open_sender(system: System, account: str, passphrase_file: Path | None) -> Sender:
    """An account of Ape's keystore that signs and sends. Raises ChainError."""
    signer = open_account(account, system.node, system.network, passphrase_file=passphrase_file)
    return Sender(system.node, signer, chain_id=system.network.chain_id)
