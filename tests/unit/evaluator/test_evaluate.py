import ape
import pytest

from cairn.domain.integers import MISSING, pack_features
from cairn.domain.programs import FeatureRule, OutputMode, linear_program

RULES = [
    FeatureRule(low=-100, high=100, imputed=20, centre=10, multiplier=3),
    FeatureRule(low=0, high=5000, imputed=MISSING, centre=2500, multiplier=-7),
]


def test_evaluate__features_in_range__weighted_sum(evaluator, publish):
    program = publish(linear_program(RULES, bias=100_000, shift=2))
    outputs = evaluator.evaluate(program.hash, pack_features([50, 3000]))
    assert outputs == pack_features([(100_000 + 3 * 40 - 7 * 500) >> 2])


def test_evaluate__negative_sum__shift_rounds_down(evaluator, publish):
    program = publish(linear_program(RULES, bias=-1, shift=2))
    assert evaluator.evaluate(program.hash, pack_features([10, 2500])) == pack_features([-1])


def test_evaluate__features_out_of_range__clamped(evaluator, publish):
    program = publish(linear_program(RULES, bias=0, shift=0))
    expected = pack_features([3 * 90 - 7 * -2500])
    assert evaluator.evaluate(program.hash, pack_features([101, -1])) == expected
    assert evaluator.evaluate(program.hash, pack_features([2**31 - 1, -(2**31) + 1])) == expected


def test_evaluate__missing_with_stand_in__imputed(evaluator, publish):
    program = publish(linear_program(RULES, bias=0, shift=0))
    outputs = evaluator.evaluate(program.hash, pack_features([MISSING, 2500]))
    assert outputs == pack_features([30])


def test_evaluate__missing_without_stand_in__invalid(evaluator, publish):
    program = publish(linear_program(RULES, bias=0, shift=0))
    assert evaluator.evaluate(program.hash, pack_features([0, MISSING])) == b""


@pytest.mark.parametrize("length", [0, 1, 4, 7, 9, 12, 4096])
def test_evaluate__wrong_length__invalid(evaluator, publish, length):
    program = publish(linear_program(RULES, bias=0, shift=0))
    assert evaluator.evaluate(program.hash, bytes(length)) == b""


@pytest.mark.parametrize("sign", [-1, 1])
def test_evaluate__score_past_int32__saturates(evaluator, publish, sign):
    program = publish(linear_program(RULES, bias=sign * 2**200, shift=0))
    outputs = evaluator.evaluate(program.hash, pack_features([0, 0]))
    assert outputs == pack_features([sign * (2**31 - 1)])


@pytest.mark.parametrize(("bias", "label"), [(-1, 0), (0, 0), (1, 1)])
def test_evaluate__label_mode__sign_of_the_score(evaluator, publish, bias, label):
    features = pack_features([10, 2500])
    only = publish(linear_program(RULES, bias, 0, mode=OutputMode.LABEL))
    both = publish(linear_program(RULES, bias, 0, mode=OutputMode.LABEL_AND_SCORES))
    assert evaluator.evaluate(only.hash, features) == pack_features([label])
    assert evaluator.evaluate(both.hash, features) == pack_features([label, bias])


def test_evaluate__unpublished__reverts(evaluator):
    program = linear_program(RULES, bias=0, shift=0)
    with ape.reverts("evaluator: program unpublished"):
        evaluator.evaluate(program.hash, pack_features([0, 0]))
