"""A program: its canonical bytes, what its header says, and the reference interpreter's door."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from cairn.domain.integers import pack_features, unpack_features
from cairn.domain.programs._chunks import (
    DENSE_KERNELS,
    NARROW_KERNELS,
    WIDE_KERNELS,
    Chunk,
    Kernel,
    kernel_of,
)
from cairn.domain.programs._dense import (
    MAX_BITS,
    MAX_LAYER_GROUPS,
    MAX_LAYERS,
    TILE_INPUTS,
    Layer,
    read_layer,
    read_layers,
    run_dense,
    scaled_features,
)
from cairn.domain.programs._features import FeatureRule, feature_rules
from cairn.domain.programs._format import (
    GROUP_WORDS,
    LANES,
    MAGIC,
    MAX_CHUNKS,
    MAX_HEADER_WORDS,
    MAX_SCORES,
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
from cairn.domain.programs._trees import (
    MAX_CLASSES,
    MAX_TREE_FEATURES,
    Ensemble,
    read_ensemble,
    run_trees,
)


@dataclass(frozen=True, eq=False, repr=False)
class Program:
    """A model as integers: the same bytes on IPFS, on chain and here.

    Made by `parse_program`, `Program.from_bytes` or a builder, never by hand: those check the
    header, and everything below trusts it.
    """

    header: tuple[int, ...]
    """The header's 32-byte words."""
    chunks: tuple[Chunk, ...] = ()

    def __eq__(self, other: object) -> bool:
        """Whether the bytes are the same, whatever a subclass knows besides."""
        if not isinstance(other, Program):
            return NotImplemented
        return self.header == other.header and self.chunks == other.chunks

    def __repr__(self) -> str:
        """In one line: a program's words are thousands of digits."""
        return (
            f"<{type(self).__name__} 0x{self.hash.hex()}: {self.kind.name.lower()}, "
            f"{self.n_features} features, {self.n_outputs} outputs>"
        )

    def __hash__(self) -> int:
        return hash(self.hash)

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
    def ensemble(self) -> Ensemble | None:
        """What a trees program does with its trees' leaves; None of another."""
        if self.kind is not Kind.TREES:
            return None
        first = META_WORDS + GROUP_WORDS * n_groups(self.n_features)
        return read_ensemble(self.header[first:], self._meta(12, 2))

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
        if self.ensemble is None:
            scores = run_dense(inputs, self.layers, self.chunk_words)
        else:
            scores = run_trees(inputs, self.ensemble, self.chunks)
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
        at, n_scores, n_rows = _check_layers(program, data[16], at)
        ids = _chunk_ids(program, at, n_chunks, DENSE_KERNELS)
        _check_capacity(ids, n_rows * TILE_INPUTS)
    elif data[4] == Kind.TREES:
        if any(data[16:32]):
            raise ProgramError("reserved bits are set: a newer Cairn may read this program")
        at, n_scores = _check_ensemble(program, at, n_chunks)
        narrow = program.n_features <= LANES
        ids = _chunk_ids(program, at, n_chunks, NARROW_KERNELS if narrow else WIDE_KERNELS)
    else:
        raise ProgramError(f"kind {data[4]} is unknown: a newer Cairn may read this program")
    if at + len(ids) != n_words:
        raise ProgramError(f"the header should have {at + len(ids)} words, not {n_words}")
    expected = 1 if data[5] == OutputMode.LABEL else n_scores + data[5] // 2
    if program.n_outputs != expected:
        raise ProgramError(f"this program has {expected} outputs, not {program.n_outputs}")
    if n_scores > MAX_SCORES:
        raise ProgramError(f"{n_scores} scores: at most {MAX_SCORES}")
    return ids


