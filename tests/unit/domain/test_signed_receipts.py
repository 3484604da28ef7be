"""A receipt's file: what it holds is what was signed, and a reader says what is wrong with it."""

import json
from dataclasses import replace

import pytest
from coincurve import PrivateKey

from cairn.domain._secp256k1 import address_of
from cairn.domain.integers import pack_features
from cairn.domain.receipts import Receipt, SigningDomain, row_salt
from cairn.domain.signed_receipts import Prediction, ReceiptError, SignedReceipt

KEY = PrivateKey(b"\3" * 32)
DOMAIN = SigningDomain(4690, b"\x11" * 20)
ROWS = [(pack_features([1, -2]), pack_features([3])), (pack_features([4, 5]), b"")]


def make(n_rows: int = 2) -> SignedReceipt:
    predictions = tuple(
        Prediction(row_salt(bytes(32), place), asked, said)
        for place, (asked, said) in enumerate((ROWS * n_rows)[:n_rows])
    )
    unsigned = SignedReceipt(
        DOMAIN,
        Receipt(7, 2, b"\4" * 32, bytes(32), 1_700_000_000, 9, address_of(KEY.public_key)),
        b"",
        predictions,
    )
    receipt = replace(unsigned.receipt, root=unsigned._tree().root)
    return replace(unsigned, receipt=receipt, signature=receipt.sign(KEY, DOMAIN))


@pytest.mark.parametrize("n_rows", [1, 2, 5])
def test_from_json__what_was_written__is_the_same_and_checks(n_rows):
    signed = make(n_rows)
    again = SignedReceipt.from_json(signed.to_json())
    assert again == signed
    again.check()
    for place, one in enumerate(again.predictions):
        assert again.receipt.covers(one.leaf, again.proof(place))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: replace(s, predictions=s.predictions[:1]), "is not that of these predictions"),
        (lambda s: replace(s, predictions=()), "comes with no prediction"),
        (lambda s: replace(s, domain=SigningDomain(1, DOMAIN.judge)), "did not sign"),
        (lambda s: replace(s, receipt=replace(s.receipt, terms_id=8)), "did not sign"),
        (lambda s: replace(s, signature=bytes(65)), "did not sign"),
    ],
)
def test_check__anything_changed__says_what(change, words):
    with pytest.raises(ReceiptError, match=words):
        change(make()).check()


def edited(path, value) -> bytes:
    entry = json.loads(make().to_json())
    *folders, last = path
    place = entry
    for one in folders:
        place = place[one]
    place[last] = value
    return json.dumps(entry).encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"no", "not JSON"),
        (b"[" * 2_000_000, "nested too deep"),
        (b"{}", "format is not cairn-receipt-1"),
        (edited(["receipt"], 1), "lacks 'receipt'"),
        (edited(["predictions"], {}), "lacks 'predictions'"),
        (edited(["predictions", 0], 1), r"predictions\[0\]"),
        (edited(["receipt", "modelId"], True), "'modelId'"),
        (edited(["receipt", "issuedAt"], -1), "'issuedAt'"),
        (edited(["receipt", "operator"], "0x12"), "'operator' of the receipt is not 0x and 40"),
        (edited(["signature"], "0x" + "zz" * 65), "'signature'"),
        (edited(["predictions", 1, "features"], "0x123456"), "words of eight"),
        (edited(["predictions", 1, "salt"], None), "'salt'"),
    ],
)
def test_from_json__malformed__names_what(text, words):
    with pytest.raises(ReceiptError, match=words):
        SignedReceipt.from_json(text)


def test_from_answer__parameters_of_the_api__are_what_was_signed():
    signed = make()
    receipt = signed.receipt
    parameters = {
        "model_id": 7, "version": 2, "terms_id": 9, "chain_id": 4690,
        "program_hash": "0x" + receipt.program_hash.hex(),
        "receipt": "0x" + signed.signature.hex(),
        "receipt_root": "0x" + receipt.root.hex(),
        "receipt_issued_at": receipt.issued_at,
        "receipt_seed": "0x" + bytes(32).hex(),
        "receipt_judge": "0x" + DOMAIN.judge.hex(),
        "operator": "0x" + receipt.operator.hex(),
    }  # fmt: skip
    features, outputs = zip(*ROWS, strict=True)
    assert SignedReceipt.from_answer(parameters, features, outputs) == signed
    with pytest.raises(ReceiptError, match="2 rows were asked and 1 answered"):
        SignedReceipt.from_answer(parameters, features, outputs[:1])
    with pytest.raises(ReceiptError, match="'receipt_seed'"):
        SignedReceipt.from_answer({"receipt": "unsigned: no receipt"}, features, outputs)


def test_row_salt__other_row_or_seed__is_another():
    assert len({row_salt(bytes([s]) * 32, i) for s in range(3) for i in range(3)}) == 9
