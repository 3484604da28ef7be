"""Bring your own trainer: whatever fits lists of arrays joins a round as it is.

The shape is that of Flower's NumPyClient: `get_parameters(config)`, `fit(parameters, config)` and
`evaluate(parameters, config)`. A trainer in this process is handed over as an object; one whose
packages do not get on with ours runs in an environment of its own, behind `ProcessTrainer`.
"""

import io
import itertools
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from cairn.training.errors import TrainerError
from cairn.training.local import Floats, quantise, start
from cairn.training.plans import UNIT_BITS, Plan
from cairn.training.privacy import Guard
from cairn.training.updates import Int32s, Update

__all__ = ["ArrayLayout", "Arrays", "ProcessTrainer", "Trainer", "evaluate_with", "train_with"]

Arrays: TypeAlias = list[npt.NDArray[Any]]
Config: TypeAlias = Mapping[str, bool | bytes | float | int | str]

_HOST = Path(__file__).with_name("_trainer_host.py")


class Trainer(Protocol):
    """What is asked of a trainer; Flower's NumPyClient has it."""

    def get_parameters(self, config: dict[str, Any]) -> Arrays: ...

    def fit(
        self, parameters: Arrays, config: dict[str, Any]
    ) -> tuple[Arrays, int, dict[str, Any]]: ...

    def evaluate(
        self, parameters: Arrays, config: dict[str, Any]
    ) -> tuple[float, int, dict[str, Any]]: ...


@dataclass(frozen=True)
class ArrayLayout:
    """A trainer's arrays and a plan's row of parameters, both ways.

    The arrays are weights and intercepts in turn, layer by layer. Weights are (n_inputs, n_units) as
    scikit-learn's MLP has them, or with `units_first` (n_units, n_inputs) as its linear models and
    PyTorch do; where there is one unit, (n_inputs,) will do.
    """

    plan: Plan
    units_first: bool = False

    def __post_init__(self) -> None:
        if self.plan.estimator.family == "trees":
            raise TrainerError("a trainer of one's own hands in arrays to be averaged, not trees")

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of the arrays, in order."""
        sizes = self.plan.layer_sizes
        found: list[tuple[int, ...]] = []
        for n, m in itertools.pairwise(sizes):
            found += [(m, n) if self.units_first else (n, m), (m,)]
        return found

    def to_row(self, arrays: Sequence[npt.NDArray[Any]]) -> Floats:
        """Arrays as the plan's (n_parameters,); raises TrainerError that names the wrong one."""
        if len(arrays) != len(self.shapes):
            raise TrainerError(
                f"the trainer gives {len(arrays)} arrays, the plan has {len(self.shapes)}: weights "
                "and intercepts of each layer in turn"
            )
        parts = []
        for place in range(0, len(arrays), 2):
            weights, intercepts = (self._checked(place + i, arrays[place + i]) for i in (0, 1))
            by_unit = weights if self.units_first else weights.T
            parts.append(np.hstack([intercepts[:, None], by_unit]).ravel())
        return np.concatenate(parts)

    def _checked(self, place: int, array: npt.NDArray[Any]) -> Floats:
        wanted = self.shapes[place]
        given = np.asarray(array)
        fits = given.shape == wanted or (1 in wanted and given.size == int(np.prod(wanted)))
        if not fits or given.dtype.kind not in "fiu":
            raise TrainerError(
                f"the trainer's array {place} is {given.dtype} of shape {given.shape}, the plan wants "
                f"numbers of shape {wanted}"
            )
        return given.astype(np.float64).reshape(wanted)

    def to_arrays(self, row: Floats, like: Sequence[npt.NDArray[Any]] | None = None) -> Arrays:
        """The plan's row as a trainer's arrays; of the types and shapes of `like`, if given."""
        arrays: Arrays = []
        at = 0
        sizes = self.plan.layer_sizes
        for n, m in itertools.pairwise(sizes):
            layer = row[at : at + (n + 1) * m].reshape(m, n + 1)
            at += layer.size
            weights = layer[:, 1:] if self.units_first else layer[:, 1:].T
            arrays += [weights.copy(), layer[:, 0].copy()]
        if like is not None:
            arrays = [
                array.astype(one.dtype).reshape(one.shape)
                for array, one in zip(arrays, like, strict=True)
            ]
        return arrays


