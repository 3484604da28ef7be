"""Builders: programs from integers, checked so that nothing can overflow."""

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.domain.programs._chunks import DENSE_KERNELS, chunks_of_rows
from cairn.domain.programs._dense import (
    HALF,
    LANE_BITS,
    MAX_LAYER_GROUPS,
    MAX_LAYERS,
    TILE_INPUTS,
    Layer,
    layer_word,
)
from cairn.domain.programs._features import FeatureRule, check_rule, feature_words
from cairn.domain.programs._format import (
    GROUP_WORDS,
    INT256_MAX,
    LANES,
    MASK256,
    MAX_CHUNKS,
    MAX_HEADER_WORDS,
    MAX_SCORES,
    META_WORDS,
    Kind,
    OutputMode,
    ProgramError,
    meta_word,
    to_word,
)
from cairn.domain.programs._program import Program

MAX_LINEAR_FEATURES = (MAX_HEADER_WORDS - META_WORDS) // GROUP_WORDS * LANES


def linear_program(
    rules: Sequence[FeatureRule],
    bias: int,
    shift: int,
    *,
    mode: OutputMode = OutputMode.SCORES,
    decimals: int = 0,
) -> Program:
    """A linear program: score = (bias + sum of multiplier * (x - centre)) >> shift, as int32.

    Raises ProgramError, naming the feature, if a range is empty or the sum could leave 256 bits.
    """
    if not 0 < len(rules) <= MAX_LINEAR_FEATURES:
        raise ProgramError(
            f"{len(rules)} features: a linear program has 1 to {MAX_LINEAR_FEATURES}; select fewer"
        )
    bound = abs(bias)
    for position, rule in enumerate(rules):
        check_rule(rule, f"feature {position}")
        bound += abs(rule.multiplier) * max(
            abs(rule.low - rule.centre), abs(rule.high - rule.centre)
        )
        if bound > INT256_MAX:
            raise ProgramError(
                f"with feature {position} the sum could leave 256 bits: use coarser scales"
            )
    groups = feature_words(rules)
    meta = meta_word(
        kind=Kind.LINEAR,
        mode=mode,
        n_features=len(rules),
        n_outputs=2 if mode is OutputMode.LABEL_AND_SCORES else 1,
        n_words=META_WORDS + len(groups),
        decimals=decimals,
        shift=shift,
    )
    return Program(header=(meta, to_word(bias), *groups))


@dataclass(frozen=True)
class LayerSpec:
    """A layer as integers: activation = min(max(0, weights @ x + biases) >> shift, 2**bits - 1).

    weights: one row for each unit. In the last layer bits is 0 and the scores are
    (weights @ x + biases) >> shift.
    """

    weights: Sequence[Sequence[int]]
    biases: Sequence[int]
    shift: int
    bits: int = 0


