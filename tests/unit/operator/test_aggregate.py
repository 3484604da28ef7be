"""A round's arithmetic as the operator does it: on the version's own parameters, or not at all."""

from types import SimpleNamespace

import numpy as np
import pytest

from cairn.devices import AIR_QUALITY
from cairn.domain.programs import Program
from cairn.models import read_card
from cairn.operator import AggregateFiles, OperatorError, VersionFile
from cairn.operator._aggregate import aggregate_round
from cairn.training import Aggregate, IncludedUpdate, Plan, Update
from tests.unit.audit.conftest import RANGES

MEMBER = "0x" + "a1" * 20
PLAN = Plan.from_schema(AIR_QUALITY, ranges=RANGES)


def update(*, of: int) -> Update:
    return Update(np.full(PLAN.n_parameters, of, dtype=np.int32), 10)


def aggregate(base: VersionFile | None, *missing: None) -> AggregateFiles:
    """The aggregate of one member's update, and of others whose files are not to be had."""
    posted = update(of=3)
    record = SimpleNamespace(
        member=MEMBER, root=posted.root, weight=posted.weight, data_root=bytes([7]) * 32
    )
    return aggregate_round(
        SimpleNamespace(plan_hash=PLAN.hash, model_id=4, base_version=2),  # type: ignore[arg-type]
        PLAN.to_json(),
        [(record, posted.to_bytes()), *((record, None) for _ in missing)],  # type: ignore[list-item]
        lambda: base,
        lambda: None,
    )


def aggregate_of(base: VersionFile | None) -> bytes:
    return aggregate(base).root


def test_aggregate_round__base_with_the_versions_root__is_built_on():
    one = update(of=5)
    base = Aggregate.make(PLAN, [IncludedUpdate(0, one.root, one)])
    assert aggregate_of(VersionFile(base.to_bytes(), base.root)) == update(of=8).root
    assert aggregate_of(None) == update(of=3).root


def test_aggregate_round__base_with_another_root__is_refused():
    one = update(of=5)
    base = Aggregate.make(PLAN, [IncludedUpdate(0, one.root, one)])
    with pytest.raises(OperatorError, match="the registry says 0x0101"):
        aggregate_of(VersionFile(base.to_bytes(), bytes([1]) * 32))


def test_aggregate_round__card__has_what_hubs_read_and_who_took_part():
    files = aggregate(None, None)
    front, text = read_card(files.card)
    assert front["license"] == "unknown" and front["library_name"] == "cairn"
    assert front["pipeline_tag"] == "tabular-regression"
    assert "federated-learning" in front["tags"]
    assert front["datasets"] == ["sensor batches 0x" + "07" * 32]
    cairn = front["cairn"]
    assert cairn["program_hash"] == "0x" + Program.from_bytes(files.program).hash.hex()
    assert cairn["model_id"] == 4
    assert cairn["round"]["base_version"] == 2
    assert cairn["round"]["plan_hash"] == "0x" + PLAN.hash.hex()
    assert cairn["round"]["parameters_root"] == "0x" + files.root.hex()
    [member] = cairn["round"]["included"]
    assert (member["index"], member["member"], member["n_readings"]) == (0, MEMBER, 10)
    assert list(cairn["round"]["left_out"]) == ["1"]
    assert f"| 0 | {MEMBER} | 10 |" in text and "- update 1: " in text
    assert files.card == aggregate(None, None).card
