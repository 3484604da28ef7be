"""What is asked of the index: what is so now, and what was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, Subquery, func, select

from cairn import chain
from cairn.catalog._facts import FACTS, times
from cairn.catalog._follow import SHARED
from cairn.catalog._records import (
    Alliance,
    Evaluation,
    ListedModel,
    ListedVersion,
    Move,
    Proposal,
    Provider,
    Sale,
    Vote,
)
from cairn.chain import Store, position_of
from cairn.domain.text import alias_text, printable

PRODUCTION = "production"

LEAST_MIN_STAKE_WEI = 10**18
"""Of whoever serves a model that asks for no other stake: the ledger's own."""


class Catalog:
    """Reads an index that a `Follower` brought up to date. Every method is one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def next_block(self) -> int:
        """The first block that the index has not read."""
        return position_of(self._store, SHARED) or 0

    # --- alliances ---------------------------------------------------------------------------

    def alliances(self, named: str | None = None) -> list[Alliance]:
        """All alliances, or those of a name or address, oldest first."""
        with self._store.read() as db:
            amended = {
                row.contract: row.constitution
                for row in db.execute(select(_newest(chain.ConstitutionAmended, "contract")))
            }
            rows = db.execute(_timed(chain.AllianceLaunched)).all()
        found = [
            Alliance(
                address=row.alliance,
                name=row.name,
                symbol=row.symbol,
                shares=row.shares,
                governor=row.governor,
                charter=row.charter,
                currency=row.currency,
                constitution=bytes(amended.get(row.charter, row.constitution)),
                launched_at=row.at or 0,
            )
            for row in rows
        ]
        if named is None:
            return found
        return [one for one in found if named in (one.name, one.address)]

    # --- models ------------------------------------------------------------------------------

    def models(
        self,
        *,
        text: str | None = None,
        tags: Sequence[str] = (),
        alliance: str | None = None,
        alias: str | None = None,
        on_sale: bool | None = None,
        provider: str | None = None,
        deprecated: bool | None = None,
    ) -> list[ListedModel]:
        """Models by what is so now, in the order of their ids; all that is given must hold.

        text: within the name, the alliance's name or a tag, in any case. tags: all of them.
        alliance: its name or address. alias: it points at a version. provider: an operator's
        address, staked and opted in.
        """
        wanted = text.lower() if text else None
        with self._store.read() as db:
            found = _models(db)
        return [
            one
            for one in found
            if (wanted is None or any(wanted in word.lower() for word in _words(one)))
            and set(tags) <= set(one.tags)
            and (alliance is None or alliance in (one.alliance, one.alliance_name))
            and (alias is None or alias in one.aliases)
            and (on_sale is None or on_sale == (one.sale is not None))
            and (provider is None or provider in one.providers)
            and (deprecated is None or deprecated == (one.deprecated is not None))
        ]

    def history(self, model_id: int) -> list[Move]:
        """Where a model's aliases pointed, oldest first."""
        table = FACTS[chain.AliasSet]
        with self._store.read() as db:
            rows = db.execute(_timed(chain.AliasSet).where(table.c.model_id == model_id)).all()
        return [Move(printable(alias_text(row.alias)), row.version, row.at or 0) for row in rows]

    def terms(self, model_id: int) -> list[tuple[int, Sale]]:
        """All terms that a model was ever sold on, with their times, oldest first."""
        table = FACTS[chain.TermsSet]
        with self._store.read() as db:
            currency = _currencies(db).get(model_id, "")
            rows = db.execute(_timed(chain.TermsSet).where(table.c.model_id == model_id)).all()
        return [(row.at or 0, _sale(row, currency)) for row in rows]

    # --- versions ----------------------------------------------------------------------------

    def versions(
        self,
        *,
        text: str | None = None,
        model_id: int | None = None,
        alliance: str | None = None,
        alias: str | None = None,
        sold: bool | None = None,
        round_id: int | None = None,
        evaluated: bool | None = None,
        deprecated: bool | None = None,
    ) -> list[ListedVersion]:
        """Versions by what is so now, oldest first in each model; all that is given must hold.

        evaluated: an evaluation let it pass its model's rule. deprecated: it or its model is.
        """
        wanted = text.lower() if text else None
        table = FACTS[chain.VersionRegistered]
        query = _timed(chain.VersionRegistered)
        if model_id is not None:
            query = query.where(table.c.model_id == model_id)
        if round_id is not None:
            query = query.where(table.c.round_id == round_id)
        with self._store.read() as db:
            models = {one.model_id: one for one in _models(db)}
            rows = db.execute(query).all()
            out_of_use = _deprecations(db)
            evaluations = _evaluations(db)
            passed = {
                (row.model_id, row.version): row.evaluation_id
                for row in db.execute(
                    select(_newest(chain.VersionQualified, "model_id", "version"))
                )
            }
        found = []
        for row in sorted(rows, key=lambda row: (row.model_id, row.version)):
            model = models.get(row.model_id)
            if model is None:  # its creation is in a page that comes
                continue
            aliases = tuple(sorted(a for a, v in model.aliases.items() if v == row.version))
            key = (row.model_id, row.version)
            why = out_of_use.get(key, model.deprecated)
            is_sold = model.sale is not None and model.sale.version == row.version
            if (
                (wanted is not None and not any(wanted in word.lower() for word in _words(model)))
                or (alliance is not None and alliance not in (model.alliance, model.alliance_name))
                or (alias is not None and alias not in aliases)
                or (sold is not None and sold != is_sold)
                or (evaluated is not None and evaluated != (key in passed))
                or (deprecated is not None and deprecated != (why is not None))
            ):
                continue
            found.append(
                ListedVersion(
                    model_id=row.model_id,
                    model=model.name,
                    version=row.version,
                    program_hash=bytes(row.program_hash),
                    program_cid=bytes(row.program_cid),
                    card_cid=bytes(row.card_cid),
                    data_root=bytes(row.data_root),
                    parent=row.parent,
                    round_id=row.round_id,
                    aliases=aliases,
                    is_sold=is_sold,
                    registered_at=row.at or 0,
                    evaluations=tuple(evaluations.get(key, ())),
                    qualified_by=passed.get(key, 0),
                    deprecated=why,
                )
            )
        return found

    # --- providers ---------------------------------------------------------------------------

    def providers(self, *, model_id: int | None = None, least_stake_wei: int = 0) -> list[Provider]:
        """Operators, those with most stake first; all that is given must hold."""
        with self._store.read() as db:
            found = _providers(db)
        chosen = [
            one
            for one in found
            if (model_id is None or model_id in one.models) and one.stake_wei >= least_stake_wei
        ]
        return sorted(chosen, key=lambda one: (-one.stake_wei, one.operator))

    # --- proposals ---------------------------------------------------------------------------

    def proposals(
        self, *, alliance: str | None = None, proposal_id: int | None = None
    ) -> list[Proposal]:
        """Proposals of all alliances or of one (by name or address), newest first."""
        alliances = {one.governor: one for one in self.alliances()}
        table = FACTS[chain.ProposalCreated]
        query = _timed(chain.ProposalCreated)
        if proposal_id is not None:
            query = query.where(table.c.proposalId == proposal_id)
        with self._store.read() as db:
            rows = [row for row in db.execute(query) if row.contract in alliances]
            votes = _votes(db, proposal_id)
            later = {
                kind: _of_proposals(db, kind, proposal_id)
                for kind in (
                    chain.ProposalQueued,
                    chain.ProposalExecuted,
                    chain.ProposalCanceled,
                    chain.ProposalExtended,
                )
            }
        found = []
        for row in reversed(rows):
            owner, key = alliances[row.contract], (row.contract, row.proposalId)
            if alliance is not None and alliance not in (owner.name, owner.address):
                continue
            queued, extended = (
                later[chain.ProposalQueued].get(key),
                later[chain.ProposalExtended].get(key),
            )
            ended = "executed" if key in later[chain.ProposalExecuted] else None
            found.append(
                Proposal(
                    proposal_id=row.proposalId,
                    governor=row.contract,
                    alliance=owner.address,
                    alliance_name=owner.name,
                    proposer=row.proposer,
                    targets=row.targets,
                    values=row._mapping["values"],
                    calldatas=row.calldatas,
                    description=row.description,
                    vote_start=row.voteStart,
                    vote_end=extended.extendedDeadline if extended else row.voteEnd,
                    proposed_at=row.at or 0,
                    votes=tuple(votes.get(key, ())),
                    eta=queued.etaSeconds if queued else 0,
                    ended="canceled" if key in later[chain.ProposalCanceled] else ended,
                )
            )
        return found


