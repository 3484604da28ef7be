"""The most execution gas that an evaluation can take, from a program's header alone."""

from cairn.domain.programs._chunks import KERNELS
from cairn.domain.programs._format import Kind, n_groups
from cairn.domain.programs._program import Program

MAX_SERVED_GAS = 10_000_000
"""Programs that may take more are not served with stake behind the answer."""


def gas_bound(program: Program) -> int:
    """docs/numerics.md, "The worst case"; ProgramStore.gas_bound says the same."""
    groups = n_groups(program.n_features)
    if program.kind is Kind.LINEAR:
        return 8_000 + 3_700 * groups
    if program.ensemble is None:
        rows = sum(layer.n_rows for layer in program.layers)
        tiles = sum(layer.n_tiles for layer in program.layers)
        units = sum(layer.n_units for layer in program.layers)
        return (
            16_000
            + 3_800 * groups
            + 1_400 * rows
            + 4_600 * len(program.chunks)
            + 3_000 * len(program.layers)
            + 3_400 * tiles
            + 400 * units
        )
    narrow = program.ensemble.is_narrow
    bound = (22_000 if narrow else 50_000) + 3_800 * groups
    for chunk in program.chunks:
        trees = KERNELS[chunk.kernel - 1].n_words // 2 - 1
        walk = (450 if narrow else 550) * (2 + program.ensemble.deeper)
        bound += 12_000 + trees * (walk + (250 if program.ensemble.vectors else 0))
    return bound
