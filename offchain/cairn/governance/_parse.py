"""Arguments as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cairn.chain import COIN, NATIVE_COIN
from cairn.devices import device_address
from cairn.domain.cid import Cid, CidError
from cairn.domain.policy import Limit, LimitError
from cairn.governance._actions import KINDS, Action, ActionError, Argument, Type
from cairn.governance._words import (
    SHARES,
    Names,
    parse_bps,
    parse_duration,
    parse_moment,
)


def parse(name: str, given: Mapping[str, Any], names: Names, now: int) -> Action:
    """An action from texts, or lists of them, by its arguments' names; `now` is the chain's clock.

    Raises ActionError that names the argument.
    """
    kind = KINDS.get(name)
    if kind is None:
        raise ActionError(f"no action is called {name!r}; there are: {', '.join(KINDS)}")
    found = parse_arguments(name, kind.arguments, given, names, now)
    wrong = kind.check(found)
    if wrong:
        raise ActionError(f"{name}: {wrong}")
    return Action(name, found)


def check_known(name: str, given: Iterable[str], known: Sequence[str]) -> None:
    """Raises ActionError for what an action does not take."""
    unknown = set(given) - set(known)
    if unknown:
        raise ActionError(
            f"{name} takes no {', '.join(sorted(unknown))}; it takes: {', '.join(known)}"
        )


def parse_arguments(
    name: str, arguments: Sequence[Argument], given: Mapping[str, Any], names: Names, now: int
) -> dict[str, Any]:
    """The values of what is given to an action of this name. Raises ActionError, as `parse` does."""
    check_known(name, given, [one.name for one in arguments])
    found: dict[str, Any] = {}
    for argument in arguments:
        text = given.get(argument.name)
        if text is None:
            text = argument.default
        if text is None:
            raise ActionError(f"{name} lacks {argument.name}: {argument.help}")
        try:
            found[argument.name] = _value(argument, text, found, names, now)
        except (ValueError, CidError, LimitError) as error:
            raise ActionError(f"{name}, {argument.name}: {error}") from None
    return found


def _value(argument: Argument, text: Any, before: Mapping[str, Any], names: Names, now: int) -> Any:
    if argument.type is Type.TEXTS:
        return tuple(map(str, text if isinstance(text, (list, tuple)) else str(text).split()))
    if argument.type is Type.ACCOUNTS:
        parts = text if isinstance(text, (list, tuple)) else re.split(r"[,\s]+", str(text).strip())
        return tuple(device_address(str(one)) for one in parts if one)
    text = str(text).strip()
    simple: dict[Type, Callable[[str], Any]] = {
        Type.NUMBER: _number,
        Type.ACCOUNT: device_address,
        Type.CURRENCY: lambda one: NATIVE_COIN if one == "coin" else device_address(one),
        Type.COIN: COIN.units,
        Type.SHARES: SHARES.units,
        Type.BPS: parse_bps,
        Type.PERCENT: lambda one: _number(one.removesuffix("%").strip()),
        Type.SECONDS: parse_duration,
        Type.TIME: lambda one: parse_moment(one, now),
        Type.TEXT: str,
        Type.ALIAS: _alias,
        Type.HASH: _hash,
        Type.CID: lambda one: Cid.parse(one).binary if one else b"",
        Type.LIMIT: _limit,
        Type.FLAG: _flag,
        Type.AMOUNT: lambda one: names.currency(before["currency"]).units(one),
        Type.PRICE: lambda one: names.price_in(before["model_id"]).units(one),
    }
    return simple[argument.type](text)


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,78}", text) or int(text) >= 2**256:
        raise ValueError(f"{text!r} is not a whole number from 0")
    return int(text)


def _alias(text: str) -> str:
    if not 1 <= len(text.encode()) <= 32:
        raise ValueError(f"{text!r}: an alias has 1 to 32 bytes")
    return text


def _hash(text: str) -> bytes:
    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text):
        raise ValueError(f"{text!r} is not 0x and 64 digits")
    return bytes.fromhex(text[2:])


def _flag(text: str) -> bool:
    found = {"yes": True, "true": True, "no": False, "false": False}.get(text.lower())
    if found is None:
        raise ValueError(f"{text!r} is neither yes nor no")
    return found


def _limit(text: str) -> tuple[int, int, int]:
    if text == "none":
        return (0, 0, 0)
    parts = text.split(",")
    if len(parts) != 3:
        raise ValueError(
            f"{text!r} is neither `none` nor such as 10,5,1h: at once, more, each period"
        )
    limit = Limit(_number(parts[0].strip()), _number(parts[1].strip()), parse_duration(parts[2]))
    return (limit.capacity, limit.refill, limit.period_s)
