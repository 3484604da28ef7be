"""The bars that a bench's figures are held to."""

from __future__ import annotations

from collections.abc import Mapping

Bar = tuple[str, float]
"""`>=` or `<=`, and the bound."""


def holds(figure: float | None, bar: Bar) -> bool:
    """Whether a figure holds its bar; one that was not measured does not."""
    sign, bound = bar
    return figure is not None and (figure >= bound if sign == ">=" else figure <= bound)


def line(name: str, figure: float, bars: Mapping[str, Bar]) -> str:
    """A figure and its bar, if it has one, for people."""
    said = ""
    if name in bars:
        sign, bound = bars[name]
        said = f"  {sign} {bound:,}" + ("" if holds(figure, bars[name]) else "  MISSED")
    return f"{name:52} {figure:>12,}{said}"


def missed(figures: Mapping[str, float], bars: Mapping[str, Bar]) -> list[str]:
    """The bars that are missed, by name."""
    return [name for name, bar in bars.items() if not holds(figures.get(name), bar)]
