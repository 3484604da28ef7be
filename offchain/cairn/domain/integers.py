"""The integers on which Python and the contracts agree, bit for bit.

Features and outputs are *packed big-endian int32*: four bytes a value, nothing between them. The
smallest int32 stands for a missing value. Empty bytes stand for the outcome `invalid`.
"""

import struct
from collections.abc import Iterable, Sequence

from cairn.errors import CairnError

__all__ = [
    "INT32_MAX",
    "INT32_MIN",
    "MISSING",
    "IntegerError",
    "check_int32",
    "clamp",
    "div_trunc",
    "is_int32",
    "pack_features",
    "unpack_features",
]

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1

MISSING = INT32_MIN
"""The packed value of a feature that the sensor did not report."""


class IntegerError(CairnError):
    """A number or a packed vector that the integer programs cannot hold."""


def div_trunc(numerator: int, denominator: int) -> int:
    """Divide as the EVM's SDIV does: truncate toward zero, where `//` would round down.

    Raises ZeroDivisionError for a zero denominator, as a Vyper contract reverts.
    """
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def clamp(value: int, low: int, high: int) -> int:
    """The nearest integer to `value` within [low, high]."""
    return low if value < low else high if value > high else value


def is_int32(value: int) -> bool:
    """Whether `value` fits a signed 32-bit integer; MISSING does."""
    return INT32_MIN <= value <= INT32_MAX


def check_int32(value: int, name: str = "value") -> int:
    """Return `value`, or raise IntegerError that names it if it does not fit 32 bits."""
    if not is_int32(value):
        raise IntegerError(
            f"{name} is {value}, outside [{INT32_MIN}, {INT32_MAX}]: use a coarser unit for it"
        )
    return value


def pack_features(values: Iterable[int]) -> bytes:
    """Pack integers as big-endian int32, 4 bytes each.

    Raises IntegerError that names the position of a value that does not fit.
    """
    numbers: Sequence[int] = tuple(values)
    try:
        return struct.pack(f">{len(numbers)}i", *numbers)
    except struct.error:
        for position, value in enumerate(numbers):
            if isinstance(value, bool) or not isinstance(value, int):
                raise IntegerError(
                    f"value {position} is {value!r}: pack integers, in the sensor's units"
                ) from None
            check_int32(value, f"value {position}")
        raise


def unpack_features(packed: bytes) -> tuple[int, ...]:
    """The integers of a packed vector; raises IntegerError unless its length divides by four."""
    if len(packed) % 4:
        raise IntegerError(
            f"a packed vector of {len(packed)} bytes: give 4 bytes for each int32 value"
        )
    return struct.unpack(f">{len(packed) // 4}i", packed)
