"""Names without a chain. Nothing outside of tests imports this."""

from __future__ import annotations

from collections.abc import Mapping

from cairn.chain import COIN, NATIVE_COIN, Currency


class FakeNames:
    """Models by id, priced in coin; every token calls itself USD and has six decimals."""

    def __init__(
        self, models: Mapping[int, str], accounts: Mapping[str, str] | None = None
    ) -> None:
        self._models = models
        self._accounts = accounts or {}

    def model(self, model_id: int) -> str | None:
        return self._models.get(model_id)

    def price_in(self, model_id: int) -> Currency:
        return COIN if model_id in self._models else Currency("", "units", 0)

    def currency(self, address: str) -> Currency:
        return COIN if address == NATIVE_COIN else Currency(address, "USD", 6)

    def account(self, address: str) -> str | None:
        return self._accounts.get(address)
