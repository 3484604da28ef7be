"""What models are paid in: the native coin, or an ERC-20."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import click
from ape import Contract
from ape.api import AccountAPI
from ape.contracts import ContractInstance
from ape.exceptions import ApeException

from cairn.chain import NATIVE_COIN

# What is used of a model's currency, if that is a token.
ERC20 = [
    {
        "type": "function",
        "name": name,
        "stateMutability": mutability,
        "inputs": [{"name": f"arg{i}", "type": kind} for i, kind in enumerate(inputs)],
        "outputs": [{"name": "", "type": output}],
    }
    for name, mutability, inputs, output in (
        ("symbol", "view", (), "string"),
        ("decimals", "view", (), "uint8"),
        ("allowance", "view", ("address", "address"), "uint256"),
        ("approve", "nonpayable", ("address", "uint256"), "bool"),
    )
]


@dataclass(frozen=True)
class Currency:
    """What a model is paid in. Amounts are integers of its smallest unit."""

    address: str
    symbol: str
    decimals: int

    @classmethod
    def at(cls, address: str) -> Currency:
        """A token is asked for its symbol and decimals; one that has none is counted in units."""
        if address.lower() == NATIVE_COIN.lower():
            return cls(address, "coin", 18)
        token = Contract(address, abi=ERC20)
        try:
            symbol, decimals = str(token.symbol()), int(token.decimals())
        except (ApeException, ValueError):
            symbol, decimals = "units", 0
        return cls(address, symbol if symbol.isalnum() else "units", decimals)

    @property
    def is_native(self) -> bool:
        return self.address.lower() == NATIVE_COIN.lower()

    def text(self, amount: int) -> str:
        """For people, with the integer that --max-price takes."""
        whole = f"{Decimal(amount).scaleb(-self.decimals).normalize():f}"
        of = "wei" if self.is_native else f"of {self.address}"
        return f"{whole} {self.symbol} ({amount} {of})"

    def approve(self, market: ContractInstance, amount: int, buyer: AccountAPI) -> None:
        """Let the market take an amount of a token from the buyer, if it may not yet."""
        if self.is_native:
            return
        token = Contract(self.address, abi=ERC20)
        allowed = token.allowance(buyer, market)
        if allowed >= amount:
            return
        if allowed:
            # Some tokens change an allowance only from and to zero.
            token.approve(market, 0, sender=buyer)
        token.approve(market, amount, sender=buyer)
        click.echo(f"approved {self.text(amount)} for the market")
