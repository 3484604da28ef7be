"""Integer programs ("cairn-program/1"): canonical bytes, parser, reference interpreter, builders.

docs/numerics.md is normative; the contract Evaluator computes the same integers, bit for bit.
"""

from cairn.domain.programs._builders import linear_program
from cairn.domain.programs._features import PADDING, FeatureRule
from cairn.domain.programs._federated import linear_program_from_aggregate
from cairn.domain.programs._format import Kind, OutputMode, ProgramError, header_hash
from cairn.domain.programs._program import Chunk, Program, parse_program

KERNELS: tuple[str, ...] = ()
"""Names of the kernels' contracts, in the order of their numbers: ProgramStore's argument."""

__all__ = [
    "KERNELS",
    "PADDING",
    "Chunk",
    "FeatureRule",
    "Kind",
    "OutputMode",
    "Program",
    "ProgramError",
    "header_hash",
    "linear_program",
    "linear_program_from_aggregate",
    "parse_program",
]
