"""`ape run predict` and `ape run propose`, on the demo's set-up."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from cairn.devices import AIR_QUALITY
from scripts._deployment import ROOT
from scripts._story import PRICE_WEI, QUESTION
from scripts.predict import cli as predict
from scripts.propose import cli as propose
from tests.integration.shop.conftest import Shop

pytestmark = pytest.mark.slow

BUYER = "TEST::5"


def asked(**changes: str | None) -> list[str]:
    """The options of the story's question, some changed or left out."""
    pairs = {**QUESTION, **changes}
    return [f"--set={name}={value}" for name, value in pairs.items() if value is not None]


def buy(shop: Shop, *options: object, question: list[str] | None = None) -> Result:
    return shop.run(
        predict,
        *(asked() if question is None else question),
        *("--account", BUYER, "--yes"),
        *(options or ("--model", shop.cast.model_id)),
    )


def answer_in(result: Result) -> list[int]:
    assert result.exit_code == 0, result.output
    integers: list[int] = json.loads(result.output.splitlines()[-1])["integers"]
    return integers


def check_refused(shop: Shop, result: Result, reason: str, balance: int) -> None:
    """Assert that a purchase failed for a reason, in one line, and cost nothing."""
    assert result.exit_code != 0, result.output
    errors = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, result.output
    assert reason in errors[0]
    assert "Traceback" not in result.output
    assert shop.cast.buyer.balance == balance


def test_scripts__listed_by_ape__are_all_there():
    """A script that Ape cannot load is no command, and nothing else would say so."""
    ape = Path(sys.executable).with_name("ape")
    listed = subprocess.run(
        [ape, "run", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in ("demo", "deploy", "gas", "predict", "propose", "up"):
        assert re.search(rf"^  {name} ", listed.stdout, re.MULTILINE), listed.stdout


def test_predict__question_of_the_story__prints_the_interpreters_integers(shop: Shop):
    before = shop.cast.buyer.balance
    result = buy(shop)
    expected = shop.program().run(AIR_QUALITY.encode(QUESTION))
    assert expected is not None
    assert answer_in(result) == list(expected)
    assert f"price: 0.5 coin ({PRICE_WEI} wei)" in result.output
    paid = before - shop.cast.buyer.balance
    assert PRICE_WEI < paid < PRICE_WEI + 10**16  # and gas


def test_predict__through_the_oracle__prints_the_interpreters_integers(
    shop: Shop, settle, monkeypatch
):
    monkeypatch.setattr("scripts.predict.DEADLINE_S", 120)
    result = buy(shop, "--model", shop.cast.model_id, "--oracle")
    expected = shop.program().run(AIR_QUALITY.encode(QUESTION))
    assert expected is not None
    assert answer_in(result) == list(expected)
    assert f"answered by {shop.cast.operator.address}" in result.output
    settle()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"wind": "3"}, "wind"),
        ({"humidity": None}, "humidity"),
        ({"humidity": "damp"}, "humidity is 'damp'"),
        ({"humidity": "101"}, "humidity is 101 %RH, outside [0, 100]"),
        ({"temperature": "nan"}, "temperature"),
    ],
)
def test_predict__feature_that_does_not_fit__is_named_and_nothing_paid(
    shop: Shop, changes: dict[str, Any], reason: str
):
    balance = shop.cast.buyer.balance
    check_refused(shop, buy(shop, question=asked(**changes)), reason, balance)


def test_predict__option_that_is_no_pair__is_named(shop: Shop):
    balance = shop.cast.buyer.balance
    result = buy(shop, question=["--set=humidity"])
    check_refused(shop, result, "--set humidity: write it as name=value", balance)
    result = buy(shop, question=[*asked(), "--set=humidity=1"])
    check_refused(shop, result, "--set humidity: given twice", balance)


def test_predict__price_above_the_limit__is_refused(shop: Shop):
    balance = shop.cast.buyer.balance
    result = buy(shop, "--model", shop.cast.model_id, "--max-price", PRICE_WEI - 1)
    check_refused(shop, result, f"above your limit of {PRICE_WEI - 1}", balance)


