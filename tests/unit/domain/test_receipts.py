"""Receipts, their leaves and their signatures."""

from dataclasses import replace

import pytest
from coincurve import PrivateKey

from cairn.domain._secp256k1 import address_of
from cairn.domain.receipts import (
    Receipt,
    SigningDomain,
    input_commitment,
    prediction_leaf,
    receipt_tree,
    recover,
)

KEY = PrivateKey(b"\3" * 32)
DOMAIN = SigningDomain(4690, b"\x11" * 20)
RECEIPT = Receipt(
    model_id=7, version=2, program_hash=b"\4" * 32, root=b"\5" * 32, issued_at=1_700_000_000,
    terms_id=9, operator=address_of(KEY.public_key),
)  # fmt: skip
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def test_sign__of_the_operator__is_his():
    signature = RECEIPT.sign(KEY, DOMAIN)
    assert len(signature) == 65
    assert RECEIPT.is_signed(signature, DOMAIN)
    assert signature == RECEIPT.sign(KEY, DOMAIN)


@pytest.mark.parametrize("field", list(Receipt.__dataclass_fields__))
def test_is_signed__any_field_changed__is_not(field):
    signature = RECEIPT.sign(KEY, DOMAIN)
    value = getattr(RECEIPT, field)
    other = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    assert not replace(RECEIPT, **{field: other}).is_signed(signature, DOMAIN)


@pytest.mark.parametrize(
    "other", [SigningDomain(1, DOMAIN.judge), SigningDomain(4690, b"\x12" * 20)]
)
def test_is_signed__other_chain_or_judge__is_not(other):
    assert not RECEIPT.is_signed(RECEIPT.sign(KEY, DOMAIN), other)


def test_recover__malformed_or_high_s__is_nobody():
    digest = RECEIPT.digest(DOMAIN)
    signature = RECEIPT.sign(KEY, DOMAIN)
    s = int.from_bytes(signature[32:64], "big")
    high = signature[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - signature[64]])
    for bad in (b"", signature[:64], signature[:64] + b"\0", high, bytes(64) + b"\x1b"):
        assert recover(digest, bad) is None
    assert recover(digest, signature) == RECEIPT.operator


@pytest.mark.parametrize("count", [1, 2, 5])
def test_receipt_tree__every_prediction__is_covered_and_no_other(count):
    predictions = [(input_commitment(bytes(32), bytes([i])), bytes([i] * 4)) for i in range(count)]
    tree = receipt_tree(predictions)
    receipt = replace(RECEIPT, root=tree.root)
    for index, (commitment, outputs) in enumerate(predictions):
        assert receipt.covers(prediction_leaf(commitment, outputs), tree.proof(index))
        assert not receipt.covers(prediction_leaf(commitment, b"\xff" * 4), tree.proof(index))


def test_input_commitment__salt_of_other_length__is_refused():
    with pytest.raises(ValueError, match="give 32"):
        input_commitment(b"short", b"")
