# pragma version 0.4.3
"""
@title feature_stage: eight features at once, imputed, clamped and centred
@license Apache-2.0
@notice The first step of every program; a module of the Evaluator.
@dev docs/numerics.md, "The feature stage".
"""

LANES: constant(uint256) = 8
MASK32: constant(int256) = 2**32 - 1
# Features are handled four at once, in lanes of 64 bits: 32 of value, and one to borrow from.
LANE: constant(int256) = 2**32  # the bit above a lane's value
FOUR_ONES: constant(int256) = 2**192 + 2**128 + 2**64 + 1
VALUES: constant(int256) = FOUR_ONES * (2**32 - 1)
BORROWS: constant(int256) = FOUR_ONES * 2**32
# The sign bit of each of eight int32: flipped, they compare as unsigned numbers do.
SIGNS: constant(int256) = (
    min_value(int256) + 2**223 + 2**191 + 2**159 + 2**127 + 2**95 + 2**63 + 2**31
)


# Internal


@pure
@internal
def _centred(
    lanes: int256, low: int256, high: int256, imputed: int256, centre: int256
) -> (int256, int256):
    """
    @dev Eight features, imputed and clamped, less their centres, plus 2**32: the even ones, from 0,
         and the odd ones, in four lanes each. Zeros if one is missing and has no stand-in.
    """
    x: int256 = lanes ^ SIGNS
    even: int256 = ((x >> 32) & VALUES) | BORROWS
    odd: int256 = (x & VALUES) | BORROWS
    # A lane keeps its borrow bit if nothing was taken from it: low <= x, x <= high.
    if (
        unsafe_sub(even, (low >> 32) & VALUES)
        & unsafe_sub(odd, low & VALUES)
        & unsafe_sub(((high >> 32) & VALUES) | BORROWS, even ^ BORROWS)
        & unsafe_sub((high & VALUES) | BORROWS, odd ^ BORROWS)
        & BORROWS
    ) != BORROWS:
        valid: bool = False
        valid, x = self._bring_in(x, low, high, imputed)
        if not valid:
            return 0, 0
        even = ((x >> 32) & VALUES) | BORROWS
        odd = (x & VALUES) | BORROWS
    # Positive in each lane, so that no lane borrows from the next.
    return unsafe_sub(even, (centre >> 32) & VALUES), unsafe_sub(odd, centre & VALUES)


@pure
@internal
def _bring_in(lanes: int256, low: int256, high: int256, imputed: int256) -> (bool, int256):
    """
    @dev Impute and clamp eight lanes, one by one. False if a value is missing and has no stand-in.
    """
    result: int256 = 0
    for lane: uint256 in range(LANES):
        place: uint256 = unsafe_mul(32, lane)
        x: int256 = (lanes >> place) & MASK32
        least: int256 = (low >> place) & MASK32
        if x < least:
            if x == 0:
                x = (imputed >> place) & MASK32
                if x == 0:
                    return False, 0
            else:
                x = least
        elif x > (high >> place) & MASK32:
            x = (high >> place) & MASK32
        result |= x << place
    return True, result
