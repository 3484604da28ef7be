"""Gradient descent for dense models: the shapes of scikit-learn's SGDClassifier and MLP, in numpy.

scikit-learn's own loops take no proximal term and cannot start from a given network, so the loop is
ours: mini-batches in an order that the seed fixes, classical momentum, an L2 penalty on the weights,
and FedProx's pull toward the base version (Li et al. 2020).

A network's parameters are one flat row: for each layer and each of its units the bias, then one
weight for each input. All but the last layer are rectified.
"""

import itertools
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["NetworkLoss", "descend", "forward", "initial", "n_parameters"]

Floats: TypeAlias = npt.NDArray[np.float64]
NetworkLoss = Literal["squared_error", "softmax", "log_loss", "hinge"]
"""squared_error: (f - t)^2 / 2. softmax: cross-entropy over classes. log_loss, hinge: each class
against the rest, or one score for two classes."""


def n_parameters(sizes: Sequence[int]) -> int:
    return sum((n + 1) * m for n, m in itertools.pairwise(sizes))


def layers_of(theta: Floats, sizes: Sequence[int]) -> list[Floats]:
    """Views of the flat row: (n_units, 1 + n_inputs) for each layer."""
    layers, at = [], 0
    for n, m in itertools.pairwise(sizes):
        layers.append(theta[at : at + (n + 1) * m].reshape(m, n + 1))
        at += (n + 1) * m
    return layers


def initial(sizes: Sequence[int], seed: int) -> Floats:
    """Where all members start without a base version.

    Zeros where nothing is hidden; else the uniform draw of Glorot and Bengio (2010), as scikit-learn
    has it: from zeros a hidden layer never moves.
    """
    theta = np.zeros(n_parameters(sizes))
    if len(sizes) > 2:
        rng = np.random.default_rng(seed)
        for layer in layers_of(theta, sizes):
            m, n = layer.shape
            bound = np.sqrt(6.0 / (n - 1 + m))
            layer[:, 1:] = rng.uniform(-bound, bound, (m, n - 1))
    return theta


def forward(theta: Floats, sizes: Sequence[int], z: Floats) -> Floats:
    """Scores, (n_rows, n_scores), of inputs (n_rows, n_features)."""
    return _activations(layers_of(theta, sizes), z)[-1]


def _activations(layers: Sequence[Floats], z: Floats) -> list[Floats]:
    values = [z]
    for place, layer in enumerate(layers):
        sums = values[-1] @ layer[:, 1:].T + layer[:, 0]
        values.append(np.maximum(sums, 0.0) if place < len(layers) - 1 else sums)
    return values


def _slope(loss: NetworkLoss, scores: Floats, t: Floats) -> Floats:
    """The loss's derivative by each score, a mean over the rows: (n_rows, n_scores)."""
    n_rows, n_scores = scores.shape
    if loss == "squared_error":
        error: Floats = (scores - t[:, None]) / n_rows
        return error
    if loss == "softmax":
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        powers /= powers.sum(axis=1, keepdims=True)
        powers[np.arange(n_rows), t.astype(np.int64)] -= 1.0
        slope: Floats = powers / n_rows
        return slope
    # One score is the second class's; of several each is its own class's.
    classes = np.arange(n_scores) + (n_scores == 1)
    truth = t.astype(np.int64)[:, None] == classes
    if loss == "log_loss":
        # The logistic function without overflow, at either end.
        chances: Floats = 0.5 * (1.0 + np.tanh(0.5 * scores))
        chances -= truth
        return chances / n_rows
    sign = np.where(truth, 1.0, -1.0)
    return np.where(sign * scores < 1.0, -sign, 0.0) / n_rows


def _gradient(
    theta: Floats, sizes: Sequence[int], loss: NetworkLoss, z: Floats, t: Floats
) -> Floats:
    layers = layers_of(theta, sizes)
    values = _activations(layers, z)
    slope = _slope(loss, values[-1], t)
    gradient = np.empty_like(theta)
    parts = layers_of(gradient, sizes)
    for place in range(len(layers) - 1, -1, -1):
        parts[place][:, 0] = slope.sum(axis=0)
        np.matmul(slope.T, values[place], out=parts[place][:, 1:])
        if place:
            slope = np.where(values[place] > 0, slope @ layers[place][:, 1:], 0.0)
    return gradient


def descend(
    start: Floats,
    sizes: Sequence[int],
    z: Floats,
    t: Floats,
    *,
    loss: NetworkLoss,
    epochs: int,
    batch_size: int,
    step: float,
    momentum: float = 0.0,
    alpha: float = 0.0,
    proximal_mu: float = 0.0,
    center: Floats | None = None,
    seed: int = 0,
) -> Floats:
    """Minimise mean loss + alpha / 2 |w|^2 + proximal_mu / 2 |theta - center|^2 from `start`.

    z: (n_rows, n_features). t: (n_rows,), the target, or classes from 0. w: the weights, without the
    biases. center: the base version's parameters; `start` if None. Returns new parameters.
    """
    theta = start.copy()
    held = start if center is None else center
    is_weight = np.ones_like(theta)
    for layer in layers_of(is_weight, sizes):
        layer[:, 0] = 0.0
    velocity = np.zeros_like(theta)
    rng = np.random.default_rng(seed)
    n_rows = len(t)
    for _ in range(epochs):
        whole = batch_size >= n_rows
        order = np.arange(n_rows) if whole else rng.permutation(n_rows)
        for at in range(0, n_rows, batch_size):
            rows = slice(None) if whole else order[at : at + batch_size]
            gradient = _gradient(theta, sizes, loss, z[rows], t[rows])
            if alpha:
                gradient += alpha * is_weight * theta
            if proximal_mu:
                gradient += proximal_mu * (theta - held)
            velocity = momentum * velocity - step * gradient
            theta += velocity
    return theta
