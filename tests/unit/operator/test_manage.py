"""What an operator does by hand: the reserve behind receipts, and where he is found."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cairn.operator import OperatorError, manage, read_status
from cairn.operator.manage import initialise, list_endpoint, withdraw, withdraw_listing

ACCOUNT = "0x" + "1" * 40
COIN = 10**18
NOW = 1_700_000_000
UNBONDING_S = 14 * 86_400
ENDPOINT = "https://node.example/"


class Ledger:
    """StakeLedger of one operator: amounts in wei, `do` applies a call."""

    def __init__(self) -> None:
        self.amounts = {"stake": 0, "unbonding": 0, "reserve": 0, "reserve_unbonding": 0}

    def deposit_reserve(self, amount_wei: int) -> tuple[str, int]:
        return ("reserve", amount_wei)

    def begin_unbonding_reserve(self, amount_wei: int) -> tuple[str, int]:
        return ("reserve_unbonding", amount_wei)

    def withdraw_reserve(self) -> tuple[str, int]:
        return ("reserve_out", 0)

    def do(self, name: str, amount_wei: int) -> None:
        if name == "reserve_out":
            self.amounts["reserve_unbonding"] = 0
            return
        self.amounts[name] += amount_wei
        if name == "reserve_unbonding":
            self.amounts["reserve"] -= amount_wei

    def __getattr__(self, name: str) -> Any:
        if name.endswith("_ready_at"):
            return lambda _: NOW + UNBONDING_S
        amounts = {"stake": "stake", "free": "stake", "bounty": None, "locked": None}
        key = amounts.get(name.removesuffix("_wei"), name.removesuffix("_wei"))
        return lambda _: self.amounts[key] if key else 0


class Models:
    """ModelRegistry with a model and a listing of it."""

    def __init__(self) -> None:
        self.endpoint = ""

    def n_models(self) -> int:
        return 1

    def model(self, model_id: int) -> SimpleNamespace:
        return SimpleNamespace(name="air", currency="0x" + "ee" * 20)

    def listing(self, model_id: int, operator: str) -> tuple[str, bool]:
        return self.endpoint, True

    def list_endpoint(self, model_id: int, endpoint: str) -> tuple[str, str]:
        return ("list", endpoint)

    def withdraw_listing(self, model_id: int) -> tuple[str, str]:
        return ("list", "")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = SimpleNamespace(
        stakes=Ledger(),
        models=Models(),
        market=SimpleNamespace(owed=lambda *_: 0),
        network=SimpleNamespace(chain_id=1),
        now=NOW,
        sent=0,
    )
    made.node = SimpleNamespace(
        nonce=lambda *_, **__: 0,
        balance_wei=lambda _: 0,
        head=lambda: SimpleNamespace(number=9, timestamp=made.now),
    )
    made.stakes.is_serving = lambda *_: False

    class Sender:
        address = ACCOUNT

        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def send(self, call: tuple[str, Any]) -> None:
            made.sent += 1
            if call[0] == "list":
                made.models.endpoint = call[1]
            else:
                made.stakes.do(*call)

    monkeypatch.setattr(manage, "Sender", Sender)
    monkeypatch.setattr(
        manage, "connect_to_sign", lambda _: (made, SimpleNamespace(address=ACCOUNT))
    )
    return made


def done(lines: Any) -> str:
    return "\n".join(lines)


def test_initialise__reserve__is_brought_up_to_the_amount(world: SimpleNamespace) -> None:
    assert "reserved 2" in done(initialise(None, reserve_wei=2 * COIN))  # type: ignore[arg-type]
    done(initialise(None, reserve_wei=3 * COIN))  # type: ignore[arg-type]
    assert world.stakes.amounts["reserve"] == 3 * COIN
    told = done(initialise(None, reserve_wei=COIN))  # type: ignore[arg-type]
    assert "are reserved already" in told and world.sent == 2


def test_initialise__transaction_on_its_way__deposits_no_second_reserve(
    world: SimpleNamespace,
) -> None:
    world.node.nonce = lambda _, pending=False: int(pending)
    with pytest.raises(OperatorError, match="one may be a deposit"):
        done(initialise(None, reserve_wei=COIN))  # type: ignore[arg-type]
    assert world.sent == 0


def test_withdraw__reserve__leaves_after_the_wait(world: SimpleNamespace) -> None:
    done(initialise(None, reserve_wei=3 * COIN))  # type: ignore[arg-type]
    told = done(withdraw(None, unbond_reserve_wei=COIN))  # type: ignore[arg-type]
    assert f"unbonding reserve: {COIN} wei, ready in {UNBONDING_S} s" in told
    status = read_status(world, ACCOUNT)  # type: ignore[arg-type]
    assert (status.reserve_wei, status.reserve_unbonding_wei) == (2 * COIN, COIN)
    assert "reserve    2 coin behind receipts, 1 coin unbonding" in status.as_text()
    assert "unbonding reserve" in done(withdraw(None))  # type: ignore[arg-type]
    world.now += UNBONDING_S
    assert done(withdraw(None)) == f"reserve: {COIN} wei"  # type: ignore[arg-type]
    assert world.stakes.amounts["reserve_unbonding"] == 0


def test_withdraw__all__calls_the_reserve_back_too(world: SimpleNamespace) -> None:
    done(initialise(None, reserve_wei=3 * COIN))  # type: ignore[arg-type]
    done(withdraw(None, unbond_all=True))  # type: ignore[arg-type]
    assert world.stakes.amounts["reserve"] == 0
    assert world.stakes.amounts["reserve_unbonding"] == 3 * COIN


def test_list_endpoint__url__is_listed_until_it_is_withdrawn(world: SimpleNamespace) -> None:
    assert ENDPOINT in done(list_endpoint(None, 1, ENDPOINT))  # type: ignore[arg-type]
    status = read_status(world, ACCOUNT)  # type: ignore[arg-type]
    assert status.listings == {1: ENDPOINT} and f"model 1 at {ENDPOINT}" in status.as_text()
    assert "already" in done(list_endpoint(None, 1, ENDPOINT))  # type: ignore[arg-type]
    assert world.sent == 1
    done(withdraw_listing(None, 1))  # type: ignore[arg-type]
    assert "is not listed" in done(withdraw_listing(None, 1))  # type: ignore[arg-type]
    assert (world.models.endpoint, world.sent) == ("", 2)


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        ("node.example", "is no endpoint: write a URL"),
        ("https://node.example/\x1b[2J", "is no endpoint"),
        ("https://" + "a" * 121, "more than 128 bytes"),
    ],
)
def test_list_endpoint__what_nobody_could_open__is_refused(
    world: SimpleNamespace, endpoint: str, reason: str
) -> None:
    with pytest.raises(OperatorError, match=reason):
        done(list_endpoint(None, 1, endpoint))  # type: ignore[arg-type]
    assert world.sent == 0
