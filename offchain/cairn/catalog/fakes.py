"""A chain whose contracts say what a test tells them to. Nothing outside of tests imports this."""

from __future__ import annotations

from typing import Any

from cairn.catalog._facts import (
    OF_CHARTERS,
    OF_EVALUATIONS,
    OF_FACTORY,
    OF_GOVERNORS,
    OF_LEDGER,
    OF_REGISTRY,
)
from cairn.catalog._follow import Sources
from cairn.chain import AllianceLaunched, Node
from cairn.chain.fakes import FakeChain, FakeContract

SENDER = "0x" + "99" * 20


class Speaker(FakeContract):
    """Says an event when told to."""

    def __init__(self, chain: FakeChain, address: str, events: tuple[type[Any], ...]) -> None:
        super().__init__(chain, address)
        self.EVENTS = events
        self._said: list[Any] = []

    def state(self) -> dict[str, Any]:
        return {}

    def say(self, event: Any) -> None:
        """In a block of its own."""
        self._said.append(event)
        self.chain.act(SENDER, self.call("say", len(self._said) - 1))

    def do_say(self, _sender: str, _value: int, index: int) -> None:
        self.emit(self._said[index])


class FakeWorld:
    """The shared contracts, and alliances once they are launched."""

    def __init__(self) -> None:
        self.chain = FakeChain()
        self.factory = Speaker(self.chain, "0x" + "f0" * 20, OF_FACTORY)
        self.registry = Speaker(self.chain, "0x" + "a0" * 20, OF_REGISTRY)
        self.ledger = Speaker(self.chain, "0x" + "b0" * 20, OF_LEDGER)
        self.evaluations = Speaker(self.chain, "0x" + "c0" * 20, OF_EVALUATIONS)
        self._speakers: dict[str, Speaker] = {}
        self.chain.mine()  # their creation

    def launch(self, number: int, name: str, currency: str = "0x" + "ee" * 20) -> AllianceLaunched:
        """Alliance number n: its addresses follow from n."""
        parts: dict[str, Any] = {
            part: f"0x{number:02x}{index:02x}".ljust(42, "0")
            for index, part in enumerate(("alliance", "charter", "shares", "governor"), start=1)
        }
        event = AllianceLaunched(
            launcher=SENDER, name=name, symbol=name[:3].upper(), currency=currency, **parts
        )
        self.factory.say(event)
        return event

    def governor(self, launched: AllianceLaunched) -> Speaker:
        return self._at(launched.governor, OF_GOVERNORS)

    def charter(self, launched: AllianceLaunched) -> Speaker:
        return self._at(launched.charter, OF_CHARTERS)

    def _at(self, address: str, events: tuple[type[Any], ...]) -> Speaker:
        if address not in self._speakers:
            speaker = Speaker(self.chain, address, events)
            self._speakers[address] = speaker
            self._speakers[speaker.address] = speaker
        return self._speakers[address]

    def sources(self, **settings: Any) -> Sources:
        def governor_at(_: Node, address: str) -> Speaker:
            return self._at(address, OF_GOVERNORS)

        def charter_at(_: Node, address: str) -> Speaker:
            return self._at(address, OF_CHARTERS)

        return Sources(
            node=self.chain,
            chain_id=self.chain.chain_id,
            factory=self.factory,
            registry=self.registry,
            ledger=self.ledger,
            evaluations=self.evaluations,
            governor_at=governor_at,
            charter_at=charter_at,
            **settings,
        )
