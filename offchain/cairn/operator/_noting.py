"""What the chain says: from the logs of the market and the rounds to rows, in the cursor's transaction."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, select

from cairn.chain import (
    AggregatePosted,
    Answered,
    Challenged,
    Log,
    Refunded,
    Requested,
    RoundCancelled,
    RoundFinalized,
    RoundOpened,
    Settled,
)
from cairn.operator._desk import say, todo
from cairn.operator._jobs import (
    ENDED,
    Job,
    RoundJob,
    add_once,
    change,
    requests,
    rounds,
    suspensions,
)
from cairn.operator._ports import Contracts


class Noting:
    """Logs come again (`LogCursor`), long after a job has moved on, so each tells only what the rows
    do not know yet: a row is added once, an answer or aggregate is noted once, a job ends once.
    """

    def __init__(self, contracts: Contracts, account: str) -> None:
        self._market = contracts.market
        self._rounds = contracts.rounds
        self._account = account

    @property
    def addresses(self) -> list[str]:
        return [self._market.address, self._rounds.address]

    @property
    def topics(self) -> list[bytes]:
        return [
            *self._market.topics(Requested, Answered, Settled, Refunded, Challenged),
            *self._rounds.topics(RoundOpened, AggregatePosted, RoundFinalized, RoundCancelled),
        ]

    def note(self, db: Connection, logs: list[Log]) -> None:
        """Inside the cursor's transaction."""
        for log in logs:
            event = self._market.decode(log)
            if event is not None:
                self._of_market(db, event)
                continue
            event = self._rounds.decode(log)
            if event is not None:
                self._of_rounds(db, event)

    def _of_market(self, db: Connection, event: object) -> None:
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
                only_if=requests.c.answered_by.is_(None),
                state=Job.ANSWERED if ours else Job.OTHERS,
                answered_by=event.operator,
                outputs=event.outputs,
                challengeable_until=event.challengeable_until,
                attempt=0,
                note=None,
            ):
                say("answered", request=event.request_id, operator=event.operator)
        elif isinstance(event, Settled):
            self._end(db, event.request_id, Job.SETTLED)
        elif isinstance(event, Refunded):
            self._end(db, event.request_id, Job.REFUNDED)
        elif isinstance(event, Challenged):
            if event.operator == self._account:
                self._suspend(db, event.request_id)
            self._end(db, event.request_id, Job.SLASHED)

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
        query = select(requests.c.model_id, requests.c.state)
        row = db.execute(query.where(requests.c.request_id == request_id)).first()
        if row is None or row.state == Job.SLASHED:  # noted before; a person may have looked since
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
        if change(db, requests, request_id, only_if=stands, state=state, features=b"", note=None):
            say(state.value, request=request_id)
