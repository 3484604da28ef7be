"""What the worker's duties share: the contracts, the store, and how a job waits, rests and is told."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import func, select

from cairn.chain import (
    Head,
    Node,
    NodeUnreachable,
    Outbox,
    State,
    Store,
    StoreBusy,
    Terms,
    Version,
)
from cairn.errors import CairnError
from cairn.operator._jobs import (
    ENDED,
    Job,
    Leaf,
    RootJob,
    RoundJob,
    change,
    requests,
    roots,
    rounds,
    suspended,
)
from cairn.operator._ports import Contracts
from cairn.operator._programs import Programs
from cairn.operator._settings import Settings

_log = logging.getLogger("cairn.operator")

_MOST_ATTEMPTS = 5
_STEPS_BETWEEN_CLEANINGS = 1_000
_ONE_IN = 4  # of the jobs of a step, one in so many has rested before, if as many are new
# What nothing is done about any more: of whatever table, whether it rested need not be known.
_OVER = frozenset(
    (*ENDED, Job.LEFT, RootJob.ENDED, RootJob.CHECKED, Leaf.SLASHED, Leaf.LEFT)
    + (RoundJob.ENDED, RoundJob.LEFT)
)


def say(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log what happened, for people and for monitors."""
    _log.log(level, event, extra={"fields": fields})


def todo(model_id: int) -> str:
    """What a person does about a model that is suspended."""
    return f"find out why, then `cairn operator resume {model_id}`"


def key_of(what: str, which: int | str, attempt: int) -> str:
    """An intent's key. A further attempt is made only when the one before was refused for good."""
    return f"{what}:{which}" if attempt == 0 else f"{what}:{which}:{attempt}"


