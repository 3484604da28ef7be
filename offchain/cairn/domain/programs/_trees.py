"""The trees kernel: decision trees in pages of seven nodes and eight exits."""

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.domain.integers import INT32_MAX, clamp
from cairn.domain.programs._chunks import Chunk
from cairn.domain.programs._format import LANES, MASK256, WORD, to_signed

MAX_TREE_FEATURES = 128
MAX_CLASSES = 16
MAX_DEEPER = 255
THRESHOLD_BITS = 23
"""An input that a tree asks for is from 0 to 2**23 - 1, and so is a threshold."""

LEAF = 1 << 31
LEAF_ZERO = (1 << 31) + (1 << 30)
MAX_LEAF = (1 << 30) - 1


@dataclass(frozen=True)
class Ensemble:
    """What a trees program's header says behind the feature groups."""

    n_features: int
    n_scores: int
    shift: int
    vectors: bool
    """Whether leaves are words with a lane for each score, or values of the chunk's one score."""
    multiplier: int
    deeper: int
    """Pages that a walk may visit past its second one; then its exit is taken for a leaf."""
    biases: tuple[int, ...] = ()
    classes: tuple[int, ...] = ()
    """Of each chunk: the score that its trees add to."""

    @property
    def is_narrow(self) -> bool:
        return self.n_features <= LANES


def ensemble_words(ensemble: Ensemble) -> list[int]:
    """The words of a header that hold an ensemble: its own, the biases, a byte for each chunk."""
    word = (
        ensemble.n_features << 240
        | ensemble.n_scores << 224
        | ensemble.shift << 216
        | int(ensemble.vectors) << 208
        | ensemble.multiplier << 144
        | ensemble.deeper << 136
    )
    table = bytes(ensemble.classes)
    table += bytes(-len(table) % WORD)
    return [
        word,
        *(bias & MASK256 for bias in ensemble.biases),
        *(int.from_bytes(table[at : at + WORD], "big") for at in range(0, len(table), WORD)),
    ]


def read_ensemble(words: Sequence[int], n_chunks: int) -> Ensemble:
    """Inverse of `ensemble_words`."""
    word = words[0]
    n_scores = word >> 224 & 0xFFFF
    table = b"".join(
        w.to_bytes(WORD, "big") for w in words[1 + n_scores : 1 + n_scores - (-n_chunks // WORD)]
    )
    return Ensemble(
        n_features=word >> 240,
        n_scores=n_scores,
        shift=word >> 216 & 0xFF,
        vectors=word >> 208 & 0xFF != 0,
        multiplier=word >> 144 & 2**64 - 1,
        deeper=word >> 136 & 0xFF,
        biases=tuple(to_signed(bias) for bias in words[1 : 1 + n_scores]),
        classes=tuple(table[:n_chunks]),
    )


def run_trees(
    inputs: Sequence[int], ensemble: Ensemble, chunks: Sequence[Chunk]
) -> tuple[int, ...]:
    """The reference for kind TREES, from the scaled features on: the scores.

    docs/numerics.md, "Trees programs".
    """
    keys = _narrow_keys(inputs) if ensemble.is_narrow else _wide_keys(inputs)
    totals = [0] * ensemble.n_scores
    sums = [0, 0]
    for chunk, place in zip(chunks, ensemble.classes, strict=True):
        n_pages = len(chunk.words) // 2
        exits = _leaves(chunk.words, n_pages, keys, ensemble.deeper)
        if ensemble.vectors:
            for leaf in exits:
                at = 2 * ((leaf - LEAF) % 2**256 % n_pages)
                sums[0] += chunk.words[at]
                sums[1] += chunk.words[at + 1]
        else:
            totals[place] += sum(leaf - LEAF_ZERO for leaf in exits)
    if ensemble.vectors:
        totals = [
            (sums[i // LANES] & MASK256) >> 32 * (i % LANES) & 0xFFFFFFFF
            for i in range(ensemble.n_scores)
        ]
    return tuple(
        clamp(
            to_signed(ensemble.multiplier * total + bias) >> ensemble.shift, -INT32_MAX, INT32_MAX
        )
        for total, bias in zip(totals, ensemble.biases, strict=True)
    )


def _key(name: int, value: int) -> int:
    return name << 24 | 2 * value & 0xFFFFFF


def _narrow_keys(inputs: Sequence[int]) -> list[int]:
    """What a node's byte finds: the word of eight keys, shifted left by as many bits."""
    word = 0
    for lane in range(LANES):
        word = word << 32 | _key(32 * lane, inputs[lane])
    return [word << name & MASK256 for name in range(256)]


def _wide_keys(inputs: Sequence[int]) -> list[int]:
    """What a node's byte finds: the key of the input of that number, modulo 128."""
    padded = [*inputs, *[None] * (MAX_TREE_FEATURES - len(inputs))]
    keys = [0 if value is None else _key(i, value) << 224 for i, value in enumerate(padded)]
    return keys + keys


def _leaves(words: Sequence[int], n_pages: int, keys: Sequence[int], deeper: int) -> list[int]:
    """The exits of 32 bits at which the walks end, one for each tree."""
    leaves: list[int] = []
    for tree in range(1, 1 + words[0] % n_pages):
        at = tree
        for _ in range(2 + deeper):
            page = 2 * (at % n_pages)
            node = words[page]
            first = keys[node >> 248] > node
            node = node << 32 + 96 * first & MASK256
            second = keys[node >> 248] > node
            node = node << 32 + 32 * second & MASK256
            third = keys[node >> 248] > node
            at = words[page + 1] >> 32 * (7 - (4 * first + 2 * second + third)) & 0xFFFFFFFF
            if at >= LEAF:
                break
        leaves.append(at)
    return leaves
