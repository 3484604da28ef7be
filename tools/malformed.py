"""Programs as a hostile publisher would write them, and features as a hostile caller would."""

from __future__ import annotations

import random
from functools import cache

from cairn.domain.integers import INT32_MAX, MISSING, pack_features
from cairn.domain.programs import (
    KERNELS,
    Chunk,
    FeatureRule,
    LayerSpec,
    OutputMode,
    Program,
    ProgramError,
    Tree,
    dense_program,
    linear_program,
    trees_program,
)

WORD = 32
BYTES = (0, 1, 2, 3, 7, 8, 9, 16, 31, 32, 48, 127, 128, 255)
EXTREMES = (MISSING, MISSING + 1, -1, 0, 1, INT32_MAX)


@cache
def well_formed() -> tuple[Program, ...]:
    """A few small programs of each kind: what the malformed ones begin as."""
    rules = [FeatureRule(-50, 50, MISSING if i % 2 else 3, i, 1 << 4) for i in range(40)]
    positive = [FeatureRule(0, 99, MISSING if i % 2 else 3, 0, 1 << 4) for i in range(40)]
    hidden = LayerSpec([[1 - i, i, 5] for i in range(9)], [7] * 9, 2, 8)
    wide = LayerSpec([[(i * j) % 7 - 3 for j in range(40)] for i in range(9)], [9] * 9, 1, 6)
    last = LayerSpec([[j - 4 for j in range(9)], [3] * 9], [0, 1], 1)
    split = Tree(
        [0, 0, 2, 0, 0], [9, 0, 50, 0, 0], [1, -1, 3, -1, -1], [2, -1, 4, -1, -1], [1, 2, 3, 4, 5]
    )
    vector = Tree([0, 0, 0], [9, 0, 0], [1, -1, -1], [2, -1, -1], [(0, 0, 0), (1, 2, 3), (3, 2, 1)])
    modes = list(OutputMode)
    return (
        linear_program(rules[:3], 5, 2, mode=modes[0]),
        linear_program(rules[:20], 5, 2, mode=modes[2]),
        dense_program(rules[:3], [hidden, last], shift=4, mode=modes[0]),
        dense_program(rules, [wide, last], shift=4, mode=modes[2]),
        trees_program(positive[:3], [split, split], [5], shift=4, mode=modes[1]),
        trees_program(positive[:3], [vector] * 3, [0, 1, 2], vectors=True, shift=4, mode=modes[2]),
        trees_program(positive[:20], [split], [5], shift=4, mode=modes[0]),
    )


@cache
def chunks() -> dict[bytes, Chunk]:
    """Every chunk that a malformed program may name and find published; some are noise."""
    known = [chunk for program in well_formed() for chunk in program.chunks]
    noise = random.Random(1)
    for kernel in KERNELS:
        if kernel.n_words <= 128:
            words = [noise.getrandbits(256) for _ in range(kernel.n_words)]
            known.append(Chunk(kernel.number, tuple(words)))
            # Few trees, so that endless walks stay affordable.
            known.append(Chunk(kernel.number, (3, *words[1:])))
    return {chunk.id: chunk for chunk in known}


def malformed_header(generator: random.Random) -> bytes:
    """A well-formed header with a few bytes, words or its length changed; it may still be one."""
    header = bytearray(generator.choice(well_formed()).header_bytes)
    n_words = len(header) // WORD
    for _ in range(generator.choice((1, 1, 1, 2, 4))):
        at = WORD * generator.randrange(len(header) // WORD)
        change = generator.randrange(9)
        if change <= 1:  # a field of the first word
            header[generator.randrange(4, WORD)] = generator.choice(BYTES)
        elif change == 2:  # a byte anywhere
            header[generator.randrange(len(header))] = generator.choice(BYTES)
        elif change == 3:  # a bit anywhere
            header[generator.randrange(len(header))] ^= 1 << generator.randrange(8)
        elif change == 4:  # a word of noise
            header[at : at + WORD] = generator.randbytes(WORD)
        elif change == 5:  # another chunk
            header[-WORD:] = generator.choice(list(chunks()))
        elif change == 6:  # a word more
            header[at:at] = generator.choice((bytes(WORD), *chunks()))
        elif change == 7 and len(header) > 3 * WORD:  # a word less
            del header[at : at + WORD]
        else:  # a field of the word behind the feature groups
            n_groups = -(-int.from_bytes(header[6:8], "big") // 8)
            at = min(WORD * (2 + 12 * n_groups), len(header) - WORD)
            header[at + generator.randrange(16)] = generator.choice(BYTES)
    if generator.random() < 0.7 and header[10:12] == n_words.to_bytes(2, "big"):
        header[10:12] = (len(header) // WORD).to_bytes(2, "big")
    return bytes(header)


def read(header: bytes) -> Program | None:
    """The program that `parse_program` makes of a header and its published chunks, or None."""
    n_chunks = int.from_bytes(header[12:14], "big")
    ids = [header[at : at + WORD] for at in range(len(header) - WORD * n_chunks, len(header), WORD)]
    try:
        return Program.from_bytes(
            header + b"".join(chunks()[i].to_bytes() if i in chunks() else b"" for i in ids)
        )
    except ProgramError:
        return None


def features(generator: random.Random, program: Program) -> bytes:
    """Packed features, most of the right length, inside the ranges, past them, or missing."""
    if generator.random() < 0.15:
        return generator.randbytes(generator.choice((0, 1, 3, 4, 31, 32, 33, 4096)))
    row = []
    for rule in program.features[: program.n_features]:
        spread = generator.randint(min(rule.low, rule.high), max(rule.low, rule.high))
        value = generator.choice((spread, spread, rule.low - 1, rule.high + 1))
        row.append(max(MISSING, min(INT32_MAX, value)))
    if generator.random() < 0.5:
        row[generator.randrange(len(row))] = generator.choice(EXTREMES)
    return pack_features(row)
