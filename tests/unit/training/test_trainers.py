"""Trainers of a member's own: their arrays as a plan's parameters, in this process and in another."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cairn.domain.schema import Schema
from cairn.training import Plan, UpdateError, prepare, train
from cairn.training.errors import TrainerError
from cairn.training.trainers import ArrayLayout, ProcessTrainer, evaluate_with, train_with

PARAMETERS = {"hidden_layer_sizes": "4", "epochs": "3", "batch_size": "1000"}


@pytest.fixture
def mlp(coarse: Schema) -> Plan:
    return Plan.from_schema(
        coarse,
        estimator="MLPClassifier",
        parameters=PARAMETERS,
        n_classes=3,
        min_readings=1,
        seed=4,
    )


class Fixed:
    """Adds a step to what it is given; float32, as PyTorch's are."""

    def __init__(self, shapes: list[tuple[int, ...]], step: float = 0.25) -> None:
        self.shapes, self.step = shapes, step

    def get_parameters(self, config: dict[str, Any]) -> list[np.ndarray]:
        return [np.zeros(shape, dtype=np.float32) for shape in self.shapes]

    def fit(self, parameters: list[np.ndarray], config: dict[str, Any]) -> Any:
        self.given = parameters
        scale = config.get("scale", 1.0)
        return [array + self.step * scale for array in parameters], 30, {}

    def evaluate(self, parameters: list[np.ndarray], config: dict[str, Any]) -> Any:
        return float(sum(array.sum() for array in parameters)), 30, {"n": len(parameters)}


@pytest.mark.parametrize("units_first", [False, True])
def test_array_layout__there_and_back__is_the_same(mlp: Plan, units_first: bool) -> None:
    layout = ArrayLayout(mlp, units_first)
    row = np.arange(mlp.n_parameters, dtype=np.float64)
    arrays = layout.to_arrays(row)
    assert [array.shape for array in arrays] == layout.shapes
    assert np.array_equal(layout.to_row(arrays), row)
    # Unit 1 of the first layer: its bias is parameter 4, its weights are 5, 6 and 7.
    weights = arrays[0] if units_first else arrays[0].T
    assert (arrays[1][1], weights[1].tolist()) == (4.0, [5.0, 6.0, 7.0])


def test_train_with__any_trainer__is_the_difference_to_the_base(mlp: Plan) -> None:
    trainer = Fixed(ArrayLayout(mlp).shapes)
    base = np.arange(mlp.n_parameters, dtype=np.int32) * 2**10
    update = train_with(mlp, trainer, base, config={"scale": 2.0})
    assert update.weight == 30
    assert (update.values == 2**15).all()
    assert trainer.given[0].dtype == np.float32
    assert trainer.given[1].tolist() == [0.0, 4 / 64, 8 / 64, 12 / 64]


def test_train_with__a_trainer_that_does_what_the_plan_says__is_the_plans_own(
    mlp: Plan, table: pd.DataFrame
) -> None:
    table = table.assign(
        gas_resistance=pd.qcut(table.gas_resistance, 3, labels=False).astype(np.int64)
    )
    rows = prepare(mlp, table)
    own = train(mlp, table)

    class Same(Fixed):
        def fit(self, parameters: list[np.ndarray], config: dict[str, Any]) -> Any:
            from sklearn.neural_network import MLPClassifier

            model = MLPClassifier(
                hidden_layer_sizes=(4,),
                solver="sgd",
                momentum=0.0,
                alpha=0.0001 * len(rows.target),
                batch_size=len(rows.target),
                learning_rate_init=0.1,
                shuffle=False,
            )
            # scikit-learn's first step is only to make the shapes.
            model.partial_fit(rows.z, rows.target.astype(int), classes=[0, 1, 2])
            model.coefs_ = [array.astype(np.float64) for array in parameters[::2]]
            model.intercepts_ = [array.astype(np.float64) for array in parameters[1::2]]
            del model._optimizer
            for _ in range(3):
                model.partial_fit(rows.z, rows.target.astype(int))
            pairs = zip(model.coefs_, model.intercepts_, strict=True)
            return [array for pair in pairs for array in pair], len(table), {}

        def get_parameters(self, config: dict[str, Any]) -> list[np.ndarray]:
            return [np.zeros(shape) for shape in self.shapes]

    theirs = train_with(mlp, Same(ArrayLayout(mlp).shapes))
    assert np.abs(theirs.values - own.values).max() <= 2


def test_train_with__arrays_that_do_not_suit__is_refused_before_training(mlp: Plan) -> None:
    shapes = ArrayLayout(mlp).shapes
    with pytest.raises(TrainerError, match="gives 3 arrays, the plan has 4"):
        train_with(mlp, Fixed(shapes[:3]))
    with pytest.raises(
        TrainerError, match=r"array 2 .* shape \(4, 2\), the plan wants .* \(4, 3\)"
    ):
        train_with(mlp, Fixed([*shapes[:2], (4, 2), (3,)]))
    with pytest.raises(UpdateError, match="diverged"):
        train_with(mlp, Fixed(shapes, step=float("nan")))


def test_train_with__a_linear_plan__takes_scikit_learns_shapes(plan: Plan) -> None:
    update = train_with(plan, Fixed([(3,), (1,)]))
    assert (update.values == 2**14).all()


def test_evaluate_with__a_version__is_what_the_trainer_says(mlp: Plan) -> None:
    version = np.full(mlp.n_parameters, 2**15, dtype=np.int32)
    loss, n_examples, metrics = evaluate_with(mlp, Fixed(ArrayLayout(mlp).shapes), version)
    assert (loss, n_examples, metrics) == (mlp.n_parameters / 2, 30, {"n": 4})


TRAINER = """
import numpy as np

class Trainer:
    def __init__(self, step):
        print("this goes to standard error")
        self.step = float(step)
    def get_parameters(self, config):
        return [np.zeros((1, 3)), np.zeros(1)]
    def fit(self, parameters, config):
        if config.get("fail"):
            raise ValueError("no rows")
        if config.get("die"):
            raise SystemExit(7)
        return [array + self.step for array in parameters], np.int64(12), {"loss": np.float64(1.5)}
    def evaluate(self, parameters, config):
        return 2.5, 12, {}
"""


def test_process_trainer__another_python__trains_and_tells_of_failures(
    plan: Plan, tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(TRAINER)
    with ProcessTrainer(sys.executable, f"{file}:Trainer", ["0.5"]) as trainer:
        update = train_with(plan, trainer)
        assert (update.weight, set(update.values.tolist())) == (12, {2**15})
        assert trainer.fit([np.zeros(1)], {})[2] == {"loss": 1.5}
        assert evaluate_with(plan, trainer, update.values) == (2.5, 12, {})
        with pytest.raises(TrainerError, match="fit failed: ValueError: no rows"):
            train_with(plan, trainer, config={"fail": True})
        with pytest.raises(TrainerError, match="ended with code 7 before it answered fit"):
            train_with(plan, trainer, config={"die": True})
    with pytest.raises(TrainerError, match="does not run"):
        ProcessTrainer(tmp_path / "nothing", "a:b")
