"""The operator's account, as what signs the API's receipts."""

from __future__ import annotations

import logging

from coincurve import PrivateKey

from cairn.chain import System, open_account
from cairn.domain.receipts import SigningDomain
from cairn.serving._receipts import ReceiptSigner
from cairn.serving._settings import ServingSettings

_log = logging.getLogger("cairn.serving")


def open_signer(system: System, settings: ServingSettings) -> ReceiptSigner:
    """Unlock the account that the settings name, which takes a second or so.

    Warns where no reserve stands behind it: clients then have nothing to hold it to. Raises
    ChainError.
    """
    assert settings.account is not None
    signer = open_account(
        settings.account, system.node, system.network, passphrase_file=settings.passphrase_file
    )
    if not system.stakes.reserve_wei(signer.address):
        _log.warning(
            "no reserve stands behind this operator's receipts, so clients will not trust them: "
            "put one there by `cairn operator init --reserve`",
            extra={"fields": {"operator": signer.address}},
        )
    domain = SigningDomain(system.network.chain_id, bytes.fromhex(system.receipts.address[2:]))
    return ReceiptSigner(PrivateKey(bytes(signer.account.key)), signer.address, domain)