def dense_program(
    rules: Sequence[FeatureRule],
    layers: Sequence[LayerSpec],
    *,
    rounding: int = 0,
    shift: int = 0,
    mode: OutputMode = OutputMode.SCORES,
    decimals: int = 0,
) -> Program:
    """A dense program; its inputs are x = (rounding + multiplier * (feature - centre)) >> shift.

    Raises ProgramError, naming the feature or the layer and unit, if a sum could leave its lane for
    any features at all, or if the program would be larger than the format allows.
    """
    if not 1 <= len(layers) <= MAX_LAYERS:
        raise ProgramError(f"{len(layers)} layers: a dense program has 1 to {MAX_LAYERS}")
    ranges = [scaled_range(rule, rounding, shift, i) for i, rule in enumerate(rules)]
    header_words: list[int] = []
    rows: list[int] = []
    for position, spec in enumerate(layers):
        layer = Layer(
            n_inputs=len(ranges),
            n_units=len(spec.weights),
            shift=spec.shift,
            bits=spec.bits,
        )
        _check_sums(spec, ranges, f"layer {position}")
        if layer.n_groups > MAX_LAYER_GROUPS:
            raise ProgramError(
                f"layer {position} has {layer.n_units} units: at most {MAX_LAYER_GROUPS * LANES}"
            )
        header_words += [layer_word(layer), *_bias_words(spec, layer)]
        rows += _row_words(spec, layer)
        ranges = [(0, (1 << spec.bits) - 1)] * layer.n_units
    if len(layers[-1].weights) > MAX_SCORES:
        raise ProgramError(f"{len(layers[-1].weights)} scores: at most {MAX_SCORES}")
    chunks = chunks_of_rows(rows, DENSE_KERNELS)
    groups = feature_words(rules)
    n_words = META_WORDS + len(groups) + len(header_words) + len(chunks)
    if len(chunks) > MAX_CHUNKS or n_words > MAX_HEADER_WORDS:
        raise ProgramError(
            f"{len(chunks)} chunks and {n_words} header words: at most {MAX_CHUNKS} and "
            f"{MAX_HEADER_WORDS}; make the model smaller"
        )
    n_scores = len(layers[-1].weights)
    meta = meta_word(
        kind=Kind.DENSE,
        mode=mode,
        n_features=len(rules),
        n_outputs=1 if mode is OutputMode.LABEL else n_scores + mode // 2,
        n_words=n_words,
        n_chunks=len(chunks),
        decimals=decimals,
        shift=shift,
        rest=bytes([len(layers)]) + bytes(15),
    )
    ids = [int.from_bytes(chunk.id, "big") for chunk in chunks]
    header = (meta, to_word(rounding), *groups, *header_words, *ids)
    # Parsing it checks what else there is to check.
    return Program.from_bytes(Program(header, chunks).to_bytes())


def scaled_range(rule: FeatureRule, rounding: int, shift: int, position: int) -> tuple[int, int]:
    """The range of a feature as an input; raises ProgramError if the rule is no good."""
    check_rule(rule, f"feature {position}")
    ends = [
        (rounding + rule.multiplier * (end - rule.centre)) >> shift for end in (rule.low, rule.high)
    ]
    if max(map(abs, ends)) >= 2**128 or abs(rule.multiplier) >= 2**192:
        raise ProgramError(f"feature {position} is scaled past 128 bits: use coarser scales")
    return min(ends), max(ends)


def _check_sums(spec: LayerSpec, ranges: Sequence[tuple[int, int]], name: str) -> None:
    if len(spec.biases) != len(spec.weights):
        raise ProgramError(f"{name} has {len(spec.weights)} units and {len(spec.biases)} biases")
    for unit, (weights, bias) in enumerate(zip(spec.weights, spec.biases, strict=True)):
        if len(weights) != len(ranges):
            raise ProgramError(f"{name} unit {unit} has {len(weights)} weights, not {len(ranges)}")
        least = greatest = bias
        for weight, (low, high) in zip(weights, ranges, strict=True):
            least += weight * (low if weight > 0 else high)
            greatest += weight * (high if weight > 0 else low)
        if not -HALF <= least <= greatest < HALF:
            raise ProgramError(
                f"{name} unit {unit} can sum up to [{least}, {greatest}], more than {LANE_BITS} "
                "bits hold: use coarser scales"
            )


def _bias_words(spec: LayerSpec, layer: Layer) -> list[int]:
    # Half a lane's range on top: then no lane is negative, and none borrows from the next.
    padded = [*spec.biases, *[0] * (LANES * layer.n_groups - layer.n_units)]
    return [
        sum((HALF + bias) << LANE_BITS * lane for lane, bias in enumerate(padded[at : at + LANES]))
        for at in range(0, len(padded), LANES)
    ]


def _row_words(spec: LayerSpec, layer: Layer) -> list[int]:
    words: list[int] = []
    for tile in range(layer.n_tiles):
        for group in range(layer.n_groups):
            units = spec.weights[group * LANES : (group + 1) * LANES]
            for j in range(tile * TILE_INPUTS, (tile + 1) * TILE_INPUTS):
                total = 0
                if j < layer.n_inputs:
                    total = sum(unit[j] << LANE_BITS * lane for lane, unit in enumerate(units))
                words.append(total & MASK256)
    return words
