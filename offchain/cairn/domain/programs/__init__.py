"""Integer programs ("cairn-program/1"): canonical bytes, parser, reference interpreter, builders.

docs/numerics.md is normative; the contract Evaluator computes the same integers, bit for bit.
"""

from cairn.domain.programs._builders import LayerSpec, dense_program, linear_program
from cairn.domain.programs._chunks import KERNELS, Chunk, Kernel
from cairn.domain.programs._features import PADDING, FeatureRule
from cairn.domain.programs._federated import (
    MOST_BIAS,
    DenseScales,
    Ranges,
    dense_program_from_aggregate,
    linear_program_from_aggregate,
    tile_chunk,
    tree_input_shift,
    trees_program_from_tiles,
)
from cairn.domain.programs._format import Kind, OutputMode, ProgramError, header_hash
from cairn.domain.programs._gas import MAX_SERVED_GAS, gas_bound
from cairn.domain.programs._program import Program, parse_program
from cairn.domain.programs._reexecution import (
    PROOF_SYSTEM,
    Inference,
    inference,
    proof_system_id,
)
from cairn.domain.programs._tree_builder import Tree, trees_program
from cairn.domain.programs._trees import Ensemble

__all__ = [
    "KERNELS",
    "MAX_SERVED_GAS",
    "MOST_BIAS",
    "PADDING",
    "PROOF_SYSTEM",
    "Chunk",
    "DenseScales",
    "Ensemble",
    "FeatureRule",
    "Inference",
    "Kernel",
    "Kind",
    "LayerSpec",
    "OutputMode",
    "Program",
    "ProgramError",
    "Ranges",
    "Tree",
    "dense_program",
    "dense_program_from_aggregate",
    "gas_bound",
    "header_hash",
    "inference",
    "linear_program",
    "linear_program_from_aggregate",
    "parse_program",
    "proof_system_id",
    "tile_chunk",
    "tree_input_shift",
    "trees_program",
    "trees_program_from_tiles",
]
