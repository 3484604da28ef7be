"""What the shop's API signs is verified from the shell, and a lie signed by the same key is slashed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ape import accounts
from coincurve import PrivateKey

from cairn.cli._main import run
from cairn.devices import AIR_QUALITY
from cairn.domain.integers import pack_features
from cairn.domain.receipts import input_commitment, receipt_tree
from cairn.domain.signed_receipts import Prediction, SignedReceipt
from scripts._stage import OPERATOR_INDEX
from scripts._story import QUESTION, RESERVE_WEI
from tests.integration.shop.conftest import Shop

pytestmark = pytest.mark.slow

CHALLENGER = 9


def sold(shop: Shop, features: Sequence[int]) -> SignedReceipt:
    """A prediction bought over HTTP, with its receipt."""
    response = shop.ask_http(features)
    assert response.status_code == 200, response.text
    answer = response.json()
    [tensor] = answer["outputs"]
    said = pack_features(tensor["data"])
    return SignedReceipt.from_answer(answer["parameters"], [pack_features(features)], [said])


@pytest.fixture
def environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell of somebody who asked the shop."""
    for name, value in shop.stage.environment().items():
        if name.startswith("CAIRN_"):
            monkeypatch.setenv(name, value)


@pytest.fixture
def ledger(shop: Shop) -> Iterator[Any]:
    """The stake ledger; the operator's reserve is put back after a slash."""
    ledger = shop.cast.system.stake_ledger
    yield ledger
    if not ledger.reserve_wei(shop.cast.operator):
        ledger.deposit_reserve(value=RESERVE_WEI, sender=shop.cast.operator)
        shop.stage.advance(60, "receipts count again from now on")


@pytest.mark.usefixtures("environment")
def test_verify__of_the_api__holds_every_link(shop: Shop, tmp_path: Path, capsys) -> None:
    file = tmp_path / "receipt.json"
    file.write_bytes(sold(shop, AIR_QUALITY.encode(QUESTION)).to_json())
    assert run(["verify", str(file)]) == 0
    told = capsys.readouterr().out
    assert "held signature of operator" in told and f"{RESERVE_WEI} wei" in told
    assert run(["verify", str(file), "--challenge", f"TEST::{CHALLENGER}"]) == 1
    assert "nothing to challenge" in capsys.readouterr().err


@pytest.mark.usefixtures("environment")
def test_verify__lie_that_the_operator_signed__is_challenged_and_costs_the_reserve(
    shop: Shop, ledger: Any, tmp_path: Path, capsys
) -> None:
    signed = sold(shop, AIR_QUALITY.encode(QUESTION))
    [honest] = signed.predictions
    lie = Prediction(honest.salt, honest.features, pack_features([42]))
    pairs = [(input_commitment(one.salt, one.features), one.outputs) for one in (honest, lie)]
    receipt = replace(signed.receipt, root=receipt_tree(pairs).root)
    key = PrivateKey.from_hex(accounts.test_accounts[OPERATOR_INDEX].private_key[2:])
    forged = SignedReceipt(signed.domain, receipt, receipt.sign(key, signed.domain), (honest, lie))
    file = tmp_path / "lie.json"
    file.write_bytes(forged.to_json())

    assert run(["verify", str(file)]) == 3
    assert "of row 1" in capsys.readouterr().out
    assert ledger.reserve_wei(shop.cast.operator) == RESERVE_WEI
    challenger = accounts.test_accounts[CHALLENGER]
    before = ledger.bounty_wei(challenger)
    assert run(["verify", str(file), "--challenge", f"TEST::{CHALLENGER}"]) == 3
    assert "slashed: row 1 is wrong" in capsys.readouterr().out
    assert ledger.reserve_wei(shop.cast.operator) == 0
    assert ledger.bounty_wei(challenger) - before == RESERVE_WEI // 2