# --- parts of the above ----------------------------------------------------------------------


def _timed(event: type[Any]) -> Select[Any]:
    """All of a kind in the chain's order, with the time of their blocks."""
    table = FACTS[event]
    joined = table.outerjoin(times, times.c.block == table.c.block)
    query = select(table, times.c.at).select_from(joined)
    return query.order_by(table.c.block, table.c.place)


def _newest(event: type[Any], *keys: str) -> Subquery:
    """The last of a kind for each value of some columns."""
    table = FACTS[event]
    order = (table.c.block.desc(), table.c.place.desc())
    rank = func.row_number().over(partition_by=[table.c[key] for key in keys], order_by=order)
    ranked = select(table, rank.label("rank")).subquery()
    return select(ranked).where(ranked.c.rank == 1).subquery()


def _place(row: Any) -> tuple[int, int]:
    return row.block, row.place


def _sale(row: Any, currency: str) -> Sale:
    return Sale(
        terms_id=row.terms_id,
        version=row.version,
        price=row.price,
        currency=currency,
        operator_bps=row.operator_bps,
        holders_bps=row.holders_bps,
        window_s=row.window_s,
        lock_wei=row.lock_wei,
        policy_id=row.policy_id,
    )


def _currencies(db: Connection) -> dict[int, str]:
    table = FACTS[chain.ModelCreated]
    rows = db.execute(select(table.c.model_id, table.c.currency))
    return {row.model_id: row.currency for row in rows}


