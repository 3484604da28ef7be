"""The dense kernel: layers of weights, the sums of eight units side by side in one word."""

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.domain.integers import INT32_MAX, clamp
from cairn.domain.programs._features import FeatureRule, centred
from cairn.domain.programs._format import LANES, MASK256, to_signed

TILE_INPUTS = 32
"""Words in a row: one for each input of a tile."""

LANE_BITS = 32
HALF = 1 << (LANE_BITS - 1)
LANE_MASK = (1 << LANE_BITS) - 1
MAX_BITS = LANE_BITS - 1
MAX_LAYERS = 16
MAX_LAYER_GROUPS = 48


@dataclass(frozen=True)
class Layer:
    """A layer's word and its biases, one word for each group of eight units."""

    n_inputs: int
    n_units: int
    shift: int
    bits: int
    """Of an activation; 0 in the last layer, whose sums are the scores."""
    biases: tuple[int, ...] = ()

    @property
    def n_groups(self) -> int:
        return -(-self.n_units // LANES)

    @property
    def n_tiles(self) -> int:
        return -(-self.n_inputs // TILE_INPUTS)

    @property
    def n_rows(self) -> int:
        return self.n_groups * self.n_tiles


def layer_word(layer: Layer) -> int:
    """The first 32 bytes of a layer in the header."""
    return layer.n_inputs << 240 | layer.n_units << 224 | layer.shift << 216 | layer.bits << 208


def read_layer(word: int, biases: Sequence[int] = ()) -> Layer:
    """Inverse of `layer_word`."""
    return Layer(
        n_inputs=word >> 240,
        n_units=word >> 224 & 0xFFFF,
        shift=word >> 216 & 0xFF,
        bits=word >> 208 & 0xFF,
        biases=tuple(biases),
    )


def read_layers(words: Sequence[int], n_layers: int) -> tuple[Layer, ...]:
    """The layers in a header's words, from the first layer's word on."""
    layers: list[Layer] = []
    at = 0
    for _ in range(n_layers):
        n_groups = read_layer(words[at]).n_groups
        layers.append(read_layer(words[at], words[at + 1 : at + 1 + n_groups]))
        at += 1 + n_groups
    return tuple(layers)


def scaled_features(
    rules: Sequence[FeatureRule], rounding: int, shift: int, features: Sequence[int]
) -> list[int] | None:
    """The feature stage of dense and trees: (rounding + multiplier * d) >> shift, padding too."""
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
        lanes = [
            (sums[i // LANES] & MASK256) >> LANE_BITS * (i % LANES) & LANE_MASK
            for i in range(LANES * layer.n_groups)
        ]
        if layer.bits == 0:
            scores = lanes[: layer.n_units]
            return tuple(clamp((u - HALF) >> layer.shift, -INT32_MAX, INT32_MAX) for u in scores)
        most = (1 << layer.bits) - 1
        values = [min(max(u - HALF, 0) >> layer.shift, most) for u in lanes]
    raise AssertionError("a parsed program's last layer has no activation")
