"""`cairn verify`: whether what an operator signed over HTTP is right, and the contract's word if not."""

from __future__ import annotations

from pathlib import Path

import click

from cairn.audit import Auditor, wrong_row
from cairn.audit.chain import ChainLedger
from cairn.cli._audit import as_json, show
from cairn.cli._signing import send
from cairn.domain.signed_receipts import SignedReceipt
from cairn.errors import CairnError
from cairn.settings import ConnectionSettings


@click.command()
@click.argument("receipt", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
@click.option(
    "--challenge",
    "account",
    metavar="ACCOUNT",
    help="If a prediction is wrong, have the contract judge it; this Ape account sends it and has "
    "the bounty. Local: TEST::n.",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path),
    help="Else APE_ACCOUNTS_<alias>_PASSPHRASE.",
)
def verify(receipt: Path, as_json: bool, account: str | None, passphrase_file: Path | None) -> int:
    """Check a receipt's file: who signed it, what he can lose by it, and what the program says.

    Exits 0 if all held, 3 if something is broken, 4 if something is not visible from here.
    """
    signed = SignedReceipt.from_json(receipt.read_bytes())
    connection = ConnectionSettings()
    system, store = connection.connect(), connection.open_store()
    try:
        ledger = ChainLedger(system)
        code = show(Auditor(ledger, store).receipt(signed), as_json)
        if account is None:
            return code
        row = wrong_row(signed, ledger, store)
    finally:
        store.close()
    if row is None:
        raise CairnError("every prediction of the receipt is right: there is nothing to challenge")
    shown = signed.predictions[row]
    call = system.receipts.challenge_receipt(
        signed.receipt,
        signed.signature,
        shown.outputs,
        shown.salt,
        shown.features,
        signed.proof(row),
    )
    sent = send(system, call, account, passphrase_file)
    click.echo(f"slashed: row {row} is wrong, transaction 0x{sent.tx_hash.hex()}", err=as_json)
    return code
