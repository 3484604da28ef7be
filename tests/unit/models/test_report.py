"""The loss of a program beside its float model, whatever the two return."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import cairn
from cairn.domain.programs import (
    Chunk,
    FeatureRule,
    LayerSpec,
    OutputMode,
    Program,
    ProgramError,
    dense_program,
)
from cairn.domain.schema import Column, Schema
from cairn.models import describe, loss_report

X = np.random.default_rng(0).integers(-100, 100, (200, 3)).astype(float)
Y = X @ [1.0, -2.0, 0.5]


def schema(n_targets: int) -> Schema:
    return Schema(
        features=tuple(Column(f"f{i}", "", "1", "-100", "100") for i in range(3)),
        targets=tuple(Column(f"y{i}", "", "0.1", "-999", "999") for i in range(n_targets)),
    )


def test_loss_report__several_outputs__all_are_compared() -> None:
    targets = np.c_[Y, 3 * Y[::-1]]
    model = LinearRegression().fit(X, targets)
    program = cairn.export(model, X, schema(2))
    loss = loss_report(program, model, X, targets, schema(2))
    assert loss.n_rows == 200 and len(loss.scores) == 400
    assert loss.largest <= 0.15
    assert loss.metric is not None and loss.metric[1] == pytest.approx(model.score(X, targets))
    other = LinearRegression().fit(X, targets[:, 0])
    with pytest.raises(ProgramError, match="2 outputs, the model 1"):
        loss_report(program, other, X, None, schema(2))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_loss_report__scores_of_a_classifier__are_told_as_labels(n_classes: int) -> None:
    labels = np.digitize(Y, np.quantile(Y, np.linspace(0, 1, n_classes + 1)[1:-1])) + 7
    model = LogisticRegression().fit(X, labels)
    program = cairn.export(model, X, mode=OutputMode.SCORES)
    loss = loss_report(program, model, X, labels)
    assert loss.agreement == 1.0
    assert loss.metric == ("accuracy", model.score(X, labels), model.score(X, labels))


def test_loss_report__class_that_the_model_never_saw__counts_as_wrong() -> None:
    labels = (Y > 0).astype(int)
    model = LogisticRegression().fit(X, labels)
    loss = loss_report(cairn.export(model, X), model, X, np.full(200, 5))
    assert loss.metric == ("accuracy", 0.0, 0.0)


@pytest.mark.parametrize(
    ("targets", "said"), [(Y[:-1], "199 targets for 200 rows"), (np.c_[Y, Y], "2 targets a row")]
)
def test_loss_report__targets_that_do_not_fit__refused(targets: np.ndarray, said: str) -> None:
    model = LinearRegression().fit(X, Y)
    with pytest.raises(ProgramError, match=said):
        loss_report(cairn.export(model, X), model, X, targets)


def test_loss_report__no_valid_row__says_so() -> None:
    model = LinearRegression().fit(X, Y)
    with pytest.raises(ProgramError, match="no row has a valid outcome"):
        loss_report(cairn.export(model, X), model, np.full((4, 3), np.nan))


def test_describe__layers__have_the_ranges_that_bound_every_sum() -> None:
    rules = [FeatureRule(-10, 10, 0, 0, 1)] * 2
    hidden = LayerSpec([[3, -2], [1, 1]], [5, -7], shift=1, bits=4)
    last = LayerSpec([[2, -1]], [1], shift=0)
    layers = describe(dense_program(rules, [hidden, last]))["layers"]
    # 3 * 10 + 2 * 10 + 5 and 10 + 10 - 7; then 2 * 15 + 1 and 1 - 15.
    assert [(one["least_sum"], one["greatest_sum"]) for one in layers] == [(-45, 55), (-14, 31)]
    assert [one["greatest_activation"] for one in layers] == [15, None]


def test_describe__words_that_are_no_weights__have_no_ranges() -> None:
    program = dense_program([FeatureRule(0, 9, 0, 0, 1)], [LayerSpec([[1]], [0], 0)])
    words = (2**255, *program.chunks[0].words[1:])  # a weight of -2**31 in the highest lane
    chunk = Chunk(program.chunks[0].kernel, words)
    header = (*program.header[:-1], int.from_bytes(chunk.id, "big"))
    wild = Program.from_bytes(Program(header, (chunk,)).to_bytes())
    assert describe(wild)["layers"][0]["least_sum"] is None
