"""Receipts: what the operator signs for each answer, so that a wrong one can cost him his reserve."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from coincurve import PrivateKey

from cairn.domain.integers import pack_features
from cairn.domain.receipts import (
    Receipt,
    SigningDomain,
    input_commitment,
    receipt_tree,
    row_salt,
)
from cairn.serving._catalog import Offer
from cairn.serving._oip import Parameters
from cairn.serving._predictor import Row

UNSIGNED = "unsigned: no receipt"
"""What `parameters.receipt` says where nobody signs."""


class ReceiptSigner:
    """Signs answers with the operator's key, in the domain of one ReceiptJudge. Safe in threads."""

    def __init__(
        self,
        key: PrivateKey,
        operator: str,
        domain: SigningDomain,
        *,
        seed: Callable[[], bytes] = lambda: secrets.token_bytes(32),
    ) -> None:
        """`operator` is the key's address, as it is shown; `seed` gives 32 bytes nobody can guess."""
        self._key = key
        self._operator = operator
        self._operator_bytes = bytes.fromhex(operator[2:])
        self._domain = domain
        self._seed = seed

    def describe(self) -> Parameters:
        """Who will sign, for the metadata: what a client must look up before it trusts an answer."""
        return {
            "receipt": "eip712",
            "receipt_judge": "0x" + self._domain.judge.hex(),
            "operator": self._operator,
        }

    def sign(
        self, offer: Offer, rows: Sequence[Row], results: Sequence[Row], issued_at: int
    ) -> Parameters:
        """The receipt of an answer, dated by the newest block that is known here: so the contract
        never finds it to be of the future, whatever this machine's clock says.
        """
        seed = self._seed()
        tree = receipt_tree(
            (input_commitment(row_salt(seed, index), pack_features(row)), pack_features(result))
            for index, (row, result) in enumerate(zip(rows, results, strict=True))
        )
        receipt = Receipt(
            model_id=offer.model_id,
            version=offer.version,
            program_hash=offer.program_hash,
            root=tree.root,
            issued_at=issued_at,
            terms_id=offer.terms_id,
            operator=self._operator_bytes,
        )
        return {
            "receipt": "0x" + receipt.sign(self._key, self._domain).hex(),
            "receipt_root": "0x" + tree.root.hex(),
            "receipt_issued_at": receipt.issued_at,
            "receipt_seed": "0x" + seed.hex(),
            "receipt_judge": "0x" + self._domain.judge.hex(),
            "operator": self._operator,
        }