def _words(model: ListedModel) -> tuple[str, ...]:
    return (model.name, model.alliance_name or "", *model.tags)


def _models(db: Connection) -> list[ListedModel]:
    created = db.execute(_timed(chain.ModelCreated)).all()
    launched = FACTS[chain.AllianceLaunched]
    names = {
        row.alliance: row.name for row in db.execute(select(launched.c.alliance, launched.c.name))
    }
    registered = FACTS[chain.VersionRegistered]
    counts = select(registered.c.model_id, func.count().label("n")).group_by(registered.c.model_id)
    versions = {row.model_id: row.n for row in db.execute(counts)}
    aliases: dict[int, dict[str, int]] = defaultdict(dict)
    for row in db.execute(select(_newest(chain.AliasSet, "model_id", "alias"))):
        aliases[row.model_id][printable(alias_text(row.alias))] = row.version
    ended = {
        row.model_id: _place(row)
        for row in db.execute(select(_newest(chain.SaleEnded, "model_id")))
    }
    terms = {row.model_id: row for row in db.execute(select(_newest(chain.TermsSet, "model_id")))}
    serving: dict[int, list[str]] = defaultdict(list)
    endpoints: dict[int, dict[str, str]] = defaultdict(dict)
    least = {
        row.model_id: row.amount_wei
        for row in db.execute(select(_newest(chain.MinStakeSet, "model_id")))
    }
    for one in _providers(db):
        for model_id in one.models:
            if one.stake_wei >= least.get(model_id, LEAST_MIN_STAKE_WEI):
                serving[model_id].append(one.operator)
                if model_id in one.endpoints:
                    endpoints[model_id][one.operator] = one.endpoints[model_id]
    tags: dict[int, list[str]] = defaultdict(list)
    for row in _standing(db, chain.Tagged, chain.Untagged, "model_id", "tag_hash"):
        tags[row.model_id].append(row.tag)
    rules = {
        row.model_id: row.is_required
        for row in db.execute(select(_newest(chain.EvaluationRuleSet, "model_id")))
    }
    out_of_use = _deprecations(db)
    found = []
    for row in created:
        newest = terms.get(row.model_id)
        is_sold = newest is not None and _place(newest) > ended.get(row.model_id, (-1, -1))
        found.append(
            ListedModel(
                model_id=row.model_id,
                name=row.name,
                alliance=row.alliance,
                alliance_name=names.get(row.alliance),
                share_token=row.share_token,
                currency=row.currency,
                schema_hash=bytes(row.schema_hash),
                schema_cid=bytes(row.schema_cid),
                versions=versions.get(row.model_id, 0),
                aliases=dict(sorted(aliases[row.model_id].items())),
                sale=_sale(newest, row.currency) if is_sold else None,
                providers=tuple(sorted(serving[row.model_id])),
                created_at=row.at or 0,
                tags=tuple(sorted(tags[row.model_id])),
                endpoints=endpoints[row.model_id],
                needs_evaluation=rules.get(row.model_id, False),
                deprecated=out_of_use.get((row.model_id, 0)),
            )
        )
    return found


