"""From a round's aggregate to a program, in integers alone: anyone derives the same hash."""

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.domain.integers import check_int32, clamp
from cairn.domain.programs._builders import LayerSpec, dense_program, linear_program
from cairn.domain.programs._chunks import NARROW_KERNELS, WIDE_KERNELS, Chunk
from cairn.domain.programs._features import FeatureRule, feature_words
from cairn.domain.programs._format import (
    LANES,
    MAX_CHUNKS,
    MAX_HEADER_WORDS,
    META_WORDS,
    Kind,
    OutputMode,
    ProgramError,
    meta_word,
    to_word,
)
from cairn.domain.programs._program import Program
from cairn.domain.programs._trees import MAX_CLASSES, MAX_TREE_FEATURES, Ensemble, ensemble_words

UPDATE_BITS = 16
"""An update's parameters are int32 in units of 2**-16."""

MAX_SHIFT = 31
MIN_SHIFT = -16


def linear_program_from_aggregate(
    aggregate: Sequence[int],
    centers: Sequence[int],
    shifts: Sequence[int],
    target_center: int,
    target_shift: int,
    lo: Sequence[int],
    hi: Sequence[int],
    imputed: Sequence[int],
    *,
    mode: OutputMode = OutputMode.SCORES,
    decimals: int = 0,
) -> Program:
    """The program of an aggregate of linear updates; exact but for one rounding at its end.

    `aggregate` is (intercept, one coefficient for each feature), int32 in units of 2**-16, over
    z_i = (x_i - centers[i]) / 2**shifts[i] and (y - target_center) / 2**target_shift. The score
    is y in the target's integer unit, rounded to the nearest, halves up.

    Each program word comes from one coordinate: multiplier i is aggregate[i+1] << (top - shifts[i])
    and the bias (aggregate[0] << top) + (target_center << shift) + half a unit, where
    top = max(0, shifts, target_shift - 16) and shift = 16 - target_shift + top.

    Raises ProgramError that names the feature or the parameter which does not fit.
    """
    n_features = len(centers)
    for name, values in (("shifts", shifts), ("lo", lo), ("hi", hi), ("imputed", imputed)):
        if len(values) != n_features:
            raise ProgramError(f"{len(values)} {name} for {n_features} features: give one for each")
    if len(aggregate) != n_features + 1:
        raise ProgramError(
            f"an aggregate of {len(aggregate)} parameters for {n_features} features: give the "
            "intercept first, then one coefficient for each feature"
        )
    for position, value in enumerate(aggregate):
        check_int32(value, f"parameter {position}")
    for name, value in (
        ("target_shift", target_shift),
        *zip(_names(n_features), shifts, strict=True),
    ):
        if not MIN_SHIFT <= value <= MAX_SHIFT:
            raise ProgramError(f"{name} is {value}, outside [{MIN_SHIFT}, {MAX_SHIFT}]")
    check_int32(target_center, "target_center")

    top = max(0, target_shift - UPDATE_BITS, *shifts)
    shift = UPDATE_BITS - target_shift + top
    half = 1 << (shift - 1) if shift else 0
    rules = [
        FeatureRule(
            low=lo[i],
            high=hi[i],
            imputed=imputed[i],
            centre=centers[i],
            multiplier=aggregate[i + 1] << (top - shifts[i]),
        )
        for i in range(n_features)
    ]
    bias = (aggregate[0] << top) + (target_center << shift) + half
    return linear_program(rules, bias, shift, mode=mode, decimals=decimals)


def _names(n_features: int) -> list[str]:
    return [f"shifts[{i}]" for i in range(n_features)]


@dataclass(frozen=True)
class Ranges:
    """The features of a round: z = (clamp(x, lo, hi) - center) / 2**shift, for each of them.

    imputed: MISSING where nothing stands in for a missing value.
    """

    centers: tuple[int, ...]
    shifts: tuple[int, ...]
    lo: tuple[int, ...]
    hi: tuple[int, ...]
    imputed: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.centers)

    @property
    def reach_bits(self) -> int:
        """The least b with |z| <= 2**b for every feature."""
        return max(
            (max(hi - center, center - lo, 1) - 1).bit_length() - shift
            for center, shift, lo, hi in zip(
                self.centers, self.shifts, self.lo, self.hi, strict=True
            )
        )


