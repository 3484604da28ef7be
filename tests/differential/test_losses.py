"""Losses: the contract and Python agree, bit for bit; and both with the real numbers they stand for."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

import ape
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cairn.domain.integers import INT32_MAX, INT32_MIN, pack_features
from cairn.domain.losses import (
    LOSS_ONE,
    MAX_CROSS_ENTROPY,
    MAX_SQUARED,
    LossKind,
    exp_minus,
    loss_of,
    natural_log,
)
from cairn.domain.programs import OutputMode

ONE = 2**64
SCORES = st.integers(-INT32_MAX, INT32_MAX) | st.sampled_from([-INT32_MAX, -1, 0, 1, INT32_MAX])
SMALL = st.integers(-100, 100)
ANYTHING = st.integers(-(2**255), 2**255 - 1)
TARGETS = st.integers(-3, 20) | st.sampled_from([INT32_MIN, INT32_MAX, 2**31, -(2**31) - 1])


@pytest.fixture
def contract(system: Any) -> Any:
    return system.evaluations


def meta(mode: OutputMode, decimals: int) -> int:
    """Word 0 of a header, as far as losses read it; the other bytes must not matter."""
    others = int.from_bytes(bytes(range(1, 33)), "big") & ~(0xFF << 208) & ~(0xFF << 136)
    return others | mode << 208 | (decimals & 0xFF) << 136


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(LossKind),
    mode=st.sampled_from(OutputMode),
    decimals=st.integers(-128, 127) | st.integers(-2, 30) | st.integers(0, 9),
    scores=st.lists(SCORES, min_size=1, max_size=16) | st.lists(SMALL, min_size=1, max_size=16),
    is_invalid=st.sampled_from([False, False, False, False, True]),
    target=TARGETS | SCORES | ANYTHING,
)
@example(LossKind.CROSS_ENTROPY, OutputMode.SCORES, 0, [0] * 248, False, 247)
@example(LossKind.CROSS_ENTROPY, OutputMode.SCORES, 0, [INT32_MAX, -INT32_MAX], False, 1)
@example(LossKind.CROSS_ENTROPY, OutputMode.LABEL_AND_SCORES, 9, [-INT32_MAX], False, 1)
@example(LossKind.SQUARED, OutputMode.SCORES, 0, [INT32_MAX], False, INT32_MIN)
@example(LossKind.SQUARED, OutputMode.SCORES, 0, [INT32_MAX], False, -(2**255))
def test_row_loss__generated__agree(
    contract: Any,
    kind: LossKind,
    mode: OutputMode,
    decimals: int,
    scores: list[int],
    is_invalid: bool,
    target: int,
) -> None:
    label = int(scores[0] > 0) if len(scores) == 1 else scores.index(max(scores))
    outputs = {
        OutputMode.SCORES: tuple(scores),
        OutputMode.LABEL: (label,),
        OutputMode.LABEL_AND_SCORES: (label, *scores),
    }[mode]
    expected = loss_of(kind, mode, decimals, None if is_invalid else outputs, target)
    packed = b"" if is_invalid else pack_features(outputs)
    assert contract.row_loss(int(kind), meta(mode, decimals), packed, target) == expected
    most = {
        LossKind.SQUARED: MAX_SQUARED,
        LossKind.ZERO_ONE: LOSS_ONE,
        LossKind.CROSS_ENTROPY: MAX_CROSS_ENTROPY,
    }[kind]
    assert 0 <= expected <= most
    if is_invalid:
        assert expected == most


def test_row_loss__unknown_kind__reverts(contract: Any) -> None:
    for kind in (0, 4, 2**255):
        with ape.reverts("row_loss: unknown kind of loss"):
            contract.row_loss(kind, 0, b"\0\0\0\1", 0)


def real(function: str, value: int) -> Decimal:
    """A function of a number in parts of 2**64, to 60 digits."""
    with localcontext() as context:
        context.prec = 60
        return getattr(Decimal(value) / ONE, function)()


@settings(max_examples=300, deadline=None)
@given(x=st.integers(0, 64 * ONE))
@example(0)
@example(64 * ONE)
@example(12_786_308_645_202_655_659)
def test_exp_minus__any_argument__is_within_2_to_the_minus_59(x: int) -> None:
    error = exp_minus(x) - real("exp", -x) * ONE
    assert abs(error) <= 32, f"off by {error} parts of 2**64"


@settings(max_examples=300, deadline=None)
@given(y=st.integers(ONE, 256 * ONE))
@example(ONE)
@example(256 * ONE)
@example(2 * ONE - 1)
def test_natural_log__any_argument__is_within_2_to_the_minus_50(y: int) -> None:
    error = natural_log(y) - real("ln", y) * ONE
    assert abs(error) <= 2**14, f"off by {error} parts of 2**64"


@settings(max_examples=300, deadline=None)
@given(
    scores=st.lists(st.integers(-300_000, 300_000), min_size=1, max_size=20),
    decimals=st.integers(3, 6),
    data=st.data(),
)
def test_cross_entropy__against_float__is_within_a_millionth_nat(
    scores: list[int], decimals: int, data: st.DataObject
) -> None:
    classes = [0, *scores] if len(scores) == 1 else scores
    target = data.draw(st.integers(0, len(classes) - 1))
    logits = [score * 10.0**-decimals for score in classes]
    greatest = max(logits)
    expected = greatest + math.log(sum(math.exp(z - greatest) for z in logits)) - logits[target]
    found = loss_of(LossKind.CROSS_ENTROPY, OutputMode.SCORES, decimals, scores, target)
    assert found / LOSS_ONE == pytest.approx(min(expected, 32), abs=1e-6)
