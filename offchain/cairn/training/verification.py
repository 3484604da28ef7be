"""Recompute a round from what is on chain and in its aggregate file, and say match or where not.

Pure: whoever calls has fetched the chain's record and the file. Two machines that are given the
same bytes reach the same verdict.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from cairn.errors import CairnError
from cairn.training.aggregation import Aggregate, IncludedUpdate, aggregate_coordinate
from cairn.training.derive import derive_program
from cairn.training.errors import AggregateError, UpdateError
from cairn.training.plans import Plan
from cairn.training.updates import Int32s, Update, integers_root

__all__ = ["PostedUpdate", "Verdict", "usable_updates", "verify_round"]


@dataclass(frozen=True)
class PostedUpdate:
    """What the chain says of one update: its index, its root, and its weight in readings."""

    index: int
    root: bytes
    weight: int


@dataclass(frozen=True)
class Verdict:
    """Whether a posted aggregate is what its updates make; if not, the first thing that differs.

    coordinate: the first parameter that differs, if it is a parameter that does; with the value
    posted and the value recomputed.
    """

    matches: bool
    reason: str
    coordinate: int | None = None
    posted: int | None = None
    recomputed: int | None = None


def usable_updates(
    plan: Plan, posted: Sequence[PostedUpdate], contents: Sequence[bytes | None]
) -> tuple[tuple[IncludedUpdate, ...], dict[int, str]]:
    """The updates that count, by ascending index, and why each of the others does not.

    contents: for each posted update its bytes, or None where nobody has them. An update counts if
    its bytes are the plan's number of integers and have the posted root.
    """
    included: list[IncludedUpdate] = []
    left_out: dict[int, str] = {}
    for record, content in sorted(
        zip(posted, contents, strict=True), key=lambda pair: pair[0].index
    ):
        if content is None:
            left_out[record.index] = "its bytes were not shown"
            continue
        try:
            update = Update.from_bytes(
                content,
                n_parameters=plan.n_parameters,
                weight=record.weight,
                root=record.root,
            )
        except UpdateError as error:
            left_out[record.index] = str(error)
            continue
        included.append(IncludedUpdate(record.index, record.root, update))
    return tuple(included), left_out


def verify_round(
    plan: Plan,
    posted: Sequence[PostedUpdate],
    file: bytes,
    *,
    aggregate_root: bytes,
    program_hash: bytes,
    base: Int32s | None = None,
    previous: Int32s | None = None,
    unusable: Collection[int] = (),
) -> Verdict:
    """Recompute a round's aggregate and program.

    posted: the chain's records of the round's updates. file: the bytes behind the aggregate's CID.
    base: the base version's parameters, None for a first round. previous: those of the version that
    the base was trained from, for plans with momentum. unusable: indexes that
    `usable_updates` left out on this machine; every other posted update has to be in the file.

    Whatever was posted, there is a verdict: a plan that fits no such base, or of which no program
    follows, is a mismatch.
    """
    try:
        aggregate = Aggregate.from_bytes(file, n_parameters=plan.n_parameters)
    except AggregateError as error:
        return Verdict(False, f"aggregate file: {error}")
    if aggregate.plan_hash != plan.hash:
        return Verdict(
            False,
            f"aggregate file: made under plan 0x{aggregate.plan_hash.hex()}, not under "
            f"0x{plan.hash.hex()}",
        )
    start = np.zeros(plan.n_parameters, dtype=np.int32) if base is None else base
    if start.shape != aggregate.base.shape:
        return Verdict(
            False,
            f"base version: it has {start.size} parameters, the round's plan {plan.n_parameters}",
        )
    different = np.flatnonzero(aggregate.base != start)
    if different.size:
        place = int(different[0])
        return Verdict(
            False,
            f"base version: parameter {place} differs",
            place,
            int(aggregate.base[place]),
            int(start[place]),
        )
    fault = _compare_updates(posted, aggregate, unusable)
    if fault:
        return Verdict(False, fault)
    try:
        expected = Aggregate.make(plan, aggregate.updates, start, previous)
    except AggregateError as error:
        return Verdict(False, f"aggregate: {error}")
    different = np.flatnonzero(aggregate.parameters != expected.parameters)
    if different.size:
        place = int(different[0])
        recomputed = aggregate_coordinate(
            plan,
            [int(included.update.values[place]) for included in aggregate.updates],
            [included.update.weight for included in aggregate.updates],
            int(start[place]),
            int((start if previous is None else previous)[place]),
        )
        return Verdict(
            False,
            f"aggregate: parameter {place} is {int(aggregate.parameters[place])}, its updates make "
            f"it {recomputed}",
            place,
            int(aggregate.parameters[place]),
            recomputed,
        )
    found = expected.root
    if found != aggregate_root:
        return Verdict(
            False, f"aggregate root: posted 0x{aggregate_root.hex()}, recomputed 0x{found.hex()}"
        )
    try:
        derived = derive_program(plan, expected.parameters).hash
    except CairnError as error:
        return Verdict(False, f"program: none follows from these parameters: {error}")
    if derived != program_hash:
        return Verdict(
            False, f"program hash: posted 0x{program_hash.hex()}, recomputed 0x{derived.hex()}"
        )
    return Verdict(True, "match")


def _compare_updates(
    posted: Sequence[PostedUpdate], aggregate: Aggregate, unusable: Collection[int]
) -> str:
    """What is wrong with the file's updates beside the chain's records; empty if nothing is."""
    records = {record.index: record for record in posted}
    for included in aggregate.updates:
        record = records.pop(included.index, None)
        if record is None:
            return f"update {included.index}: in the file, but not on chain"
        if included.root != record.root:
            return f"update {included.index}: its root is not the one on chain"
        if included.update.weight != record.weight:
            return (
                f"update {included.index}: its weight is {included.update.weight}, on chain "
                f"{record.weight}"
            )
        if integers_root(included.update.values) != record.root:
            return f"update {included.index}: its integers do not have the posted root"
    missing = records.keys() - set(unusable)
    if missing:
        return f"update {min(missing)}: on chain, but not in the file"
    return ""