@dataclass(frozen=True)
class _LayerScale:
    """How a layer's parameters become weights: weight = round(parameter * 2**places), and so on.

    scale: what a parameter is multiplied by beforehand. most: of a weight. bias_places: of a bias.
    """

    scale: int
    places: int
    bias_places: int
    most: int
    shift: int
    bits: int


@dataclass(frozen=True)
class DenseScales:
    """The scales of dense programs that averages make, fixed before there is any average.

    Each weight of a program then follows from one coordinate of the aggregate, and no average can
    make a sum that leaves its lane: what does not fit is clamped.

    sizes: inputs, the units of each hidden layer, and scores. A weight is below 2**weight_bits, an
    activation below 2**activation_bits, both in the plan's real units; larger ones are clamped.
    Scores are `target` units worth 2**target_shift * 10**decimals for each 1 that the network says.

    Raises ProgramError that names the layer if the target is too fine for 32 bits.
    """

    sizes: tuple[int, ...]
    ranges: Ranges
    weight_bits: int
    activation_bits: int
    target_center: int
    target_shift: int
    score_decimals: int
    layers: tuple[_LayerScale, ...]
    input_shift: int
    multipliers: tuple[int, ...]

    @classmethod
    def of(
        cls,
        sizes: Sequence[int],
        ranges: Ranges,
        *,
        weight_bits: int,
        activation_bits: int,
        target_center: int,
        target_shift: int,
        score_decimals: int,
    ) -> "DenseScales":
        bits = [_value_bits(n) for n in sizes[:-1]]
        # A real value v is v * 2**fraction in a layer's integers.
        fractions = [bits[0] - ranges.reach_bits, *(b - activation_bits for b in bits[1:])]
        layers = []
        for place in range(len(sizes) - 1):
            # n * 2**room * 2**bits is at most 2**30; the other half of a lane is the bias's.
            room = _SUM_BITS - bits[place] - (sizes[place] - 1).bit_length()
            fraction = fractions[place]
            if place < len(sizes) - 2:
                scale, places = 1, room - weight_bits
                shift = places + fraction - fractions[place + 1]
                if not 0 <= shift <= _SUM_BITS:
                    raise ProgramError(
                        f"layer {place}: with activations below 2**{activation_bits} and weights "
                        f"below 2**{weight_bits} its sums would be shifted by {shift}: lower both"
                    )
                layers.append(
                    _LayerScale(
                        scale,
                        places - UPDATE_BITS,
                        places + fraction - UPDATE_BITS,
                        (1 << room) - 1,
                        shift,
                        bits[place + 1],
                    )
                )
                continue
            scale = 10**score_decimals
            largest = scale.bit_length() + target_shift + weight_bits
            shift = min(
                room - largest + fraction,
                _SUM_BITS - 1 - max(largest, target_center.bit_length() + 1),
            )
            if shift < 0:
                raise ProgramError(
                    f"layer {place}: scores of 2**{largest} units leave no room in 32 bits: give "
                    "the target a coarser scale or a narrower range, or fewer decimals"
                )
            shift = min(shift, _SUM_BITS)
            places = target_shift + shift - UPDATE_BITS
            layers.append(_LayerScale(scale, places - fraction, places, (1 << room) - 1, shift, 0))
        input_shift = max(0, *(shift - fractions[0] for shift in ranges.shifts))
        return cls(
            tuple(sizes),
            ranges,
            weight_bits,
            activation_bits,
            target_center,
            target_shift,
            score_decimals,
            tuple(layers),
            input_shift,
            tuple(1 << (input_shift + fractions[0] - shift) for shift in ranges.shifts),
        )

    @property
    def n_parameters(self) -> int:
        """For each layer and each of its units the bias, then one weight for each input."""
        return sum((n + 1) * m for n, m in zip(self.sizes[:-1], self.sizes[1:], strict=True))

    @property
    def rounding(self) -> int:
        """Of inputs: half a unit."""
        return (1 << self.input_shift) >> 1

    def offset_of(self, place: int, *, mode: OutputMode) -> int:
        """What is added to a layer's biases: the target's center in the last one, and rounding."""
        layer = self.layers[place]
        if layer.bits:
            return (1 << layer.shift) >> 1
        is_label = self.sizes[-1] == 1 and mode is not OutputMode.SCORES
        half = (1 << layer.shift) - 1 if is_label else (1 << layer.shift) >> 1
        return (self.target_center << layer.shift) + half

    def layer_specs(self, aggregate: Sequence[int], *, mode: OutputMode) -> list[LayerSpec]:
        """The integer layers of an aggregate, int32 in units of 2**-16.

        Weights are rounded to the nearest, halves up, and clamped. In hidden layers and in the
        scores half a unit is added before the shift; a lone score that a label hangs on is rounded
        up instead, so that it is positive exactly where its sum is.
        """
        if len(aggregate) != self.n_parameters:
            raise ProgramError(
                f"an aggregate of {len(aggregate)} parameters for layers of {self.sizes}: they have "
                f"{self.n_parameters}"
            )
        for position, value in enumerate(aggregate):
            check_int32(value, f"parameter {position}")
        specs = []
        at = 0
        for place, layer in enumerate(self.layers):
            n_inputs, n_units = self.sizes[place : place + 2]
            offset = self.offset_of(place, mode=mode)
            weights, biases = [], []
            for _ in range(n_units):
                bias, *row = aggregate[at : at + n_inputs + 1]
                at += n_inputs + 1
                biases.append(
                    clamp(
                        _scaled(bias * layer.scale, layer.bias_places) + offset,
                        -MOST_BIAS,
                        MOST_BIAS,
                    )
                )
                weights.append(
                    [
                        clamp(_scaled(value * layer.scale, layer.places), -layer.most, layer.most)
                        for value in row
                    ]
                )
            specs.append(LayerSpec(weights, biases, layer.shift, layer.bits))
        return specs


