"""`cairn operator init`, `status` and `withdraw`, on the real contracts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cairn.chain import NATIVE_COIN, ZERO_ADDRESS
from cairn.cli import cairn
from tests.integration._support import COIN, REQUESTER, RIGHT, WINDOW_S, Oracle

NEWCOMER = 7  # of the development mnemonic; not staked by the set-up

Command = Callable[..., Result]


@pytest.fixture
def command(
    oracle: Oracle, deployment_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.setenv("CAIRN_RPC_URL", oracle.anvil.url)
    monkeypatch.setenv("CAIRN_DEPLOYMENT", str(deployment_file))
    monkeypatch.setenv("CAIRN_OPERATOR_DATABASE", f"sqlite:///{tmp_path / 'operator.db'}")

    def run(*arguments: str, account: int = NEWCOMER) -> Result:
        return CliRunner().invoke(cairn, ["operator", *arguments, "--account", f"TEST::{account}"])

    return run


def status_of(command: Command) -> dict[str, object]:
    result = command("status", "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.output)
    return found


def test_operator_commands__from_nothing_to_earnings_and_out(
    oracle: Oracle, command: Command
) -> None:
    address = oracle.signer(NEWCOMER).address
    assert status_of(command)["stake_wei"] == 0

    model = str(oracle.model_id)
    result = command("init", "--stake", "2", "--model", model)
    assert result.exit_code == 0, result.output
    assert status_of(command)["stake_wei"] == 2 * COIN
    assert command("init", "--stake", "2.5").exit_code == 0  # what is missing
    again = command("init", "--stake", "2.5", "--model", model)
    assert "are staked already" in again.output and "is served already" in again.output
    command("init", "--stake", "1")
    status = status_of(command)
    assert status["account"] == address
    assert status["free_wei"] == status["stake_wei"] == 5 * COIN // 2
    assert status["serves"] == [oracle.model_id]

    # He answers by hand what the worker would have answered.
    request_id = oracle.ask(operator=NEWCOMER)
    oracle.send(NEWCOMER, oracle.market.answer(request_id, RIGHT))
    assert status_of(command)["locked_wei"] == COIN
    oracle.anvil.advance(WINDOW_S + 1)
    oracle.send(REQUESTER, oracle.market.settle([request_id]))
    assert status_of(command)["owed"] == {NATIVE_COIN: oracle.price // 2}

    result = command("withdraw", "--unbond", "2.5")
    assert result.exit_code == 0, result.output
    assert f"earnings: {oracle.price // 2} of {NATIVE_COIN}" in result.output
    assert oracle.market.owed(address, NATIVE_COIN) == 0
    assert status_of(command)["unbonding_wei"] == 5 * COIN // 2
    assert "ready in" in command("withdraw").output

    oracle.anvil.advance(14 * 86_400)
    before = oracle.system.node.balance_wei(address)
    result = command("withdraw")
    assert f"stake: {5 * COIN // 2} wei" in result.output
    assert oracle.system.node.balance_wei(address) > before + 2 * COIN
    assert status_of(command)["unbonding_wei"] == 0


def test_operator_status__for_people__tells_stake_and_jobs(command: Command) -> None:
    result = command("status", account=4)
    assert result.exit_code == 0, result.output
    assert "stake" in result.output and "serves     model 1" in result.output


@pytest.mark.parametrize("amount", ["0", "-1", "much", "0.0000000000000000001"])
def test_operator_init__no_amount__is_a_usage_error(command: Command, amount: str) -> None:
    result = command("init", "--stake", amount)
    assert result.exit_code == 2 and "--stake" in result.output


def test_operator_init__no_such_model__names_the_reason(command: Command) -> None:
    result = command("init", "--model", "99")
    assert result.exit_code == 1
    assert "registry: unknown model" in str(result.exception)


def test_operator_withdraw__more_than_is_free__names_the_reason(command: Command) -> None:
    result = command("withdraw", "--unbond", "1000", account=4)
    assert result.exit_code == 1
    assert "unbonding: more than is free" in str(result.exception)
    assert ZERO_ADDRESS not in result.output
