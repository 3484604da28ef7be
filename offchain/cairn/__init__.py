"""Cairn: models that the owners of signing sensors train, own, govern and sell together."""

from cairn.errors import CairnError

__all__ = ["CairnError"]
