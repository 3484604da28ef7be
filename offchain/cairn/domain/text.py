"""Texts that strangers chose, made fit to be shown."""

from __future__ import annotations

__all__ = ["alias_text", "printable"]


def alias_text(alias: bytes) -> str:
    """A model's alias, 32 bytes padded with zeros, as people write it.

    No two aliases have one text: bytes that are no UTF-8 become lone surrogates, which `printable`
    shows.
    """
    return alias.rstrip(b"\0").decode("utf-8", "surrogateescape")


def printable(text: str, *, lines: bool = False) -> str:
    """The text with all that does not show as itself escaped: control characters, which would speak
    to the terminal; marks that turn the order of writing round or take no room; bytes that are no
    UTF-8 (lone surrogates). With `lines`, ends of lines stay.
    """
    kept = "\n" if lines else ""
    return "".join(
        one if one.isprintable() or one in kept else one.encode("unicode_escape").decode()
        for one in text
    )
