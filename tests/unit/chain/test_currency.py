"""Amounts in whole coins, exact; tokens that lie or are silent."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode

from cairn.chain import COIN, NATIVE_COIN, Call, Currencies, Currency, NodeUnreachable, Reverted
from cairn.chain.fakes import FakeChain

TOKEN = "0x" + "12" * 20


class Token(FakeChain):
    """Answers every read by its first four bytes."""

    def __init__(self, *answers: bytes | Exception) -> None:
        super().__init__()
        self.answers = list(answers)

    def read(self, call: Call, sender: str | None = None) -> bytes:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def text(value: str) -> bytes:
    return encode(["string"], [value])


def number(value: int) -> bytes:
    return encode(["uint256"], [value])


@pytest.mark.parametrize(
    ("units", "shown"),
    [
        (0, "0 coin"),
        (1, "0.000000000000000001 coin"),
        (5 * 10**17, "0.5 coin"),
        (2 * 10**18, "2 coin"),
        (100 * 10**18, "100 coin"),
        (2**256 - 1, f"{(2**256 - 1) // 10**18}.{(2**256 - 1) % 10**18} coin"),
    ],
)
def test_text__is_exact_and_read_back(units: int, shown: str) -> None:
    assert COIN.text(units) == shown
    assert COIN.units(shown.removesuffix(" coin")) == units


@pytest.mark.parametrize("wrong", ["", "much", "-1", "nan", "inf", "1e60", "0.0000000000000000001"])
def test_units__no_amount__says_so(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        COIN.units(wrong)


def test_currencies__a_token__is_asked_once() -> None:
    known = Currencies(Token(text("USD"), number(6)))
    assert known.get(TOKEN) is known.get(TOKEN)
    assert known.get(TOKEN).text(1_500_000) == "1.5 USD"
    assert known.get(NATIVE_COIN) is COIN


@pytest.mark.parametrize(
    "answers",
    [
        (b"",),  # no contract there
        (Reverted("no", "symbol"),),
        (text("USD"), number(256)),
        (text("USD"), number(78)),
        (text(""), number(6)),
        (b"MKR".ljust(32, b"\0"),),
    ],
)
def test_currencies__who_does_not_say_what_it_is__counts_in_units(
    answers: tuple[bytes | Exception, ...],
) -> None:
    assert Currencies(Token(*answers)).get(TOKEN) == Currency(TOKEN, "units", 0)


def test_currencies__node_away__is_not_taken_for_silence() -> None:
    known = Currencies(Token(NodeUnreachable("no"), text("USD"), number(6)))
    with pytest.raises(NodeUnreachable):
        known.get(TOKEN)
    assert known.get(TOKEN).symbol == "USD"
