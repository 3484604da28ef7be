"""What the chain says: from the logs of the market and the rounds to rows, in the cursor's transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, func, select, update

from cairn.chain import (
    AggregatePosted,
    Answered,
    Challenged,
    DisplacedReleased,
    LeafChallenged,
    Log,
    Refunded,
    Reopened,
    Requested,
    RootAnswered,
    RootSettled,
    RoundCancelled,
    RoundFinalized,
    RoundOpened,
    Settled,
)
from cairn.domain.answers import AnswerRoot
from cairn.operator._desk import say, todo
from cairn.operator._jobs import (
    ENDED,
    Job,
    Leaf,
    RootJob,
    RoundJob,
    add_once,
    add_root,
    change,
    leaves,
    requests,
    roots,
    rounds,
    suspensions,
)
from cairn.operator._ports import Contracts

_ROWS_AT_ONCE = 500
_LOGS_A_BLOCK = 2**20  # more than any block has
# Answers that are judged after their request has ended, by a root that is older than they are.
_JUDGED = (Job.ANSWERED, Job.SETTLING, Job.OTHERS, Job.CHALLENGING)


def _is_news(place: int) -> ColumnElement[bool]:
    """A log at this place on the chain tells of a request's single answers what is not noted yet."""
    return func.coalesce(requests.c.told_at, -1) < place


