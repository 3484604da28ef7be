"""What an operator signed over HTTP: whether he did, and what he can lose by it."""

from __future__ import annotations

from eth_utils.address import to_checksum_address

from cairn.audit._findings import Finding, broken, held, unseen
from cairn.audit._ports import Ledger
from cairn.domain.cid import Cid
from cairn.domain.programs import Program
from cairn.domain.receipts import RECEIPT_LIFE_S, SigningDomain
from cairn.domain.signed_receipts import ReceiptError, SignedReceipt
from cairn.errors import CairnError
from cairn.storage import ContentStore


def signature(signed: SignedReceipt, ledger: Ledger) -> Finding:
    """Whether the operator signed it, over these predictions, for the judge of this chain."""
    link, subject = "signature", f"of operator {_address(signed.receipt.operator)}"
    try:
        signed.check()
        here = SigningDomain(ledger.chain_id, ledger.receipt_judge())
    except ReceiptError as error:
        return broken(link, subject, str(error))
    except CairnError as error:
        return unseen(link, subject, str(error))
    if signed.domain != here:
        return broken(
            link,
            subject,
            f"it counts for judge {_address(signed.domain.judge)} on chain "
            f"{signed.domain.chain_id}; here it is {_address(here.judge)} on chain {here.chain_id}",
        )
    return held(link, subject, "over these predictions and no others, for this chain's judge")


def reserve(signed: SignedReceipt, ledger: Ledger) -> Finding:
    """What the operator can lose by it: nothing once it is too old, or older than his reserve."""
    operator, issued_at = _address(signed.receipt.operator), signed.receipt.issued_at
    link, subject = "reserve", f"of operator {operator}"
    try:
        now = ledger.now()
        wei, since = ledger.reserve(operator)
    except CairnError as error:
        return unseen(link, subject, str(error))
    until = issued_at + RECEIPT_LIFE_S
    if issued_at > now:
        return broken(link, subject, f"the receipt is dated {issued_at}, and the chain says {now}")
    if not wei:
        return broken(link, subject, "nothing stands behind the receipt: there is no reserve")
    if issued_at <= since:
        detail = f"the receipt is dated {issued_at}; the reserve stands for what came after {since}"
        return broken(link, subject, detail)
    if now > until:
        return unseen(link, subject, f"the contract judged the receipt until {until}; it is {now}")
    return held(link, subject, f"{wei} wei, lost if the receipt is proved wrong until {until}")


def wrong_row(signed: SignedReceipt, ledger: Ledger, store: ContentStore) -> int | None:
    """The first prediction that the program it names does not make; None if all are right.

    Raises CairnError if the program cannot be had.
    """
    receipt = signed.receipt
    version = ledger.version(receipt.model_id, receipt.version)
    program = Program.from_bytes(store.fetch(Cid.from_bytes(version.program_cid)))
    if program.hash != receipt.program_hash:
        raise CairnError(
            f"version {receipt.version} of model {receipt.model_id} has another program than the "
            "receipt names: no contract judges it"
        )
    return next(
        (
            place
            for place, one in enumerate(signed.predictions)
            if program.run_packed(one.features) != one.outputs
        ),
        None,
    )


def _address(data: bytes) -> str:
    return str(to_checksum_address(data))