_SUM_BITS = 30
MOST_BIAS = 2**_SUM_BITS - 1
"""Of a dense program that an average makes."""


def _value_bits(n_inputs: int) -> int:
    """Bits of a layer's inputs: half of what a lane has left once n_inputs products are added."""
    return max(4, min(15, (_SUM_BITS - (n_inputs - 1).bit_length()) // 2))


def _scaled(value: int, places: int) -> int:
    """value * 2**places to the nearest integer, halves up."""
    if places >= 0:
        return value << places
    return (value + (1 << (-places - 1))) >> -places


def dense_program_from_aggregate(
    scales: DenseScales,
    aggregate: Sequence[int],
    *,
    mode: OutputMode = OutputMode.SCORES,
    decimals: int = 0,
) -> Program:
    """The program of an aggregate of dense updates; docs/numerics.md has its words."""
    ranges = scales.ranges
    rules = [
        FeatureRule(low=lo, high=hi, imputed=imputed, centre=center, multiplier=multiplier)
        for lo, hi, imputed, center, multiplier in zip(
            ranges.lo,
            ranges.hi,
            ranges.imputed,
            ranges.centers,
            scales.multipliers,
            strict=True,
        )
    ]
    return dense_program(
        rules,
        scales.layer_specs(aggregate, mode=mode),
        rounding=scales.rounding,
        shift=scales.input_shift,
        mode=mode,
        decimals=decimals,
    )


TREE_INPUT_BITS = 22
"""Features reach trees in as many bits: one fewer than a threshold has, so that all fit."""


def tree_input_shift(lo: int, hi: int) -> int:
    """By how much a feature less its `lo` is shifted down to be an input of trees."""
    return max(0, (hi - lo).bit_length() - TREE_INPUT_BITS)


def tile_chunk(words: Sequence[int], n_features: int) -> Chunk:
    """The chunk of a tile's words: in the smallest kernel that holds all that are not zero."""
    kernels = NARROW_KERNELS if n_features <= LANES else WIDE_KERNELS
    used = max((place for place, word in enumerate(words, 1) if word), default=0)
    kernel = next((kernel for kernel in kernels if kernel.n_words >= used), None)
    if kernel is None:
        raise ProgramError(f"a tile of {used} words: at most {kernels[-1].n_words}")
    filled = [*words[: kernel.n_words], *[0] * (kernel.n_words - len(words))]
    return Chunk(kernel.number, tuple(filled))


def trees_program_from_tiles(
    tiles: Sequence[Chunk],
    ranges: Ranges,
    *,
    n_trees: int,
    depth: int,
    n_classes: int,
    target_center: int,
    target_shift: int,
    mode: OutputMode = OutputMode.SCORES,
    decimals: int = 0,
) -> Program:
    """The union of tiles: the mean over `n_trees` trees, whosever they are.

    A leaf is worth its integer times 2**-16, in standardised units of the target, or a class's share
    for each of `n_classes` (0 for a regression). Inputs are (x - lo) >> tree_input_shift(lo, hi).
    The program's chunks are the tiles themselves, hash for hash, in their order.

    score = (multiplier * sum of leaves + bias) >> s with multiplier = floor(unit * 2**s / n_trees);
    s = 56 - target_shift for a regression, whose unit is 2**(target_shift - 16); else 40, and the
    unit 10**decimals / 2**16.
    """
    if not 1 <= len(ranges) <= MAX_TREE_FEATURES:
        raise ProgramError(f"{len(ranges)} features: trees take 1 to {MAX_TREE_FEATURES}")
    if not tiles or len(tiles) > MAX_CHUNKS:
        raise ProgramError(f"{len(tiles)} tiles: a program has 1 to {MAX_CHUNKS}")
    if n_classes and not (2 <= n_classes <= MAX_CLASSES and 0 <= decimals <= 9):
        raise ProgramError(
            f"{n_classes} classes, {decimals} decimals: trees have 2 to {MAX_CLASSES} and 0 to 9"
        )
    if n_trees < 1:
        raise ProgramError("there are no trees: grow at least one")
    shifts = [tree_input_shift(lo, hi) for lo, hi in zip(ranges.lo, ranges.hi, strict=True)]
    shift = max(shifts)
    rules = [
        FeatureRule(low=lo, high=hi, imputed=imputed, centre=lo, multiplier=1 << (shift - own))
        for lo, hi, imputed, own in zip(ranges.lo, ranges.hi, ranges.imputed, shifts, strict=True)
    ]
    if n_classes:
        output_shift = 40
        multiplier = (10**decimals << output_shift - UPDATE_BITS) // n_trees
        bias = (1 << output_shift) >> 1
    else:
        output_shift = 56 - target_shift
        multiplier = (1 << 40) // n_trees
        bias = (target_center << output_shift) + ((1 << output_shift) >> 1)
    n_scores = n_classes or 1
    ensemble = Ensemble(
        n_features=len(rules),
        n_scores=n_scores,
        shift=output_shift,
        vectors=n_classes > 0,
        multiplier=max(1, multiplier),
        # A page has three levels; a walk visits two pages before it is counted.
        deeper=max(0, -(-depth // 3) - 2),
        biases=(bias,) * n_scores,
        classes=(0,) * len(tiles),
    )
    groups = feature_words(rules)
    middle = ensemble_words(ensemble)
    n_words = META_WORDS + len(groups) + len(middle) + len(tiles)
    if n_words > MAX_HEADER_WORDS:
        raise ProgramError(
            f"{n_words} header words: at most {MAX_HEADER_WORDS}; name fewer features"
        )
    meta = meta_word(
        kind=Kind.TREES,
        mode=mode,
        n_features=len(rules),
        n_outputs=1 if mode is OutputMode.LABEL else n_scores + mode // 2,
        n_words=n_words,
        n_chunks=len(tiles),
        decimals=decimals,
        shift=shift,
    )
    ids = [int.from_bytes(tile.id, "big") for tile in tiles]
    header = (meta, to_word(0), *groups, *middle, *ids)
    return Program.from_bytes(Program(header, tuple(tiles)).to_bytes())
