"""What the worker wants of the rest of the world; the clients of `cairn.chain` fit as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cairn.chain import Aggregate, Call, Log, MarketRequest, Phase, Plan, Terms, Update, Version
from cairn.domain.answers import AnswerRoot
from cairn.errors import CairnError


class OperatorError(CairnError):
    """The worker cannot do what it was asked to; the message says what to change."""


class ProgramRunner(Protocol):
    """A parsed integer program."""

    @property
    def hash(self) -> bytes:
        """The 32 bytes that name it on chain."""
        ...

    def run_packed(self, features: bytes) -> bytes:
        """Packed big-endian int32 to the same; empty bytes are the outcome `invalid`."""
        ...


ParseProgram = Callable[[bytes], ProgramRunner]
"""Raises `CairnError` for bytes that are not a program."""


class Content(Protocol):
    """Content by its binary CID. `fetch` returns verified bytes, or raises `CairnError`."""

    def fetch(self, cid: bytes) -> bytes: ...

    def add(self, data: bytes) -> bytes:
        """Keep and pin bytes; returns their binary CID."""
        ...


@dataclass(frozen=True, slots=True)
class AggregateFiles:
    """What an operator posts about a round, and the files behind it."""

    root: bytes
    aggregate: bytes
    program: bytes
    program_hash: bytes
    card: bytes


@dataclass(frozen=True, slots=True)
class VersionFile:
    """The aggregate's file that a version came from, and the root of its parameters on chain."""

    data: bytes
    parameters_root: bytes


class AggregateRound(Protocol):
    """The arithmetic of a round.

    Gets the plan as the chain has it and its file; the updates as posted, with their files, or None
    where nobody shows one; and functions that fetch the aggregate of the base version and of the
    version that this was trained from (None where there is none). Checks every root, those of the
    versions too; raises `CairnError` that says what does not hold.
    """

    def __call__(
        self,
        posted_plan: Plan,
        plan_file: bytes,
        updates: Sequence[tuple[Update, bytes | None]],
        base: Callable[[], VersionFile | None],
        previous: Callable[[], VersionFile | None],
    ) -> AggregateFiles: ...


class Decodes(Protocol):
    @property
    def address(self) -> str: ...

    def topics(self, *events: type[Any]) -> list[bytes]: ...

    def decode(self, log: Log) -> Any | None: ...


class Market(Decodes, Protocol):
    def get_request(self, request_id: int) -> MarketRequest: ...

    def answer(self, request_id: int, outputs: bytes) -> Call: ...

    def answer_root(self, root: AnswerRoot) -> Call: ...

    def settle_root(self, root: AnswerRoot) -> Call: ...

    def challenge_leaf(self, root: AnswerRoot, index: int, features: bytes) -> Call: ...

    def challenge(self, request_id: int, features: bytes) -> Call: ...

    def settle(self, request_ids: Sequence[int]) -> Call: ...


class Registry(Protocol):
    def terms(self, terms_id: int) -> Terms: ...

    def version(self, model_id: int, version: int) -> Version: ...


class Ledger(Protocol):
    def is_serving(self, operator: str, model_id: int) -> bool: ...

    def free_wei(self, operator: str) -> int: ...

    def operators_of(self, model_id: int) -> list[str]: ...

    def turn_of(self, model_id: int, seed: int, asked_at: int) -> str: ...

    def bounty_wei(self, challenger: str) -> int: ...

    def withdraw_bounty(self) -> Call: ...


class Rounds(Decodes, Protocol):
    def plan(self, round_id: int) -> Plan: ...

    def phase(self, round_id: int) -> Phase: ...

    def updates(self, round_id: int) -> list[Update]: ...

    def aggregate_of(self, round_id: int) -> Aggregate: ...

    def aggregate(
        self,
        round_id: int,
        root: bytes,
        cid: bytes,
        program_hash: bytes,
        program_cid: bytes,
        card_cid: bytes,
    ) -> Call: ...

    def finalize(self, round_id: int) -> Call: ...


class Programs(Protocol):
    def is_published(self, program_hash: bytes) -> bool: ...


class Judge(Protocol):
    def evaluate(self, program_hash: bytes, features: bytes) -> bytes:
        """What a challenge would find to be right. Raises `Reverted` if it cannot be run."""
        ...


@dataclass(frozen=True)
class Contracts:
    """The contracts that the worker works with."""

    market: Market
    registry: Registry
    ledger: Ledger
    rounds: Rounds
    programs: Programs
    judge: Judge
