"""Keys: from Ape's keystore, or the development mnemonic on a development chain only."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import is_address, to_checksum_address
from hexbytes import HexBytes

from cairn.chain._errors import AccountError
from cairn.chain._network import Network
from cairn.chain._node import Node
from cairn.chain._types import Call, Fees

DEVELOPMENT_MNEMONIC = "test test test test test test test test test test test junk"
"""Known to everybody. Whatever its accounts own on a public chain is stolen at once."""


class Signer(Protocol):
    """Whoever can sign for one account."""

    @property
    def address(self) -> str: ...

    def sign(
        self, call: Call, *, chain_id: int, nonce: int, gas: int, fees: Fees
    ) -> tuple[bytes, bytes]:
        """The signed transaction as broadcast, and its hash."""
        ...


class LocalSigner:
    """A key in this process's memory."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    @property
    def address(self) -> str:
        return str(self._account.address)

    @property
    def account(self) -> LocalAccount:
        """For messages that are signed without a transaction (EIP-712)."""
        return self._account

    def sign(
        self, call: Call, *, chain_id: int, nonce: int, gas: int, fees: Fees
    ) -> tuple[bytes, bytes]:
        fields: dict[str, Any] = {
            "type": 2,
            "chainId": chain_id,
            "nonce": nonce,
            "to": call.to,
            "value": call.value,
            "data": HexBytes(call.data),
            "gas": gas,
            "maxFeePerGas": fees.max_fee_wei,
            "maxPriorityFeePerGas": fees.tip_wei,
        }
        signed = self._account.sign_transaction(fields)
        return bytes(signed.raw_transaction), bytes(signed.hash)

    def __repr__(self) -> str:  # never the key
        return f"LocalSigner({self.address})"


def keystore_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where Ape keeps its accounts."""
    data = environ.get("APE_DATA_FOLDER")
    return (Path(data) if data else Path.home() / ".ape") / "accounts"


def load_account(
    alias: str,
    *,
    passphrase_file: Path | None = None,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> LocalSigner:
    """Unlock an Ape account (`ape accounts generate <alias>`).

    The passphrase is read from a file if one is named, which others must not be able to read (a
    credential of a systemd unit is in its group's hands too, which is the unit's own), else
    from the environment variable that Ape itself reads, `APE_ACCOUNTS_<alias>_PASSPHRASE`. Raises
    `AccountError`.
    """
    path, keyfile = _keyfile(alias, folder or keystore_folder(environ))
    variables = [f"APE_ACCOUNTS_{name}_PASSPHRASE" for name in (alias, alias.upper())]
    if passphrase_file is not None:
        passphrase = _passphrase_in(passphrase_file, environ)
    else:
        found = next((environ[one] for one in variables if one in environ), None)
        if found is None:
            raise AccountError(
                f"no passphrase for account {alias!r}; set {variables[0]} or name a file"
            )
        passphrase = found
    try:
        signer = LocalSigner(Account.from_key(Account.decrypt(keyfile, passphrase)))
    except ValueError as error:
        raise AccountError(f"the passphrase of account {alias!r} is wrong") from error
    if signer.address != _address_in(path, keyfile):
        raise AccountError(f"{path} names another address than its key has; restore it")
    return signer


def _keyfile(alias: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    path = folder / f"{alias}.json"
    try:
        keyfile = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise AccountError(
            f"no account {alias!r} at {path}; make one with `ape accounts generate {alias}`"
        ) from error
    except ValueError as error:
        raise AccountError(f"{path} is not a keystore; restore it from a backup") from error
    if not isinstance(keyfile, dict):
        raise AccountError(f"{path} is not a keystore; restore it from a backup")
    return path, keyfile


def _address_in(path: Path, keyfile: Mapping[str, Any]) -> str:
    address = keyfile.get("address")
    if not isinstance(address, str) or not is_address(address):
        raise AccountError(f"{path} names no address; restore it from a backup")
    return str(to_checksum_address(address))


def _is_credential(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether systemd put it there for this process alone (`LoadCredential=`): mode 0440 then, in a
    folder that no other may enter.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and path.resolve().is_relative_to(Path(str(folder)).resolve())


def _passphrase_in(path: Path, environ: Mapping[str, str]) -> str:
    tolerated = stat.S_IRGRP if _is_credential(path, environ) else 0
    try:
        with path.open() as file:
            # Of the file that is open, not of whatever the name means by then.
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            passphrase = file.read().rstrip("\r\n")
    except OSError as error:
        raise AccountError(
            f"the passphrase's file {path} cannot be read: {error.strerror}"
        ) from error
    if mode & 0o077 & ~tolerated:
        raise AccountError(
            f"others can read or change the passphrase's file {path} (mode {mode:03o}): "
            f"`chmod 600 {path}`, and change the passphrase if it was read"
        )
    return passphrase


class NamesItself(Protocol):
    """A node, as far as one asks what it is."""

    def client_version(self) -> str: ...


def check_development_chain(node: NamesItself, network: Network) -> None:
    """Refuse the development mnemonic anywhere but on a development chain.

    IoTeX's testnet and our local chain share the id 4690, so the id decides nothing. The rule:
    the endpoint must be on this machine (a loopback address), and what answers there must say
    that it is a development node (anvil or hardhat), so a tunnel to a public node is refused.
    """
    if not network.is_loopback:
        raise AccountError(
            f"the development account is for a chain on this machine, not for {network.rpc_url}; "
            "name an account of your own"
        )
    version = node.client_version()
    if not version.lower().startswith(("anvil/", "hardhatnetwork/")):
        raise AccountError(
            f"the node at {network.rpc_url} is {version!r}, not a development chain; "
            "name an account of your own"
        )


def development_account(index: int, node: Node, network: Network) -> LocalSigner:
    """Account number `index` of the development mnemonic, on a development chain only."""
    check_development_chain(node, network)
    Account.enable_unaudited_hdwallet_features()
    account = Account.from_mnemonic(
        DEVELOPMENT_MNEMONIC, account_path=f"m/44'/60'/0'/0/{int(index)}"
    )
    return LocalSigner(account)


def open_account(
    name: str, node: Node, network: Network, *, passphrase_file: Path | None = None
) -> LocalSigner:
    """An account by the name that settings give: an Ape alias, or `TEST::<n>`, as Ape calls
    account number n of the development mnemonic."""
    index = _development_index(name)
    if index is not None:
        return development_account(index, node, network)
    return load_account(name, passphrase_file=passphrase_file)


def address_of(name: str, node: Node, network: Network, *, folder: Path | None = None) -> str:
    """The address of an account by the same name. A keystore names it: nothing is unlocked."""
    index = _development_index(name)
    if index is not None:
        return development_account(index, node, network).address
    return _address_in(*_keyfile(name, folder or keystore_folder()))


def _development_index(name: str) -> int | None:
    kind, _, index = name.partition("::")
    return int(index) if kind == "TEST" and index.isdigit() else None
