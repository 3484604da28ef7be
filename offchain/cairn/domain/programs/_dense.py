"""The dense kernel: layers of weights, several units' sums side by side in one word."""

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.domain.integers import INT32_MAX, clamp
from cairn.domain.programs._features import FeatureRule, centred
from cairn.domain.programs._format import MASK256, to_signed

TILE_INPUTS = 32
"""Words in a row: one for each input of a tile."""

MAX_LAYERS = 16
MAX_LAYER_GROUPS = 48
MAX_SCORES = 255
MIN_LANE_BITS, MAX_LANE_BITS = 8, 128


@dataclass(frozen=True)
class Layer:
    """A layer's word and its biases, one word for each group of units."""

    n_inputs: int
    n_units: int
    lane_bits: int
    shift: int
    bits: int
    """Of an activation; 0 in the last layer, whose sums are the scores."""
    biases: tuple[int, ...]

    @property
    def n_lanes(self) -> int:
        return 256 // self.lane_bits

    @property
    def n_groups(self) -> int:
        return -(-self.n_units // self.n_lanes)

    @property
    def n_tiles(self) -> int:
        return -(-self.n_inputs // TILE_INPUTS)

    @property
    def n_rows(self) -> int:
        return self.n_groups * self.n_tiles


def layer_word(layer: Layer) -> int:
    return (
        layer.n_inputs << 240
        | layer.n_units << 224
        | layer.lane_bits << 216
        | layer.shift << 208
        | layer.bits << 200
    )


def read_layers(words: Sequence[int], n_layers: int) -> tuple[Layer, ...]:
    """The layers in a header's words from the first layer's word on; stops where words end."""
    layers: list[Layer] = []
    at = 0
    for _ in range(n_layers):
        word = words[at]
        layer = Layer(
            n_inputs=word >> 240,
            n_units=word >> 224 & 0xFFFF,
            lane_bits=word >> 216 & 0xFF,
            shift=word >> 208 & 0xFF,
            bits=word >> 200 & 0xFF,
            biases=(),
        )
        biases = tuple(words[at + 1 : at + 1 + layer.n_groups])
        layers.append(
            Layer(
                layer.n_inputs, layer.n_units, layer.lane_bits, layer.shift, layer.bits, biases
            )
        )
        at += 1 + len(biases)
    return tuple(layers)


def scaled_features(
    rules: Sequence[FeatureRule], rounding: int, shift: int, features: Sequence[int]
) -> list[int] | None:
    """The feature stage of the kinds that have inputs: (rounding + multiplier * d) >> shift."""
    values = centred(rules, features)
    if values is None:
        return None
    return [
        to_signed(rounding + rule.multiplier * value) >> shift
        for rule, value in zip(rules, values, strict=True)
    ]


def run_dense(
    inputs: Sequence[int], layers: Sequence[Layer], words: Sequence[int]
) -> tuple[int, ...]:
    """The reference for kind DENSE, from the scaled features on: the scores.

    `inputs` may be longer than the first layer's width, by the padding of the feature groups;
    `words` are the chunks' words, one after the other. docs/numerics.md, "Dense programs".
    """
    values = list(inputs)
    row = 0
    for layer in layers:
        sums = list(layer.biases)
        for first in range(0, layer.n_inputs, TILE_INPUTS):
            tile = values[first : first + TILE_INPUTS]
            for group in range(layer.n_groups):
                at = row * TILE_INPUTS
                sums[group] += sum(
                    word * value
                    for word, value in zip(words[at : at + len(tile)], tile, strict=True)
                )
                row += 1
        lanes = unpack_sums([total & MASK256 for total in sums], layer)
        if layer.bits == 0:
            return tuple(clamp(v >> layer.shift, -INT32_MAX, INT32_MAX) for v in lanes)
        values = [min(max(v, 0) >> layer.shift, (1 << layer.bits) - 1) for v in lanes]
    raise AssertionError("a parsed program's last layer has no activation")


def unpack_sums(words: Sequence[int], layer: Layer) -> list[int]:
    """Each unit's sum out of its lane, the first unit's in the lowest."""
    half = 1 << (layer.lane_bits - 1)
    mask = (1 << layer.lane_bits) - 1
    return [
        (words[unit // layer.n_lanes] >> layer.lane_bits * (unit % layer.n_lanes) & mask) - half
        for unit in range(layer.n_units)
    ]
