"""From an aggregate to the program that serves it: integer code, the same on every machine."""

from collections.abc import Sequence

import numpy as np

from cairn.domain.programs import (
    Chunk,
    OutputMode,
    Program,
    dense_program_from_aggregate,
    linear_program_from_aggregate,
    tile_chunk,
    trees_program_from_tiles,
)
from cairn.training.errors import AggregateError
from cairn.training.plans import TILE_INTEGERS, Plan
from cairn.training.updates import Int32s

__all__ = ["derive_program", "output_mode", "tiles_of", "unite"]


def output_mode(plan: Plan) -> OutputMode:
    """A classifier says its label and the scores behind it, a regressor its score."""
    return OutputMode.LABEL_AND_SCORES if plan.target.n_classes else OutputMode.SCORES


def derive_program(plan: Plan, parameters: Int32s) -> Program:
    """The program of a version whose parameters are `parameters`, under the plan's scales.

    Raises AggregateError if they are not the plan's, or if the plan is for trees: `unite` them.
    """
    if plan.estimator.family == "trees":
        raise AggregateError("trees have no parameters of their own: unite the members' tiles")
    if parameters.shape != (plan.n_parameters,):
        raise AggregateError(
            f"{parameters.size} parameters, the plan has {plan.n_parameters}: it is another round's"
        )
    aggregate = tuple(parameters.tolist())
    if plan.estimator.family == "dense":
        return dense_program_from_aggregate(
            plan.dense_scales(), aggregate, mode=output_mode(plan), decimals=plan.target.decimals
        )
    ranges = plan.ranges
    return linear_program_from_aggregate(
        aggregate=aggregate,
        centers=ranges.centers,
        shifts=ranges.shifts,
        target_center=plan.target.center,
        target_shift=plan.target.shift,
        lo=ranges.lo,
        hi=ranges.hi,
        imputed=ranges.imputed,
        decimals=plan.target.decimals,
    )


def tiles_of(plan: Plan, update: Int32s) -> tuple[Chunk, ...]:
    """The tiles that a member's update of trees holds, those without a tree left out."""
    if update.shape != (plan.n_parameters,):
        raise AggregateError(
            f"{update.size} integers, the plan has {plan.n_parameters}: it is another round's"
        )
    data = update.astype(">i4").tobytes()
    size = 4 * TILE_INTEGERS
    tiles = []
    for start in range(0, len(data), size):
        words = [int.from_bytes(data[at : at + 32], "big") for at in range(start, start + size, 32)]
        if words[0]:
            tiles.append(tile_chunk(words, plan.n_features))
    return tuple(tiles)


def unite(plan: Plan, updates: Sequence[Int32s]) -> Program:
    """The program of all members' trees, by ascending index: each tile is a member's, hash for hash.

    Every tree counts alike, so a member counts by the trees that the plan lets him grow, whatever
    his readings. Raises AggregateError if there is no tree, or if the plan is not for trees.
    """
    if plan.estimator.family != "trees":
        raise AggregateError(f"{plan.estimator.name} has no trees: aggregate its parameters")
    tiles = [tile for update in updates for tile in tiles_of(plan, update)]
    if not tiles:
        raise AggregateError("no update holds a tree: there is nothing to unite; cancel the round")
    return trees_program_from_tiles(
        tiles,
        plan.ranges,
        n_trees=plan.estimator.n_trees * len(updates),
        depth=plan.estimator.tree_depth,
        n_classes=plan.target.n_classes,
        target_center=plan.target.center,
        target_shift=plan.target.shift,
        mode=output_mode(plan),
        decimals=plan.target.decimals,
    )


def integers_of(tiles: Sequence[Chunk], n_tiles: int) -> Int32s:
    """Tiles as an update's integers, the places of those that are wanting filled with zeros."""
    data = b"".join(tile.to_bytes().ljust(4 * TILE_INTEGERS, b"\0") for tile in tiles)
    values = np.frombuffer(data.ljust(4 * TILE_INTEGERS * n_tiles, b"\0"), dtype=">i4")
    return values.astype(np.int32)
