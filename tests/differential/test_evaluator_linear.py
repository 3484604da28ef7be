"""Linear programs: the contract, Python's integers and numpy agree, bit for bit."""

import boa
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cairn.domain.integers import INT32_MAX, MISSING, pack_features
from cairn.domain.programs import FeatureRule, OutputMode, Program, linear_program
from cairn.models import predict
from tests.differential._chain import Chain

INT32 = st.integers(MISSING, INT32_MAX)
EXTREMES = st.sampled_from([MISSING, MISSING + 1, -1, 0, 1, INT32_MAX])


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@st.composite
def rules(draw: st.DrawFn) -> FeatureRule:
    low = draw(st.integers(MISSING + 1, INT32_MAX) | st.just(MISSING + 1))
    high = draw(st.integers(low, INT32_MAX) | st.just(low))
    bits = draw(st.sampled_from([4, 16, 64, 200]))
    return FeatureRule(
        low=low,
        high=high,
        imputed=draw(st.just(MISSING) | st.integers(low, high)),
        centre=draw(INT32 | EXTREMES),
        multiplier=draw(st.integers(-(2**bits), 2**bits)),
    )


@st.composite
def programs(draw: st.DrawFn) -> Program:
    return linear_program(
        draw(st.lists(rules(), min_size=1, max_size=40)),
        bias=draw(st.integers(-(2**200), 2**200)),
        shift=draw(st.sampled_from([0, 1, 16, 40, 180, 255])),
        mode=draw(st.sampled_from(list(OutputMode))),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=programs(), data=st.data())
def test_linear__generated_programs__agree(
    chain: Chain, program: Program, data: st.DataObject
) -> None:
    chain.publish(program)
    near = [
        st.integers(max(MISSING, rule.low - 2), min(INT32_MAX, rule.high + 2)) | EXTREMES
        for rule in program.features[: program.n_features]
    ]
    rows = data.draw(st.lists(st.tuples(*near), min_size=1, max_size=6))
    outputs, valid = predict(program, np.array(rows, dtype=np.int64))
    for row, output, is_valid in zip(rows, outputs, valid, strict=True):
        expected = program.run(row)
        packed = b"" if expected is None else pack_features(expected)
        assert chain.evaluate(program, pack_features(row)) == packed
        assert (expected is not None) == is_valid
        if expected is not None:
            assert tuple(output) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(words=st.lists(st.integers(0, 2**256 - 1), min_size=25, max_size=25), data=st.data())
def test_linear__arbitrary_words__agree(
    chain: Chain, words: list[int], data: st.DataObject
) -> None:
    """Whatever a publisher writes past the checked fields has one outcome."""
    n_features = data.draw(st.integers(9, 16))
    shape = linear_program(
        [FeatureRule(0, 1, 0, 0, 1)] * n_features, 0, data.draw(st.integers(0, 255))
    )
    program = Program(header=(shape.header[0], *words))
    assert Program.from_bytes(program.to_bytes()) == program
    chain.publish(program)
    features = data.draw(st.lists(INT32 | EXTREMES, min_size=n_features, max_size=n_features))
    expected = program.run(features)
    packed = b"" if expected is None else pack_features(expected)
    assert chain.evaluate(program, pack_features(features)) == packed
    outputs, valid = predict(program, np.array([features]))
    assert valid[0] == (expected is not None)
    assert expected is None or tuple(outputs[0]) == expected


@given(features=st.binary(max_size=80))
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_linear__features_of_any_length__agree(chain: Chain, features: bytes) -> None:
    program = linear_program([FeatureRule(-5, 5, 0, 0, i + 1) for i in range(5)], 3, 1)
    chain.publish(program)
    assert chain.evaluate(program, features) == program.run_packed(features)


@pytest.mark.parametrize("n_features", [1, 7, 8, 9, 31, 32, 33, 64, 504])
def test_linear__each_width__agrees(chain: Chain, n_features: int) -> None:
    generator = np.random.default_rng(n_features)
    program = linear_program(
        [
            FeatureRule(-1000, 1000, 7, int(centre), int(multiplier))
            for centre, multiplier in generator.integers(-999, 999, (n_features, 2))
        ],
        bias=12345,
        shift=3,
    )
    chain.publish(program)
    for scale in (900, 100_000):
        row = [int(value) for value in generator.integers(-scale, scale, n_features)]
        packed = pack_features(row)
        assert chain.evaluate(program, packed) == program.run_packed(packed) != b""


FRUGAL = """
# pragma version 0.4.3
interface Evaluator:
    def evaluate(program_hash: bytes32, features: Bytes[4096]) -> Bytes[1024]: view

@external
@view
def judge(
    evaluator: address, program_hash: bytes32, features: Bytes[4096], limit: uint256
) -> (bool, Bytes[1088]):
    return raw_call(
        evaluator,
        abi_encode(program_hash, features, method_id=method_id("evaluate(bytes32,bytes)")),
        max_outsize=1088, gas=limit, is_static_call=True, revert_on_failure=False,
    )
"""


def test_linear__any_gas_limit__reverts_or_is_right(chain: Chain) -> None:
    """Want of gas decides nothing: not even that the features are invalid."""
    program = linear_program([FeatureRule(-5, 5, 0, 0, i + 1) for i in range(9)], 3, 1)
    chain.publish(program)
    packed = pack_features([99] * 9)
    right = program.run_packed(packed)
    judge = boa.loads(FRUGAL)
    outcomes = set()
    for limit in range(1_000, 16_000, 250):
        success, answer = judge.judge(chain.evaluator.address, program.hash, packed, limit)
        outcomes.add(answer[64:68] if success else None)
    assert outcomes == {right, None}
