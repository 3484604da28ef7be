"""The root of every error that Cairn raises on purpose."""


class CairnError(Exception):
    """Something the caller can act on; the message says what was wrong and what to do next."""
