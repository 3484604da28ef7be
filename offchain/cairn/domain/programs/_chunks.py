"""Chunks: what one kernel contract holds, and the kernels there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from cairn.domain.keccak import keccak256
from cairn.domain.programs._format import WORD, ProgramError, words_to_bytes


@dataclass(frozen=True)
class Kernel:
    """A contract that computes where its words lie; its number is its place in KERNELS, from 1."""

    number: int
    name: str
    n_words: int


KERNELS: tuple[Kernel, ...] = (
    Kernel(1, "DenseRows4", 4 * 32),
    Kernel(2, "DenseRows10", 10 * 32),
    Kernel(3, "DenseRows22", 22 * 32),
    Kernel(4, "TreesNarrow32", 32 * 2),
    Kernel(5, "TreesNarrow352", 352 * 2),
    Kernel(6, "TreesWide32", 32 * 2),
    Kernel(7, "TreesWide352", 352 * 2),
)
"""All kernels; ProgramStore is deployed with their creation code, in this order."""

DENSE_KERNELS = KERNELS[:3]
NARROW_KERNELS = KERNELS[3:5]
WIDE_KERNELS = KERNELS[5:]


@dataclass(frozen=True)
class Chunk:
    """The words of one kernel contract: where a program's larger tables lie on chain."""

    kernel: int
    words: tuple[int, ...]

    @cached_property
    def id(self) -> bytes:
        """32 bytes: the kernel's number, then 31 of the hash of the kernel's number and words."""
        digest = keccak256(self.kernel.to_bytes(WORD, "big") + self.to_bytes())
        return bytes([self.kernel]) + digest[1:]

    def to_bytes(self) -> bytes:
        return words_to_bytes(self.words)


def kernel_of(chunk_id: bytes) -> Kernel:
    """The kernel that a chunk id names in its first byte."""
    number = chunk_id[0]
    if not 1 <= number <= len(KERNELS):
        raise ProgramError(f"chunk {chunk_id.hex()} names kernel {number}: it is unknown")
    return KERNELS[number - 1]


def chunks_of_rows(words: Sequence[int], kernels: Sequence[Kernel]) -> tuple[Chunk, ...]:
    """Words cut into chunks: the largest while more are left than fit, then the smallest that fits.

    Zeros fill the last one.
    """
    chunks: list[Chunk] = []
    left = list(words)
    while left:
        fitting = [kernel for kernel in kernels if kernel.n_words >= len(left)]
        kernel = fitting[0] if fitting else kernels[-1]
        part, left = left[: kernel.n_words], left[kernel.n_words :]
        chunks.append(Chunk(kernel.number, tuple(part + [0] * (kernel.n_words - len(part)))))
    return tuple(chunks)
