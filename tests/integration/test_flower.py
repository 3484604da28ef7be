"""A real Flower client joins a round as it is; Flower's own server comes to the same model."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from cairn.domain.schema import Column, Schema
from cairn.training import (
    ArrayLayout,
    Plan,
    ProcessTrainer,
    RulePlan,
    aggregate_updates,
    evaluate_with,
    train_with,
)

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".tools" / "flower" / "bin" / "python"
N_MEMBERS, N_ROUNDS = 3, 4


@pytest.mark.requires("flower")
def test_flower_client__in_cairns_rounds__ends_where_flowers_server_ends(tmp_path: Path) -> None:
    x, y = load_digits(return_X_y=True)
    schema = Schema(
        features=tuple(Column(f"pixel_{i}", "1", "1", "0", "16") for i in range(64)),
        targets=(Column("digit", "1", "1", "0", "9"),),
    )
    plan = Plan.from_schema(
        schema, estimator="MLPClassifier", n_classes=10, rule=RulePlan(weight_cap=10_000)
    )
    z = (x - plan.features[0].center) / 2.0 ** plan.features[0].shift
    for member in range(N_MEMBERS):
        part = slice(member, None, N_MEMBERS)
        np.savez(tmp_path / f"rows.{member}.npz", x=z[part], y=y[part], n_classes=10)

    config = {"epochs": 5, "learning_rate": 0.5}
    version = None
    client = f"{ROOT / 'examples' / 'flower_client.py'}:make_trainer"
    with ExitStack() as open_ones:
        trainers = [
            open_ones.enter_context(
                ProcessTrainer(PYTHON, client, [str(tmp_path / f"rows.{member}.npz")])
            )
            for member in range(N_MEMBERS)
        ]
        for _ in range(N_ROUNDS):
            updates = [train_with(plan, one, version, config=config) for one in trainers]
            version = aggregate_updates(
                plan, [one.values for one in updates], [one.weight for one in updates], version
            )
        assert version is not None
        loss, n_rows, metrics = evaluate_with(plan, trainers[0], version)
    assert sum(one.weight for one in updates) == len(y)
    assert n_rows == len(y[::N_MEMBERS])
    assert metrics["accuracy"] > 0.8
    assert loss < 1.0

    script = ROOT / "tools" / "training" / "flower_side.py"
    words = [str(PYTHON), str(script), str(tmp_path), str(N_MEMBERS), str(N_ROUNDS), "server"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    assert len(json.loads(said.stdout.splitlines()[-1])["round_seconds"]) == N_ROUNDS - 1
    with np.load(tmp_path / "flower.npz") as theirs:
        row = ArrayLayout(plan).to_row([theirs["weights"], theirs["intercepts"]])
    # Ours is rounded to 2^-16 in each round; Flower's is in float64.
    assert np.abs(version / 2.0**16 - row).max() < N_ROUNDS * 2.0**-15
