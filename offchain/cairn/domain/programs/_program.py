"""A program: its canonical bytes, what its header says, and the reference interpreter's door."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from cairn.domain.integers import pack_features, unpack_features
from cairn.domain.programs._chunks import DENSE_KERNELS, Chunk, kernel_of
from cairn.domain.programs._dense import (
    MAX_LANE_BITS,
    MAX_LAYER_GROUPS,
    MAX_LAYERS,
    MAX_SCORES,
    MIN_LANE_BITS,
    TILE_INPUTS,
    Layer,
    read_layers,
    run_dense,
    scaled_features,
)
from cairn.domain.programs._features import FeatureRule, feature_rules
from cairn.domain.programs._format import (
    GROUP_WORDS,
    MAGIC,
    MAX_CHUNKS,
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
from cairn.domain.programs._linear import outputs_of, run_linear


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

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers of a dense program; none of another."""
        if self.kind is not Kind.DENSE:
            return ()
        first = META_WORDS + GROUP_WORDS * n_groups(self.n_features)
        return read_layers(self.header[first:], self._meta(16))

    @cached_property
    def chunk_words(self) -> tuple[int, ...]:
        """The words of all chunks, one after the other."""
        return tuple(word for chunk in self.chunks for word in chunk.words)

    def run(self, features: Sequence[int]) -> tuple[int, ...] | None:
        """Evaluate as the contract does, in Python's integers; None is the outcome `invalid`.

        Shape: `n_features` integers in the sensor's units, MISSING (-2**31) for one not reported.
        """
        if len(features) != self.n_features:
            return None
        if self.kind is Kind.LINEAR:
            return run_linear(
                self.features, self.header[1], self.shift, self.output_mode, tuple(features)
            )
        inputs = scaled_features(self.features, self.header[1], self.shift, features)
        if inputs is None:
            return None
        scores = run_dense(inputs, self.layers, self.chunk_words)
        return outputs_of(self.output_mode, scores)

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
            ("publish_chunk", (chunk.kernel, chunk.to_bytes())) for chunk in self.chunks
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
    header = Program(header=words[:n_words])
    n_chunks = int.from_bytes(data[12:14], "big")
    ids = _check_header(data, header, n_words, n_chunks)
    chunks: list[Chunk] = []
    at = n_words
    for chunk_id in ids:
        kernel = kernel_of(chunk_id)
        chunk = Chunk(kernel.number, words[at : at + kernel.n_words])
        if len(chunk.words) != kernel.n_words:
            raise ProgramError(f"chunk {chunk_id.hex()} is cut off: the file is not whole")
        if chunk.id != chunk_id:
            raise ProgramError(f"a chunk is not the one that the header names, {chunk_id.hex()}")
        chunks.append(chunk)
        at += kernel.n_words
    if len(words) != at:
        raise ProgramError(f"{len(words) - at} words follow the program's end: remove them")
    return Program(header=header.header, chunks=tuple(chunks))


def _check_header(data: bytes, program: Program, n_words: int, n_chunks: int) -> list[bytes]:
    """What ProgramStore checks, in its order; returns the chunks' ids."""
    if data[5] > OutputMode.LABEL_AND_SCORES:
        raise ProgramError(f"output mode {data[5]} is unknown; 0, 1 and 2 are known")
    if program.n_features == 0:
        raise ProgramError("the program has no features")
    at = META_WORDS + GROUP_WORDS * n_groups(program.n_features)
    if at > n_words:
        raise ProgramError(f"{program.n_features} features take {at} words; there are {n_words}")
    n_scores = 1
    ids: list[bytes] = []
    if data[4] == Kind.LINEAR:
        if n_chunks or any(data[16:32]):
            raise ProgramError("reserved bits are set: a newer Cairn may read this program")
    elif data[4] == Kind.DENSE:
        if any(data[17:32]):
            raise ProgramError("reserved bits are set: a newer Cairn may read this program")
        n_layers = data[16]
        if not 1 <= n_layers <= MAX_LAYERS:
            raise ProgramError(f"{n_layers} layers: a dense program has 1 to {MAX_LAYERS}")
        n_rows, width = 0, program.n_features
        for position in range(n_layers):
            if at >= n_words:
                raise ProgramError(f"the header ends before layer {position}")
            layer = _check_layer(program.header[at], position, width, position == n_layers - 1)
            n_rows += layer.n_rows
            width = layer.n_units
            at += 1 + layer.n_groups
        n_scores = width
        if n_chunks > MAX_CHUNKS:
            raise ProgramError(f"{n_chunks} chunks: at most {MAX_CHUNKS}")
        if at + n_chunks != n_words:
            raise ProgramError(f"the header should have {at + n_chunks} words, not {n_words}")
        ids = [word.to_bytes(WORD, "big") for word in program.header[at:]]
        at = n_words
        _check_capacity(ids, n_rows * TILE_INPUTS)
    else:
        raise ProgramError(f"kind {data[4]} is unknown: a newer Cairn may read this program")
    if at != n_words:
        raise ProgramError(f"the header should have {at} words, not {n_words}")
    expected = 1 if data[5] == OutputMode.LABEL else n_scores + data[5] // 2
    if program.n_outputs != expected:
        raise ProgramError(f"this program has {expected} outputs, not {program.n_outputs}")
    if n_scores > MAX_SCORES:
        raise ProgramError(f"{n_scores} scores: at most {MAX_SCORES}")
    return ids


def _check_layer(word: int, position: int, width: int, is_last: bool) -> Layer:
    name = f"layer {position}"
    units, lane_bits = word >> 224 & 0xFFFF, word >> 216 & 0xFF
    shift, bits = word >> 208 & 0xFF, word >> 200 & 0xFF
    if word >> 240 != width or units == 0:
        raise ProgramError(f"{name} has {word >> 240} inputs and {units} units; {width} come in")
    if not MIN_LANE_BITS <= lane_bits <= MAX_LANE_BITS:
        raise ProgramError(f"{name} has lanes of {lane_bits} bits")
    if word & (1 << 200) - 1:
        raise ProgramError(f"{name} has reserved bits set: a newer Cairn may read this program")
    if is_last and bits:
        raise ProgramError(f"{name} is the last and has an activation")
    if not is_last and not (shift < lane_bits and 0 < bits < lane_bits):
        raise ProgramError(f"{name} has an activation of {bits} bits after a shift by {shift}")
    layer = Layer(width, units, lane_bits, shift, bits, ())
    if layer.n_groups > MAX_LAYER_GROUPS:
        raise ProgramError(f"{name} has {units} units in lanes of {lane_bits} bits: too many")
    return layer


def _check_capacity(ids: list[bytes], left: int) -> None:
    for chunk_id in ids:
        kernel = kernel_of(chunk_id)
        if kernel not in DENSE_KERNELS:
            raise ProgramError(f"chunk {chunk_id.hex()} is of kernel {kernel.name}: not a dense one")
        if left <= 0:
            raise ProgramError(f"chunk {chunk_id.hex()} holds no rows: remove it")
        left -= kernel.n_words
    if left > 0:
        raise ProgramError(f"{left} words of rows are in no chunk")
