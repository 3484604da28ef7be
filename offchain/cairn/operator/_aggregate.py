"""A round's arithmetic, from `cairn.training`: the default `AggregateRound`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cairn import chain
from cairn.models import CardFacts, MemberUpdate, RoundFacts, write_card
from cairn.operator._ports import AggregateFiles, OperatorError, VersionFile
from cairn.training import (
    Aggregate,
    Plan,
    PostedUpdate,
    derive_program,
    usable_updates,
)
from cairn.training.updates import Int32s

UNKNOWN_LICENSE = "unknown"
"""Hubs' word for it: a plan names none, and the alliance's to say."""


def aggregate_round(
    posted_plan: chain.Plan,
    plan_file: bytes,
    updates: Sequence[tuple[chain.Update, bytes | None]],
    base: Callable[[], VersionFile | None],
    previous: Callable[[], VersionFile | None],
) -> AggregateFiles:
    """Average the usable updates exactly, derive the program, and write the card."""
    plan = Plan.from_json(plan_file)
    if plan.hash != posted_plan.plan_hash:
        raise OperatorError("the plan's file is not canonical JSON; the round cannot be aggregated")
    posted = [
        PostedUpdate(index, update.root, update.weight) for index, (update, _) in enumerate(updates)
    ]
    included, left_out = usable_updates(plan, posted, [content for _, content in updates])
    if not included:
        why = "; ".join(f"update {index}: {reason}" for index, reason in left_out.items())
        raise OperatorError(f"no update can be used: {why}")
    start = _parameters(base(), plan)
    before = _parameters(previous(), plan) if plan.rule.momentum_permille else None
    aggregate = Aggregate.make(plan, included, start, before)
    program = derive_program(plan, aggregate.parameters)
    training = RoundFacts(
        base_version=posted_plan.base_version,
        plan_hash=_hex(plan.hash),
        estimator=plan.estimator.name,
        hyperparameters=dict(plan.estimator.parameters),
        rule=plan.rule.name,
        features=tuple(feature.name for feature in plan.features),
        target=plan.target.name,
        parameters_root=_hex(aggregate.root),
        included=tuple(
            MemberUpdate(
                index=one.index,
                member=updates[one.index][0].member,
                n_readings=one.update.weight,
                root=_hex(one.root),
                data_root=_hex(updates[one.index][0].data_root),
            )
            for one in included
        ),
        left_out=left_out,
    )
    card = CardFacts(
        name=f"Model {posted_plan.model_id}, trained together",
        license=UNKNOWN_LICENSE,
        registry={"model_id": posted_plan.model_id},
        training=training,
    )
    return AggregateFiles(
        root=aggregate.root,
        aggregate=aggregate.to_bytes(),
        program=program.to_bytes(),
        program_hash=program.hash,
        card=write_card(card, program),
    )


def _hex(digest: bytes) -> str:
    return "0x" + digest.hex()


def _parameters(file: VersionFile | None, plan: Plan) -> Int32s | None:
    """The integers of a version, which must be those that the chain has the root of."""
    if file is None:
        return None
    aggregate = Aggregate.from_bytes(file.data, n_parameters=plan.n_parameters)
    if aggregate.root != file.parameters_root:
        raise OperatorError(
            f"the file of the version built on has parameters with the root "
            f"0x{aggregate.root.hex()}, the registry says 0x{file.parameters_root.hex()}: no "
            "aggregate is posted on it; tell the model's alliance"
        )
    return aggregate.parameters
