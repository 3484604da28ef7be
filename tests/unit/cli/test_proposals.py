"""Proposals from a file: what is read is what stands there, and nothing is ignored."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from cairn.chain import Terms
from cairn.chain.fakes import FakeChain
from cairn.cli._drafting import Desk, Request, read_requests
from cairn.governance import Action, ActionError, parse
from cairn.governance.fakes import FakeNames

NAMES = FakeNames({1: "air-quality"})
TERMS = Terms(1, 2, bytes(32), 4, 10**18, 3_000, 5_000, 3_600, 2 * 10**18, 0)
STRANGER = "0x" + "77" * 20


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "actions.yaml"
    path.write_text(text)
    return path


@pytest.fixture
def desk() -> Desk:
    """Of an alliance whose model 1 is for sale."""
    made = Desk.__new__(Desk)
    models = SimpleNamespace(
        current_terms=lambda model_id: 5 if model_id == 1 else 0, terms=lambda _: TERMS
    )
    made.system = SimpleNamespace(node=FakeChain(), models=models)  # type: ignore[assignment]
    made.names = NAMES  # type: ignore[assignment]
    return made


@pytest.mark.parametrize(
    ("entry", "name", "value"),
    [
        (f"spend, receiver: {STRANGER}, amount: 1.123456789012345678", "amount", 1123456789012345678),
        (f"spend, receiver: {STRANGER}, amount: 010", "amount", 10 * 10**18),
        (f"spend, receiver: {STRANGER}, amount: 1", "receiver", STRANGER),
        ("cancel-round, round: 010", "round_id", 10),
        ("voting-delay, voting-delay: 90", "voting_delay", 90),
        ("validation-set, model: 1, validation-root: 0x" + "01" * 32, "validation_root", b"\1" * 32),
        ("validation-set, model: 1, accepted: no, validation-root: 0x" + "01" * 32, "accepted", False),
    ],
)  # fmt: skip
def test_read_requests__unquoted_value__is_the_text_that_stands_there(
    tmp_path: Path, entry: str, name: str, value: object
) -> None:
    [request] = read_requests(written(tmp_path, f"- {{action: {entry}}}\n"))
    assert parse(request.kind, request.given, NAMES, 0).arguments[name] == value


def test_read_requests__sexagesimal_time__is_refused_rather_than_90(tmp_path: Path) -> None:
    [request] = read_requests(written(tmp_path, "- {action: voting-delay, voting-delay: 1:30}\n"))
    assert request.given == {"voting_delay": "1:30"}
    with pytest.raises(ActionError, match="not a time"):
        parse(request.kind, request.given, NAMES, 0)


def test_policy__from_a_file__is_the_terms_in_force_with_it(tmp_path: Path, desk: Desk) -> None:
    requests = read_requests(written(tmp_path, "- {action: policy, model: 1, policy: 3}\n"))
    kept = {
        "model_id": 1, "price": 10**18, "operator_bps": 3_000, "holders_bps": 5_000,
        "window_s": 3_600, "lock_wei": 2 * 10**18,
    }  # fmt: skip
    assert desk.actions(requests) == [Action("terms", {**kept, "policy_id": 3})]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("policy, model: one, policy: 3", "policy, model_id: 'one' is not a whole number"),
        ("policy, model: 1, policy: -3", "policy, policy_id: '-3' is not a whole number"),
        ("policy, model: 1", "policy lacks policy_id"),
        ("policy, model: 1, policy: 3, price: 2", "policy takes no price"),
        ("policy, model: 2, policy: 3", "model 2 is not for sale"),
        (f"admit, devices: {STRANGER}, alliance: Other", "admit takes no alliance"),
        (f"expel, owner: {STRANGER}, device: {STRANGER}", "expel takes no device"),
    ],
)
def test_actions__what_is_none__names_it(
    tmp_path: Path, desk: Desk, entry: str, reason: str
) -> None:
    requests = read_requests(written(tmp_path, f"- {{action: {entry}}}\n"))
    with pytest.raises(ActionError, match=reason):
        desk.actions(requests)


def test_actions__from_the_command_line__take_numbers_too(desk: Desk) -> None:
    [action] = desk.actions([Request("policy", {"model_id": 1, "policy_id": 0})])
    assert action.arguments["policy_id"] == 0
