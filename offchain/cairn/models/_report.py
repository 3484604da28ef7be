"""What a program loses against the float model it was made from, and what it holds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import MISSING
from cairn.domain.programs import KERNELS, Kind, Program, ProgramError, gas_bound
from cairn.domain.schema import Schema
from cairn.models._affine import FloatArray
from cairn.models._interpreter import predict

INTRINSIC_GAS = 21_000
IOTEX_INTRINSIC_GAS = 10_000
IOTEX_BYTE_GAS = 100
CALL_BYTES = 4 + 3 * 32
"""Of a call to `evaluate` besides the features."""


@dataclass(frozen=True)
class Loss:
    """A program beside its float model on the same rows.

    scores: the program's, in the target's unit, (n_rows,); expected: the float model's. Of a
    classifier they are labels. agreement: the share of rows with the same label, or None.
    largest, mean: of |scores - expected|. metric: accuracy or R2, of the float model and the program,
    if targets were given.
    """

    scores: FloatArray
    expected: FloatArray
    n_invalid: int
    agreement: float | None
    largest: float
    mean: float
    metric: tuple[str, float, float] | None


def to_device(X: npt.ArrayLike, schema: Schema | None) -> npt.NDArray[np.int64]:
    """Rows of measurements as device integers, clamped to the schema's bounds; NaN is MISSING."""
    rows = np.asarray(X, dtype=np.float64)
    if schema is not None:
        scales = np.array([float(column.scale) for column in schema.features])
        low = np.array([column.low for column in schema.features])
        high = np.array([column.high for column in schema.features])
        rows = np.clip(np.rint(rows / scales), low, high)
    elif (np.nan_to_num(rows) != np.rint(np.nan_to_num(rows))).any():
        raise ProgramError("X has fractions and there is no schema: give the schema")
    return np.where(np.isnan(rows), MISSING, rows).astype(np.int64)


def loss_report(
    program: Program,
    pipeline: Any,
    X: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    schema: Schema | None = None,
) -> Loss:
    """Run a program and the pipeline that it was exported from on the same rows."""
    outputs, valid = predict(program, to_device(X, schema))
    rows = np.asarray(X, dtype=np.float64)[valid]
    expected = np.asarray(pipeline.predict(rows))
    classes = getattr(pipeline, "classes_", None)
    agreement = None
    if classes is not None:
        given = np.searchsorted(classes, expected)
        scores = outputs[valid, 0].astype(np.float64)
        expected = given.astype(np.float64)
        agreement = float((scores == expected).mean()) if len(rows) else 1.0
    else:
        scores = outputs[valid, 0] * float(program.output_scale)
        expected = expected.reshape(len(rows), -1)[:, 0].astype(np.float64)
    error = np.abs(scores - expected) if len(rows) else np.zeros(1)
    metric = None
    if y is not None and len(rows) > 1:
        truth = np.asarray(y)[valid]
        if classes is not None:
            truth = np.searchsorted(classes, truth)
            metric = (
                "accuracy",
                float((expected == truth).mean()),
                float((scores == truth).mean()),
            )
        else:
            metric = ("R2", _r2(truth, expected), _r2(truth, scores))
    return Loss(
        scores,
        expected,
        n_invalid=int((~valid).sum()),
        agreement=agreement,
        largest=float(error.max()),
        mean=float(error.mean()),
        metric=metric,
    )


def _r2(truth: npt.NDArray[Any], predicted: FloatArray) -> float:
    spread = float(((truth - truth.mean()) ** 2).sum())
    return 1 - float(((truth - predicted) ** 2).sum()) / spread if spread else 0.0


def describe(program: Program) -> dict[str, Any]:
    """What a program file holds, as JSON can say it."""
    execution = gas_bound(program)
    calldata = CALL_BYTES + -(-4 * program.n_features // 32) * 32
    shown: dict[str, Any] = {
        "hash": "0x" + program.hash.hex(),
        "kind": program.kind.name.lower(),
        "output_mode": program.output_mode.name.lower(),
        "n_features": program.n_features,
        "n_outputs": program.n_outputs,
        "output_scale": str(program.output_scale),
        "bytes": len(program.to_bytes()),
        "chunks": [
            {"id": "0x" + chunk.id.hex(), "kernel": KERNELS[chunk.kernel - 1].name}
            for chunk in program.chunks
        ],
        "execution_gas_at_most": execution,
        "transaction_gas_at_most": INTRINSIC_GAS + 16 * calldata + execution,
        "iotex_gas_at_most": max(
            IOTEX_INTRINSIC_GAS + IOTEX_BYTE_GAS * calldata + execution,
            IOTEX_INTRINSIC_GAS + 250 * calldata,
        ),
        "features": [
            {
                "low": rule.low,
                "high": rule.high,
                "imputed": None if rule.imputed == MISSING else rule.imputed,
                "centre": rule.centre,
                "multiplier": str(rule.multiplier),
            }
            for rule in program.features[: program.n_features]
        ],
    }
    if program.kind is Kind.DENSE:
        shown["layers"] = [
            {
                "inputs": layer.n_inputs,
                "units": layer.n_units,
                "shift": layer.shift,
                "bits": layer.bits,
                "rows": layer.n_rows,
            }
            for layer in program.layers
        ]
    if program.ensemble is not None:
        shown["trees"] = {
            "scores": program.ensemble.n_scores,
            "leaves_are_pages": program.ensemble.vectors,
            "pages_deep_at_most": 2 + program.ensemble.deeper,
            "trees": sum(chunk.words[0] % (len(chunk.words) // 2) for chunk in program.chunks),
        }
    return shown
