"""The audit of a receipt: an honest one holds down to the sensors, each way of being void is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from coincurve import PrivateKey
from eth_account import Account

from cairn.audit import Finding, State, wrong_row
from cairn.chain import NodeUnreachable
from cairn.domain.integers import pack_features
from cairn.domain.receipts import (
    RECEIPT_LIFE_S,
    Receipt,
    SigningDomain,
    input_commitment,
    receipt_tree,
    row_salt,
)
from cairn.domain.signed_receipts import Prediction, SignedReceipt
from cairn.errors import CairnError

from .conftest import FEATURES, MODEL, START, World

SECRET = b"\6" * 32
OPERATOR = Account.from_key(SECRET).address
COIN = 10**18


def sign(world: World, *said: bytes, **changes: object) -> SignedReceipt:
    """What the operator signs for answers to the same question."""
    ledger = world.ledger
    terms = ledger.terms_records[3]
    predictions = tuple(
        Prediction(row_salt(bytes(32), place), FEATURES, outputs)
        for place, outputs in enumerate(said)
    )
    tree = receipt_tree((input_commitment(p.salt, p.features), p.outputs) for p in predictions)
    receipt = Receipt(
        MODEL, terms.version, terms.program_hash, tree.root, ledger.time - 60, 3,
        bytes.fromhex(OPERATOR[2:]),
    )  # fmt: skip
    receipt = replace(receipt, **changes)
    domain = SigningDomain(ledger.chain_id, ledger.judge)
    return SignedReceipt(domain, receipt, receipt.sign(PrivateKey(SECRET), domain), predictions)


@pytest.fixture
def backed(world: World) -> World:
    """An operator with a reserve since long ago."""
    world.ledger.judge = b"\x11" * 20
    world.ledger.time = START + 10 * RECEIPT_LIFE_S
    world.ledger.reserves[OPERATOR] = (10 * COIN, START)
    return world


@pytest.fixture
def right(backed: World) -> bytes:
    return backed.programs[max(backed.programs)].run_packed(FEATURES)


def unheld(found: Finding) -> list[tuple[str, State]]:
    return [(one.link, one.state) for one in found.walk() if one.state is not State.HELD]


@pytest.mark.parametrize("n_rows", [1, 3])
def test_receipt__honest__holds_down_to_the_sensors(
    backed: World, right: bytes, n_rows: int
) -> None:
    signed = sign(backed, *[right] * n_rows)
    found = backed.auditor.receipt(signed)
    assert unheld(found) == []
    assert {"signature", "reserve", "terms", "outputs", "signatures"} <= {
        one.link for one in found.walk()
    }
    assert wrong_row(signed, backed.ledger, backed.store) is None


def test_receipt__one_row_wrong__is_named(backed: World, right: bytes) -> None:
    lie = pack_features([1])
    signed = sign(backed, right, right, lie)
    found = backed.auditor.receipt(signed)
    assert unheld(found) == [("outputs", State.BROKEN)]
    assert "of row 2" in next(one.detail for one in found.walk() if one.link == "outputs")
    assert wrong_row(signed, backed.ledger, backed.store) == 2


def test_receipt__invalid_was_sold_as_a_number__is_wrong(backed: World) -> None:
    assert unheld(backed.auditor.receipt(sign(backed, b""))) == [("outputs", State.BROKEN)]


@pytest.mark.parametrize(
    ("change", "link", "state"),
    [
        (lambda w, s: replace(s, signature=bytes(65)), "signature", State.BROKEN),
        (lambda w, s: setattr(w.ledger, "judge", b"\x12" * 20), "signature", State.BROKEN),
        (lambda w, s: w.ledger.reserves.clear(), "reserve", State.BROKEN),
        (
            lambda w, s: w.ledger.reserves.update({OPERATOR: (1, s.receipt.issued_at)}),
            "reserve",
            State.BROKEN,
        ),
        (lambda w, s: setattr(w.ledger, "time", s.receipt.issued_at - 1), "reserve", State.BROKEN),
        (
            lambda w, s: setattr(w.ledger, "time", s.receipt.issued_at + RECEIPT_LIFE_S + 1),
            "reserve",
            State.NOT_VISIBLE,
        ),
        (
            lambda w, s: w.ledger.failures.update(reserve=NodeUnreachable("gone")),
            "reserve",
            State.NOT_VISIBLE,
        ),
    ],
)
def test_receipt__void_here__says_which_link(
    backed: World,
    right: bytes,
    change: Callable[[World, SignedReceipt], SignedReceipt | None],
    link: str,
    state: State,
) -> None:
    signed = sign(backed, right)
    signed = change(backed, signed) or signed
    assert unheld(backed.auditor.receipt(signed)) == [(link, state)]


def test_receipt__of_other_terms_than_it_says__is_broken(backed: World, right: bytes) -> None:
    signed = sign(backed, right, version=9)
    assert unheld(backed.auditor.receipt(signed)) == [("terms", State.BROKEN)]


def test_wrong_row__version_has_another_program__says_that_nobody_judges_it(
    backed: World, right: bytes
) -> None:
    with pytest.raises(CairnError, match="another program"):
        wrong_row(sign(backed, right, program_hash=bytes(32)), backed.ledger, backed.store)
