"""Trees programs: the contract, Python's integers and numpy agree, bit for bit."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cairn.domain.integers import INT32_MAX, MISSING, pack_features
from cairn.domain.programs import Chunk, FeatureRule, OutputMode, Program, Tree, trees_program
from cairn.models import predict
from cairn.models._interpreter import is_vectorised
from tests.differential._chain import Chain


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


def random_tree(
    generator: np.random.Generator, n_features: int, depth: int, n_scores: int, vectors: bool
) -> Tree:
    """A tree that is full to some level and thins out below."""
    feature: list[int] = []
    threshold: list[int] = []
    left: list[int] = []
    right: list[int] = []
    values: list[object] = []

    def grow(level: int) -> int:
        node = len(feature)
        for column in (feature, threshold, left, right, values):
            column.append(-1 if column is not values else 0)
        if level == depth or (level > depth // 2 and generator.random() < 0.5):
            values[node] = (
                tuple(int(v) for v in generator.integers(0, 1000, n_scores))
                if vectors
                else int(generator.integers(-(2**20), 2**20))
            )
            return node
        feature[node] = int(generator.integers(n_features))
        threshold[node] = int(generator.integers(0, 1000))
        left[node] = grow(level + 1)
        right[node] = grow(level + 1)
        return node

    grow(0)
    return Tree(feature, threshold, left, right, values, place=int(generator.integers(n_scores)))  # type: ignore[arg-type]


def random_program(
    seed: int,
    n_features: int,
    n_trees: int,
    depth: int,
    n_scores: int,
    vectors: bool,
    mode: OutputMode,
) -> Program:
    generator = np.random.default_rng(seed)
    rules = [
        FeatureRule(-300, 700, MISSING if i % 2 else 100, -300, 1 << 4) for i in range(n_features)
    ]
    trees = [random_tree(generator, n_features, depth, n_scores, vectors) for _ in range(n_trees)]
    biases = [int(v) for v in generator.integers(-(2**30), 2**30, n_scores)]
    return trees_program(
        rules,
        trees,
        biases,
        multiplier=int(generator.integers(1, 1000)),
        output_shift=5,
        vectors=vectors,
        shift=4,
        mode=mode,
    )


def check(chain: Chain, program: Program, rows: list[list[int]]) -> None:
    outputs, valid = predict(program, np.array(rows))
    for row, output, is_valid in zip(rows, outputs, valid, strict=True):
        expected = program.run(row)
        assert is_valid == (expected is not None)
        assert expected is None or tuple(output) == expected
        packed = b"" if expected is None else pack_features(expected)
        assert chain.evaluate(program, pack_features(row)) == packed


def rows_for(seed: int, n_features: int, n_rows: int) -> list[list[int]]:
    generator = np.random.default_rng(seed)
    rows = generator.integers(-400, 800, (n_rows, n_features)).tolist()
    for row in rows[::3]:
        row[int(generator.integers(n_features))] = int(
            generator.choice([MISSING, MISSING + 1, INT32_MAX])
        )
    return [[int(v) for v in row] for row in rows]


SHAPES = [
    (1, 1, 0, 1, False),
    (3, 5, 2, 1, False),
    (8, 40, 6, 1, False),
    (8, 12, 9, 3, False),
    (5, 20, 5, 10, True),
    (9, 3, 4, 1, False),
    (30, 30, 6, 4, False),
    (64, 20, 7, 16, True),
    (128, 6, 10, 2, False),
]


@pytest.mark.parametrize("mode", list(OutputMode))
@pytest.mark.parametrize("shape", SHAPES, ids=lambda v: "-".join(map(str, v)))
def test_trees__generated_forests__agree(
    chain: Chain, shape: tuple[int, int, int, int, bool], mode: OutputMode
) -> None:
    program = random_program(sum(shape), *shape, mode)
    assert Program.from_bytes(program.to_bytes()) == program
    assert is_vectorised(program)
    chain.publish(program)
    check(chain, program, rows_for(sum(shape), shape[0], 6))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_trees__arbitrary_words__agree(chain: Chain, data: st.DataObject) -> None:
    """Whatever a publisher writes past the checked fields has one outcome, endless walks too."""
    n_features, n_trees, depth, n_scores, vectors = data.draw(st.sampled_from(SHAPES[:6]))
    shape = random_program(
        7,
        n_features,
        n_trees,
        depth,
        n_scores,
        vectors,
        data.draw(st.sampled_from(list(OutputMode))),
    )
    random = data.draw(st.randoms(use_true_random=False))
    share = data.draw(st.sampled_from([0.02, 0.5]))

    def noise(word: int) -> int:
        if random.random() > share:
            return word
        return random.choice(
            [0, 2**256 - 1, random.getrandbits(256), word ^ 1 << random.randrange(256)]
        )

    chunks = tuple(Chunk(c.kernel, tuple(noise(w) for w in c.words)) for c in shape.chunks)
    at = 2 + 12 * -(-n_features // 8)
    end = len(shape.header) - len(chunks)
    header = [shape.header[0]]
    header += [noise(w) for w in shape.header[1:at]]
    deeper = random.choice([0, 1, 7])
    layer = shape.header[at] & ~(0xFF << 136) | deeper << 136
    header += [
        layer ^ random.getrandbits(64) << 144,
        *(noise(w) for w in shape.header[at + 1 : end - 1]),
    ]
    header += [shape.header[end - 1]]
    header += [int.from_bytes(chunk.id, "big") for chunk in chunks]
    program = Program(tuple(header), chunks)
    assert Program.from_bytes(program.to_bytes()) == program
    chain.publish(program)
    check(chain, program, rows_for(random.randrange(1000), n_features, 2))
