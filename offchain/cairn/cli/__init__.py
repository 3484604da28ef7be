"""The `cairn` command."""

from cairn.cli._main import cairn, main

__all__ = ["cairn", "main"]