def test_predict__model_that_is_not_there__is_refused(shop: Shop):
    balance = shop.cast.buyer.balance
    check_refused(shop, buy(shop, "--model", 99), "unknown model", balance)


def test_predict__not_confirmed__pays_nothing(shop: Shop):
    balance = shop.cast.buyer.balance
    words = (*asked(), "--account", BUYER, "--model", shop.cast.model_id)
    assert shop.run(predict, *words).exit_code == 1  # nobody says yes
    assert shop.cast.buyer.balance == balance


def test_propose__from_proposal_to_execution__moves_the_alias(shop: Shop):
    registry, governor = shop.cast.system.model_registry, shop.cast.alliance.governor
    model_id = shop.cast.model_id

    def propose_(*words: object, account: int = 1) -> str:
        result = shop.run(propose, *words, "--account", f"TEST::{account}")
        assert result.exit_code == 0, result.output
        return result.output

    def show() -> dict[str, Any]:
        result = shop.run(propose, "show", proposal_id, "--json")
        assert result.exit_code == 0, result.output
        shown: dict[str, Any] = json.loads(result.output)
        return shown

    said = propose_("promote", "--model", model_id, "--version", 1)
    match = re.search(r"^proposal (\d+)$", said, re.MULTILINE)
    assert match, said
    proposal_id = match[1]
    assert f"make version 1 of model {model_id} `air-quality` production" in said
    shown = show()
    assert shown["state"] == "pending" and shown["warnings"] == []
    assert shown["actions"][0]["action"] == "promote"

    shop.stage.advance(governor.votingDelay() + 1, "voting begins")
    assert "voted for" in propose_("vote", proposal_id, "for", account=1)
    assert "voted for" in propose_("vote", proposal_id, "for", account=2)
    assert "voted against" in propose_("vote", proposal_id, "against", account=3)
    shown = show()
    assert shown["state"] == "active"
    assert shown["votes"]["for"] > shown["votes"]["against"] > 0

    early = shop.run(propose, "queue", proposal_id, "--account", BUYER)
    assert early.exit_code == 1
    assert early.output.startswith("Error: ")
    shop.stage.advance(governor.votingPeriod() + 1, "voting ends")
    assert show()["state"] == "succeeded"
    assert "queued; executable from" in propose_("queue", proposal_id)
    assert show()["state"] == "queued"
    shop.stage.advance(shop.cast.alliance.timelock.getMinDelay() + 1, "the delay is over")

    terms_id = registry.current_terms(model_id)
    assert "executed" in propose_("execute", proposal_id)
    assert show()["state"] == "executed"
    assert registry.current_terms(model_id) == terms_id + 1


def test_story__its_proposals__are_in_the_words_in_which_they_are_shown(shop: Shop):
    listed = shop.run(propose, "list", "--json")
    assert listed.exit_code == 0, listed.output
    numbers = {one["title"]: one["proposal"] for one in json.loads(listed.output)}
    shown = {}
    for title in ("Predict the air's gas resistance", "Promote version 1"):
        result = shop.run(propose, "show", numbers[title], "--json")
        assert result.exit_code == 0, result.output
        shown[title] = json.loads(result.output)
        assert all(one["action"] for one in shown[title]["actions"])
    # At the time of the first there was no model yet whose name its text could have told.
    assert shown["Promote version 1"]["warnings"] == []


def test_propose__unknown_proposal__is_refused_in_a_line(shop: Shop):
    result = shop.run(propose, "show", 99)
    assert result.exit_code == 1
    assert result.output.startswith("Error: no governor knows a proposal 99")
    assert result.output.count("\n") == 1


def test_propose__unknown_alliance__names_those_there_are(shop: Shop):
    result = shop.run(propose, "show", 99, "--alliance", "Nobody")
    assert result.exit_code == 1
    assert "no alliance 'Nobody'; there are: Air of the Three Valleys" in result.output
