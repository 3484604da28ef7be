"""What the index keeps: one row for each event, as the chain said it, under its place in the chain.

Nothing is ever changed or summed up as it is read, so what the index holds depends neither on the
pages it was read in, nor on what was read twice or late: it is the set of the events. What is so
*now* (an alias, terms, stake) is asked of it by `_queries`.
"""

from __future__ import annotations

import json
import re
import typing
from dataclasses import fields
from typing import Any

from eth_utils.crypto import keccak
from sqlalchemy import Boolean, Column, Dialect, Index, LargeBinary, String, Table, Text
from sqlalchemy.types import TypeDecorator

from cairn import chain
from cairn.chain import Number, metadata

DIGITS = 78
"""Of the largest uint256."""


class Word(TypeDecorator[int]):
    """A uint256 as decimal digits of one length, so that a database sorts and compares it."""

    impl = String(DIGITS)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else f"{value:0{DIGITS}d}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value)


class Words(TypeDecorator[str]):
    """A text that somebody chose: its bytes may be anything, and a database takes UTF-8 without
    zeros. What is neither becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else re.sub("[\0\ud800-\udfff]", "\ufffd", value)


class Exact(TypeDecorator[str]):
    """A text whose very bytes count: they are hashed."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else value.encode("utf-8", "surrogateescape")

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else bytes(value).decode("utf-8", "surrogateescape")


class Series(TypeDecorator[tuple[Any, ...]]):
    """Several addresses, integers or byte strings, in order."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[Any, ...] | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return json.dumps([{"hex": v.hex()} if isinstance(v, bytes) else v for v in value])

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[Any, ...] | None:
        if value is None:
            return None
        return tuple(
            bytes.fromhex(v["hex"]) if isinstance(v, dict) else v for v in json.loads(value)
        )


_EXACT = {"description"}
_KEYS = {"alliance", "evaluation_id", "model_id", "operator", "proposalId"}
_KINDS: dict[Any, Any] = {int: Word, str: Words, bytes: LargeBinary, bool: Boolean}


def _column(name: str, kind: Any) -> Column[Any]:
    if name in _EXACT:
        return Column(name, Exact, nullable=False)
    return Column(name, _KINDS.get(kind, Series), nullable=False)


def _table(event: type[Any]) -> Table:
    words = re.sub("(?<!^)(?=[A-Z])", "_", event.__name__).lower()
    name = f"catalog_{words}"
    kinds = typing.get_type_hints(event)
    names = [field.name for field in fields(event)]
    return Table(
        name,
        metadata,
        Column("block", Number, primary_key=True),
        Column("place", Number, primary_key=True),  # the log's index in its block
        Column("contract", String(42), nullable=False),  # that said it
        *(_column(one, kinds[one]) for one in names),
        *(Index(f"{name}_by_{one.lower()}", one) for one in names if one in _KEYS),
    )


OF_FACTORY = (chain.AllianceLaunched,)
OF_REGISTRY = (
    chain.ModelCreated,
    chain.VersionRegistered,
    chain.AliasSet,
    chain.TermsSet,
    chain.SaleEnded,
    chain.Tagged,
    chain.Untagged,
    chain.Deprecated,
    chain.OperatorListed,
    chain.ListingWithdrawn,
    chain.EvaluationRuleSet,
    chain.ValidationSetAccepted,
    chain.VersionQualified,
    chain.VersionPromoted,
)
OF_EVALUATIONS = (chain.EvaluationPosted, chain.EvaluationVoided, chain.EvaluationSettled)
OF_LEDGER = (
    chain.Staked,
    chain.UnbondingStarted,
    chain.Withdrawn,
    chain.OptedIn,
    chain.OptedOut,
    chain.Slashed,
    chain.MinStakeSet,
)
OF_GOVERNORS = (
    chain.ProposalCreated,
    chain.ProposalQueued,
    chain.ProposalExecuted,
    chain.ProposalCanceled,
    chain.ProposalExtended,
    chain.VoteCast,
    chain.VoteCastWithParams,
)
OF_CHARTERS = (chain.ConstitutionAmended,)

FACTS: dict[type[Any], Table] = {
    event: _table(event)
    for event in (
        *OF_FACTORY,
        *OF_REGISTRY,
        *OF_EVALUATIONS,
        *OF_LEDGER,
        *OF_GOVERNORS,
        *OF_CHARTERS,
    )
}
"""The table of each kind of event."""

times = Table(
    "catalog_times",
    metadata,
    Column("block", Number, primary_key=True),
    Column("at", Number, nullable=False),  # unix seconds
)

origins = Table(
    "catalog_origins",
    metadata,
    Column("only", Number, primary_key=True),  # there is one
    Column("origin", Text, nullable=False),
)
"""Of which chain, deployment and release the index is."""

TABLES = (*FACTS.values(), times, origins)


def fingerprint() -> str:
    """Differs between releases that keep other columns."""
    shape = [(table.name, [(c.name, repr(c.type)) for c in table.columns]) for table in TABLES]
    return keccak(text=json.dumps(shape)).hex()[:16]
