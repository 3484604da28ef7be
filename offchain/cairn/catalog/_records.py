"""What the index answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "Alliance",
    "Evaluation",
    "ListedModel",
    "ListedVersion",
    "Move",
    "Proposal",
    "Provider",
    "Sale",
    "Vote",
]


@dataclass(frozen=True, slots=True)
class Alliance:
    """An alliance that the factory launched. Names are free: two alliances may share one."""

    address: str
    """Its timelock."""
    name: str
    symbol: str
    shares: str
    governor: str
    charter: str
    currency: str
    constitution: bytes
    """Binary CID of its rules in words now, or empty."""
    launched_at: int


@dataclass(frozen=True, slots=True)
class Sale:
    """The terms on which a model's production version is sold."""

    terms_id: int
    version: int
    price: int
    """In the currency's smallest unit."""
    currency: str
    operator_bps: int
    holders_bps: int
    window_s: int
    lock_wei: int
    policy_id: int
    """Who may ask; 0: anyone."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    model_id: int
    name: str
    alliance: str
    alliance_name: str | None
    """None: its timelock is of no alliance that the factory launched."""
    share_token: str
    currency: str
    schema_hash: bytes
    schema_cid: bytes
    versions: int
    aliases: Mapping[str, int]
    sale: Sale | None
    providers: tuple[str, ...]
    """Who opted in to serve it and has the stake that it asks for."""
    created_at: int
    tags: tuple[str, ...]
    endpoints: Mapping[str, str]
    """Where its providers say that they answer, by operator."""
    needs_evaluation: bool
    """Whether a version needs one to become production."""
    deprecated: str | None
    """Why the whole model is out of use for good; None: it is not."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What an operator says of a version's loss, with stake behind it."""

    evaluation_id: int
    model_id: int
    version: int
    operator: str
    validation_root: bytes
    n_rows: int
    loss_kind: int
    total_loss: int
    lock_wei: int
    window_s: int
    posted_at: int
    ended: str | None
    """`void`: proved wrong, or a row not shown; `settled`: it stood; None: neither yet."""


@dataclass(frozen=True, slots=True)
class ListedVersion:
    model_id: int
    model: str
    version: int
    program_hash: bytes
    program_cid: bytes
    card_cid: bytes
    data_root: bytes
    parent: int
    round_id: int
    aliases: tuple[str, ...]
    """That point at it now."""
    is_sold: bool
    registered_at: int
    evaluations: tuple[Evaluation, ...]
    qualified_by: int
    """The evaluation by which it last passed its model's rule; 0: none."""
    deprecated: str | None
    """Why it, or its model, is out of use for good; None: it is not."""


@dataclass(frozen=True, slots=True)
class Move:
    """An alias was pointed at a version."""

    alias: str
    version: int
    at: int


@dataclass(frozen=True, slots=True)
class Provider:
    """Who staked, or opted in to serve a model."""

    operator: str
    stake_wei: int
    unbonding_wei: int
    slashed_wei: int
    """Ever, by all judges."""
    models: tuple[int, ...]
    """That it opted in to serve."""
    endpoints: Mapping[int, str]
    """Where it says that it answers, by model."""


@dataclass(frozen=True, slots=True)
class Vote:
    voter: str
    support: int
    """0 against, 1 for, 2 abstains."""
    weight: int
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Proposal:
    proposal_id: int
    governor: str
    alliance: str
    alliance_name: str
    proposer: str
    targets: tuple[str, ...]
    values: tuple[int, ...]
    calldatas: tuple[bytes, ...]
    description: str
    """As proposed; bytes that are no UTF-8 are lone surrogates (PEP 383)."""
    vote_start: int
    vote_end: int
    """With the extension, if its quorum came late."""
    proposed_at: int
    votes: tuple[Vote, ...] = field(default=())
    eta: int = 0
    """From when it can be executed, once queued."""
    ended: str | None = None
    """`executed` or `canceled`."""

    def tally(self) -> tuple[int, int, int]:
        """(against, for, abstaining)."""
        sums = [0, 0, 0]
        for vote in self.votes:
            sums[vote.support] += vote.weight
        return sums[0], sums[1], sums[2]
