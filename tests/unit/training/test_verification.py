"""A round recomputed: match, or the first thing that differs."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from cairn.domain.programs import Program, ProgramError
from cairn.training import (
    Aggregate,
    IncludedUpdate,
    Plan,
    PostedUpdate,
    RulePlan,
    Verdict,
    derive_program,
    integers_root,
    train,
    usable_updates,
    verify_round,
)
from cairn.training.updates import Int32s, vector


@dataclass(frozen=True)
class Round:
    """What the chain and the store hold after a round of three members."""

    posted: tuple[PostedUpdate, ...]
    contents: tuple[bytes, ...]
    aggregate: Aggregate
    program_hash: bytes

    @property
    def file(self) -> bytes:
        return self.aggregate.to_bytes()


@pytest.fixture
def honest(plan: Plan, table: pd.DataFrame) -> Round:
    updates = []
    for index in range(3):
        part = table[index::3]
        update = train(plan, part)
        updates.append(IncludedUpdate(index, update.root, update))
    aggregate = Aggregate.make(plan, updates)
    return Round(
        tuple(PostedUpdate(u.index, u.root, u.update.weight) for u in updates),
        tuple(u.update.to_bytes() for u in updates),
        aggregate,
        derive_program(plan, aggregate.parameters).hash,
    )


def test_verify_round__honest__matches(plan: Plan, honest: Round) -> None:
    verdict = verify_round(
        plan,
        honest.posted,
        honest.file,
        aggregate_root=honest.aggregate.root,
        program_hash=honest.program_hash,
    )
    assert verdict.matches, verdict.reason


def test_verify_round__on_a_base__matches_only_that_base(plan: Plan, honest: Round) -> None:
    base = vector([10, -20, 30, 40])
    aggregate = Aggregate.make(plan, honest.aggregate.updates, base)
    program_hash = derive_program(plan, aggregate.parameters).hash
    right = verify_round(
        plan,
        honest.posted,
        aggregate.to_bytes(),
        aggregate_root=aggregate.root,
        program_hash=program_hash,
        base=base,
    )
    wrong = verify_round(
        plan,
        honest.posted,
        aggregate.to_bytes(),
        aggregate_root=aggregate.root,
        program_hash=program_hash,
        base=vector([10, -20, 30, 41]),
    )
    assert right.matches
    assert (wrong.matches, wrong.coordinate, wrong.posted, wrong.recomputed) == (False, 3, 40, 41)


@pytest.mark.parametrize("start", ["base", "previous"])
def test_verify_round__version_of_other_features__is_a_mismatch(
    plan: Plan, honest: Round, start: str
) -> None:
    verdict = verify_round(
        plan,
        honest.posted,
        honest.file,
        aggregate_root=honest.aggregate.root,
        program_hash=honest.program_hash,
        **{start: vector([1, 2, 3])},
    )
    assert not verdict.matches
    assert "4" in verdict.reason and "3" in verdict.reason


def test_verify_round__no_program_follows__is_a_mismatch(
    plan: Plan, honest: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Program:
        raise ProgramError("feature 0 is scaled past 128 bits")

    monkeypatch.setattr("cairn.training.verification.derive_program", refuse)
    assert "scaled past 128 bits" in _reason(plan, honest, honest.file, honest.posted)


def test_verify_round__momentum__matches_only_with_the_version_before(
    plan: Plan, honest: Round
) -> None:
    plan = Plan(**{**dict(plan), "rule": RulePlan(weight_cap=10_000, momentum_permille=500)})
    base, previous = vector([1000, -20, 30, 40]), vector([0, 0, 10, 2000])
    aggregate = Aggregate.make(plan, honest.aggregate.updates, base, previous)

    def verdict_with(before: Int32s | None) -> Verdict:
        return verify_round(
            plan,
            honest.posted,
            aggregate.to_bytes(),
            aggregate_root=aggregate.root,
            program_hash=derive_program(plan, aggregate.parameters).hash,
            base=base,
            previous=before,
        )

    assert verdict_with(previous).matches
    assert verdict_with(None).coordinate == 0


@pytest.mark.parametrize("place", [0, 2, 3])
def test_verify_round__a_changed_parameter__is_the_coordinate_named(
    plan: Plan, honest: Round, place: int
) -> None:
    lie = honest.aggregate.parameters.copy()
    lie[place:] += 1
    forged = replace(honest.aggregate, parameters=lie)
    verdict = verify_round(
        plan,
        honest.posted,
        forged.to_bytes(),
        aggregate_root=forged.root,
        program_hash=derive_program(plan, lie).hash,
    )
    assert not verdict.matches
    assert verdict.coordinate == place
    assert verdict.posted == verdict.recomputed + 1
    assert verdict.recomputed == honest.aggregate.parameters[place]


def test_verify_round__another_root_or_program__is_named(plan: Plan, honest: Round) -> None:
    root, program = honest.aggregate.root, honest.program_hash
    for posted_root, posted_program, reason in (
        (bytes(32), program, "aggregate root: posted 0x00"),
        (root, bytes(32), "program hash: posted 0x00"),
    ):
        verdict = verify_round(
            plan,
            honest.posted,
            honest.file,
            aggregate_root=posted_root,
            program_hash=posted_program,
        )
        assert not verdict.matches
        assert verdict.reason.startswith(reason)


def _reason(plan: Plan, honest: Round, file: bytes, posted: tuple[PostedUpdate, ...]) -> str:
    verdict = verify_round(
        plan,
        posted,
        file,
        aggregate_root=honest.aggregate.root,
        program_hash=honest.program_hash,
    )
    assert not verdict.matches
    return verdict.reason


def test_verify_round__updates_unlike_the_chains__are_named(plan: Plan, honest: Round) -> None:
    posted, made = honest.posted, honest.aggregate.updates
    file = honest.file
    assert "update 3: on chain, but not in the file" in _reason(
        plan, honest, file, (*posted, PostedUpdate(3, bytes(32), 5))
    )
    assert "update 2: in the file, but not on chain" in _reason(plan, honest, file, posted[:2])
    heavier = (replace(posted[0], weight=68), *posted[1:])
    assert "update 0: its weight is 67, on chain 68" in _reason(plan, honest, file, heavier)
    other = (posted[0], replace(posted[1], root=bytes(32)), posted[2])
    assert "update 1: its root is not the one on chain" in _reason(plan, honest, file, other)
    swapped = replace(made[1], update=made[2].update)
    forged = Aggregate.make(plan, (made[0], swapped, made[2])).to_bytes()
    weights = (posted[0], replace(posted[1], weight=made[2].update.weight), posted[2])
    assert "update 1: its integers do not have" in _reason(plan, honest, forged, weights)


def test_verify_round__another_plan_or_a_torn_file__is_named(plan: Plan, honest: Round) -> None:
    other = Plan(**{**dict(plan), "seed": 8})
    assert "made under plan" in _reason(other, honest, honest.file, honest.posted)
    assert "aggregate file:" in _reason(plan, honest, honest.file[:-1], honest.posted)


def test_usable_updates__withheld_or_malformed__are_left_out_and_explained(
    plan: Plan, honest: Round
) -> None:
    posted = (*honest.posted, PostedUpdate(3, integers_root(vector([1])), 9))
    contents = (None, honest.contents[1], bytes(16), b"\0\0\0\1")
    included, left_out = usable_updates(plan, posted, contents)
    assert [update.index for update in included] == [1]
    assert left_out[0] == "its bytes were not shown"
    assert "root" in left_out[2]
    assert "4 bytes where 4 parameters take 16" in left_out[3]
    aggregate = Aggregate.make(plan, included)
    verdict = verify_round(
        plan,
        posted,
        aggregate.to_bytes(),
        aggregate_root=aggregate.root,
        program_hash=derive_program(plan, aggregate.parameters).hash,
        unusable=left_out,
    )
    assert verdict.matches


def test_verify_round__many_random_rounds__always_match(plan: Plan) -> None:
    rng = np.random.default_rng(11)
    for _ in range(20):
        updates = []
        for index in rng.permutation(20)[: rng.integers(1, 12)]:
            values = vector(rng.integers(-(2**22), 2**22, plan.n_parameters))
            weight = int(rng.integers(1, 20_000))
            data = values.astype(">i4").tobytes()
            record = PostedUpdate(int(index), integers_root(values), weight)
            updates.append((record, data))
        included, _ = usable_updates(plan, *zip(*updates, strict=True))
        base = vector(rng.integers(-1000, 1000, plan.n_parameters))
        aggregate = Aggregate.make(plan, included, base)
        verdict = verify_round(
            plan,
            [record for record, _ in updates],
            aggregate.to_bytes(),
            aggregate_root=aggregate.root,
            program_hash=derive_program(plan, aggregate.parameters).hash,
            base=base,
        )
        assert verdict.matches, verdict.reason
