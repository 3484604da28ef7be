"""What alliances decide: named actions with their calls and their words, and proposals of them."""

from cairn.governance._actions import (
    KINDS,
    MAX_ACTIONS,
    MAX_DATA,
    MAX_DEVICES,
    RULES,
    Action,
    ActionError,
    Argument,
    Contracts,
    Kind,
    Type,
    build,
    chunks,
    cid_words,
    recognise,
    words,
)
from cairn.governance._describe import ChainNames, Described, compose, describe, promised
from cairn.governance._parse import check_known, parse, parse_arguments
from cairn.governance._words import Names, duration, moment

__all__ = [
    "KINDS",
    "MAX_ACTIONS",
    "MAX_DATA",
    "MAX_DEVICES",
    "RULES",
    "Action",
    "ActionError",
    "Argument",
    "ChainNames",
    "Contracts",
    "Described",
    "Kind",
    "Names",
    "Type",
    "build",
    "check_known",
    "chunks",
    "cid_words",
    "compose",
    "describe",
    "duration",
    "moment",
    "parse",
    "parse_arguments",
    "promised",
    "recognise",
    "words",
]
