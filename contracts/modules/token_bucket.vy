# pragma version 0.4.3
"""
@title token_bucket: how often, in exact integers
@license Apache-2.0
@notice A bucket holds `capacity` tokens and is full at first; each admission takes one; `refill` tokens
        flow in over each period of `period_s` seconds, evenly, until it is full again.
@dev A token is `period_s` parts, and `refill` parts flow in each second: whole numbers, so nothing is
     ever rounded, and a bucket is admitted to as soon as a whole token is there, no second earlier.
     A bucket's word is what is missing to its being full, in parts (64 bits), and when that was so
     (unix seconds, above them): a word never written is a full bucket.
     BUCKET-1: a bucket is never below empty, nor above full.
     BUCKET-2: any span of `t` seconds admits at most `capacity + refill * t / period_s`.
"""

from ..interfaces import IAccessPolicy

_PARTS: constant(uint256) = 2**64 - 1
_UINT32: constant(uint256) = 2**32 - 1
# Bits of a packed limit.
LIMIT_BITS: constant(uint256) = 96


@pure
@internal
def _pack(limit: IAccessPolicy.Limit) -> uint256:
    """
    @dev The caller has seen to it that each field fits 32 bits.
    """
    return limit.capacity | (limit.refill << 32) | (limit.period_s << 64)


@pure
@internal
def _unpack(packed: uint256) -> IAccessPolicy.Limit:
    return IAccessPolicy.Limit(
        capacity=packed & _UINT32,
        refill=(packed >> 32) & _UINT32,
        period_s=(packed >> 64) & _UINT32,
    )


@view
@internal
def _missing(limit: IAccessPolicy.Limit, bucket: uint256) -> uint256:
    """
    @notice The parts that are missing now. They only shrink with time.
    """
    # Below 2**32 * 2**40; and a stored time is never after now.
    inflow: uint256 = limit.refill * (block.timestamp - (bucket >> 64))
    missing: uint256 = bucket & _PARTS
    return missing - min(missing, inflow)


@view
@internal
def _left(limit: IAccessPolicy.Limit, bucket: uint256) -> uint256:
    """
    @notice Whole tokens that are there now.
    """
    return limit.capacity - self._ceil_div(self._missing(limit, bucket), limit.period_s)


@view
@internal
def _wait_s(limit: IAccessPolicy.Limit, bucket: uint256) -> uint256:
    """
    @notice Whole seconds until a token is there, unless others take it; 0 if there is one.
    """
    full: uint256 = limit.capacity * limit.period_s
    needed: uint256 = self._missing(limit, bucket) + limit.period_s
    return self._ceil_div(needed - min(needed, full), limit.refill)


@view
@internal
def _taken(limit: IAccessPolicy.Limit, bucket: uint256) -> uint256:
    """
    @notice The bucket's word with a token taken now; 0 if there is none to take.
    """
    missing: uint256 = self._missing(limit, bucket) + limit.period_s
    # Capacity and period are 32 bits each: their product fits the 64 bits of the word.
    if missing > limit.capacity * limit.period_s:
        return 0
    return missing | (block.timestamp << 64)


@pure
@internal
def _ceil_div(a: uint256, b: uint256) -> uint256:
    return (a + b - 1) // b
