"""What a program loses against the float model it was made from, and what it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cairn.domain.integers import MISSING
from cairn.domain.programs import KERNELS, Kind, OutputMode, Program, ProgramError, gas_bound
from cairn.domain.schema import Schema
from cairn.models._affine import FloatArray
from cairn.models._interpreter import predict, sum_ranges

INTRINSIC_GAS = 21_000
IOTEX_INTRINSIC_GAS = 10_000
IOTEX_BYTE_GAS = 100
CALL_BYTES = 4 + 3 * 32
"""Of a call to `evaluate` besides the features."""


@dataclass(frozen=True)
class Loss:
    """A program beside its float model on the same rows.

    scores: the program's, in the target's unit, (n_rows,) or, of several outputs, one row's after the
    other; expected: the float model's. Of a classifier they are labels, by their place. agreement:
    the share of rows with the same label, or None. largest, mean: of |scores - expected|. metric:
    accuracy or R2 (the mean over outputs), of the float model and the program, if targets were given.
    """

    scores: FloatArray
    expected: FloatArray
    n_rows: int
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
    """Run a program and the pipeline that it was exported from on the same rows.

    Raises ProgramError if the two do not have as many outputs, or if there is not one target a row.
    """
    outputs, valid = predict(program, to_device(X, schema))
    rows, n_rows = np.asarray(X, dtype=np.float64)[valid], int(valid.sum())
    if not n_rows:
        raise ProgramError("no row has a valid outcome: give rows without missing values")
    truth = None
    if y is not None:
        if len(np.asarray(y)) != len(valid):
            raise ProgramError(f"{len(np.asarray(y))} targets for {len(valid)} rows: give as many")
        truth = np.asarray(y)[valid].reshape(n_rows, -1)
    expected = np.asarray(pipeline.predict(rows)).reshape(n_rows, -1)
    classes = getattr(pipeline, "classes_", None)
    agreement, metric = None, None
    if classes is not None:
        scores = _labels(program, outputs[valid]).astype(np.float64)[:, None]
        expected = np.searchsorted(classes, expected).astype(np.float64)
        agreement = float((scores == expected).mean())
        if truth is not None:
            places = np.searchsorted(classes, truth)
            known = classes[np.minimum(places, len(classes) - 1)] == truth
            metric = (
                "accuracy",
                float((known & (expected == places)).mean()),
                float((known & (scores == places)).mean()),
            )
    else:
        scores = outputs[valid] * float(program.output_scale)
        if scores.shape != expected.shape:
            raise ProgramError(
                f"the program has {scores.shape[1]} outputs, the model {expected.shape[1]}: give the "
                "model that it was exported from"
            )
        expected = expected.astype(np.float64)
        if truth is not None and n_rows > 1:
            if truth.shape != expected.shape:
                raise ProgramError(
                    f"{truth.shape[1]} targets a row for {expected.shape[1]} outputs: give as many"
                )
            metric = ("R2", _r2(truth, expected), _r2(truth, scores))
    error = np.abs(scores - expected)
    return Loss(
        scores.ravel(),
        expected.ravel(),
        n_rows=n_rows,
        n_invalid=int((~valid).sum()),
        agreement=agreement,
        largest=float(error.max()),
        mean=float(error.mean()),
        metric=metric,
    )


def _labels(program: Program, outputs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The place of each row's class, also of a program that gives scores alone."""
    if program.output_mode is not OutputMode.SCORES:
        return outputs[:, 0]
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).astype(np.int64)
    places: npt.NDArray[np.int64] = outputs.argmax(axis=1)
    return places


def _r2(truth: npt.NDArray[Any], predicted: FloatArray) -> float:
    """The mean over the outputs; one whose targets are all alike counts as nothing explained."""
    spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    missed = ((truth - predicted) ** 2).sum(axis=0)
    return float(np.where(spread > 0, 1 - missed / np.where(spread > 0, spread, 1), 0).mean())


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
        # Of a program that no builder made nothing may be proven.
        sums: Sequence[tuple[int | None, int | None]]
        sums = sum_ranges(program) or [(None, None)] * len(program.layers)
        shown["layers"] = [
            {
                "inputs": layer.n_inputs,
                "units": layer.n_units,
                "shift": layer.shift,
                "bits": layer.bits,
                "rows": layer.n_rows,
                "least_sum": least,
                "greatest_sum": greatest,
                "greatest_activation": (1 << layer.bits) - 1 if layer.bits else None,
            }
            for layer, (least, greatest) in zip(program.layers, sums, strict=True)
        ]
    if program.ensemble is not None:
        shown["trees"] = {
            "scores": program.ensemble.n_scores,
            "leaves_are_pages": program.ensemble.vectors,
            "pages_deep_at_most": 2 + program.ensemble.deeper,
            "trees": sum(chunk.words[0] % (len(chunk.words) // 2) for chunk in program.chunks),
        }
    return shown
