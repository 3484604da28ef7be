"""The worker: one step after another, each of which may be the last.

A step reads what is new on the chain, looks after transactions on their way, and works off jobs.
Every job's state is kept before the next is begun, and every transaction goes through the outbox
under a key made of the job, so a step that is cut off anywhere is simply done again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from cairn.chain import (
    ZERO_ADDRESS,
    AggregatePosted,
    Answered,
    Challenged,
    Head,
    Log,
    LogCursor,
    Node,
    NodeBehind,
    NodeRefused,
    NodeUnreachable,
    Outbox,
    Phase,
    Refunded,
    Requested,
    Reverted,
    RoundCancelled,
    RoundFinalized,
    RoundOpened,
    Settled,
    State,
    Status,
    Store,
    StoreBusy,
    Terms,
    Update,
    Version,
    WrongNetwork,
)
from cairn.domain.keccak import keccak256
from cairn.errors import CairnError
from cairn.operator._fetches import Fetches, StillFetching
from cairn.operator._jobs import (
    CURSOR,
    ENDED,
    WANTS_STAKE,
    Job,
    RoundJob,
    add_once,
    bindings,
    change,
    count_by_state,
    origins,
    requests,
    rounds,
    suspended,
    suspensions,
    waiting_for_stake,
)
from cairn.operator._ports import (
    AggregateRound,
    Content,
    Contracts,
    OperatorError,
    VersionFile,
)
from cairn.operator._programs import Programs
from cairn.operator._settings import Settings

_log = logging.getLogger(__name__)

_ANSWERS_A_STEP = 64
_CHECKS_A_STEP = 64
_MOST_ATTEMPTS = 5
_PAGES_A_STEP = 8
_OVERLAP_BLOCKS = 16  # logs of these are read again; `_note` may meet them any number of times
_FILE_FETCHERS = 8
_SETTLED_A_STEP = 512
_BATCHES_A_STEP = 16
_ROUNDS_A_STEP = 64
_KEYS_A_PAGE = 512
_STEPS_BETWEEN_PRUNES = 1_000
_PRUNED_AT_ONCE = 5_000


def _say(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    _log.log(level, event, extra={"fields": fields})


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
        self._settings = settings
        self._contracts = contracts
        self._node = node
        self._store = store
        self._outbox = outbox
        self._programs = programs
        self._content = content
        self._aggregate_round = aggregate_round if settings.aggregate else None
        self._files: Fetches[bytes] = Fetches(_FILE_FETCHERS, patience_s=patience_s)
        self._terms: dict[int, Terms] = {}
        self._versions: dict[tuple[int, int], Version] = {}
        self._serving: dict[int, bool] = {}
        self._suspended: dict[int, int] = {}
        self._published: set[bytes] = set()
        self._free: int | None = None  # stake that was free after the last step, in wei
        self._locks_wei: dict[int, int] = {}  # model -> what an answer locked the last time
        self._steps = 0
        self._resting: dict[tuple[str, int], int] = {}  # job -> the step that looks at it again
        self._bind(chain_id)
        self._check_origin(first_block)
        market, rounds_ = contracts.market, contracts.rounds
        self._cursor = LogCursor(
            store,
            node,
            CURSOR,
            [market.address, rounds_.address],
            [
                *market.topics(Requested, Answered, Settled, Refunded, Challenged),
                *rounds_.topics(RoundOpened, AggregatePosted, RoundFinalized, RoundCancelled),
            ],
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
        self._files.close()

    def counts(self) -> dict[str, Any]:
        """For monitors: where the worker is, and how many jobs are in which state."""
        waiting = len(self._outbox.live())
        with self._store.read() as db:
            return {
                "account": self.account,
                "next_block": self.next_block,
                "transactions_waiting": waiting,
                "requests": count_by_state(db, requests),
                "rounds": count_by_state(db, rounds),
                "suspended": suspended(db),
                "stake": {
                    "free_wei": self._free,
                    "answers_backed": {
                        model_id: max(0, self._free or 0) // lock_wei
                        for model_id, lock_wei in sorted(self._locks_wei.items())
                        if lock_wei
                    },
                    "answers_waiting": waiting_for_stake(db),
                },
            }

    def _bind(self, chain_id: int) -> None:
        """A store belongs to one account on one deployment: its keys mean nothing elsewhere."""
        mine = (chain_id, self._contracts.market.address, self.account)
        with self._store.begin() as db:
            row = db.execute(select(bindings)).first()
            if row is None:
                db.execute(insert(bindings).values(mine))
            elif tuple(row) != mine:
                raise OperatorError(
                    f"the store belongs to {row.account} on chain {row.chain_id} with the market "
                    f"at {row.market}; give {self.account} a store of its own"
                )

    def _check_origin(self, first_block: int | None = None) -> None:
        """A chain begun anew has the same id and addresses, and not the same first block.

        The store keeps the hash of block 0 (of the deployment's first, should the node not give
        that one) from its first start, and refuses a chain that has another one there.
        """
        with self._store.read() as db:
            known = db.execute(select(origins)).first()
        if known is None:
            if first_block is not None:
                self._keep_origin(first_block)
            return
        found = self._block_hash(known.number)
        if found is None:  # pruned, or not there yet: the cursor says what it makes of the rest
            _say("origin not shown", level=logging.WARNING, block=known.number)
        elif found != known.hash:
            raise OperatorError(
                f"the store was begun on another chain with the same addresses: its block "
                f"{known.number} was 0x{known.hash.hex()} and is 0x{found.hex()} here. If the "
                "chain was begun anew, move the database away and start again, the chain holds "
                "all that the worker needs; else name the endpoint of the old chain"
            )

    def _keep_origin(self, first_block: int) -> None:
        for number in (0, first_block):
            found = self._block_hash(number)
            if found is not None:
                with self._store.begin() as db:
                    db.execute(insert(origins).values(number=number, hash=found))
                return

    def _block_hash(self, number: int) -> bytes | None:
        try:
            return self._node.block_hash(number)
        except NodeRefused:  # some nodes show no block 0, or no old ones
            return None

    def step(self) -> bool:
        """Do all that can be done now. True if there is more to read at once.

        Raises `NodeUnreachable` or `NodeRefused` if the chain cannot be asked: come again.
        """
        head = self._node.head()
        self._steps += 1
        self._resting = {job: step for job, step in self._resting.items() if step > self._steps}
        self._serving.clear()
        self._programs.new_step()
        self._files.new_step()
        try:
            caught_up = self._cursor.advance(head, self._note, pages=_PAGES_A_STEP)
        except (NodeBehind, WrongNetwork):
            self._check_origin()
            raise
        self._outbox.tick(head)
        if not caught_up:  # what looks open may be answered in blocks that are not read yet
            return True
        with self._store.read() as db:
            self._suspended = suspended(db)
        self._follow_up()
        self._each(self._rows(requests, Job.SEEN, _ANSWERS_A_STEP), requests, head, self._answer)
        if self._settings.watch != "none":
            others = self._rows(requests, Job.OTHERS, _CHECKS_A_STEP)
            self._each(others, requests, head, self._check)
        self._prune(head)
        self._gather_settlements(head)
        self._post_settlements(head)
        if self._aggregate_round is not None:
            self._each(
                self._rows(rounds, RoundJob.OPEN, _ROUNDS_A_STEP), rounds, head, self._aggregate
            )
            posted = self._rows(rounds, RoundJob.POSTED, _ROUNDS_A_STEP)
            self._each(posted, rounds, head, self._finalize)
        self._look_at_stake()
        return False

    # --- what the chain says ------------------------------------------------------------------

    def _note(self, db: Connection, logs: list[Log]) -> None:
        """Inside the cursor's transaction: from events to rows.

        Logs come again (`LogCursor`), long after a job has moved on, so each tells only what the
        rows do not know yet: a row is added once, an answer or aggregate is noted once, a job
        ends once.
        """
        for log in logs:
            event = self._contracts.market.decode(log) or self._contracts.rounds.decode(log)
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
                ours = event.operator == self.account
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
                    _say("answered", request=event.request_id, operator=event.operator)
            elif isinstance(event, Settled):
                self._end(db, event.request_id, Job.SETTLED)
            elif isinstance(event, Refunded):
                self._end(db, event.request_id, Job.REFUNDED)
            elif isinstance(event, Challenged):
                if event.operator == self.account:
                    self._suspend(db, event.request_id)
                self._end(db, event.request_id, Job.SLASHED)
            elif isinstance(event, RoundOpened):
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
        _say(
            "our answer was wrong",
            level=logging.ERROR,
            request=request_id,
            model=row.model_id,
            todo=_todo(row.model_id),
        )

    @staticmethod
    def _end(db: Connection, request_id: int, state: Job) -> None:
        stands = requests.c.state.not_in(ENDED)
        if change(db, requests, request_id, only_if=stands, state=state, features=b"", note=None):
            _say(state.value, request=request_id)

    # --- parts --------------------------------------------------------------------------------

    def _rows(
        self,
        table: Any,
        state: str,
        most: int,
        *,
        columns: Sequence[Any] = (),
        where: Sequence[Any] = (),
    ) -> list[Any]:
        """The oldest jobs of a state that do not rest; all columns, or the key and some more."""
        (key,) = table.primary_key.columns
        with self._store.read() as db:
            keys: list[int] = []
            seen = -1
            while len(keys) < most:
                query = select(key).where(table.c.state == state, key > seen, *where)
                page = db.execute(query.order_by(key).limit(_KEYS_A_PAGE)).scalars().all()
                keys += [one for one in page if (table.name, one) not in self._resting]
                if len(page) < _KEYS_A_PAGE:
                    break
                seen = page[-1]
            if not keys:
                return []
            wanted = select(key, *columns) if columns else select(table)
            query = wanted.where(key.in_(keys[:most])).order_by(key)
            return list(db.execute(query).all())

    def _set(self, table: Any, key: int, **values: Any) -> None:
        with self._store.begin() as db:
            change(db, table, key, **values)

    def _each(
        self, rows: Iterable[Any], table: Any, head: Head, work: Callable[[Any, Head], None]
    ) -> None:
        """Work off rows; one that cannot be done now waits and holds up no other."""
        for row in rows:
            try:
                work(row, head)
            except (NodeUnreachable, StoreBusy):
                raise
            except CairnError as error:
                self._wait(table, row, str(error))
            except Exception as error:  # noqa: BLE001 - one bad job must not end the others
                _log.exception("a job failed", extra={"fields": {"job": row[0]}})
                self._wait(table, row, f"{type(error).__name__}: {error}")

    def _wait(self, table: Any, row: Any, note: str, *, level: int = logging.WARNING) -> None:
        """Look at a job again after a while; say so once for each reason."""
        self._rest(table, row)
        if row.note != note:
            self._set(table, row[0], note=note)
            _say("waits", level=level, job=f"{table.name}:{row[0]}", why=note)

    def _rest(self, table: Any, row: Any, times: int = 1) -> None:
        """Let a job be for some steps. Kept in memory only: a restart looks at all at once."""
        self._resting[table.name, row[0]] = self._steps + times * self._settings.retry_after_steps

    def _terms_of(self, terms_id: int) -> Terms:
        if terms_id not in self._terms:
            self._terms[terms_id] = self._contracts.registry.terms(terms_id)
        return self._terms[terms_id]

    def _version_of(self, model_id: int, version: int) -> Version:
        if (model_id, version) not in self._versions:
            found = self._contracts.registry.version(model_id, version)
            self._versions[model_id, version] = found
        return self._versions[model_id, version]

    def _is_serving(self, model_id: int) -> bool:
        """Whether statements are made for a model: it is served, and not suspended."""
        return model_id not in self._suspended and self._has_opted_in(model_id)

    def _has_opted_in(self, model_id: int) -> bool:
        if self._settings.models and model_id not in self._settings.models:
            return False
        if model_id not in self._serving:
            self._serving[model_id] = self._contracts.ledger.is_serving(self.account, model_id)
        return self._serving[model_id]

    def _run(self, terms: Terms, features: bytes) -> bytes:
        """What the contract would compute. Only a program with the terms' hash is run."""
        version = self._version_of(terms.model_id, terms.version)
        program = self._programs.get(terms.program_hash, version.program_cid)
        return program.run_packed(features)

    def _look_at_stake(self) -> None:
        """For `counts`: how much is free, and what an answer locks where we gave one."""
        if self._free is None:  # the first time: models answered for in lives before
            c = requests.c
            query = select(c.model_id, func.max(c.terms_id)).where(c.answered_by == self.account)
            with self._store.read() as db:
                given = db.execute(query.group_by(c.model_id)).all()
            for model_id, terms_id in given:
                self._locks_wei.setdefault(model_id, self._terms_of(terms_id).lock_wei)
        self._free = self._free_wei()

    def _free_wei(self) -> int:
        """Stake that neither the chain nor an answer or aggregate on its way has taken."""
        free = self._contracts.ledger.free_wei(self.account)
        with self._store.read() as db:
            answering = db.execute(
                select(requests.c.terms_id).where(requests.c.state == Job.ANSWERING)
            ).all()
            posting = db.execute(
                select(rounds.c.round_id).where(rounds.c.state == RoundJob.POSTING)
            ).all()
        free -= sum(self._terms_of(row.terms_id).lock_wei for row in answering)
        return free - sum(self._contracts.rounds.plan(row.round_id).lock_wei for row in posting)

    # --- answering ----------------------------------------------------------------------------

    def _answer(self, row: Any, head: Head) -> None:
        request_id = row.request_id
        if head.timestamp + self._settings.deadline_margin_s > row.deadline:
            self._leave(row, "the deadline has passed or is too near")
            return
        if row.named not in (ZERO_ADDRESS, self.account):
            self._leave(row, "another operator is named")
            return
        if row.model_id in self._suspended:
            self._wait(requests, row, f"the model is suspended: {_todo(row.model_id)}")
            return
        if not self._is_serving(row.model_id):
            self._wait(requests, row, "this account does not serve the model", level=logging.DEBUG)
            return
        request = self._contracts.market.get_request(request_id)
        if request.status != Status.OPEN:
            self._wait(requests, row, "not open any more; its log will come", level=logging.DEBUG)
            return
        if keccak256(row.features) != request.features_hash:
            raise OperatorError("the features in the log are not those that the market knows")
        terms = self._terms_of(row.terms_id)
        self._locks_wei[row.model_id] = terms.lock_wei
        if self._free_wei() < terms.lock_wei:
            raise OperatorError(f"{WANTS_STAKE}: an answer locks {terms.lock_wei} wei")
        outputs = self._run(terms, row.features)
        self._check_with_judge(terms, row.features, outputs)
        key = _key("answer", request_id, row.attempt)
        try:
            self._outbox.post(key, self._contracts.market.answer(request_id, outputs), head)
        except Reverted as error:
            self._wait(
                requests,
                row,
                f"the market would refuse the answer: {error.reason}",
                level=logging.DEBUG,
            )
            return
        self._set(requests, request_id, state=Job.ANSWERING, intent=key, note=None)
        _say("answering", request=request_id, model=row.model_id, outputs=outputs.hex())

    def _check_with_judge(self, terms: Terms, features: bytes, outputs: bytes) -> None:
        """Refuse to post what a challenge would prove wrong, where the chain can say so."""
        if terms.program_hash not in self._published:
            if not self._contracts.programs.is_published(terms.program_hash):
                return  # until somebody publishes it, nobody can challenge either
            self._published.add(terms.program_hash)
        try:
            right = self._contracts.judge.evaluate(terms.program_hash, features)
        except (Reverted, NodeRefused) as error:  # such as too little gas for calls at the node
            _say("judge not asked", level=logging.DEBUG, why=str(error))
            return
        if right != outputs:
            raise OperatorError(
                f"the program gives {outputs.hex() or 'invalid'} here and {right.hex() or 'invalid'} "
                f"on chain: nothing is posted; see whether this release is the chain's, and report it"
            )

    def _leave(self, row: Any, note: str) -> None:
        self._set(requests, row.request_id, state=Job.LEFT, note=note)
        _say("left", request=row.request_id, why=note)

    # --- watching others ------------------------------------------------------------------------

    def _check(self, row: Any, head: Head) -> None:
        request_id = row.request_id
        if head.timestamp > row.challengeable_until:
            self._leave(row, "its window is over")
            return
        if self._settings.watch == "served" and not self._has_opted_in(row.model_id):
            self._leave(row, "answered by another; the model is not watched")
            return
        terms = self._terms_of(row.terms_id)
        right = self._run(terms, row.features)
        if right == row.outputs:
            self._set(requests, request_id, state=Job.LEFT, note="another's, and right")
            return
        call = self._contracts.market.challenge(request_id, row.features)
        try:
            if not self._settings.challenge_at_a_loss:
                gas = self._node.estimate_gas(self.account, call)
                cost = gas * (head.base_fee_wei + self._node.tip_wei())
                if cost > terms.lock_wei // 2:
                    # Gas may get cheaper while the window lasts; `_check` leaves it when it is over.
                    self._wait(requests, row, "wrong, but its bounty does not pay for the gas yet")
                    return
            key = _key("challenge", request_id, row.attempt)
            self._outbox.post(key, call, head)
        except Reverted as error:
            self._wait(
                requests,
                row,
                f"the market would refuse the proof: {error.reason}",
                level=logging.DEBUG,
            )
            return
        self._set(requests, request_id, state=Job.CHALLENGING, intent=key, note=None)
        _say(
            "challenging",
            level=logging.WARNING,
            request=request_id,
            operator=row.answered_by,
            answered=row.outputs.hex(),
            right=right.hex(),
        )

    # --- settling -------------------------------------------------------------------------------

    def _gather_settlements(self, head: Head) -> None:
        """Put answers whose window is over into batches; a batch is fixed before it is sent."""
        c = requests.c
        due = self._rows(
            requests,
            Job.ANSWERED,
            _SETTLED_A_STEP,
            columns=(c.challengeable_until, c.attempt),
            where=(c.challengeable_until < head.timestamp,),
        )
        if not due:
            return
        with self._store.read() as db:  # when the next one will be due
            query = select(func.min(c.challengeable_until)).where(
                c.state == Job.ANSWERED, c.challengeable_until >= head.timestamp
            )
            next_at = db.execute(query).scalar_one()
        alone = [[row] for row in due if row.attempt > 0]  # refused in company: one by one
        rest = sorted((row for row in due if row.attempt == 0), key=lambda r: r.challengeable_until)
        size = self._settings.settle_batch
        batches = [rest[at : at + size] for at in range(0, len(rest), size)]
        for batch in alone + batches:
            wait_until = batch[0].challengeable_until + self._settings.settle_delay_s
            company = next_at is not None and next_at <= wait_until
            if batch[0].attempt == 0 and len(batch) < size and company:
                continue
            key = _key("settle", min(row.request_id for row in batch), batch[0].attempt)
            with self._store.begin() as db:
                for row in batch:
                    change(db, requests, row.request_id, state=Job.SETTLING, intent=key)

    def _post_settlements(self, head: Head) -> None:
        c = requests.c
        with self._store.read() as db:
            query = select(c.intent).where(c.state == Job.SETTLING).distinct()
            keys = list(db.execute(query).scalars())
        known = self._outbox.get_many(keys)
        for key in [one for one in keys if one not in known][:_BATCHES_A_STEP]:
            with self._store.read() as db:
                query = select(c.request_id, c.attempt).where(
                    c.state == Job.SETTLING, c.intent == key
                )
                batch = list(db.execute(query.order_by(c.request_id)))
            ids = [row.request_id for row in batch]
            try:
                self._outbox.post(key, self._contracts.market.settle(ids), head)
            except Reverted as error:
                self._split(batch, error.reason)
            else:
                _say("settling", requests=ids)

    def _split(self, batch: list[Any], reason: str) -> None:
        """A batch was refused: somebody settled one of it. The others go one by one."""
        with self._store.begin() as db:
            for row in batch:
                change(
                    db,
                    requests,
                    row.request_id,
                    state=Job.ANSWERED,
                    intent=None,
                    attempt=row.attempt + 1,
                    note=reason,
                )
        for row in batch:
            self._rest(requests, row, 2 ** min(row.attempt, 8))

    def _prune(self, head: Head) -> None:
        """Now and then: forget requests that ended, or were left, long ago.

        None can be answered again for that: the market takes no answer after the deadline, which
        passed as long ago, and the cursor reads only its newest blocks again. Should those reach
        back as far, on a chain that hardly moves, they tell the request's whole story once more.
        """
        if self._steps % _STEPS_BETWEEN_PRUNES != 1:
            return
        c, before = requests.c, head.timestamp - self._settings.keep_ended_s
        query = select(c.request_id).where(
            c.state.in_([*ENDED, Job.LEFT]),
            c.deadline < before,
            func.coalesce(c.challengeable_until, 0) < before,
        )
        with self._store.read() as db:
            old = db.execute(query.order_by(c.request_id).limit(_PRUNED_AT_ONCE)).scalars().all()
        if old:
            with self._store.begin() as db:
                db.execute(delete(requests).where(c.request_id.in_(old)))
            _say("forgot", requests=len(old))

    # --- what became of transactions ------------------------------------------------------------

    def _follow_up(self) -> None:
        """Refused transactions: their jobs are looked at again. Mined ones show in the logs."""
        for row, reason in self._refused(requests, (Job.ANSWERING, Job.CHALLENGING)):
            before = Job.SEEN if row.state == Job.ANSWERING else Job.OTHERS
            self._again(requests, row, before, Job.LEFT, reason)
        batches: dict[str, list[Any]] = {}
        for row, _ in self._refused(requests, (Job.SETTLING,)):
            batches.setdefault(row.intent, []).append(row)
        for batch in batches.values():
            self._split(batch, "the batch was refused")
        for row, reason in self._refused(rounds, (RoundJob.POSTING, RoundJob.FINALIZING)):
            back = RoundJob.OPEN if row.state == RoundJob.POSTING else RoundJob.POSTED
            self._again(rounds, row, back, RoundJob.LEFT, reason)

    def _refused(self, table: Any, states: tuple[str, ...]) -> list[tuple[Any, str]]:
        with self._store.read() as db:
            (key,) = table.primary_key.columns
            query = select(key, table.c.state, table.c.attempt, table.c.intent)
            rows = db.execute(query.where(table.c.state.in_(states))).all()
        known = self._outbox.get_many([row.intent for row in rows])
        found = []
        for row in rows:
            intent = known.get(row.intent)
            if intent is not None and intent.state is State.REVERTED:
                found.append((row, intent.reason))
        return found

    def _again(self, table: Any, row: Any, before: str, given_up: str, reason: str) -> None:
        attempt = row.attempt + 1
        self._set(
            table,
            row[0],
            state=given_up if attempt > _MOST_ATTEMPTS else before,
            attempt=attempt,
            note=reason or "refused",
        )
        self._rest(table, row)
        _say("refused", level=logging.WARNING, job=row.intent, why=reason)

    # --- rounds ---------------------------------------------------------------------------------

    def _aggregate(self, row: Any, head: Head) -> None:
        assert self._aggregate_round is not None
        if head.timestamp <= row.submit_until or not self._is_serving(row.model_id):
            return
        if head.timestamp + self._settings.deadline_margin_s > row.aggregate_until:
            self._set(rounds, row.round_id, state=RoundJob.LEFT, note="too late to aggregate")
            return
        contract = self._contracts.rounds
        if contract.phase(row.round_id) != Phase.OPEN:
            return  # its log will come
        plan = contract.plan(row.round_id)
        updates = contract.updates(row.round_id)
        if not updates:
            self._set(rounds, row.round_id, state=RoundJob.LEFT, note="nobody handed in")
            return
        if self._free_wei() < plan.lock_wei:
            raise OperatorError(f"{WANTS_STAKE}: an aggregate locks {plan.lock_wei} wei")
        base = self._version_of(plan.model_id, plan.base_version) if plan.base_version else None
        before = self._version_of(plan.model_id, base.parent) if base and base.parent else None
        cids = [plan.plan_cid, *(update.cid for update in updates)]
        for version in (base, before):
            if version is not None and version.round_id:
                cids.append(self._contracts.rounds.aggregate_of(version.round_id).cid)
        for cid in cids:  # all at once; what is there already stays
            self._files.begin(cid, partial(self._content.fetch, cid))
        plan_file = self._files.get(plan.plan_cid)
        if keccak256(plan_file) != plan.plan_hash:
            raise OperatorError("the plan's file is not the one that the round was opened with")
        try:
            files = self._aggregate_round(
                plan,
                plan_file,
                self._update_files(row, head, updates),
                lambda: self._version_file(base),
                lambda: self._version_file(before),
            )
        except StillFetching:
            raise
        except CairnError:  # something is not what it should be: have it anew the next time
            self._drop_files(cids)
            raise
        call = contract.aggregate(
            row.round_id,
            files.root,
            self._content.add(files.aggregate),
            files.program_hash,
            self._content.add(files.program),
            self._content.add(files.card),
        )
        key = _key("aggregate", row.round_id, row.attempt)
        self._outbox.post(key, call, head)
        self._set(rounds, row.round_id, state=RoundJob.POSTING, intent=key, note=None)
        self._drop_files(cids)
        _say("aggregating", round=row.round_id, updates=len(updates), root=files.root.hex())

    def _drop_files(self, cids: list[bytes]) -> None:
        for cid in cids:
            self._files.drop(cid)

    def _update_files(
        self, row: Any, head: Head, updates: list[Update]
    ) -> list[tuple[Update, bytes | None]]:
        """The updates with their files, None for those that the round goes on without.

        One that cannot be had is waited for during half of the time to aggregate, one that is
        still being fetched during three quarters of it.
        """
        time_s = row.aggregate_until - row.submit_until
        past_s = head.timestamp - row.submit_until
        found: list[tuple[Update, bytes | None]] = []
        for update in updates:
            try:
                found.append((update, self._files.get(update.cid)))
            except CairnError as error:
                patience_s = time_s * 3 // 4 if isinstance(error, StillFetching) else time_s // 2
                if past_s < patience_s:
                    why = f"the update of {update.member} cannot be had: {error}"
                    raise StillFetching(why) from error
                found.append((update, None))
        return found

    def _version_file(self, version: Version | None) -> VersionFile | None:
        """The aggregate that a version came from; None for no version."""
        if version is None:
            return None
        if version.round_id == 0:
            raise OperatorError(
                "the round builds on a version that its alliance registered without a round: no "
                "file shows its parameters, and updates are relative to them; nothing is posted"
            )
        cid = self._contracts.rounds.aggregate_of(version.round_id).cid
        return VersionFile(self._files.get(cid), version.parameters_root)

    def _finalize(self, row: Any, head: Head) -> None:
        if row.posted_by != self.account:
            return  # whoever posted it has his own stake to free
        contract = self._contracts.rounds
        final_from = row.final_from
        if final_from is None:
            aggregate, plan = contract.aggregate_of(row.round_id), contract.plan(row.round_id)
            final_from = aggregate.posted_at + plan.window_s
            self._set(rounds, row.round_id, final_from=final_from)
        if head.timestamp <= final_from or contract.phase(row.round_id) != Phase.AGGREGATED:
            return
        key = _key("finalize", row.round_id, row.attempt)
        self._outbox.post(key, contract.finalize(row.round_id), head)
        self._set(rounds, row.round_id, state=RoundJob.FINALIZING, intent=key, note=None)
        _say("finalizing", round=row.round_id)


def _todo(model_id: int) -> str:
    return f"find out why, then `cairn operator resume {model_id}`"


def _key(what: str, which: int, attempt: int) -> str:
    """An intent's key. A further attempt is made only when the one before was refused for good."""
    return f"{what}:{which}" if attempt == 0 else f"{what}:{which}:{attempt}"


__all__ = ["Worker"]