class Noting:
    """Logs come again (`LogCursor`), long after a job has moved on, so each tells only what the rows
    do not know yet: a row is added once, an answer or aggregate is noted once, a job ends once.
    """

    def __init__(self, contracts: Contracts, account: str, window_s: Callable[[int], int]) -> None:
        self._window_s = window_s  # of terms, by their id
        self._market = contracts.market
        self._rounds = contracts.rounds
        self._account = account

    @property
    def addresses(self) -> list[str]:
        return [self._market.address, self._rounds.address]

    @property
    def topics(self) -> list[bytes]:
        return [
            *self._market.topics(
                Requested,
                Answered,
                RootAnswered,
                Settled,
                RootSettled,
                DisplacedReleased,
                Refunded,
                Challenged,
                Reopened,
                LeafChallenged,
            ),
            *self._rounds.topics(RoundOpened, AggregatePosted, RoundFinalized, RoundCancelled),
        ]

    def prepare(self, logs: list[Log]) -> None:
        """Before that transaction: have the terms of roots at hand, which may have to be asked for."""
        for log in logs:
            event = self._market.decode(log)
            if isinstance(event, RootAnswered):
                self._window_s(event.terms_id)

    def note(self, db: Connection, logs: list[Log]) -> None:
        """Inside the cursor's transaction."""
        for log in logs:
            event = self._market.decode(log)
            if event is not None:
                self._of_market(db, event, log.block_number * _LOGS_A_BLOCK + log.log_index)
                continue
            event = self._rounds.decode(log)
            if event is not None:
                self._of_rounds(db, event)

    def _of_market(self, db: Connection, event: object, place: int) -> None:
        if isinstance(event, Requested):
            values = {
                "request_id": event.request_id,
                "model_id": event.model_id,
                "terms_id": event.terms_id,
                "named": event.operator,
                "deadline": event.deadline,
                "features": event.features,
                "state": Job.SEEN,
            }
            add_once(db, requests, requests.c.request_id, values)
        elif isinstance(event, Answered):
            ours = event.operator == self._account
            if change(
                db,
                requests,
                event.request_id,
                only_if=requests.c.answered_by.is_(None) & _is_news(place),
                state=Job.ANSWERED if ours else Job.OTHERS,
                answered_by=event.operator,
                outputs=event.outputs,
                challengeable_until=event.challengeable_until,
                told_at=place,
                attempt=0,
                note=None,
            ):
                say("answered", request=event.request_id, operator=event.operator)
        elif isinstance(event, RootAnswered):
            self._root_posted(db, event)
        elif isinstance(event, Settled):
            self._settled(db, event)
        elif isinstance(event, RootSettled):
            self._root_settled(db, event)
        elif isinstance(event, DisplacedReleased):
            self._end(db, event.request_id, Job.SETTLED)
        elif isinstance(event, Refunded):
            self._end(db, event.request_id, Job.REFUNDED)
        elif isinstance(event, Challenged):
            if change(db, requests, event.request_id, only_if=_is_news(place), told_at=place):
                if event.operator == self._account:
                    change(db, requests, event.request_id, proved_wrong=1)
                    self._suspend(db, event.request_id)
                self._end(db, event.request_id, Job.SLASHED)
        elif isinstance(event, Reopened):
            self._reopened(db, event.request_id, place)
        elif isinstance(event, LeafChallenged):
            self._leaf_slashed(db, event)

    def _reopened(self, db: Connection, request_id: int, place: int) -> None:
        """The answer is gone as if it had never been: what we had begun goes on, or we begin anew."""
        c = requests.c
        news = _is_news(place) & c.state.not_in((Job.SETTLED, Job.REFUNDED))
        query = select(c.reopened, roots.c.operator, roots.c.id, roots.c.state, roots.c.intent)
        row = db.execute(
            query.outerjoin(roots, roots.c.id == c.in_root).where(c.request_id == request_id, news)
        ).first()
        if row is None:
            return
        is_ours = row.operator == self._account and row.state != RootJob.ENDED
        is_posting = is_ours and row.state == RootJob.POSTING
        state = Job.ANSWERING if is_posting else Job.ROOTED if is_ours else Job.SEEN
        change(
            db,
            requests,
            request_id,
            answered_by=None,
            outputs=None,
            challengeable_until=None,
            reopened=(row.reopened or 0) + 1,
            told_at=place,
            made_at=None,  # look again: who comes after whom is counted from now
            ours_at=None,
            attempt=0,
            note=None,
            state=state,
            intent=row.intent if is_posting else None,
            in_root=row.id if is_ours else None,
        )
        say("open again", request=request_id)

    def _root_posted(self, db: Connection, event: RootAnswered) -> None:
        """Another's root is to be checked; of ours, the requests that wait for it have an answer."""
        ours = event.operator == self._account
        root = AnswerRoot(event.operator, event.terms_id, event.output_bytes, event.leaves)
        posted_at = event.challengeable_until - self._window_s(event.terms_id)
        times = {"posted_at": posted_at, "challengeable_until": event.challengeable_until}
        row = db.execute(
            select(roots.c.id, roots.c.state).where(roots.c.root_id == event.root_id)
        ).first()
        if row is None:
            state = RootJob.STANDING if ours else RootJob.OTHERS
            number = add_root(db, root, state=state, **times)
        elif row.state == RootJob.POSTING:
            number = row.id
            change(db, roots, number, state=RootJob.STANDING, attempt=0, intent=None)
            db.execute(update(roots).where(roots.c.id == number).values(**times))
        else:
            return
        say("root answered", operator=event.operator, leaves=root.n_leaves, root=number)
        if ours:
            waiting = (Job.SEEN, Job.ANSWERING, Job.LEFT)
            for at in range(0, root.n_leaves, _ROWS_AT_ONCE):
                ids = [one for one, _ in root.answers[at : at + _ROWS_AT_ONCE]]
                db.execute(
                    update(requests)
                    .where(
                        requests.c.request_id.in_(ids),
                        requests.c.terms_id == event.terms_id,
                        requests.c.answered_by.is_(None),
                        requests.c.state.in_(waiting),
                    )
                    .values(state=Job.ROOTED, in_root=number, intent=None, note=None)
                )

    def _settled(self, db: Connection, event: Settled) -> None:
        """The request has ended. An answer that an older root displaced is still judged, though: its
        job goes on until its window is over.
        """
        c = requests.c
        row = db.execute(
            select(c.answered_by, c.state).where(c.request_id == event.request_id)
        ).first()
        displaced = row is not None and row.answered_by not in (None, event.operator)
        if displaced and row is not None and row.state in _JUDGED:
            return
        self._end(db, event.request_id, Job.SETTLED)

    def _root_settled(self, db: Connection, event: RootSettled) -> None:
        """Leaves that were not settled with it have lapsed: their requests, if open, are anybody's."""
        row = db.execute(
            select(roots.c.id, roots.c.state).where(roots.c.root_id == event.root_id)
        ).first()
        if row is None or row.state == RootJob.ENDED:
            return
        change(db, roots, row.id, state=RootJob.ENDED, note=None)
        db.execute(
            update(requests)
            .where(
                requests.c.in_root == row.id,
                requests.c.state.in_((Job.ROOTED, Job.LEFT)),
                requests.c.answered_by.is_(None),  # else a third has answered it since
            )
            .values(state=Job.SEEN, in_root=None, note=None)
        )
        say("root settled", root=row.id, settled=event.n_settled, lapsed=event.n_lapsed)

    def _leaf_slashed(self, db: Connection, event: LeafChallenged) -> None:
        found = (
            select(leaves.c.id, leaves.c.state, leaves.c.root)
            .join(roots, roots.c.id == leaves.c.root)
            .where(roots.c.root_id == event.root_id, leaves.c.place == event.index)
        )
        row = db.execute(found).first()
        if row is None or row.state == Leaf.SLASHED:
            return
        if event.operator == self._account:
            change(db, requests, event.request_id, proved_wrong=1)
            self._suspend(db, event.request_id)
        change(db, leaves, row.id, state=Leaf.SLASHED, note=None)
        say("leaf slashed", request=event.request_id, operator=event.operator)
        if event.is_refunded:
            self._end(db, event.request_id, Job.SLASHED)
        else:  # if it waited for that root only, it is anybody's again
            change(
                db,
                requests,
                event.request_id,
                only_if=(requests.c.in_root == row.root)
                & requests.c.state.in_((Job.ROOTED, Job.LEFT))
                & requests.c.answered_by.is_(None),
                state=Job.SEEN,
                in_root=None,
                note=None,
            )

    def _of_rounds(self, db: Connection, event: object) -> None:
        if isinstance(event, RoundOpened):
            values = {
                "round_id": event.round_id,
                "model_id": event.model_id,
                "submit_until": event.submit_until,
                "aggregate_until": event.aggregate_until,
                "state": RoundJob.OPEN,
            }
            add_once(db, rounds, rounds.c.round_id, values)
        elif isinstance(event, AggregatePosted):
            change(
                db,
                rounds,
                event.round_id,
                only_if=rounds.c.posted_by.is_(None),
                state=RoundJob.POSTED,
                posted_by=event.operator,
                attempt=0,
                note=None,
            )
        elif isinstance(event, (RoundFinalized, RoundCancelled)):
            change(db, rounds, event.round_id, state=RoundJob.ENDED)

    @staticmethod
    def _suspend(db: Connection, request_id: int) -> None:
        """Our answer was proved wrong: so may be the next to that model, each at the cost of a lock."""
        query = select(requests.c.model_id).where(requests.c.request_id == request_id)
        row = db.execute(query).first()
        if row is None:
            return
        values = {"model_id": row.model_id, "request_id": request_id}
        add_once(db, suspensions, suspensions.c.model_id, values)
        say(
            "our answer was wrong",
            level=logging.ERROR,
            request=request_id,
            model=row.model_id,
            todo=todo(row.model_id),
        )

    @staticmethod
    def _end(db: Connection, request_id: int, state: Job) -> None:
        stands = requests.c.state.not_in(ENDED)
        if change(db, requests, request_id, only_if=stands, state=state, note=None):
            say(state.value, request=request_id)
