"""Proofs of rows: what Python proves, the contract accepts, and nothing that was altered."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cairn.domain.losses import LossKind
from cairn.domain.rows import (
    Losses,
    ValidationSet,
    loss_proof_leads_to,
    row_proof_leads_to,
    set_root,
)

SOURCE = """
# pragma version 0.4.3
from contracts.interfaces import IEvaluations
from contracts.modules import row_proofs

@external
@pure
def set_root(n_rows: uint256, top: bytes32) -> bytes32:
    return row_proofs._set_root(n_rows, top)

@external
@pure
def top_of_row(row: IEvaluations.Row, n_rows: uint256) -> (bool, bytes32):
    return row_proofs._top_of_row(row, n_rows)

@external
@pure
def top_of_loss(
    index: uint256, posted: IEvaluations.RowLoss, n_rows: uint256, total: uint256
) -> (bool, bytes32, bool):
    return row_proofs._top_of_loss(index, posted, n_rows, total)
"""


@pytest.fixture(scope="module")
def proofs() -> Any:
    return boa.loads(SOURCE)


INT32 = st.integers(-(2**31), 2**31 - 1)


@st.composite
def sets(draw: st.DrawFn) -> ValidationSet:
    n_features = draw(st.integers(1, 9))
    row = st.tuples(st.lists(INT32, min_size=n_features, max_size=n_features), INT32)
    rows = draw(st.lists(row, min_size=1, max_size=40))
    return ValidationSet.of([features for features, _ in rows], [target for _, target in rows])


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=sets(), data=st.data())
def test_top_of_row__any_row__leads_to_the_top_from_its_own_place(
    proofs: Any, rows: ValidationSet, data: st.DataObject
) -> None:
    n_rows = len(rows.rows)
    index = data.draw(st.integers(0, n_rows - 1))
    proof = rows.proof(index)
    assert proofs.top_of_row(proof.as_argument(), n_rows) == (True, rows.top)
    assert row_proof_leads_to(proof, n_rows) == rows.top
    assert proofs.set_root(n_rows, rows.top) == rows.root == set_root(n_rows, rows.top)
    assert ValidationSet.from_bytes(rows.to_bytes()) == rows
    elsewhere = data.draw(st.integers(0, n_rows + 2))
    in_place, top = proofs.top_of_row((elsewhere, *proof.as_argument()[1:]), n_rows)
    assert (in_place and top == rows.top) == (elsewhere == index)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    of_rows=st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), min_size=1, max_size=40),
    data=st.data(),
)
def test_top_of_loss__any_row__adds_up_to_the_total(
    proofs: Any, of_rows: list[int], data: st.DataObject
) -> None:
    losses = Losses(LossKind.SQUARED, tuple(of_rows))
    n_rows = len(of_rows)
    index = data.draw(st.integers(0, n_rows - 1))
    proof = losses.proof(index)
    argument = proof.as_argument()
    assert proofs.top_of_loss(index, argument, n_rows, losses.total) == (True, losses.top, True)
    assert loss_proof_leads_to(index, proof, n_rows) == (losses.top, losses.total)
    assert Losses.from_bytes(losses.to_bytes()) == losses
    in_place, top, adds_up = proofs.top_of_loss(index, argument, n_rows, losses.total + 1)
    assert (in_place, top, adds_up) == (True, losses.top, False)
    loss, steps = argument
    _, top, adds_up = proofs.top_of_loss(index, (loss + 1, steps), n_rows, losses.total)
    assert top != losses.top
    if steps:
        which = data.draw(st.integers(0, len(steps) - 1))
        bit = data.draw(st.integers(0, 255))
        sibling, sums = steps[which]
        altered = [*steps[:which], (sibling, sums ^ 1 << bit), *steps[which + 1 :]]
        _, top, _ = proofs.top_of_loss(index, (loss, altered), n_rows, losses.total)
        assert top != losses.top
        assert not proofs.top_of_loss(index, (loss, steps[:-1]), n_rows, losses.total)[0]
    assert not proofs.top_of_loss(index, (loss, [*steps, (bytes(32), 0)]), n_rows, losses.total)[0]