def train_with(
    plan: Plan,
    trainer: Trainer,
    base: Int32s | None = None,
    *,
    config: Config | None = None,
    units_first: bool = False,
    guard: Guard | None = None,
) -> Update:
    """A member's update by a trainer of his own, relative to `base`, clipped and quantised.

    The plan says the shapes, the scales and the clip bound; what the trainer does between them is
    his affair. config: handed to it as it is. The number of examples that it names is the update's
    weight here; on chain the weight is that of the member's batches.
    Raises TrainerError if its arrays do not suit the plan, UpdateError if training diverged.
    """
    layout = ArrayLayout(plan, units_first)
    settings = dict(config or {})
    own = trainer.get_parameters(settings)
    layout.to_row(own)  # says what does not fit before anything is trained
    begin = start(plan, base)
    answer = trainer.fit(layout.to_arrays(begin, own), settings)
    if not isinstance(answer, tuple) or len(answer) != 3:
        raise TrainerError("the trainer's fit gave no (parameters, number of examples, metrics)")
    arrays, n_examples, _ = answer
    if not isinstance(n_examples, int | np.integer) or n_examples < 1:
        raise TrainerError(f"the trainer was fitted on {n_examples!r} examples: at least one")
    before = np.zeros_like(begin) if base is None else begin
    return Update(quantise(plan, layout.to_row(arrays) - before, guard), weight=int(n_examples))


def evaluate_with(
    plan: Plan,
    trainer: Trainer,
    parameters: Int32s,
    *,
    config: Config | None = None,
    units_first: bool = False,
) -> tuple[float, int, dict[str, Any]]:
    """What a trainer says of a version on its own rows: loss, number of examples, metrics."""
    layout = ArrayLayout(plan, units_first)
    settings = dict(config or {})
    own = trainer.get_parameters(settings)
    layout.to_row(own)
    loss, n_examples, metrics = trainer.evaluate(
        layout.to_arrays(parameters / 2.0**UNIT_BITS, own), settings
    )
    return float(loss), int(n_examples), metrics


class ProcessTrainer:
    """A trainer in a Python of its own, with packages of its own.

    python: that environment's interpreter, which needs numpy and what the trainer imports, not Cairn.
    target: `file.py:function`; the function is called with `arguments` (text) and returns the
    trainer. Arrays cross as npz without pickles. Close it, or use it as a context manager.
    """

    def __init__(self, python: str | Path, target: str, arguments: Sequence[str] = ()) -> None:
        try:
            self._process = subprocess.Popen(
                [str(python), str(_HOST), target, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        except OSError as error:
            raise TrainerError(f"{python} does not run: {error}") from None

    def get_parameters(self, config: dict[str, Any]) -> Arrays:
        arrays, _ = self._call("get_parameters", [], config)
        return arrays

    def fit(self, parameters: Arrays, config: dict[str, Any]) -> tuple[Arrays, int, dict[str, Any]]:
        arrays, said = self._call("fit", parameters, config)
        return arrays, said["n_examples"], said["metrics"]

    def evaluate(
        self, parameters: Arrays, config: dict[str, Any]
    ) -> tuple[float, int, dict[str, Any]]:
        _, said = self._call("evaluate", parameters, config)
        return said["loss"], said["n_examples"], said["metrics"]

    def _call(
        self, method: str, arrays: Arrays, config: dict[str, Any]
    ) -> tuple[Arrays, dict[str, Any]]:
        sent, received = self._process.stdin, self._process.stdout
        assert sent is not None and received is not None
        note = json.dumps({"method": method, "config": config}).encode()
        packed = io.BytesIO()
        np.savez(
            packed,
            note=np.frombuffer(note, dtype=np.uint8),
            **{f"array_{i}": array for i, array in enumerate(arrays)},
        )
        content = packed.getvalue()
        try:
            sent.write(len(content).to_bytes(8, "big") + content)
            sent.flush()
        except OSError:
            raise self._gone(method) from None
        head = received.read(8)
        answer = received.read(int.from_bytes(head, "big")) if len(head) == 8 else b""
        if len(head) != 8 or len(answer) != int.from_bytes(head, "big"):
            raise self._gone(method)
        with np.load(io.BytesIO(answer), allow_pickle=False) as parts:
            said = json.loads(parts["note"].tobytes())
            found = [parts[f"array_{i}"] for i in range(len(parts.files) - 1)]
        if "error" in said:
            raise TrainerError(f"the trainer's {method} failed: {said['error']}")
        return found, said

    def _gone(self, method: str) -> TrainerError:
        code = self._process.wait()
        return TrainerError(
            f"the trainer's process ended with code {code} before it answered {method}; what it said "
            "is above"
        )

    def close(self) -> None:
        """End the process; it has nothing to lose."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> "ProcessTrainer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
