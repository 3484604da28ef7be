"""A program: its canonical bytes, what its header says, and the reference interpreter's door."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from cairn.domain.integers import pack_features, unpack_features
from cairn.domain.programs._features import FeatureRule, feature_rules
from cairn.domain.programs._format import (
    GROUP_WORDS,
    MAGIC,
    MAX_HEADER_WORDS,
    META_WORDS,
    WORD,
    Kind,
    OutputMode,
    ProgramError,
    header_hash,
    n_groups,
    words_of_bytes,
    words_to_bytes,
)
from cairn.domain.programs._linear import run_linear


@dataclass(frozen=True)
class Chunk:
    """Words that one kernel contract holds: where a program's larger tables lie on chain."""

    kernel: int
    words: tuple[int, ...]
    id: bytes


@dataclass(frozen=True)
class Program:
    """A model as integers: the same bytes on IPFS, on chain and here.

    Made by `parse_program`, `Program.from_bytes` or a builder, never by hand: those check the
    header, and everything below trusts it.
    """

    header: tuple[int, ...]
    """The header's 32-byte words."""
    chunks: tuple[Chunk, ...] = ()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Program":
        """Parse a program; raises ProgramError, with the reason, if it is malformed."""
        return parse_program(data)

    def to_bytes(self) -> bytes:
        """The canonical byte string: the header's words, then each chunk's."""
        return words_to_bytes(self.header) + b"".join(
            words_to_bytes(chunk.words) for chunk in self.chunks
        )

    @cached_property
    def header_bytes(self) -> bytes:
        return words_to_bytes(self.header)

    @cached_property
    def hash(self) -> bytes:
        """The 32 bytes that name the program everywhere, and commit to header and chunks."""
        return header_hash(self.header_bytes)

    @property
    def kind(self) -> Kind:
        return Kind(self._meta(4))

    @property
    def output_mode(self) -> OutputMode:
        return OutputMode(self._meta(5))

    @property
    def n_features(self) -> int:
        return self._meta(6, 2)

    @property
    def n_outputs(self) -> int:
        """How many integers `run` returns: a label, if the mode has one, and the scores."""
        return self._meta(8, 2)

    @property
    def decimals(self) -> int:
        """A score times 10**-decimals is in the target's physical unit; may be negative."""
        value = self._meta(14)
        return value - 256 if value > 127 else value

    @property
    def output_scale(self) -> Decimal:
        """What one unit of a score is worth: 10**-decimals."""
        return Decimal(1).scaleb(-self.decimals)

    @property
    def shift(self) -> int:
        return self._meta(15)

    @cached_property
    def features(self) -> tuple[FeatureRule, ...]:
        """What is done to each feature first: range, stand-in for a missing value, centre, factor.

        As long as the feature groups: past `n_features` come the rules for the padding, which
        reads as zero.
        """
        return feature_rules(self.header[META_WORDS:], n_groups(self.n_features))

    def run(self, features: Sequence[int]) -> tuple[int, ...] | None:
        """Evaluate as the contract does, in Python's integers; None is the outcome `invalid`.

        Shape: `n_features` integers in the sensor's units, MISSING (-2**31) for one not reported.
        """
        if len(features) != self.n_features:
            return None
        return run_linear(
            self.features, self.header[1], self.shift, self.output_mode, tuple(features)
        )

    def run_packed(self, features: bytes) -> bytes:
        """`run` on packed big-endian int32; empty bytes are the outcome `invalid`."""
        if len(features) != 4 * self.n_features:
            return b""
        outputs = self.run(unpack_features(features))
        return b"" if outputs is None else pack_features(outputs)

    def publish_calls(self) -> list[tuple[str, tuple[Any, ...]]]:
        """The calls of ProgramStore that publish this program, in order: (function, arguments).

        Each may be repeated, and another publisher may come first: nothing changes.
        """
        calls: list[tuple[str, tuple[Any, ...]]] = [
            ("publish_chunk", (chunk.kernel, list(chunk.words))) for chunk in self.chunks
        ]
        return [*calls, ("publish_program", (self.header_bytes,))]

    def _meta(self, byte: int, count: int = 1) -> int:
        return self.header[0] >> 8 * (WORD - byte - count) & (1 << 8 * count) - 1


def parse_program(data: bytes) -> Program:
    """Read a program's canonical bytes.

    Refuses exactly what ProgramStore refuses to publish, and bytes that are too many or too few;
    raises ProgramError that says what is wrong.
    """
    words = words_of_bytes(data)
    if len(words) < META_WORDS:
        raise ProgramError(f"a program of {len(words)} words has no header: the file is cut off")
    if data[:4] != MAGIC:
        raise ProgramError(f"the bytes begin with {data[:4]!r}, not {MAGIC!r}: not a cairn program")
    n_words = int.from_bytes(data[10:12], "big")
    if not META_WORDS <= n_words <= MAX_HEADER_WORDS or n_words > len(words):
        raise ProgramError(
            f"the header says that it has {n_words} of the file's {len(words)} words"
        )
    program = Program(header=words[:n_words])
    _check_header(data, program, n_words)
    if len(words) != n_words:
        raise ProgramError(f"{len(words) - n_words} words follow the program's end: remove them")
    return program


def _check_header(data: bytes, program: Program, n_words: int) -> None:
    if data[5] > OutputMode.LABEL_AND_SCORES:
        raise ProgramError(f"output mode {data[5]} is unknown; 0, 1 and 2 are known")
    if data[4] != Kind.LINEAR:
        raise ProgramError(f"kind {data[4]} is unknown: a newer Cairn may read this program")
    if program.n_features == 0:
        raise ProgramError("the program has no features")
    expected = META_WORDS + GROUP_WORDS * n_groups(program.n_features)
    if n_words != expected:
        raise ProgramError(
            f"{program.n_features} features take a header of {expected} words, not {n_words}"
        )
    n_outputs = 2 if program.output_mode is OutputMode.LABEL_AND_SCORES else 1
    if program.n_outputs != n_outputs:
        raise ProgramError(f"this output mode has {n_outputs} outputs, not {program.n_outputs}")
    if any(data[12:14]) or any(data[16:32]):
        raise ProgramError(
            "reserved bits of the header are set: a newer Cairn may read this program"
        )
