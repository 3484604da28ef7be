"""What a proposal's calls do, for people who vote on them; and what is not understood of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cairn.chain import (
    NATIVE_COIN,
    Call,
    ChainError,
    Currencies,
    Currency,
    NodeUnreachable,
    Reverted,
    System,
)
from cairn.domain.text import printable
from cairn.governance._actions import (
    KINDS,
    Action,
    ActionError,
    Contracts,
    recognise,
    role_of,
    words,
)
from cairn.governance._words import Names, coin

MAX_DESCRIPTION = 4_096
"""Bytes, the governor's bound."""

RAW_BYTES = 64
"""Of a call that is not understood, shown in its words; all of it is beside them."""


@dataclass(frozen=True)
class Described:
    """One call of a proposal."""

    words: str
    action: Action | None
    """The named action that makes exactly this call; None: read the warnings."""
    details: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def describe(call: Call, contracts: Contracts, names: Names) -> Described:
    """A call in plain words; one that no named action makes is shown as what it is, with a warning."""
    action = recognise(call, contracts)
    if action is not None:
        return Described(
            words(action, names), action, _details(action), tuple(_doubts(action, names))
        )
    role = role_of(call.to, contracts)
    said = contracts.at[role].read_call(call.data) if role is not None else None
    along = f", sending {coin(call.value)} along" if call.value else ""
    if role is not None and said is not None:
        shown = f"call {said[0]}({', '.join(map(_plain, said[1]))}) of the {role}{along}"
        doubt = "no named action makes this call: have it read by somebody who knows the contract"
        return Described(shown, None, (_raw(call),), (doubt,))
    what = f"{len(call.data)} bytes of data" if call.data else "no data"
    shown = f"call {call.to} with {what}{along}"
    if role is None:
        doubt = "neither the contract nor the call is known: do not vote for what nobody explains"
    else:
        doubt = (
            f"it calls the {role}, but its data is not what arguments of any of its functions encode "
            "to: it was made by hand, or tampered with"
        )
    return Described(shown, None, (_raw(call),), (doubt,))


def _details(action: Action) -> tuple[str, ...]:
    """What the words left out."""
    return tuple(one for name in ("devices", "callers") for one in action.arguments.get(name, ()))


def _doubts(action: Action, names: Names) -> list[str]:
    found = []
    if action.kind == "spend" and action.arguments["currency"] != NATIVE_COIN:
        token = action.arguments["currency"]
        if names.account(token) is None:
            called = printable(names.currency(token).symbol)
            found.append(
                f"any contract may call itself {called!r}: see that {token} is the token you mean"
            )
    model_id = action.arguments.get("model_id")
    if model_id is not None and names.model(model_id) is None:
        found.append(f"there is no model {model_id} now")
    return found


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        shown = value.hex()
        return "0x" + (shown if len(value) <= RAW_BYTES else shown[: 2 * RAW_BYTES] + "…")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_plain(one)}" for name, one in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return printable(str(value))


def _raw(call: Call) -> str:
    return f"to {call.to}, {coin(call.value)}, data 0x{call.data.hex()}"


# --- a proposal's text -----------------------------------------------------------------------


def compose(title: str, lines: Sequence[str], proposer: str, why: str = "") -> str:
    """A proposal's description: title, reasons, each action in words, and the suffix by which nobody
    but the proposer can put the same proposal under way. Raises ActionError if it is too long."""
    parts = [title, ""]
    if why:
        parts += [why, ""]
    parts += [f"- {line}" for line in lines]
    text = "\n".join(parts) + f"\n#proposer={proposer.lower()}"
    size = len(text.encode("utf-8", "surrogateescape"))
    if size > MAX_DESCRIPTION:
        raise ActionError(
            f"the proposal's text has {size} bytes, the governor takes {MAX_DESCRIPTION}: give fewer "
            "actions or shorter reasons"
        )
    return text


def promised(description: str) -> list[str]:
    """The lines by which a description lists its actions."""
    return [line[2:] for line in description.split("\n") if line.startswith("- ")]


# --- names from the chain --------------------------------------------------------------------


class ChainNames:
    """`Names` of the chain's records, each asked for once."""

    def __init__(self, system: System, contracts: Contracts, currencies: Currencies) -> None:
        self._system = system
        self._currencies = currencies
        self._models: dict[int, tuple[str, str] | None] = {}
        self._accounts = {
            **{one.address: f"the {role}" for role, one in contracts.at.items()},
            contracts.at["timelock"].address: "the treasury",
            contracts.at["shares"].address: "the alliance's shares",
        }

    def know(self, address: str, name: str) -> None:
        """Another account that has a name, such as the alliance's currency."""
        self._accounts.setdefault(address, name)

    def model(self, model_id: int) -> str | None:
        found = self._model(model_id)
        return None if found is None else found[0]

    def price_in(self, model_id: int) -> Currency:
        found = self._model(model_id)
        return Currency("", "units", 0) if found is None else self._currencies.get(found[1])

    def currency(self, address: str) -> Currency:
        return self._currencies.get(address)

    def account(self, address: str) -> str | None:
        return self._accounts.get(address)

    def _model(self, model_id: int) -> tuple[str, str] | None:
        if model_id not in self._models:
            try:
                record = self._system.models.model(model_id)
                self._models[model_id] = record.name, record.currency
            except Reverted:
                return None  # there may be one later
            except NodeUnreachable:
                raise
            except ChainError:
                return None
        return self._models[model_id]


__all__ = ["KINDS", "ChainNames", "Described", "compose", "describe", "promised"]
