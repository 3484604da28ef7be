import pytest

from cairn.domain.losses import LossKind
from cairn.domain.rows import (
    Losses,
    RowError,
    ValidationSet,
    evaluate,
    first_wrong_row,
    loss_proof_leads_to,
    row_proof_leads_to,
)
from tests.conftest import make_program

ROWS = ValidationSet.of([[i, 2 * i, 3, 4] for i in range(7)], range(7))


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 5, 7, 8, 9, 200])
def test_proofs__of_every_row__lead_to_the_top(n_rows):
    rows = ValidationSet.of([[i, i] for i in range(n_rows)], range(n_rows))
    losses = Losses(LossKind.SQUARED, tuple(range(n_rows)))
    for index in range(n_rows):
        assert row_proof_leads_to(rows.proof(index), n_rows) == rows.top
        found = loss_proof_leads_to(index, losses.proof(index), n_rows)
        assert found == (losses.top, losses.total)
    assert len(rows.proof(0).proof) <= max(n_rows - 1, 0).bit_length()


def test_root__names_rows_and_their_number():
    assert ValidationSet(ROWS.rows[:-1]).root != ROWS.root
    swapped = ValidationSet((ROWS.rows[1], ROWS.rows[0], *ROWS.rows[2:]))
    assert swapped.root != ROWS.root


@pytest.mark.parametrize(
    ("rows", "targets", "message"),
    [
        ([], [], "of 0 rows"),
        ([[]], [1], "row 0 has 0 features"),
        ([[1], [1, 2]], [1, 2], "row 1 has 2 features and row 0 has 1"),
        ([[1]], [2**31], "the target of row 0"),
        ([[-(2**31) - 1]], [0], "a feature of row 0"),
    ],
)
def test_set__that_cannot_be__is_refused(rows, targets, message):
    with pytest.raises(Exception, match=message):
        ValidationSet.of(rows, targets)


@pytest.mark.parametrize("cut", [0, 7, 15, 16, 20, -1])
def test_from_bytes__cut_off__is_refused(cut):
    losses = Losses(LossKind.SQUARED, (1, 2, 3))
    for kind, data in ((ValidationSet, ROWS.to_bytes()), (Losses, losses.to_bytes())):
        with pytest.raises(RowError):
            kind.from_bytes(data[:cut])
        with pytest.raises(RowError):
            kind.from_bytes(data + b"\0")


def test_from_bytes__unknown_kind__is_refused():
    data = bytearray(Losses(LossKind.SQUARED, (1,)).to_bytes())
    data[15] = 4
    with pytest.raises(RowError, match="kind of loss 4"):
        Losses.from_bytes(bytes(data))


def test_losses__beyond_64_bits__are_refused():
    for loss in (-1, 2**64):
        with pytest.raises(RowError, match="the loss of row 1"):
            Losses(LossKind.SQUARED, (0, loss))


def test_first_wrong_row__compares_like_with_like():
    right = evaluate(make_program(), ROWS, LossKind.SQUARED)
    assert first_wrong_row(right, right) is None
    wrong = Losses(right.kind, (*right.of_rows[:4], right.of_rows[4] + 1, *right.of_rows[5:]))
    assert first_wrong_row(wrong, right) == 4
    with pytest.raises(RowError, match="like with like"):
        first_wrong_row(Losses(LossKind.ZERO_ONE, right.of_rows), right)
