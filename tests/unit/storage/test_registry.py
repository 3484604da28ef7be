"""Every CID that models, versions and rounds name is walked, and rubbish is named and passed over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from cairn.chain import ModelRegistry, TrainingRounds
from cairn.domain.cid import cid_of
from cairn.storage.registry import RegistryCids


def cid(name: str) -> bytes:
    return cid_of(name.encode()).binary


class Models:
    """Two models, the second without versions."""

    def n_models(self) -> int:
        return 2

    def model(self, model_id: int) -> Any:
        return SimpleNamespace(schema_cid=cid("schema") if model_id == 1 else b"rubbish")

    def latest_version(self, model_id: int) -> int:
        return 1 if model_id == 1 else 0

    def version(self, model_id: int, version: int) -> Any:
        return SimpleNamespace(program_cid=cid("program"), card_cid=b"")


class Rounds:
    """One round of two members."""

    def n_rounds(self) -> int:
        return 1

    def plan(self, round_id: int) -> Any:
        return SimpleNamespace(plan_cid=cid("plan"))

    def updates(self, round_id: int) -> list[Any]:
        return [SimpleNamespace(member=who, cid=cid(who)) for who in ("0xa", "0xb")]

    def aggregate_of(self, round_id: int) -> Any:
        return SimpleNamespace(cid=cid("aggregate"), program_cid=cid("program"), card_cid=b"")


def test_named_cids__whole_registry__is_walked() -> None:
    strange: list[str] = []
    source = RegistryCids(
        cast(ModelRegistry, Models()),
        cast(TrainingRounds, Rounds()),
        on_unreadable=lambda label, reason: strange.append(label),
    )
    assert {(one.label, one.cid.binary) for one in source.named_cids()} == {
        ("schema of model 1", cid("schema")),
        ("program of model 1, version 1", cid("program")),
        ("plan of round 1", cid("plan")),
        ("update of 0xa in round 1", cid("0xa")),
        ("update of 0xb in round 1", cid("0xb")),
        ("aggregate of round 1", cid("aggregate")),
        ("program of round 1", cid("program")),
    }
    assert strange == ["schema of model 2"]
