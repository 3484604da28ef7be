"""The other end of `ProcessTrainer`: run by a foreign Python, with numpy and without Cairn.

    python _trainer_host.py file.py:function [ARGUMENT ...]

Each call is eight bytes of length and an npz: `note`, JSON as bytes, and array_0, array_1 and so on.
What the trainer prints goes to standard error.
"""

import importlib.util
import io
import json
import os
import sys
from typing import Any

import numpy as np


def load(target: str) -> Any:
    path, _, name = target.rpartition(":")
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location("trainer", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file: give file.py:function")
    module = importlib.util.module_from_spec(spec)
    sys.modules["trainer"] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


def plain(metrics: dict[str, Any]) -> dict[str, Any]:
    """Metrics as JSON has them: numpy's numbers as Python's."""
    return {str(k): v.item() if hasattr(v, "item") else v for k, v in metrics.items()}


def answer(
    trainer: Any, method: str, arrays: list[Any], config: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    if method == "get_parameters":
        return list(trainer.get_parameters(config)), {}
    if method == "fit":
        arrays, n_examples, metrics = trainer.fit(arrays, config)
        return arrays, {"n_examples": int(n_examples), "metrics": plain(metrics)}
    loss, n_examples, metrics = trainer.evaluate(arrays, config)
    said = {"loss": float(loss), "n_examples": int(n_examples), "metrics": plain(metrics)}
    return [], said


def main() -> None:
    calls, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    trainer = load(sys.argv[1])(*sys.argv[2:])
    while len(head := calls.read(8)) == 8:
        with np.load(io.BytesIO(calls.read(int.from_bytes(head, "big")))) as parts:
            note = json.loads(parts["note"].tobytes())
            arrays = [parts[f"array_{i}"] for i in range(len(parts.files) - 1)]
        try:
            arrays, said = answer(trainer, note["method"], arrays, note["config"])
        except Exception as error:  # noqa: BLE001 - told to whoever called
            arrays, said = [], {"error": f"{type(error).__name__}: {error}"}
        packed = io.BytesIO()
        named = {f"array_{i}": np.asarray(array) for i, array in enumerate(arrays)}
        np.savez(packed, note=np.frombuffer(json.dumps(said).encode(), dtype=np.uint8), **named)
        content = packed.getvalue()
        answers.write(len(content).to_bytes(8, "big") + content)
        answers.flush()


if __name__ == "__main__":
    main()
