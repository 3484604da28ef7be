"""Dense programs: the contract, Python's integers and numpy agree, bit for bit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cairn.domain.integers import INT32_MAX, MISSING, pack_features
from cairn.domain.programs import Chunk, FeatureRule, LayerSpec, OutputMode, Program, dense_program
from cairn.models import predict
from cairn.models._interpreter import is_vectorised
from tests.differential._chain import Chain

EXTREMES = st.sampled_from([MISSING, MISSING + 1, -1, 0, 1, INT32_MAX])


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


def random_program(seed: int, widths: list[int], mode: OutputMode = OutputMode.SCORES) -> Program:
    """A network whose weights use up the lanes, and whose features have ranges of many sizes."""
    generator = np.random.default_rng(seed)
    rules = []
    for _ in range(widths[0]):
        low, high = sorted(int(v) for v in generator.integers(-30_000, 30_000, 2))
        imputed = MISSING if generator.random() < 0.5 else (low + high) // 2
        rules.append(
            FeatureRule(low, high, imputed, (low + high) // 2, int(generator.integers(-99, 99)))
        )
    layers = []
    reach = 100 * 30_000 // 2**8
    for position, (n_inputs, n_units) in enumerate(pairwise(widths)):
        last = position == len(widths) - 2
        largest = max(1, 2**30 // (n_inputs * reach))
        weights = generator.integers(-largest, largest + 1, (n_units, n_inputs))
        biases = generator.integers(-(2**28), 2**28, n_units)
        bits = 0 if last else int(generator.integers(1, 13))
        layers.append(
            LayerSpec(
                [[int(w) for w in row] for row in weights],
                [int(v) for v in biases],
                shift=int(generator.integers(0, 31)),
                bits=bits,
            )
        )
        reach = 2**bits
    return dense_program(rules, layers, rounding=128, shift=8, mode=mode)


def rows_for(program: Program, seed: int, n_rows: int) -> list[tuple[int, ...]]:
    generator = np.random.default_rng(seed)
    rows = []
    for _ in range(n_rows):
        row = [int(v) for v in generator.integers(-40_000, 40_000, program.n_features)]
        if generator.random() < 0.5:
            row[int(generator.integers(len(row)))] = int(
                generator.choice([MISSING, MISSING + 1, INT32_MAX])
            )
        rows.append(tuple(row))
    return rows


SHAPES = [
    [1, 1],
    [4, 3],
    [30, 8, 1],
    [33, 7, 6, 5],
    [64, 64, 10],
    [70, 40, 33, 2],
    [9, 200, 3],
    [8, 4, 4, 4, 4, 2],
]


@pytest.mark.parametrize("mode", list(OutputMode))
@pytest.mark.parametrize("widths", SHAPES, ids=lambda v: "-".join(map(str, v)))
def test_dense__generated_networks__agree(
    chain: Chain, widths: list[int], mode: OutputMode
) -> None:
    program = random_program(len(widths) * 1000 + widths[0], widths, mode)
    chain.publish(program)
    assert Program.from_bytes(program.to_bytes()) == program
    assert is_vectorised(program)
    rows = rows_for(program, seed=widths[-1], n_rows=8)
    outputs, valid = predict(program, np.array(rows))
    for row, output, is_valid in zip(rows, outputs, valid, strict=True):
        expected = program.run(row)
        assert is_valid == (expected is not None)
        assert expected is None or tuple(output) == expected
        packed = b"" if expected is None else pack_features(expected)
        assert chain.evaluate(program, pack_features(row)) == packed


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_dense__arbitrary_words__agree(chain: Chain, data: st.DataObject) -> None:
    """Whatever a publisher writes past the checked fields has one outcome, full lanes included."""
    widths = data.draw(st.sampled_from(SHAPES[:4] + SHAPES[6:]))
    shape = random_program(7, widths, data.draw(st.sampled_from(list(OutputMode))))
    random = data.draw(st.randoms(use_true_random=False))

    def noise(word: int) -> int:
        return random.choice([word, 0, 2**256 - 1, random.getrandbits(256)])

    chunks = tuple(Chunk(c.kernel, tuple(noise(w) for w in c.words)) for c in shape.chunks)
    first_layer = 2 + 12 * -(-widths[0] // 8)
    kept, at = {0}, first_layer
    for layer in shape.layers:
        kept.add(at)
        at += 1 + layer.n_groups
    header = [w if i in kept else noise(w) for i, w in enumerate(shape.header[:at])]
    header += [int.from_bytes(chunk.id, "big") for chunk in chunks]
    program = Program(tuple(header), chunks)
    assert Program.from_bytes(program.to_bytes()) == program
    chain.publish(program)
    row = data.draw(
        st.lists(st.integers(MISSING, INT32_MAX) | EXTREMES, min_size=widths[0], max_size=widths[0])
    )
    expected = program.run(row)
    packed = b"" if expected is None else pack_features(expected)
    assert chain.evaluate(program, pack_features(row)) == packed
    outputs, valid = predict(program, np.array([row]))
    assert valid[0] == (expected is not None)
    assert expected is None or tuple(outputs[0]) == expected
