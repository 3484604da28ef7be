"""Aggregating: the rounds of the models served, from their updates' files to the version registered."""

from __future__ import annotations

from functools import partial
from typing import Any

from cairn.chain import Head, Phase, Update, Version
from cairn.domain.keccak import keccak256
from cairn.errors import CairnError
from cairn.operator._desk import WorkDesk, key_of, say
from cairn.operator._fetches import Fetches, StillFetching
from cairn.operator._jobs import WANTS_STAKE, RoundJob, rounds
from cairn.operator._ports import AggregateRound, Content, OperatorError, VersionFile

_ROUNDS_A_STEP = 64
_FILE_FETCHERS = 8


class Aggregating:
    def __init__(
        self,
        desk: WorkDesk,
        content: Content,
        aggregate_round: AggregateRound | None,
        *,
        patience_s: float,
    ) -> None:
        self._desk = desk
        self._content = content
        self._aggregate_round = aggregate_round
        self._files: Fetches[bytes] = Fetches(_FILE_FETCHERS, patience_s=patience_s)

    def new_step(self) -> None:
        self._files.new_step()

    def close(self) -> None:
        """Let go of what is being fetched."""
        self._files.close()

    def work(self, head: Head) -> None:
        if self._aggregate_round is None:
            return
        for state, do in ((RoundJob.OPEN, self._aggregate), (RoundJob.POSTED, self._finalize)):
            self._desk.each(self._desk.rows(rounds, state, _ROUNDS_A_STEP), rounds, head, do)

    def follow_up(self) -> None:
        """Refused transactions: their rounds are looked at again."""
        states = (RoundJob.POSTING, RoundJob.FINALIZING)
        for row, reason in self._desk.refused(rounds, states):
            back = RoundJob.OPEN if row.state == RoundJob.POSTING else RoundJob.POSTED
            self._desk.again(rounds, row, back, RoundJob.LEFT, reason)

    def _aggregate(self, row: Any, head: Head) -> None:
        assert self._aggregate_round is not None
        if head.timestamp <= row.submit_until or not self._desk.is_serving(row.model_id):
            return
        if head.timestamp + self._desk.settings.deadline_margin_s > row.aggregate_until:
            self._desk.set(rounds, row.round_id, state=RoundJob.LEFT, note="too late to aggregate")
            return
        contract = self._desk.contracts.rounds
        if contract.phase(row.round_id) != Phase.OPEN:
            return  # its log will come
        plan = contract.plan(row.round_id)
        updates = contract.updates(row.round_id)
        if not updates:
            self._desk.set(rounds, row.round_id, state=RoundJob.LEFT, note="nobody handed in")
            return
        if self._desk.free_wei() < plan.lock_wei:
            raise OperatorError(f"{WANTS_STAKE}: an aggregate locks {plan.lock_wei} wei")
        base = (
            self._desk.version_of(plan.model_id, plan.base_version) if plan.base_version else None
        )
        before = self._desk.version_of(plan.model_id, base.parent) if base and base.parent else None
        cids = [plan.plan_cid, *(update.cid for update in updates)]
        for version in (base, before):
            if version is not None and version.round_id:
                cids.append(self._desk.contracts.rounds.aggregate_of(version.round_id).cid)
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
        key = key_of("aggregate", row.round_id, row.attempt)
        self._desk.outbox.post(key, call, head)
        self._desk.set(rounds, row.round_id, state=RoundJob.POSTING, intent=key, note=None)
        self._drop_files(cids)
        say("aggregating", round=row.round_id, updates=len(updates), root=files.root.hex())

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
        cid = self._desk.contracts.rounds.aggregate_of(version.round_id).cid
        return VersionFile(self._files.get(cid), version.parameters_root)

    def _finalize(self, row: Any, head: Head) -> None:
        if row.posted_by != self._desk.account:
            return  # whoever posted it has his own stake to free
        contract = self._desk.contracts.rounds
        final_from = row.final_from
        if final_from is None:
            aggregate, plan = contract.aggregate_of(row.round_id), contract.plan(row.round_id)
            final_from = aggregate.posted_at + plan.window_s
            self._desk.set(rounds, row.round_id, final_from=final_from)
        if head.timestamp <= final_from or contract.phase(row.round_id) != Phase.AGGREGATED:
            return
        key = key_of("finalize", row.round_id, row.attempt)
        self._desk.outbox.post(key, contract.finalize(row.round_id), head)
        self._desk.set(rounds, row.round_id, state=RoundJob.FINALIZING, intent=key, note=None)
        say("finalizing", round=row.round_id)
