"""A round's arithmetic as the operator does it: on the version's own parameters, or not at all."""

from types import SimpleNamespace

import numpy as np
import pytest

from cairn.devices import AIR_QUALITY
from cairn.operator import OperatorError, VersionFile
from cairn.operator._aggregate import aggregate_round
from cairn.training import Aggregate, IncludedUpdate, Plan, Update
from tests.unit.audit.conftest import RANGES

PLAN = Plan.from_schema(AIR_QUALITY, ranges=RANGES)


def update(*, of: int) -> Update:
    return Update(np.full(PLAN.n_parameters, of, dtype=np.int32), 10)


def aggregate_of(base: VersionFile | None) -> bytes:
    posted = update(of=3)
    record = SimpleNamespace(member="0x00", root=posted.root, weight=posted.weight)
    files = aggregate_round(
        SimpleNamespace(plan_hash=PLAN.hash),  # type: ignore[arg-type]
        PLAN.to_json(),
        [(record, posted.to_bytes())],  # type: ignore[list-item]
        lambda: base,
        lambda: None,
    )
    return files.root


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