class WorkDesk:
    """What one step of the worker has at hand. `new_step` forgets what holds for a step only."""

    def __init__(
        self,
        settings: Settings,
        contracts: Contracts,
        node: Node,
        store: Store,
        outbox: Outbox,
        programs: Programs,
    ) -> None:
        self.settings = settings
        self.contracts = contracts
        self.node = node
        self.store = store
        self.outbox = outbox
        self.programs = programs
        self.suspended: dict[int, int] = {}
        self.steps = 0
        self.now = 0  # unix seconds, by the chain's clock
        self._terms: dict[int, Terms] = {}
        self._versions: dict[tuple[int, int], Version] = {}
        self._serving: dict[int, bool] = {}
        self._operators: dict[int, list[str]] = {}
        # By table: job -> the first step that may look at it again. Kept after that step too, to tell
        # what was looked at before, and which of it the longest ago.
        self._rests: dict[Any, dict[int, int]] = {}
        self._free: int | None = None  # stake that was free after the last step, in wei
        self._locks_wei: dict[int, int] = {}  # model -> what an answer locked the last time

    @property
    def account(self) -> str:
        return self.outbox.account

    def new_step(self, head: Head) -> None:
        self.steps += 1
        self.now = head.timestamp
        if self.steps % _STEPS_BETWEEN_CLEANINGS == 0:
            self._forget_rests()
        self._serving.clear()
        self._operators.clear()
        self.programs.new_step()

    def look_at_suspensions(self) -> None:
        with self.store.read() as db:
            self.suspended = suspended(db)

    # --- jobs ---------------------------------------------------------------------------------

    def rows(
        self,
        table: Any,
        state: str,
        most: int,
        *,
        columns: Sequence[Any] = (),
        where: Sequence[Any] = (),
    ) -> list[Any]:
        """Jobs of a state that do not rest, in their turn; all columns, or the key and some more."""
        (key,) = table.primary_key.columns
        with self.store.read() as db:
            query = select(key).where(table.c.state == state, *where).order_by(key)
            keys = self.in_turn(table, db.execute(query).scalars(), most)
            if not keys:
                return []
            wanted = select(key, *columns) if columns else select(table)
            found = {row[0]: row for row in db.execute(wanted.where(key.in_(keys)))}
        return [found[one] for one in keys]

    def in_turn(self, table: Any, keys: Iterable[int], most: int) -> list[int]:
        """Of these jobs, those that are next: new ones, and in between those that rested the longest ago.

        So neither do any number of jobs that cannot be done hold up a new one, nor the new ones them.
        """
        rests = self._rests.get(table, {})
        new: deque[int] = deque()
        rested: list[int] = []
        for one in keys:
            if one not in rests:
                new.append(one)
            elif rests[one] <= self.steps:
                rested.append(one)
        again = deque(sorted(rested, key=rests.__getitem__))
        chosen: list[int] = []
        while len(chosen) < most and (new or again):
            is_again = not new or (again and len(chosen) % _ONE_IN == _ONE_IN - 1)
            chosen.append((again if is_again else new).popleft())
        return chosen

    def _forget_rests(self) -> None:
        """Of jobs that are over."""
        with self.store.read() as db:
            for table, rests in self._rests.items():
                (key,) = table.primary_key.columns
                alive = set(db.execute(select(key).where(table.c.state.not_in(_OVER))).scalars())
                self._rests[table] = {one: step for one, step in rests.items() if one in alive}

    def set(self, table: Any, key: int, **values: Any) -> None:
        with self.store.begin() as db:
            change(db, table, key, **values)

    def each(
        self, rows: Iterable[Any], table: Any, head: Head, work: Callable[[Any, Head], None]
    ) -> None:
        """Work off rows; one that cannot be done now waits and holds up no other."""
        for row in rows:
            try:
                work(row, head)
            except (NodeUnreachable, StoreBusy):
                raise
            except CairnError as error:
                self.wait(table, row, str(error))
            except Exception as error:  # noqa: BLE001 - one bad job must not end the others
                _log.exception("a job failed", extra={"fields": {"job": row[0]}})
                self.wait(table, row, f"{type(error).__name__}: {error}")

    def wait(self, table: Any, row: Any, note: str, *, level: int = logging.WARNING) -> None:
        """Look at a job again after a while; say so once for each reason."""
        self.rest(table, row)
        if row.note != note:
            self.set(table, row[0], note=note)
            say("waits", level=level, job=f"{table.name}:{row[0]}", why=note)

    def rest(self, table: Any, row: Any, times: int = 1) -> None:
        """Let a job be for some steps. Kept in memory only: a restart looks at all at once."""
        until = self.steps + times * self.settings.retry_after_steps
        self._rests.setdefault(table, {})[row[0]] = until

    def leave(self, row: Any, note: str) -> None:
        """There is nothing to do for a request but to see how it ends."""
        self.set(requests, row.request_id, state=Job.LEFT, note=note)
        say("left", request=row.request_id, why=note)

    def refused(self, table: Any, states: tuple[str, ...]) -> list[tuple[Any, str]]:
        """Jobs whose transaction the contract refused for good, and why."""
        with self.store.read() as db:
            (key,) = table.primary_key.columns
            query = select(key, table.c.state, table.c.attempt, table.c.intent)
            rows = db.execute(query.where(table.c.state.in_(states))).all()
        known = self.outbox.get_many([row.intent for row in rows])
        found = []
        for row in rows:
            intent = known.get(row.intent)
            if intent is not None and intent.state is State.REVERTED:
                found.append((row, intent.reason))
        return found

    def again(self, table: Any, row: Any, before: str, given_up: str, reason: str) -> None:
        """Back to the state before, or given up after some attempts."""
        attempt = row.attempt + 1
        self.set(
            table,
            row[0],
            state=given_up if attempt > _MOST_ATTEMPTS else before,
            attempt=attempt,
            note=reason or "refused",
        )
        self.rest(table, row)
        say("refused", level=logging.WARNING, job=row.intent, why=reason)

    # --- what the registry and the ledger say -------------------------------------------------

    def terms_of(self, terms_id: int) -> Terms:
        if terms_id not in self._terms:
            self._terms[terms_id] = self.contracts.registry.terms(terms_id)
        return self._terms[terms_id]

    def version_of(self, model_id: int, version: int) -> Version:
        if (model_id, version) not in self._versions:
            found = self.contracts.registry.version(model_id, version)
            self._versions[model_id, version] = found
        return self._versions[model_id, version]

    def is_serving(self, model_id: int) -> bool:
        """Whether statements are made for a model: it is served, and not suspended."""
        return model_id not in self.suspended and self.has_opted_in(model_id)

    def has_opted_in(self, model_id: int) -> bool:
        if self.settings.models and model_id not in self.settings.models:
            return False
        if model_id not in self._serving:
            self._serving[model_id] = self.contracts.ledger.is_serving(self.account, model_id)
        return self._serving[model_id]

    def operators_of(self, model_id: int) -> list[str]:
        if model_id not in self._operators:
            self._operators[model_id] = self.contracts.ledger.operators_of(model_id)
        return self._operators[model_id]

    def run(self, terms: Terms, features: bytes) -> bytes:
        """What the contract would compute. Only a program with the terms' hash is run."""
        version = self.version_of(terms.model_id, terms.version)
        program = self.programs.get(terms.program_hash, version.program_cid)
        return program.run_packed(features)

    # --- stake --------------------------------------------------------------------------------

    def note_lock(self, terms: Terms) -> None:
        """An answer under these terms is about to lock stake: `stake` tells how many more may."""
        self._locks_wei[terms.model_id] = terms.lock_wei

    def look_at_stake(self) -> None:
        """For `stake`: how much is free, and what an answer locks where we gave one."""
        if self._free is None:  # the first time: models answered for in lives before
            c = requests.c
            query = select(c.model_id, func.max(c.terms_id)).where(c.answered_by == self.account)
            mine = select(roots.c.terms_id).where(roots.c.operator == self.account).distinct()
            with self.store.read() as db:
                given = [
                    (model_id, terms) for model_id, terms in db.execute(query.group_by(c.model_id))
                ]
                rooted = db.execute(mine).scalars().all()
            given += [(self.terms_of(terms_id).model_id, terms_id) for terms_id in rooted]
            for model_id, terms_id in given:
                self._locks_wei.setdefault(model_id, self.terms_of(terms_id).lock_wei)
        self._free = self.free_wei()

    def stake(self) -> dict[str, Any]:
        """Free stake after the last step, and how many more answers it backs, by model."""
        return {
            "free_wei": self._free,
            "answers_backed": {
                model_id: max(0, self._free or 0) // lock_wei
                for model_id, lock_wei in sorted(self._locks_wei.items())
                if lock_wei
            },
        }

    def free_wei(self) -> int:
        """Stake that neither the chain nor an answer or aggregate on its way has taken."""
        free = self.contracts.ledger.free_wei(self.account)
        with self.store.read() as db:
            answering = db.execute(
                select(requests.c.terms_id, func.count())
                .where(requests.c.state == Job.ANSWERING)
                .group_by(requests.c.terms_id)
            ).all()
            posting = db.execute(
                select(rounds.c.round_id).where(rounds.c.state == RoundJob.POSTING)
            ).all()
        for terms_id, count in answering:
            free -= self.terms_of(terms_id).lock_wei * int(count)
        return free - sum(self.contracts.rounds.plan(row.round_id).lock_wei for row in posting)
