"""A Flower client as its users write them: softmax regression on one member's rows.

Flower runs it by `app` (`flwr run`, or `run_simulation`), Cairn by `make_trainer`: the class is the
same, and knows of neither. It wants flwr and numpy, and no Cairn; `make flower` sets them up.

    from cairn.training import ProcessTrainer
    ProcessTrainer(".tools/flower/bin/python", "examples/flower_client.py:make_trainer", ["rows.npz"])
"""

import numpy as np
from flwr.client import ClientApp, NumPyClient


class SoftmaxClient(NumPyClient):
    """x: (n_rows, n_features), y: (n_rows,) classes from 0. Parameters: weights and intercepts."""

    def __init__(self, x, y, n_classes):
        self.x, self.y, self.n_classes = x, y, n_classes

    def get_parameters(self, config):
        return [np.zeros((self.x.shape[1], self.n_classes)), np.zeros(self.n_classes)]

    def fit(self, parameters, config):
        weights, intercepts = (array.copy() for array in parameters)
        for _ in range(int(config.get("epochs", 5))):
            slope = self._chances(weights, intercepts)
            slope[np.arange(len(self.y)), self.y] -= 1.0
            slope *= float(config.get("learning_rate", 0.5)) / len(self.y)
            weights -= self.x.T @ slope
            intercepts -= slope.sum(axis=0)
        return [weights, intercepts], len(self.y), {}

    def evaluate(self, parameters, config):
        chances = self._chances(*parameters)
        right = chances[np.arange(len(self.y)), self.y]
        accuracy = float((chances.argmax(axis=1) == self.y).mean())
        return float(-np.log(right).mean()), len(self.y), {"accuracy": accuracy}

    def _chances(self, weights, intercepts):
        scores = self.x @ weights + intercepts
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)


def make_trainer(path):
    """A client on the rows of an npz file: x, y, n_classes."""
    with np.load(path, allow_pickle=False) as rows:
        return SoftmaxClient(rows["x"], rows["y"], int(rows["n_classes"]))


def client_fn(context):
    """For Flower: the client of a node, on rows.<number>.npz in the folder that the run names."""
    folder, number = context.run_config["folder"], context.node_config["partition-id"]
    return make_trainer(f"{folder}/rows.{number}.npz").to_client()


app = ClientApp(client_fn=client_fn)
