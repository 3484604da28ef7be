"""Amounts as people write them: in whole coins of a currency, with its name."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from typing import Any

from cairn.chain._contract import Contract
from cairn.chain._errors import AbiError, ChainError, NodeUnreachable
from cairn.chain._node import Node
from cairn.chain._types import NATIVE_COIN, Call

MAX_DECIMALS = 77
"""Of a currency whose whole coin fits in 256 bits."""

_EXACT = Context(prec=160)


def _function(name: str, inputs: list[str], outputs: list[str]) -> dict[str, Any]:
    def named(types: list[str]) -> list[dict[str, str]]:
        return [{"name": "", "type": one} for one in types]

    return {"type": "function", "name": name, "inputs": named(inputs), "outputs": named(outputs)}


class Erc20(Contract):
    """A token, as far as its amounts are shown and sent."""

    NAME = "ERC-20"
    ABI = (
        _function("symbol", [], ["string"]),
        _function("decimals", [], ["uint8"]),
        _function("balanceOf", ["address"], ["uint256"]),
        _function("transfer", ["address", "uint256"], ["bool"]),
    )

    def __init__(self, node: Node, address: str) -> None:
        super().__init__(node, address, list(self.ABI))

    def symbol(self) -> str:
        return str(self.read("symbol"))

    def decimals(self) -> int:
        return int(self.read("decimals"))

    def transfer(self, receiver: str, amount: int) -> Call:
        return self.call("transfer", receiver, amount)


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency's name and how many decimals its whole coin has, by what its contract says."""

    address: str
    symbol: str
    """What the contract calls itself: anybody's choice, so show the address beside it."""
    decimals: int

    @property
    def is_native(self) -> bool:
        return self.address == NATIVE_COIN

    def text(self, amount: int) -> str:
        """An amount in the smallest unit as `0.5 coin`, exact."""
        whole = Decimal(amount).scaleb(-self.decimals, _EXACT)
        digits = format(whole, "f")
        if "." in digits:
            digits = digits.rstrip("0").rstrip(".")
        return f"{digits} {self.symbol}"

    def units(self, text: str) -> int:
        """`0.5` whole coins in the smallest unit; raises ValueError for what is no such amount."""
        try:
            units = Decimal(text).scaleb(self.decimals, _EXACT)
            whole = units == units.to_integral_value()
        except InvalidOperation:
            raise ValueError(f"{text!r} is not an amount such as 2.5") from None
        if not whole or not 0 <= units < 2**256:
            raise ValueError(
                f"{text!r} is not an amount of {self.symbol}, which has {self.decimals} decimals"
            )
        return int(units)


COIN = Currency(NATIVE_COIN, "coin", 18)
"""The chain's native coin."""


class Currencies:
    """Looks currencies up, each once. A contract that does not say what it is counts in its smallest
    unit, called `units`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._known = {NATIVE_COIN: COIN}

    def get(self, address: str) -> Currency:
        """Raises `NodeUnreachable`."""
        if address not in self._known:
            self._known[address] = self._look(address)
        return self._known[address]

    def _look(self, address: str) -> Currency:
        token = Erc20(self._node, address)
        try:
            symbol, decimals = token.symbol(), token.decimals()
        except NodeUnreachable:
            raise
        except (AbiError, ChainError, ValueError):
            return Currency(address, "units", 0)
        if decimals > MAX_DECIMALS or not symbol:
            return Currency(address, "units", 0)
        return Currency(address, symbol, decimals)
