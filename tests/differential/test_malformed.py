"""Malformed programs and features: refused alike, or one outcome; never unbounded gas."""

import random

import boa
import numpy as np
import pytest

from cairn.domain.integers import MISSING, pack_features
from cairn.domain.programs import (
    Chunk,
    FeatureRule,
    Program,
    Tree,
    gas_bound,
    linear_program,
    trees_program,
)
from cairn.models import predict
from tests.differential._chain import Chain
from tools import malformed

N_HEADERS = 160
FIRST_SEED = 20_000


@pytest.fixture(scope="module")
def chain() -> Chain:
    chain = Chain()
    for chunk in malformed.chunks().values():
        chain.store.publish_chunk(chunk.kernel, chunk.to_bytes())
    return chain


def check(chain: Chain, program: Program, features: bytes) -> None:
    expected = program.run_packed(features)
    assert chain.evaluate(program, features) == expected
    assert chain.gas(program, features) <= gas_bound(program)
    if len(features) == 4 * program.n_features:
        row = np.frombuffer(features, ">i4").astype(np.int64)[None]
        outputs, valid = predict(program, row)
        assert (pack_features(outputs[0].tolist()) if valid[0] else b"") == expected


@pytest.mark.parametrize("batch", range(4))
def test_malformed__headers__are_refused_alike_or_have_one_outcome(
    chain: Chain, batch: int
) -> None:
    accepted = 0
    for seed in range(N_HEADERS // 4):
        generator = random.Random(FIRST_SEED + batch * N_HEADERS + seed)
        header = malformed.malformed_header(generator)
        program = malformed.read(header)
        if program is None:
            with boa.reverts():
                chain.store.publish_program(header)
            continue
        accepted += 1
        chain.store.publish_program(header)
        assert chain.store.is_published(program.hash)
        assert chain.store.gas_bound(program.hash) == gas_bound(program)
        for _ in range(2):
            check(chain, program, malformed.features(generator, program))
    assert 0 < accepted < N_HEADERS // 4


def with_words(program: Program, words: dict[int, int], chunks: tuple[Chunk, ...]) -> Program:
    """A program with other words in its header, and other chunks."""
    header = [words.get(i, word) for i, word in enumerate(program.header)]
    header[len(header) - len(chunks) :] = [int.from_bytes(chunk.id, "big") for chunk in chunks]
    return Program.from_bytes(Program(tuple(header), chunks).to_bytes())


@pytest.mark.parametrize("deeper", [0, 12])
@pytest.mark.parametrize("vectors", [False, True])
@pytest.mark.parametrize("n_features", [3, 20])
def test_malformed__walks_without_end__end_in_bounded_gas(
    chain: Chain, n_features: int, vectors: bool, deeper: int
) -> None:
    """All 31 roots lead to themselves, for as many pages as the header allows."""
    leaf = Tree([0], [0], [-1], [-1], [1])
    shape = trees_program([FeatureRule(0, 99, 0, 0, 1)] * n_features, [leaf], [0])
    at = 2 + 12 * -(-n_features // 8)
    chunk = Chunk(shape.chunks[0].kernel, (31, 0, *[2**255, 0x01010101] * 31))
    program = with_words(shape, {at: shape.header[at] | vectors << 208 | deeper << 136}, (chunk,))
    chain.publish(program)
    features = pack_features([50] * n_features)
    check(chain, program, features)
    assert chain.gas(program, features) > 0.4 * gas_bound(program)


def test_malformed__features_all_out_of_range__take_bounded_gas(chain: Chain) -> None:
    """Clamping is the dear way through the feature stage."""
    widest = linear_program([FeatureRule(-5, 5, 0, 0, i + 1) for i in range(504)], 3, 1)
    for program in (*malformed.well_formed(), widest):
        chain.publish(program)
        for value in (-(2**31) + 1, 2**31 - 1, MISSING):
            check(chain, program, pack_features([value] * program.n_features))
