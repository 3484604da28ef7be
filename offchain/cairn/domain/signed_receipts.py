"""A signed receipt and the predictions that it covers, as a file: to keep, to verify, to challenge by.

The file is JSON. It holds what was asked in the clear, so whoever keeps it decides who may see it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cairn.domain.merkle import MerkleTree
from cairn.domain.receipts import (
    Receipt,
    SigningDomain,
    input_commitment,
    prediction_leaf,
    row_salt,
)
from cairn.errors import CairnError

__all__ = ["FORMAT", "Prediction", "ReceiptError", "SignedReceipt"]

FORMAT = "cairn-receipt-1"
MAX_BYTES = 64 << 20
"""Of a file that is read: a receipt covers the rows of one HTTP request."""
_MAX_BRACKETS = 100 + (1 << 20)
_MAX_UINT = 2**256 - 1


class ReceiptError(CairnError):
    """No receipt, or one that does not hold together. The text says where and what to do."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row: the 32 bytes that hide it, and its features and outputs as packed int32.

    Empty outputs say that the features are invalid to the program.
    """

    salt: bytes
    features: bytes
    outputs: bytes

    @property
    def leaf(self) -> bytes:
        return prediction_leaf(input_commitment(self.salt, self.features), self.outputs)


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt, where it counts, who is said to have signed it, and all predictions it covers."""

    domain: SigningDomain
    receipt: Receipt
    signature: bytes
    predictions: tuple[Prediction, ...]

    @classmethod
    def from_answer(
        cls,
        parameters: Mapping[str, Any],
        features: Sequence[bytes],
        outputs: Sequence[bytes],
    ) -> SignedReceipt:
        """What the API signed: an answer's `parameters`, the rows that were asked, and the raw
        outputs that came back, both packed. Raises ReceiptError if the answer carries no receipt.
        """
        if len(features) != len(outputs):
            raise ReceiptError(f"{len(features)} rows were asked and {len(outputs)} answered")
        seed = _bytes(parameters, "receipt_seed", 32)
        receipt = Receipt(
            model_id=_number(parameters, "model_id"),
            version=_number(parameters, "version"),
            program_hash=_bytes(parameters, "program_hash", 32),
            root=_bytes(parameters, "receipt_root", 32),
            issued_at=_number(parameters, "receipt_issued_at"),
            terms_id=_number(parameters, "terms_id"),
            operator=_bytes(parameters, "operator", 20),
        )
        domain = SigningDomain(
            _number(parameters, "chain_id"), _bytes(parameters, "receipt_judge", 20)
        )
        predictions = tuple(
            Prediction(row_salt(seed, index), asked, said)
            for index, (asked, said) in enumerate(zip(features, outputs, strict=True))
        )
        return cls(domain, receipt, _bytes(parameters, "receipt", 65), predictions)

    def check(self) -> None:
        """Raise ReceiptError unless its operator signed it, over these predictions and no others.

        Says nothing of whether the predictions are right, nor of what stands behind the signature.
        """
        if not self.predictions:
            raise ReceiptError("the receipt comes with no prediction: keep them with it")
        if self._tree().root != self.receipt.root:
            raise ReceiptError(
                "the receipt's root is not that of these predictions: what was asked or answered is "
                "not what was signed"
            )
        if not self.receipt.is_signed(self.signature, self.domain):
            raise ReceiptError(
                f"operator 0x{self.receipt.operator.hex()} did not sign this receipt for judge "
                f"0x{self.domain.judge.hex()} on chain {self.domain.chain_id}"
            )

    def proof(self, index: int) -> tuple[bytes, ...]:
        """What shows that the prediction at an index is covered."""
        return self._tree().proof(index)

    def _tree(self) -> MerkleTree:
        return MerkleTree(one.leaf for one in self.predictions)

    def to_json(self) -> bytes:
        """The file's bytes, for people as well: indented, hexadecimal."""
        receipt = self.receipt
        entry = {
            "format": FORMAT,
            "chainId": self.domain.chain_id,
            "judge": _hex(self.domain.judge),
            "receipt": {
                "modelId": receipt.model_id,
                "version": receipt.version,
                "programHash": _hex(receipt.program_hash),
                "root": _hex(receipt.root),
                "issuedAt": receipt.issued_at,
                "termsId": receipt.terms_id,
                "operator": _hex(receipt.operator),
            },
            "signature": _hex(self.signature),
            "predictions": [
                {
                    "salt": _hex(one.salt),
                    "features": _hex(one.features),
                    "outputs": _hex(one.outputs),
                }
                for one in self.predictions
            ],
        }
        return json.dumps(entry, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, text: bytes) -> SignedReceipt:
        """Read a file; raises ReceiptError that names what is missing or malformed."""
        # Checked first: the parser recurses in C, and deep nesting could overrun its stack.
        if len(text) > MAX_BYTES or text.count(b"[") + text.count(b"{") > _MAX_BRACKETS:
            raise ReceiptError(f"the receipt is over {MAX_BYTES} bytes, or nested too deep")
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError):
            raise ReceiptError("the receipt is not JSON: give what a client kept") from None
        if not isinstance(entry, dict) or entry.get("format") != FORMAT:
            raise ReceiptError(f"the file's format is not {FORMAT}: give a receipt of this version")
        fields = _part(entry, "receipt", dict)
        receipt = Receipt(
            model_id=_number(fields, "modelId"),
            version=_number(fields, "version"),
            program_hash=_bytes(fields, "programHash", 32),
            root=_bytes(fields, "root", 32),
            issued_at=_number(fields, "issuedAt"),
            terms_id=_number(fields, "termsId"),
            operator=_bytes(fields, "operator", 20),
        )
        domain = SigningDomain(_number(entry, "chainId"), _bytes(entry, "judge", 20))
        predictions = []
        for place, row in enumerate(_part(entry, "predictions", list)):
            if not isinstance(row, dict):
                raise ReceiptError(f"predictions[{place}] of the receipt is no object")
            predictions.append(
                Prediction(
                    _bytes(row, "salt", 32),
                    _bytes(row, "features", words=True),
                    _bytes(row, "outputs", words=True),
                )
            )
        return cls(domain, receipt, _bytes(entry, "signature", 65), tuple(predictions))


def _hex(data: bytes) -> str:
    return "0x" + data.hex()


def _part(entry: dict[str, Any], key: str, kind: type) -> Any:
    value = entry.get(key)
    if not isinstance(value, kind):
        raise ReceiptError(f"the receipt lacks {key!r}")
    return value


def _number(entry: Mapping[str, Any], key: str) -> int:
    value = entry.get(key)
    if type(value) is not int or not 0 <= value <= _MAX_UINT:
        raise ReceiptError(f"{key!r} of the receipt is no unsigned number of 256 bits")
    return value


def _bytes(
    entry: Mapping[str, Any], key: str, length: int | None = None, *, words: bool = False
) -> bytes:
    value = entry.get(key)
    wrong = ReceiptError(
        f"{key!r} of the receipt is not 0x and "
        + ("words of eight" if words else f"{2 * (length or 0)}")
        + " hexadecimal digits"
    )
    if not isinstance(value, str) or not value.startswith("0x"):
        raise wrong
    try:
        data = bytes.fromhex(value[2:])
    except ValueError:
        raise wrong from None
    if (words and len(data) % 4) or (length is not None and len(data) != length):
        raise wrong
    return data
