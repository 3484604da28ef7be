"""Answering: open requests to the models served, each once; by a root where several wait, singly else."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update

from cairn.chain import ZERO_ADDRESS, Head, NodeRefused, Reverted, Status, Terms, key_runs
from cairn.domain.answers import MAX_OUTPUT_BYTES, TURN_S, AnswerRoot, most_leaves, turn_seed
from cairn.domain.keccak import keccak256
from cairn.operator._desk import WorkDesk, key_of, say, todo
from cairn.operator._jobs import (
    WANTS_STAKE,
    Job,
    Leaf,
    RootJob,
    add_root,
    change,
    in_full,
    leaves,
    requests,
    root_of,
    roots,
)
from cairn.operator._ports import OperatorError

_LOOKS_A_STEP = 256
_ANSWERS_A_STEP = 64  # single ones
_CANDIDATES_A_STEP = 2_000


@dataclass(frozen=True)
class _Candidate:
    """A request that is ours to answer, and since when a root may."""

    row: Any
    rootable_at: int | None  # unix seconds; None: only a single answer will do

    def is_rootable(self, now: int) -> bool:
        return self.rootable_at is not None and self.rootable_at < now


class Answering:
    def __init__(self, desk: WorkDesk) -> None:
        self._desk = desk
        self._published: set[bytes] = set()
        self._free_wei = 0

    def work(self, head: Head) -> None:
        c = requests.c
        where = (c.made_at.is_(None), c.model_id.in_(self._served(head)))
        new = self._desk.rows(requests, Job.SEEN, _LOOKS_A_STEP, where=where)
        looked: list[dict[str, Any]] = []
        self._desk.each(new, requests, head, lambda row, _: self._look(row, head, looked))
        if looked:
            with self._desk.store.begin() as db:
                for values in looked:
                    change(db, requests, values.pop("request_id"), note=None, **values)
        ours = (c.made_at.is_not(None), c.ours_at <= head.timestamp)
        known = self._desk.rows(requests, Job.SEEN, _CANDIDATES_A_STEP, where=ours)
        if known:
            self._free_wei = self._desk.free_wei()
            self._answer(known, head)
        self._post_roots(head)

    def _served(self, head: Head) -> list[int]:
        """The models served, of those asked. Requests to others wait, and are let go at their deadline."""
        desk, c = self._desk, requests.c
        new = (c.state == Job.SEEN, c.made_at.is_(None))
        with desk.store.read() as db:
            asked = db.execute(select(c.model_id).where(*new).distinct()).scalars().all()
        served = [one for one in asked if desk.has_opted_in(one)]
        soon = head.timestamp + desk.settings.deadline_margin_s
        gone = (*new, c.model_id.not_in(served), c.deadline < soon)
        with desk.store.read() as db:
            is_any_gone = db.execute(select(c.request_id).where(*gone).limit(1)).first() is not None
        if is_any_gone:
            note = "this account does not serve the model"
            with desk.store.begin() as db:
                db.execute(update(requests).where(*gone).values(state=Job.LEFT, note=note))
        return served

    def follow_up(self) -> None:
        """Refused answers: their requests are looked at again, and answered singly."""
        for row, reason in self._desk.refused(requests, (Job.ANSWERING,)):
            self._desk.again(requests, row, Job.SEEN, Job.LEFT, reason)
        for row, reason in self._desk.refused(roots, (RootJob.POSTING,)):
            self._end_root(row, reason)

    def _end_root(self, row: Any, reason: str) -> None:
        now = self._desk.now
        values = {"challengeable_until": now, "note": reason or "refused"}
        self._desk.set(roots, row.id, state=RootJob.ENDED, **values)

    # --- what is ours to answer ---------------------------------------------------------------

    def _look(self, row: Any, head: Head, looked: list[dict[str, Any]]) -> None:
        """Ask the market, once, what its logs do not say."""
        desk = self._desk
        if not self._is_in_time(row, head):
            return
        if row.named not in (ZERO_ADDRESS, desk.account):
            desk.leave(row, "another operator is named")
            return
        request = desk.contracts.market.get_request(row.request_id)
        if request.status != Status.OPEN:
            desk.wait(requests, row, "not open any more; its log will come", level=logging.DEBUG)
            return
        if keccak256(row.features) != request.features_hash:
            raise OperatorError("the features in the log are not those that the market knows")
        looked.append(
            {
                "request_id": row.request_id,
                "made_at": request.made_at,
                "ours_at": self._ours_at(row, request.made_at, head),
                "callback": request.callback,
            }
        )

    def _is_in_time(self, row: Any, head: Head) -> bool:
        if head.timestamp + self._desk.settings.deadline_margin_s > row.deadline:
            self._desk.leave(row, "the deadline has passed or is too near")
            return False
        return True

    def _ours_at(self, row: Any, made_at: int, head: Head) -> int:
        """From when a request is ours: at once in our turn, else one operator after another.

        The others are in an order that each of them knows, drawn from the request's number: were
        all to step in at once when the one whose turn it was is silent, all but one would have
        locked stake and paid gas for nothing.
        """
        desk = self._desk
        if row.named != ZERO_ADDRESS:
            return made_at
        seed = turn_seed(row.request_id, keccak256(row.features))
        turn = desk.contracts.ledger.turn_of(row.model_id, seed, made_at)
        if turn in (ZERO_ADDRESS, desk.account):
            return made_at
        others = [one for one in desk.operators_of(row.model_id) if one != turn]
        drawn = sorted(others, key=lambda one: keccak256(f"{row.request_id}:{one}".encode()))
        place = drawn.index(desk.account) if desk.account in drawn else len(drawn)
        after_s = (place + 1) * desk.settings.courtesy_s
        latest = int(row.deadline) - desk.settings.deadline_margin_s - 2 * TURN_S
        return min(max(made_at + TURN_S, head.timestamp) + after_s, max(latest, made_at + TURN_S))

    def _answer(self, rows: list[Any], head: Head) -> None:
        """Sort what waits by terms; where enough wait, a root has them once it may, and is full or late."""
        now, settings = head.timestamp, self._desk.settings
        elsewhere = self._in_roots_of_others(rows)
        waiting: dict[int, list[_Candidate]] = defaultdict(list)
        for row in rows:
            candidate = self._candidate(row, elsewhere.get(row.request_id, []), head)
            if candidate is not None:
                waiting[row.terms_id].append(candidate)
        singly: list[Any] = []
        for terms_id, candidates in waiting.items():
            soon = [one for one in candidates if one.rootable_at is not None]
            if len(soon) < settings.root_from:
                singly += [one.row for one in candidates]
                continue
            singly += [one.row for one in candidates if one.rootable_at is None]
            ready = [one for one in soon if one.is_rootable(now)]
            late = [one for one in ready if (one.rootable_at or 0) + settings.root_delay_s < now]
            if len(ready) == 1 and late:
                singly += [one.row for one in ready]
            elif late or len(ready) >= settings.root_most:
                self._gather(terms_id, [one.row for one in ready], head)
        turn = {row.request_id: place for place, row in enumerate(rows)}
        singly.sort(key=lambda row: turn[row.request_id])
        self._desk.each(singly[:_ANSWERS_A_STEP], requests, head, self._answer_singly)

    def _candidate(self, row: Any, others: list[Any], head: Head) -> _Candidate | None:
        """None: not now, or not ours. What it waits for is noted where a person may want to know."""
        desk = self._desk
        if not self._is_in_time(row, head):
            return None
        if row.proved_wrong:
            desk.leave(row, "our answer to it was proved wrong")
            return None
        if row.model_id in desk.suspended:
            desk.wait(requests, row, f"the model is suspended: {todo(row.model_id)}")
            return None
        if not desk.has_opted_in(row.model_id):
            desk.wait(requests, row, "this account does not serve the model", level=logging.DEBUG)
            return None
        is_open = row.named == ZERO_ADDRESS
        for root in others:  # the oldest that may take it has it
            may_take = is_open and row.made_at + TURN_S < root.posted_at
            if may_take and root.terms_id == row.terms_id and root.posted_at <= row.deadline:
                why = f"in another's root, {root.operator}'s"
                desk.set(requests, row.request_id, state=Job.LEFT, in_root=root.id, note=why)
                say("left", request=row.request_id, why=why)
                return None
        rootable_at = row.made_at + TURN_S if is_open else row.made_at
        rootable_at = max(rootable_at, row.ours_at)
        must_be_single = (
            row.attempt > 0
            or row.callback != ZERO_ADDRESS
            or rootable_at + TURN_S + desk.settings.deadline_margin_s > row.deadline
        )
        return _Candidate(row, None if must_be_single else rootable_at)

    def _in_roots_of_others(self, rows: list[Any]) -> dict[int, list[Any]]:
        """Request id -> roots of others on chain, oldest first, that hold an answer to it."""
        found: dict[int, list[Any]] = defaultdict(list)
        ids = [row.request_id for row in rows]
        with self._desk.store.read() as db:
            for some in key_runs(ids):
                query = (
                    select(
                        leaves.c.request_id,
                        roots.c.id,
                        roots.c.operator,
                        roots.c.terms_id,
                        roots.c.posted_at,
                    )
                    .join(roots, roots.c.id == leaves.c.root)
                    .where(
                        leaves.c.request_id.in_(some),
                        leaves.c.state != Leaf.SLASHED,
                        roots.c.operator != self._desk.account,
                        roots.c.state != RootJob.ENDED,
                    )
                    .order_by(roots.c.posted_at)
                )
                for one in db.execute(query):
                    found[one.request_id].append(one)
        return found

    # --- outputs ------------------------------------------------------------------------------

    def _outputs(self, row: Any) -> bytes:
        """What we answer, once there is stake for it. Raises `CairnError` for why we cannot."""
        terms = self._desk.terms_of(row.terms_id)
        self._desk.note_lock(terms)
        if self._free_wei < terms.lock_wei:
            raise OperatorError(f"{WANTS_STAKE}: an answer locks {terms.lock_wei} wei")
        outputs = self._desk.run(terms, row.features)
        self._check_with_judge(terms, row.features, outputs)
        self._free_wei -= terms.lock_wei
        return outputs

    def _check_with_judge(self, terms: Terms, features: bytes, outputs: bytes) -> None:
        """Refuse to post what a challenge would prove wrong, where the chain can say so."""
        contracts = self._desk.contracts
        if terms.program_hash not in self._published:
            if not contracts.programs.is_published(terms.program_hash):
                return  # until somebody publishes it, nobody can challenge either
            self._published.add(terms.program_hash)
        try:
            right = contracts.judge.evaluate(terms.program_hash, features)
        except (Reverted, NodeRefused) as error:  # such as too little gas for calls at the node
            say("judge not asked", level=logging.DEBUG, why=str(error))
            return
        if right != outputs:
            raise OperatorError(
                f"the program gives {outputs.hex() or 'invalid'} here and {right.hex() or 'invalid'} "
                f"on chain: nothing is posted; see whether this release is the chain's, and report it"
            )

    # --- singly -------------------------------------------------------------------------------

    def _answer_singly(self, row: Any, head: Head) -> None:
        desk, request_id = self._desk, row.request_id
        key = key_of("answer", in_full(row), row.attempt)
        if desk.outbox.get(key) is None:  # else sent in a life before
            if row.reopened and self._is_on_its_way(request_id):
                desk.wait(requests, row, "an answer sent before may yet count", level=logging.DEBUG)
                return
            outputs = self._outputs(row)
            try:
                desk.outbox.post(key, desk.contracts.market.answer(request_id, outputs), head)
            except Reverted as error:
                self._free_wei += desk.terms_of(row.terms_id).lock_wei
                why = f"the market would refuse the answer: {error.reason}"
                desk.wait(requests, row, why, level=logging.DEBUG)
                return
            say("answering", request=request_id, model=row.model_id, outputs=outputs.hex())
        desk.set(requests, request_id, state=Job.ANSWERING, intent=key, note=None)

    def _is_on_its_way(self, request_id: int) -> bool:
        """Whether a single answer of ours, sent before another's was in the way, has not been refused."""
        keys = (one.key.split(":") for one in self._desk.outbox.live())
        return any(key[0] == "answer" and key[1].split("/")[0] == str(request_id) for key in keys)

    # --- by a root ----------------------------------------------------------------------------

    def _gather(self, terms_id: int, rows: list[Any], head: Head) -> None:
        """Fix a root before it is sent: which requests it answers, and what it says."""
        desk, answers, singly = self._desk, [], []

        def ask(row: Any, _: Head) -> None:
            outputs = self._outputs(row)
            if len(outputs) > MAX_OUTPUT_BYTES:
                self._free_wei += desk.terms_of(terms_id).lock_wei
                singly.append(row)
            else:
                answers.append((row.request_id, outputs))

        desk.each(rows[: desk.settings.root_most], requests, head, ask)
        if singly:
            desk.each(singly[:_ANSWERS_A_STEP], requests, head, self._answer_singly)
        if not answers:
            return
        size = max(len(outputs) for _, outputs in answers)
        root = AnswerRoot.of(desk.account, terms_id, answers[: most_leaves(max(4, size))])
        with desk.store.begin() as db:
            number = add_root(db, root, state=RootJob.POSTING)
            key = f"root:{number}"
            change(db, roots, number, intent=key)
            for request_id, _ in root.answers:
                change(
                    db,
                    requests,
                    request_id,
                    only_if=requests.c.state == Job.SEEN,
                    state=Job.ANSWERING,
                    intent=key,
                    in_root=number,
                    note=None,
                )

    def _post_roots(self, head: Head) -> None:
        desk = self._desk
        waiting = desk.rows(roots, RootJob.POSTING, _ANSWERS_A_STEP)
        known = desk.outbox.get_many([row.intent for row in waiting])
        unsent = [row for row in waiting if row.intent not in known]
        desk.each(unsent, roots, head, self._post_root)

    def _post_root(self, row: Any, head: Head) -> None:
        """Send a root that was fixed, now or in a life before, unless it should not be sent any more."""
        desk, c, root = self._desk, requests.c, root_of(row)
        model_id = desk.terms_of(row.terms_id).model_id
        if model_id in desk.suspended:
            self._dissolve(row, f"the model is suspended: {todo(model_id)}")
            return
        with desk.store.read() as db:
            query = select(func.min(c.deadline)).where(c.intent == row.intent)
            deadline = db.execute(query.where(c.state == Job.ANSWERING)).scalar_one()
        if deadline is None or head.timestamp + desk.settings.deadline_margin_s > deadline:
            self._dissolve(row, "a deadline has passed or is too near")
            return
        try:
            desk.outbox.post(row.intent, desk.contracts.market.answer_root(root), head)
        except Reverted as error:
            self._dissolve(row, error.reason)
        else:
            say("answering by root", root=row.id, requests=root.n_leaves)

    def _dissolve(self, row: Any, reason: str) -> None:
        """A root is not sent after all: its requests are looked at again, and answered singly."""
        c = requests.c
        with self._desk.store.begin() as db:
            mine = select(c.request_id, c.attempt).where(
                c.intent == row.intent, c.state == Job.ANSWERING
            )
            for one in db.execute(mine).all():
                change(
                    db,
                    requests,
                    one.request_id,
                    state=Job.SEEN,
                    intent=None,
                    in_root=None,
                    attempt=one.attempt + 1,
                )
        self._end_root(row, reason)
        say("root not sent", level=logging.WARNING, root=row.id, why=reason)
