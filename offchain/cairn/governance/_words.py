"""Amounts of time, shares and the like as people write and read them. Exact both ways."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from cairn.chain import COIN, Currency
from cairn.domain.text import printable

SHARES = Currency("", "shares", 18)

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


_THOUSANDS = re.compile(r"(?<![\d,.])[1-9]\d{0,2}(?:,\d{3})+(?![\d,.])")
"""1,440: the one place where a comma has a meaning of its own."""


class Names(Protocol):
    """What words need to know besides the call: what the chain's records are called."""

    def model(self, model_id: int) -> str | None:
        """A model's name; None if there is no such model."""
        ...

    def price_in(self, model_id: int) -> Currency:
        """What a model is priced in; counts in `units` if there is no such model."""
        ...

    def currency(self, address: str) -> Currency: ...

    def account(self, address: str) -> str | None:
        """What an address is of the alliance, or of what its deployment names."""
        ...


def duration(seconds: int) -> str:
    """`1 day 2 hours`, to the second."""
    parts, left = [], seconds
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count:,} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts) or "no time"


def parse_duration(text: str) -> int:
    """Seconds of `90`, `1h`, `2d 12h`, `1 day 2 hours`; raises ValueError."""
    text = _THOUSANDS.sub(lambda one: one[0].replace(",", ""), text.strip().lower())
    if re.fullmatch(r"\d+", text):
        return int(text)
    found = re.findall(r"(\d+)\s*([a-z]+)", text)
    if not found or re.sub(r"\d+\s*[a-z]+|\s", "", text):
        raise ValueError(f"{text!r} is not a time such as 90, 12h or 2d 12h")
    seconds = 0
    for count, unit in found:
        length = next((n for name, n in _UNITS if unit in (name[0], name, name + "s")), None)
        if length is None and unit in ("min", "s", "sec"):
            length = 60 if unit == "min" else 1
        if length is None:
            raise ValueError(f"{text!r}: {unit!r} is none of d, h, m, s")
        seconds += int(count) * length
    return seconds


def moment(timestamp: int) -> str:
    """`2026-12-01 12:00:00 UTC`."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"second {timestamp:,} after 1970"


def parse_moment(text: str, now: int) -> int:
    """Unix seconds of `1790000000`, `2026-12-01T12:00Z`, or `+10d` from now; raises ValueError."""
    text = text.strip()
    if text.startswith("+"):
        return now + parse_duration(text[1:])
    if re.fullmatch(r"\d+", text):
        return int(text)
    try:
        found = datetime.fromisoformat(text.replace(" UTC", "+00:00"))
    except ValueError:
        raise ValueError(
            f"{text!r} is not a time such as 2026-12-01T12:00Z, +10d or unix seconds"
        ) from None
    if found.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone: end it in Z or +02:00")
    return int(found.timestamp())


def percent(bps: int) -> str:
    """`12.5 %` of 1,250 parts of 10,000."""
    whole, rest = divmod(bps, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + " %"


def parse_bps(text: str) -> int:
    """Parts of 10,000 of `1250`, `12.5%` or `12.5 %`; raises ValueError."""
    text = text.strip()
    found = re.fullmatch(r"(\d+)(?:\.(\d{1,2}))?\s*%", text)
    if found:
        return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))
    if not re.fullmatch(r"\d+", text):
        raise ValueError(f"{text!r} is neither 12.5% nor parts of 10,000")
    return int(text)


def quoted(text: str) -> str:
    """A name that somebody chose, with its ends to be seen."""
    return "`" + printable(text).replace("`", "'") + "`"


def model_words(model_id: int, names: Names) -> str:
    name = names.model(model_id)
    return f"model {model_id} " + (quoted(name) if name is not None else "(there is none yet)")


def account_words(address: str, names: Names) -> str:
    known = names.account(address)
    return address if known is None else f"{known} ({address})"


def count_words(count: int, what: str, several: str | None = None) -> str:
    return f"{count:,} {what if count == 1 else several or what + 's'}"


def list_words(addresses: Sequence[str]) -> str:
    """All of a few; of many the first and the last, for what is short."""
    if len(addresses) <= 4:
        return ", ".join(addresses)
    return f"{addresses[0]} first and {addresses[-1]} last"


def coin(amount_wei: int) -> str:
    return COIN.text(amount_wei)


def shares(amount: int) -> str:
    return "1 share" if amount == 10**18 else SHARES.text(amount)
