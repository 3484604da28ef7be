"""Every CID that models, versions and rounds name is walked, and rubbish is named and passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cairn.chain import (
    AccessPolicy,
    AllianceFactory,
    AllianceLaunched,
    BatchAnchored,
    DeviceRegistry,
    EvaluationPosted,
    Evaluations,
    ModelRegistry,
    TrainingRounds,
    ValidationSetAccepted,
)
from cairn.chain.fakes import FakeChain, FakeContract
from cairn.domain.cid import cid_of
from cairn.storage.registry import (
    AnchoredBatches,
    Constitutions,
    PolicyTerms,
    PostedEvaluations,
    RegistryCids,
    ValidationSets,
)

INTERFACES = Path(__file__).parents[3] / "contracts" / "interfaces"


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


class Batches:
    """One published batch."""

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        yield "batch of device 0xd from 7", cid("batch")


def test_named_cids__whole_registry__is_walked() -> None:
    strange: list[str] = []
    source = RegistryCids(
        cast(ModelRegistry, Models()),
        cast(TrainingRounds, Rounds()),
        Batches(),
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
        ("batch of device 0xd from 7", cid("batch")),
    }
    assert strange == ["schema of model 2"]


def test_named_cids__every_cid_of_the_protocol__is_among_them() -> None:
    """A struct or event that gets a CID later must be walked too, or say here why not."""
    named = {
        (kind, name, field)
        for path in INTERFACES.glob("*.vyi")
        for kind, name, body in re.findall(
            r"^(struct|event) (\w+):\n((?:[ \t]+.*\n|\n)+)", path.read_text(), re.MULTILINE
        )
        for field in re.findall(r"^\s+(\w*cid|constitution): Bytes", body, re.MULTILINE)
    }
    walked = {
        ("struct", "Model", "schema_cid"),
        ("struct", "Version", "program_cid"),
        ("struct", "Version", "card_cid"),
        ("struct", "Plan", "plan_cid"),
        ("struct", "Update", "cid"),
        ("struct", "Aggregate", "cid"),
        ("struct", "Aggregate", "program_cid"),
        ("struct", "Aggregate", "card_cid"),
        ("event", "BatchAnchored", "cid"),
        ("event", "ConstitutionAmended", "constitution"),  # the charter keeps the newest
        ("event", "ValidationSetAccepted", "cid"),
        ("event", "EvaluationPosted", "validation_cid"),
        ("event", "EvaluationPosted", "losses_cid"),
        ("struct", "Rules", "terms_cid"),  # PolicyCreated holds all of it
    }
    # These say what the structs above keep.
    repeated = {
        ("event", "ModelCreated", "schema_cid"),
        ("event", "VersionRegistered", "program_cid"),
        ("event", "VersionRegistered", "card_cid"),
        ("event", "RoundOpened", "plan_cid"),
        ("event", "UpdateSubmitted", "cid"),
        ("event", "AggregatePosted", "cid"),
        ("event", "AggregatePosted", "program_cid"),
        ("event", "AggregatePosted", "card_cid"),
        ("event", "AllianceLaunched", "constitution"),
        ("struct", "Founding", "constitution"),
    }
    assert named == walked | repeated


class Devices(FakeContract):
    """A registry that anchors whatever it is given."""

    EVENTS = (BatchAnchored,)

    def do_anchor(self, sender: str, value: int, batch_id: int, first: int, cid: bytes) -> None:
        self.emit(BatchAnchored(batch_id, sender, "0xd", bytes(32), 1, first, first, cid))


def test_batches__anchored_over_time__are_read_once_and_only_where_published() -> None:
    chain = FakeChain()
    devices = Devices(chain, "0x" + "05" * 20)
    batches = AnchoredBatches(cast(DeviceRegistry, devices), chain, first_block=1, page_blocks=50)

    def anchor(*args: object) -> None:
        chain.act("0x" + "06" * 20, devices.call("anchor", *args))

    anchor(1, 100, cid("first"))
    anchor(2, 200, b"")
    assert list(batches.labelled()) == [("batch of device 0xd from 100", cid("first"))]
    chain.mine(300)
    anchor(3, 300, cid("second"))
    asked: list[int] = []
    logs = chain.logs

    def counted(addresses: Any, topics: Any, first: int, last: int) -> Any:
        asked.append(first)
        return logs(addresses, topics, first, last)

    chain.logs = counted  # type: ignore[method-assign]
    assert [one for _, one in batches.labelled()] == [cid("first"), cid("second")]
    assert min(asked) == 1
    asked.clear()
    assert len(list(batches.labelled())) == 2
    assert min(asked) > 1


class Factory(FakeContract):
    """A factory whose alliances are launched by being named."""

    EVENTS = (AllianceLaunched,)

    def do_launch(self, sender: str, value: int, alliance: str, charter: str) -> None:
        self.emit(AllianceLaunched(alliance, sender, charter, "0xs", "0xg", "A", "A", "0xc"))


def test_constitutions__of_launched_alliances__are_as_amended_last() -> None:
    chain = FakeChain()
    factory = Factory(chain, "0x" + "05" * 20)
    now = {"0xc1": cid("first"), "0xc2": b""}
    constitutions = Constitutions(
        cast(AllianceFactory, factory),
        chain,
        first_block=1,
        charter_at=cast(
            Any, lambda node, charter: SimpleNamespace(constitution=lambda: now[charter])
        ),
    )
    assert list(constitutions.labelled()) == []
    for alliance, charter in (("0xa1", "0xc1"), ("0xa2", "0xc2")):
        chain.act("0x" + "06" * 20, factory.call("launch", alliance, charter))
    labels = [f"constitution of alliance 0xa{n}" for n in (1, 2)]
    assert list(constitutions.labelled()) == list(zip(labels, [cid("first"), b""], strict=True))
    now["0xc1"] = cid("second")
    assert next(constitutions.labelled()) == (labels[0], cid("second"))


class Registry(FakeContract):
    """A registry and a book of evaluations in one, that say whatever they are told to."""

    EVENTS = (ValidationSetAccepted, EvaluationPosted)

    def do_accept(self, sender: str, value: int, root: bytes, cid: bytes, accepted: bool) -> None:
        self.emit(ValidationSetAccepted(4, root, cid, accepted))

    def do_post(self, sender: str, value: int, number: int, rows: bytes, losses: bytes) -> None:
        zeros = bytes(32)
        self.emit(
            EvaluationPosted(number, 4, sender, 1, zeros, 9, 0, 0, zeros, 60, 0, rows, losses)
        )


def test_validation_sets__no_longer_accepted__are_named_no_longer() -> None:
    chain = FakeChain()
    registry = Registry(chain, "0x" + "05" * 20)
    sets = ValidationSets(cast(ModelRegistry, registry), chain, first_block=1)
    one, other = bytes([1]) * 32, bytes([2]) * 32

    def accept(*args: object) -> None:
        chain.act("0x" + "06" * 20, registry.call("accept", *args))

    accept(one, b"", True)  # sealed yet
    accept(other, cid("other"), True)
    label = "validation set of model 4"
    assert list(sets.labelled()) == [(label, b""), (label, cid("other"))]
    accept(one, cid("one"), True)
    accept(other, cid("other"), False)
    assert list(sets.labelled()) == [(label, cid("one"))]


def test_evaluations__posted__name_their_rows_and_losses() -> None:
    chain = FakeChain()
    registry = Registry(chain, "0x" + "05" * 20)
    posted = PostedEvaluations(cast(Evaluations, registry), chain, first_block=1)
    chain.act("0x" + "06" * 20, registry.call("post", 7, b"", cid("losses")))
    assert list(posted.labelled()) == [
        ("validation set of evaluation 7", b""),
        ("losses of evaluation 7", cid("losses")),
    ]


def test_policies__with_terms_of_use__name_them() -> None:
    rules = [SimpleNamespace(terms_cid=b""), SimpleNamespace(terms_cid=cid("terms"))]
    policies = SimpleNamespace(n_policies=lambda: 2, rules=lambda number: rules[number - 1])
    assert list(PolicyTerms(cast(AccessPolicy, policies)).labelled()) == [
        ("terms of policy 1", b""),
        ("terms of policy 2", cid("terms")),
    ]
