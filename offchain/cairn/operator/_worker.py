"""The worker: one step after another, each of which may be the last.

A step reads what is new on the chain, looks after transactions on their way, and works off jobs.
Every job's state is kept before the next is begun, and every transaction goes through the outbox
under a key made of the job, so a step that is cut off anywhere is simply done again.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from cairn.chain import Log, LogCursor, Node, NodeBehind, Outbox, Store, WrongNetwork
from cairn.operator._aggregating import Aggregating
from cairn.operator._answering import Answering
from cairn.operator._binding import Origin, bind
from cairn.operator._desk import WorkDesk
from cairn.operator._forgetting import forget
from cairn.operator._jobs import (
    CURSOR,
    count_by_state,
    requests,
    roots,
    rounds,
    suspended,
    waiting_for_stake,
)
from cairn.operator._noting import Noting
from cairn.operator._ports import AggregateRound, Content, Contracts
from cairn.operator._programs import Programs
from cairn.operator._settings import Settings
from cairn.operator._settling import Settling
from cairn.operator._watching import Watching

_PAGES_A_STEP = 8
_OVERLAP_BLOCKS = 16  # logs of these are read again; `_note` may meet them any number of times


class Worker:
    """One operator's duties on one chain."""

    def __init__(
        self,
        settings: Settings,
        contracts: Contracts,
        node: Node,
        store: Store,
        outbox: Outbox,
        programs: Programs,
        content: Content,
        *,
        chain_id: int,
        first_block: int = 0,
        aggregate_round: AggregateRound | None = None,
        patience_s: float = 2.0,
    ) -> None:
        bind(store, chain_id=chain_id, market=contracts.market.address, account=outbox.account)
        self._origin = Origin(store, node, first_block)
        self._node = node
        self._store = store
        self._outbox = outbox
        self._desk = desk = WorkDesk(settings, contracts, node, store, outbox, programs)
        self._noting = Noting(
            contracts, outbox.account, lambda terms_id: desk.terms_of(terms_id).window_s
        )
        self._answering = Answering(desk)
        self._watching = Watching(desk)
        self._settling = Settling(desk)
        self._aggregating = Aggregating(
            desk,
            content,
            aggregate_round if settings.aggregate else None,
            patience_s=patience_s,
        )
        self._duties = (self._answering, self._watching, self._settling, self._aggregating)
        self._cursor = LogCursor(
            store,
            node,
            CURSOR,
            self._noting.addresses,
            self._noting.topics,
            first_block=first_block,
            confirmations=settings.confirmations,
            page_blocks=settings.log_page_blocks,
            overlap_blocks=_OVERLAP_BLOCKS,
        )

    @property
    def account(self) -> str:
        return self._outbox.account

    @property
    def next_block(self) -> int:
        """The first block that has not been read yet."""
        return self._cursor.next_block

    def close(self) -> None:
        """Let go of what is being fetched."""
        self._aggregating.close()

    def counts(self) -> dict[str, Any]:
        """For monitors: where the worker is, and how many jobs are in which state."""
        waiting = len(self._outbox.live())
        with self._store.read() as db:
            return {
                "account": self.account,
                "next_block": self.next_block,
                "transactions_waiting": waiting,
                "requests": count_by_state(db, requests),
                "roots": count_by_state(db, roots),
                "rounds": count_by_state(db, rounds),
                "suspended": suspended(db),
                "stake": {**self._desk.stake(), "answers_waiting": waiting_for_stake(db)},
                "watch": self._watching.figures(),
            }

    def step(self) -> bool:
        """Do all that can be done now. True if there is more to read at once.

        Raises `NodeUnreachable` or `NodeRefused` if the chain cannot be asked: come again.
        """
        head = self._node.head()
        self._desk.new_step(head)
        self._aggregating.new_step()
        try:
            caught_up = self._cursor.advance(
                head, self._note, pages=_PAGES_A_STEP, prepare=self._noting.prepare
            )
        except (NodeBehind, WrongNetwork):
            self._origin.check()
            raise
        self._outbox.tick(head)
        if not caught_up:  # what looks open may be answered in blocks that are not read yet
            return True
        self._desk.look_at_suspensions()
        for duty in self._duties:
            duty.follow_up()
        for duty in self._duties:
            duty.work(head)
        forget(self._desk, head)
        self._desk.look_at_stake()
        return False

    def _note(self, db: Connection, logs: list[Log]) -> None:
        self._noting.note(db, logs)


__all__ = ["Worker"]