def _standing(db: Connection, said: type[Any], unsaid: type[Any], *keys: str) -> list[Any]:
    """What was said last of each of some keys, and not taken back after that."""
    back = {
        tuple(getattr(row, key) for key in keys): _place(row)
        for row in db.execute(select(_newest(unsaid, *keys)))
    }
    return [
        row
        for row in db.execute(select(_newest(said, *keys)))
        if _place(row) > back.get(tuple(getattr(row, key) for key in keys), (-1, -1))
    ]


def _deprecations(db: Connection) -> dict[tuple[int, int], str]:
    """The reasons, by model and version; version 0 is the whole model."""
    rows = db.execute(select(_newest(chain.Deprecated, "model_id", "version")))
    return {(row.model_id, row.version): row.reason for row in rows}


def _evaluations(db: Connection) -> dict[tuple[int, int], list[Evaluation]]:
    """By model and version, oldest first."""
    ended = {
        row.evaluation_id: words
        for kind, words in ((chain.EvaluationSettled, "settled"), (chain.EvaluationVoided, "void"))
        for row in db.execute(select(FACTS[kind].c.evaluation_id))
    }
    found: dict[tuple[int, int], list[Evaluation]] = defaultdict(list)
    for row in db.execute(_timed(chain.EvaluationPosted)):
        found[row.model_id, row.version].append(
            Evaluation(
                evaluation_id=row.evaluation_id,
                model_id=row.model_id,
                version=row.version,
                operator=row.operator,
                validation_root=bytes(row.validation_root),
                n_rows=row.n_rows,
                loss_kind=row.loss_kind,
                total_loss=row.total_loss,
                lock_wei=row.lock_wei,
                window_s=row.window_s,
                posted_at=row.at or 0,
                ended=ended.get(row.evaluation_id),
            )
        )
    return found


def _providers(db: Connection) -> list[Provider]:
    staked, unbonding, withdrawn, slashed = (
        _sums(db, kind)
        for kind in (chain.Staked, chain.UnbondingStarted, chain.Withdrawn, chain.Slashed)
    )
    serves: dict[str, list[int]] = defaultdict(list)
    for row in _standing(db, chain.OptedIn, chain.OptedOut, "operator", "model_id"):
        serves[row.operator].append(row.model_id)
    listed: dict[str, dict[int, str]] = defaultdict(dict)
    for row in _standing(db, chain.OperatorListed, chain.ListingWithdrawn, "operator", "model_id"):
        listed[row.operator][row.model_id] = row.endpoint
    return [
        Provider(
            operator=operator,
            stake_wei=staked[operator] - unbonding[operator] - slashed[operator],
            unbonding_wei=unbonding[operator] - withdrawn[operator],
            slashed_wei=slashed[operator],
            models=tuple(sorted(serves[operator])),
            endpoints=dict(sorted(listed[operator].items())),
        )
        for operator in sorted({*staked, *serves, *listed})
    ]


def _sums(db: Connection, kind: type[Any]) -> dict[str, int]:
    """Of an amount in wei, for each operator; in Python, since 256 bits are more than a database's."""
    table = FACTS[kind]
    sums: dict[str, int] = defaultdict(int)
    for row in db.execute(select(table.c.operator, table.c.amount_wei)):
        sums[row.operator] += row.amount_wei
    return sums


def _votes(db: Connection, proposal_id: int | None) -> dict[tuple[str, int], list[Vote]]:
    found: dict[tuple[str, int], list[tuple[tuple[int, int], Vote]]] = defaultdict(list)
    for kind in (chain.VoteCast, chain.VoteCastWithParams):
        query = _timed(kind)
        if proposal_id is not None:
            query = query.where(FACTS[kind].c.proposalId == proposal_id)
        for row in db.execute(query):
            vote = Vote(row.voter, row.support, row.weight, row.reason, row.at or 0)
            found[row.contract, row.proposalId].append((_place(row), vote))
    return {key: [vote for _, vote in sorted(votes, key=_first)] for key, votes in found.items()}


def _first(pair: tuple[tuple[int, int], Vote]) -> tuple[int, int]:
    return pair[0]


def _of_proposals(
    db: Connection, kind: type[Any], proposal_id: int | None
) -> dict[tuple[str, int], Any]:
    """The last of a kind for each proposal."""
    query = _timed(kind)
    if proposal_id is not None:
        query = query.where(FACTS[kind].c.proposalId == proposal_id)
    return {(row.contract, row.proposalId): row for row in db.execute(query)}
