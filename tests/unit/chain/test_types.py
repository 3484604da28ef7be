"""The typed clients say what the contracts say, field by field."""

from dataclasses import fields, is_dataclass

import pytest

from cairn import chain
from cairn.chain import load_abi

CONTRACTS = (
    "AccessPolicy",
    "DeviceRegistry",
    "Evaluations",
    "Governor",
    "InferenceMarket",
    "ModelRegistry",
    "PacketFeatures",
    "ProgramStore",
    "ReceiptJudge",
    "ShareToken",
    "StakeLedger",
    "Timelock",
    "TrainingRounds",
)
STRUCTS = {
    chain.Device: ("DeviceRegistry", "device"),
    chain.Batch: ("DeviceRegistry", "batch"),
    chain.Model: ("ModelRegistry", "model"),
    chain.Version: ("ModelRegistry", "version"),
    chain.Terms: ("ModelRegistry", "terms"),
    chain.Standing: ("ModelRegistry", "standing"),
    chain.Evaluation: ("Evaluations", "evaluation"),
    chain.Rules: ("AccessPolicy", "rules"),
    chain.Plan: ("TrainingRounds", "plan"),
    chain.Update: ("TrainingRounds", "update"),
    chain.Aggregate: ("TrainingRounds", "aggregate_of"),
    chain.MarketRequest: ("InferenceMarket", "get_request"),
    chain.Root: ("InferenceMarket", "get_root"),
}
EVENTS = {
    entry["name"]: [value["name"] for value in entry["inputs"]]
    for contract in CONTRACTS
    for entry in load_abi(contract)
    if entry["type"] == "event"
}
TYPES = [
    kind for name in chain.__all__ if is_dataclass(kind := getattr(chain, name)) and name in EVENTS
]


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda kind: kind.__name__)
def test_struct__fields__are_the_contracts(struct):
    contract, function = STRUCTS[struct]
    [entry] = [e for e in load_abi(contract) if e.get("name") == function]
    [output] = entry["outputs"]
    assert [f.name for f in fields(struct)] == [c["name"] for c in output["components"]]


@pytest.mark.parametrize("event", TYPES, ids=lambda kind: kind.__name__)
def test_event__fields__are_in_the_contracts(event):
    assert {f.name for f in fields(event)} <= set(EVENTS[event.__name__])


def test_types__of_every_event_that_is_read__are_compared():
    assert len(TYPES) >= 25
