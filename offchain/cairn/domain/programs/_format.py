"""Words, fields and limits of cairn-program/1, as docs/numerics.md fixes them."""

from collections.abc import Iterable
from enum import IntEnum

from cairn.domain.keccak import keccak256
from cairn.errors import CairnError

WORD = 32
"""Bytes in a word."""

MAGIC = b"CRN1"
MAX_HEADER_WORDS = 766
MAX_CHUNKS = 48
MAX_SCORES = 248
LANES = 8
"""Features in one word, and in one feature group."""

GROUP_WORDS = 12
META_WORDS = 2

LOADER = bytes.fromhex("600b380380600b5f395ff3")
"""Creation code that makes all that follows it the contract's code."""

READER = bytes.fromhex("6106406004355f396106405ff3")
"""Code that returns 1,600 bytes of itself from the offset that a call names."""

INT128_MAX = 2**127 - 1
INT256_MAX = 2**255 - 1
MASK256 = 2**256 - 1


class ProgramError(CairnError):
    """A program that is malformed, or that cannot be built from what was given."""


class Kind(IntEnum):
    """The kernel of a program; the header's byte 4."""

    LINEAR = 1
    DENSE = 2
    TREES = 3


class OutputMode(IntEnum):
    """What `run` returns; the header's byte 5."""

    SCORES = 0
    LABEL = 1
    LABEL_AND_SCORES = 2


def to_signed(word: int) -> int:
    """A word, or any integer modulo 2**256, read as two's complement."""
    word &= MASK256
    return word - 2**256 if word >> 255 else word


def to_word(value: int) -> int:
    """The word that holds a signed integer; raises ProgramError if it does not fit."""
    if not -(2**255) <= value <= INT256_MAX:
        raise ProgramError(f"{value} does not fit a 256-bit word: use coarser scales")
    return value & MASK256


def words_to_bytes(words: Iterable[int]) -> bytes:
    return b"".join(word.to_bytes(WORD, "big") for word in words)


def words_of_bytes(data: bytes) -> tuple[int, ...]:
    if len(data) % WORD:
        raise ProgramError(f"{len(data)} bytes are no whole 32-byte words: the program is cut off")
    return tuple(int.from_bytes(data[at : at + WORD], "big") for at in range(0, len(data), WORD))


def pack_lanes(values: Iterable[int]) -> int:
    """Eight int32 in one word, the first in the highest lane, each plus 2**31."""
    word = 0
    for value in values:
        word = word << 32 | (value + 2**31)
    return word


def unpack_lanes(word: int) -> tuple[int, ...]:
    """The eight int32 of a word of lanes; inverse of `pack_lanes`."""
    return tuple((word >> 32 * lane & 0xFFFFFFFF) - 2**31 for lane in reversed(range(LANES)))


def header_hash(header: bytes) -> bytes:
    """The program hash: Keccak-256 of the creation code of the contract that holds the header."""
    return keccak256(LOADER + READER + header)


def n_groups(n_features: int) -> int:
    """How many groups of eight hold `n_features`."""
    return (n_features + LANES - 1) // LANES


def meta_word(
    *,
    kind: Kind,
    mode: OutputMode,
    n_features: int,
    n_outputs: int,
    n_words: int,
    n_chunks: int = 0,
    decimals: int = 0,
    shift: int = 0,
    rest: bytes = bytes(16),
) -> int:
    """The header's first word."""
    if not 0 <= shift <= 255 or not -128 <= decimals <= 127:
        raise ProgramError(f"shift {shift} or decimals {decimals} do not fit a byte")
    return int.from_bytes(
        MAGIC
        + bytes([kind, mode])
        + n_features.to_bytes(2, "big")
        + n_outputs.to_bytes(2, "big")
        + n_words.to_bytes(2, "big")
        + n_chunks.to_bytes(2, "big")
        + decimals.to_bytes(1, "big", signed=True)
        + bytes([shift])
        + rest,
        "big",
    )
