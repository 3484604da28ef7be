"""Gradient descent: its slopes, its order of rows, and the pull toward the base version."""

import itertools

import numpy as np
import pytest

from cairn.training.descent import NetworkLoss, descend, forward, initial, n_parameters

RNG = np.random.default_rng(3)
Z = RNG.normal(size=(40, 3))
LABELS = (Z @ np.array([[1.0, -1.0, 0.2], [0.5, 1.0, 0.0], [-1.0, 0.3, 1.0]]).T).argmax(axis=1)


def _value(loss: NetworkLoss, scores: np.ndarray, t: np.ndarray) -> float:
    """Each loss as its textbook has it."""
    if loss == "squared_error":
        return float(((scores[:, 0] - t) ** 2).mean() / 2)
    if loss == "softmax":
        return float((np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(t)), t]).mean())
    single = scores.shape[1] == 1
    truth = t[:, None] > 0 if single else t[:, None] == np.arange(scores.shape[1])
    margin = np.where(truth, scores, -scores)
    each = np.log1p(np.exp(-margin)) if loss == "log_loss" else np.maximum(0, 1 - margin)
    return float(each.sum(axis=1).mean())


@pytest.mark.parametrize(
    ("loss", "sizes"),
    [
        ("squared_error", (3, 4, 1)),
        ("softmax", (3, 5, 4, 3)),
        ("softmax", (3, 3)),
        ("log_loss", (3, 3)),
        ("log_loss", (3, 4, 1)),
        ("hinge", (3, 3)),
    ],
)
def test_descend__one_small_step__follows_the_numeric_slope(
    loss: NetworkLoss, sizes: tuple[int, ...]
) -> None:
    t = (LABELS if sizes[-1] == 3 else LABELS > 0).astype(np.int64)
    theta = np.random.default_rng(1).normal(size=n_parameters(sizes))
    alpha, mu, center = 0.3, 0.2, np.zeros_like(theta)
    biases = np.zeros_like(theta, dtype=bool)
    at = 0
    for n, m in itertools.pairwise(sizes):
        biases[at : at + (n + 1) * m : n + 1] = True
        at += (n + 1) * m

    def objective(x: np.ndarray) -> float:
        penalty = alpha / 2 * (x[~biases] ** 2).sum() + mu / 2 * ((x - center) ** 2).sum()
        return _value(loss, forward(x, sizes, Z), t) + float(penalty)

    step = 1e-3
    moved = descend(
        theta,
        sizes,
        Z,
        t.astype(np.float64),
        loss=loss,
        epochs=1,
        batch_size=100,
        step=step,
        alpha=alpha,
        proximal_mu=mu,
        center=center,
    )
    slope = (theta - moved) / step
    for place in range(len(theta)):
        nudge = np.zeros_like(theta)
        nudge[place] = 1e-6
        numeric = (objective(theta + nudge) - objective(theta - nudge)) / 2e-6
        assert slope[place] == pytest.approx(numeric, abs=1e-5)


def test_descend__a_strong_pull__stays_near_the_base() -> None:
    start = np.ones(12)

    def distance(mu: float) -> float:
        end = descend(
            start,
            (3, 3),
            Z,
            LABELS.astype(np.float64),
            loss="softmax",
            epochs=50,
            batch_size=10,
            step=0.1,
            proximal_mu=mu,
        )
        return float(np.linalg.norm(end - start))

    assert distance(5.0) < 0.3 * distance(0.0)


def test_descend__same_seed__is_the_same_and_another_is_not() -> None:
    def end(seed: int) -> np.ndarray:
        return descend(
            np.zeros(12),
            (3, 3),
            Z,
            LABELS.astype(np.float64),
            loss="softmax",
            epochs=2,
            batch_size=7,
            step=0.1,
            momentum=0.5,
            seed=seed,
        )

    assert np.array_equal(end(1), end(1))
    assert not np.array_equal(end(1), end(2))


def test_initial__hidden_layers__are_drawn_and_lone_ones_zero() -> None:
    assert not initial((3, 4), 0).any()
    drawn = initial((3, 4, 2), 0)
    assert len(np.unique(drawn)) > 18  # 12 + 8 weights, and the biases' zero
    assert np.array_equal(drawn, initial((3, 4, 2), 0))