def _check_layers(program: Program, n_layers: int, at: int) -> tuple[int, int, int]:
    """Where the chunks' ids begin, how many scores there are, and how many rows."""
    if not 1 <= n_layers <= MAX_LAYERS:
        raise ProgramError(f"{n_layers} layers: a dense program has 1 to {MAX_LAYERS}")
    n_rows, width = 0, program.n_features
    for position in range(n_layers):
        if at >= len(program.header):
            raise ProgramError(f"the header ends before layer {position}")
        layer = _check_layer(program.header[at], position, width, position == n_layers - 1)
        n_rows += layer.n_rows
        width = layer.n_units
        at += 1 + layer.n_groups
    return at, width, n_rows


def _check_layer(word: int, position: int, width: int, is_last: bool) -> Layer:
    name = f"layer {position}"
    layer = read_layer(word)
    if layer.n_inputs != width or layer.n_units == 0:
        raise ProgramError(
            f"{name} has {layer.n_inputs} inputs and {layer.n_units} units; {width} come in"
        )
    if word & (1 << 208) - 1:
        raise ProgramError(f"{name} has reserved bits set: a newer Cairn may read this program")
    if is_last and layer.bits:
        raise ProgramError(f"{name} is the last and has an activation")
    if not is_last and not (layer.shift < MAX_BITS and 1 <= layer.bits <= MAX_BITS):
        raise ProgramError(
            f"{name} has an activation of {layer.bits} bits after a shift by {layer.shift}"
        )
    if layer.n_groups > MAX_LAYER_GROUPS:
        raise ProgramError(f"{name} has {layer.n_units} units: at most {MAX_LAYER_GROUPS * LANES}")
    return layer


def _check_capacity(ids: list[bytes], left: int) -> None:
    for chunk_id in ids:
        if left <= 0:
            raise ProgramError(f"chunk {chunk_id.hex()} holds no rows: remove it")
        left -= kernel_of(chunk_id).n_words
    if left > 0:
        raise ProgramError(f"{left} words of rows are in no chunk")


def _check_ensemble(program: Program, at: int, n_chunks: int) -> tuple[int, int]:
    """Where the chunks' ids begin, and how many scores there are."""
    n_features = program.n_features
    if n_features > MAX_TREE_FEATURES:
        raise ProgramError(f"{n_features} features: trees ask for at most {MAX_TREE_FEATURES}")
    if at >= len(program.header):
        raise ProgramError("the header ends before the trees")
    word = program.header[at]
    n_scores = word >> 224 & 0xFFFF
    if word >> 240 != n_features:
        raise ProgramError(f"the trees take {word >> 240} features; {n_features} come in")
    if not 1 <= n_scores <= MAX_CLASSES:
        raise ProgramError(f"{n_scores} scores: trees have 1 to {MAX_CLASSES}")
    if (word >> 208 & 0xFF) > 1 or word & (1 << 136) - 1:
        raise ProgramError("reserved bits are set: a newer Cairn may read this program")
    if n_chunks == 0:
        raise ProgramError("a trees program has at least one chunk")
    first = at + 1 + n_scores
    end = first - (-n_chunks // WORD)
    if end + n_chunks != len(program.header):
        raise ProgramError(
            f"the header should have {end + n_chunks} words, not {len(program.header)}"
        )
    classes = read_ensemble(program.header[at:], n_chunks).classes
    if n_chunks <= MAX_CHUNKS and max(classes) >= n_scores:
        raise ProgramError(f"a chunk adds to score {max(classes)} of {n_scores}")
    return end, n_scores


def _chunk_ids(program: Program, at: int, n_chunks: int, kernels: Sequence[Kernel]) -> list[bytes]:
    if n_chunks > MAX_CHUNKS:
        raise ProgramError(f"{n_chunks} chunks: at most {MAX_CHUNKS}")
    if at + n_chunks != len(program.header):
        raise ProgramError(
            f"the header should have {at + n_chunks} words, not {len(program.header)}"
        )
    ids = [word.to_bytes(WORD, "big") for word in program.header[at:]]
    for chunk_id in ids:
        if kernel_of(chunk_id) not in kernels:
            raise ProgramError(
                f"chunk {chunk_id.hex()} is of kernel {kernel_of(chunk_id).name}; here can be "
                + ", ".join(kernel.name for kernel in kernels)
            )
    return ids
