"""The integers that Python and the contracts share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.domain.integers import (
    INT32_MAX,
    INT32_MIN,
    IntegerError,
    check_int32,
    clamp,
    div_trunc,
    pack_features,
    unpack_features,
)

int32 = st.integers(INT32_MIN, INT32_MAX)


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [(7, 2, 3), (-7, 2, -3), (7, -2, -3), (-7, -2, 3), (0, -5, 0), (-1, 2, 0), (6, -3, -2)],
)
def test_div_trunc__signs__truncates_toward_zero(numerator, denominator, quotient):
    assert div_trunc(numerator, denominator) == quotient


def test_div_trunc__zero_denominator__raises():
    with pytest.raises(ZeroDivisionError):
        div_trunc(1, 0)


@given(st.integers(), st.integers().filter(bool))
def test_div_trunc__any__remainder_has_the_numerators_sign(numerator, denominator):
    remainder = numerator - div_trunc(numerator, denominator) * denominator
    assert abs(remainder) < abs(denominator)
    assert remainder == 0 or (remainder < 0) == (numerator < 0)


@given(st.lists(int32, max_size=40))
def test_pack_features__any__round_trips(values):
    packed = pack_features(values)
    assert len(packed) == 4 * len(values)
    assert unpack_features(packed) == tuple(values)


def test_pack_features__missing__is_big_endian():
    assert pack_features([1, -2, INT32_MIN]).hex() == "00000001fffffffe80000000"


@pytest.mark.parametrize("value", [INT32_MAX + 1, INT32_MIN - 1, 1.5, "1"])
def test_pack_features__does_not_fit__names_the_place(value):
    with pytest.raises(IntegerError, match="value 1 is"):
        pack_features([0, value])


def test_unpack_features__ragged__raises():
    with pytest.raises(IntegerError, match="4 bytes"):
        unpack_features(b"\0\0\0")


def test_check_int32__too_large__names_it():
    with pytest.raises(IntegerError, match="weight 3"):
        check_int32(2**31, "weight 3")


def test_clamp__outside__is_the_bound():
    assert [clamp(value, -2, 5) for value in (-9, -2, 0, 5, 9)] == [-2, -2, 0, 5, 5]
