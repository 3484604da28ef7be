"""Layers of real weights as a dense program: scales found from data, sums proven to fit."""

from dataclasses import dataclass
from math import floor, log2
from typing import Any

import numpy as np

from cairn.domain.programs import LayerSpec, OutputMode, Program, dense_program
from cairn.domain.schema import Schema
from cairn.models._affine import Affine, ExportError, FloatArray, finite
from cairn.models._columns import Columns, decimals_for, rounding_of

LIMIT = 2**31 - 1
INPUT_SHIFT = 24
"""Features are multiplied by int128 and shifted down by this, to as many bits as fit a layer."""

RANGE_MARGIN = 0.5
"""Features are told apart up to half their seen range past it, to either side."""

ACTIVATION_MARGIN = 1.5
"""An activation saturates at this multiple of its largest value over the calibration rows."""


@dataclass(frozen=True)
class RealLayer:
    """weights: (n_units, n_inputs), biases: (n_units,); all but the last layer are rectified."""

    weights: FloatArray
    biases: FloatArray


def dense(
    affine: Affine,
    layers: list[RealLayer],
    columns: Columns,
    schema: Schema | None,
    mode: OutputMode,
    X: FloatArray,
) -> Program:
    """The dense program of layers over a pipeline's affine map.

    An input is q = feature * gain, in the bits that leave as many to the weights. A unit's sum is
    kept under 2**31 whatever the features: its weights are scaled by the bound of that sum.
    """
    columns = columns.around(RANGE_MARGIN)
    centre = (columns.low + columns.high) // 2
    reach = np.maximum(np.maximum(columns.high - centre, centre - columns.low), 1)
    first = affine.then(layers[0].weights, layers[0].biases)
    weights = first.matrix * columns.scale
    biases = first.offset + weights @ centre
    bits = _input_bits(weights.shape[1])
    multipliers = [((1 << INPUT_SHIFT) * ((1 << bits) - 1)) // int(r) for r in reach]
    gains = np.array(multipliers) / 2.0**INPUT_SHIFT
    limits = np.minimum(np.ceil(reach * gains) + 1, 2.0**bits)

    measured = np.where(np.isnan(X), affine.imputed, X) / columns.scale
    inputs = np.clip(np.rint(measured), columns.low, columns.high) - centre
    values = inputs[~np.isnan(inputs).any(axis=1)]
    if not len(values):
        raise ExportError("every row of X misses a value: give rows to calibrate scales from")
    weights, scaled = weights / gains, values * gains

    specs: list[LayerSpec] = []
    unit_scales = np.ones(weights.shape[1])
    for position, layer in enumerate(layers):
        if position:
            weights, biases = layer.weights / unit_scales, layer.biases
        sums = scaled @ weights.T + biases
        bounds = np.abs(weights) @ limits + np.abs(biases)
        # What rounding weights and biases can add.
        slack = 0.5 * limits.sum() + 1
        if position == len(layers) - 1:
            break
        most = (LIMIT - slack) / np.maximum(bounds, 1e-30)
        top = np.maximum(sums.max(axis=0), 1e-3 * bounds) * ACTIVATION_MARGIN
        next_bits = _input_bits(weights.shape[0])
        wanted = (1 << next_bits) - 1
        shift = int(np.clip(np.floor(np.median(np.log2(most * top / wanted))), 0, 30))
        half = (1 << shift) >> 1
        # The largest factor for which a unit's sum fits, whatever the features.
        fitting = (LIMIT - slack - half) / np.maximum(bounds, 1e-30)
        factor = np.minimum(fitting * (1 - 2.0**-20), wanted * 2.0**shift / top)
        specs.append(_spec(weights * factor[:, None], biases * factor + half, shift, next_bits))
        unit_scales = factor / 2.0**shift
        scaled = np.clip(np.maximum(sums, 0) * unit_scales, 0, wanted)
        limits = np.full(len(factor), float(wanted))

    largest = float(2 * np.abs(sums).max())
    decimals = decimals_for(largest, schema, mode)
    unit = 10.0**-decimals
    # A score takes bound * factor and at most a unit of rounding, 2**shift.
    room = float((LIMIT - slack) / (bounds.max() / unit + 1))
    shift = min(floor(log2(max(room, 1e-30))), 30)
    if shift < 0:
        raise ExportError(
            f"a score can sum up to {bounds.max():.3g}, past 32 bits with {decimals} decimals: give "
            "the target a coarser scale"
        )
    factor = 2.0**shift / unit
    half = rounding_of(shift, mode, len(weights))
    specs.append(_spec(weights * factor, biases * factor + half, shift, 0))
    rules = columns.rules(affine, centre, multipliers)
    rounding = 1 << (INPUT_SHIFT - 1)
    return dense_program(
        rules, specs, rounding=rounding, shift=INPUT_SHIFT, mode=mode, decimals=decimals
    )


def _input_bits(n_inputs: int) -> int:
    """Bits of a layer's inputs: half of what a lane has left once n_inputs products are added."""
    return max(4, min(15, (31 - int(np.ceil(np.log2(n_inputs + 1)))) // 2))


def _spec(weights: FloatArray, biases: FloatArray, shift: int, bits: int) -> LayerSpec:
    return LayerSpec(
        weights=[[round(float(w)) for w in row] for row in weights],
        biases=[round(float(b)) for b in biases],
        shift=shift,
        bits=bits,
    )


def mlp_layers(model: Any) -> list[RealLayer]:
    """The layers of an MLPClassifier or MLPRegressor; raises ExportError if they are not relu."""
    name = type(model).__name__
    if model.activation != "relu":
        raise ExportError(
            f"{name} with activation={model.activation!r} cannot be exported: use 'relu'"
        )
    if model.out_activation_ not in ("identity", "logistic", "softmax"):
        raise ExportError(
            f"{name} with loss={model.loss!r} cannot be exported: its output is an exponential; use "
            "'squared_error'"
        )
    if getattr(model, "_label_binarizer", None) is not None and (
        model._label_binarizer.y_type_.startswith("multilabel")
    ):
        raise ExportError(f"{name} with several labels cannot be exported: fit one for each")
    layers = [
        RealLayer(finite(w, name).T, finite(b, name))
        for w, b in zip(model.coefs_, model.intercepts_, strict=True)
    ]
    widths = [model.n_features_in_, *(len(layer.biases) for layer in layers)]
    for position, layer in enumerate(layers):
        if layer.weights.shape != (widths[position + 1], widths[position]):
            raise ExportError(
                f"layer {position} of {name} has weights of shape {layer.weights.T.shape} for "
                f"{widths[position]} inputs: fit it again"
            )
    return layers
