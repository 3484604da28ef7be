"""What a wallet is told and made to do, against tokens on a chain and a market that is played."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from cairn.chain import NATIVE_COIN, Status
from scripts import predict
from scripts._currency import Currency
from scripts._deployment import DeploymentError
from scripts.predict import ask_oracle, take_back


@pytest.fixture
def token(project, accounts):
    """An ERC-20 that has neither symbol nor decimals."""
    return accounts[0].deploy(project.FeeToken, 0)


def test_currency__native__is_said_in_coin_and_in_wei():
    assert Currency.at(NATIVE_COIN).text(5 * 10**17) == "0.5 coin (500000000000000000 wei)"
    assert Currency.at(NATIVE_COIN).text(100 * 10**18).startswith("100 coin ")


def test_currency__token__is_said_in_its_own_unit():
    currency = Currency("0x11", "USDC", 6)
    assert currency.text(2_500_000) == "2.5 USDC (2500000 of 0x11)"


def test_currency__token_that_says_nothing_of_itself__is_counted_in_units(token):
    currency = Currency.at(token.address)
    assert currency.text(70) == f"70 units (70 of {token.address})"


def test_approve__what_is_allowed_already__decides(token, accounts):
    market, buyer = accounts[1], accounts[2]
    currency = Currency.at(token.address)
    currency.approve(market, 100, buyer)
    assert token.allowance(buyer, market) == 100
    nonce = buyer.nonce
    currency.approve(market, 60, buyer)
    assert (token.allowance(buyer, market), buyer.nonce) == (100, nonce)
    currency.approve(market, 150, buyer)
    assert (token.allowance(buyer, market), buyer.nonce) == (150, nonce + 2)  # to zero first


def test_approve__native_coin__needs_none(accounts):
    nonce = accounts[2].nonce
    Currency.at(NATIVE_COIN).approve(accounts[1], 100, accounts[2])
    assert accounts[2].nonce == nonce


class Market:
    """A market with one request, 7, of an account; `statuses` is what it says, one after another."""

    def __init__(self, *statuses: Status, deadline: int = 0, owed: int = 0) -> None:
        self.statuses = list(statuses)
        self.deadline = deadline
        self.amount = owed
        self.sent: list[str] = []
        self.Requested = None

    def get_request(self, request_id: int) -> Any:
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return SimpleNamespace(
            status=int(status), requester="me", deadline=self.deadline, terms_id=3
        )

    def request(self, *_: Any, **__: Any) -> Any:
        event = SimpleNamespace(request_id=7)
        return SimpleNamespace(decode_logs=lambda _: [event], block_number=1)

    def refund(self, request_id: int, sender: Any) -> None:
        self.sent.append(f"refund {request_id}")
        self.amount = 5 * 10**17

    def owed(self, account: Any, currency: str) -> int:
        return self.amount

    def pay(self, account: Any, currency: str, sender: Any) -> None:
        self.sent.append("pay")


REGISTRY = SimpleNamespace(
    terms=lambda _: SimpleNamespace(model_id=1),
    model=lambda _: SimpleNamespace(currency=NATIVE_COIN),
)
ME = SimpleNamespace(address="me")


@pytest.fixture
def clock(monkeypatch):
    """The chain's clock stands at 1,000; nobody waits between two looks."""
    provider = SimpleNamespace(get_block=lambda _: SimpleNamespace(timestamp=1_000))
    monkeypatch.setattr(predict, "chain", SimpleNamespace(provider=provider))
    naps: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: float(len(naps)), sleep=naps.append)
    monkeypatch.setattr(predict, "time", clock)
    return naps


@pytest.mark.parametrize(
    ("last", "reason"), [(Status.SLASHED, "proved wrong"), (Status.REFUNDED, "was refunded")]
)
def test_ask_oracle__request_ended_without_an_answer__says_so_at_once(clock, last, reason):
    market = Market(Status.OPEN, last)
    with pytest.raises(DeploymentError, match=rf"{reason}; .*--refund 7"):
        ask_oracle(market, 1, b"", 1, 1, ME)
    assert len(clock) == 1


def test_ask_oracle__answered_again_after_a_lie__returns_what_stands(clock, monkeypatch):
    monkeypatch.setattr(predict.chain, "blocks", SimpleNamespace(height=9), raising=False)
    market = Market(Status.OPEN, Status.ANSWERED)
    answers = [
        SimpleNamespace(request_id=one, operator="him", challengeable_until=1, outputs=outputs)
        for one, outputs in ((7, b"a lie"), (6, b"another's"), (7, b"right"), (8, b"another's"))
    ]
    market.Answered = SimpleNamespace(range=lambda first, last: iter(answers))
    assert ask_oracle(market, 1, b"", 1, 1, ME) == b"right"


def test_ask_oracle__nobody_answers__gives_up_and_says_how_to_be_paid_back(clock):
    with pytest.raises(DeploymentError, match="nobody answered in time: .*--refund 7"):
        ask_oracle(Market(Status.OPEN), 1, b"", 1, 1, ME)
    assert len(clock) == predict.DEADLINE_S + 1


def test_take_back__nobody_answered__refunds_and_pays_out(clock, capsys):
    market = Market(Status.OPEN, deadline=999)
    take_back(market, REGISTRY, 7, ME)
    assert market.sent == ["refund 7", "pay"]
    assert "paid out: 0.5 coin" in capsys.readouterr().out


@pytest.mark.parametrize("status", [Status.SLASHED, Status.REFUNDED])
def test_take_back__ended_already__pays_out_what_is_owed(clock, capsys, status):
    market = Market(status, owed=10**18)
    take_back(market, REGISTRY, 7, ME)
    assert market.sent == ["pay"]
    again = Market(status)
    take_back(again, REGISTRY, 7, ME)
    assert again.sent == []
    assert "paid out before" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("market", "reason"),
    [
        (Market(Status.OPEN, deadline=1_000), "still open: it may be refunded in 1 s"),
        (Market(Status.ANSWERED), "was answered"),
        (Market(Status.SETTLED), "was answered"),
        (Market(Status.NONE), "no request 7"),
    ],
)
def test_take_back__nothing_to_take__says_why_and_sends_nothing(clock, market, reason):
    with pytest.raises(DeploymentError, match=reason):
        take_back(market, REGISTRY, 7, ME)
    assert market.sent == []


def test_take_back__request_of_another__is_refused(clock):
    market = Market(Status.OPEN, deadline=999)
    with pytest.raises(DeploymentError, match="request 7 is of me"):
        take_back(market, REGISTRY, 7, SimpleNamespace(address="stranger"))
    assert market.sent == []


@pytest.mark.parametrize("options", [[], ["--model", "1", "--refund", "7"]])
def test_predict__neither_model_nor_request_or_both__is_a_wrong_command_line(options):
    result = CliRunner().invoke(predict.cli, [*options, "--account", "x", "--network", "::test"])
    assert result.exit_code != 0
    assert "--model" in result.output and "--refund" in result.output
