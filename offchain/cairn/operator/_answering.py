"""Answering: open requests to the models served, each once, with stake behind it."""

from __future__ import annotations

import logging
from typing import Any

from cairn.chain import ZERO_ADDRESS, Head, NodeRefused, Reverted, Status, Terms
from cairn.domain.keccak import keccak256
from cairn.operator._desk import Desk, key_of, say, todo
from cairn.operator._jobs import WANTS_STAKE, Job, requests
from cairn.operator._ports import OperatorError

_ANSWERS_A_STEP = 64


class Answering:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._published: set[bytes] = set()

    def work(self, head: Head) -> None:
        rows = self._desk.rows(requests, Job.SEEN, _ANSWERS_A_STEP)
        self._desk.each(rows, requests, head, self._answer)

    def follow_up(self) -> None:
        """Refused answers: their requests are looked at again."""
        for row, reason in self._desk.refused(requests, (Job.ANSWERING,)):
            self._desk.again(requests, row, Job.SEEN, Job.LEFT, reason)

    def _answer(self, row: Any, head: Head) -> None:
        desk, request_id = self._desk, row.request_id
        if head.timestamp + desk.settings.deadline_margin_s > row.deadline:
            desk.leave(row, "the deadline has passed or is too near")
            return
        if row.named not in (ZERO_ADDRESS, desk.account):
            desk.leave(row, "another operator is named")
            return
        if row.model_id in desk.suspended:
            desk.wait(requests, row, f"the model is suspended: {todo(row.model_id)}")
            return
        if not desk.is_serving(row.model_id):
            desk.wait(requests, row, "this account does not serve the model", level=logging.DEBUG)
            return
        request = desk.contracts.market.get_request(request_id)
        if request.status != Status.OPEN:
            desk.wait(requests, row, "not open any more; its log will come", level=logging.DEBUG)
            return
        if keccak256(row.features) != request.features_hash:
            raise OperatorError("the features in the log are not those that the market knows")
        terms = desk.terms_of(row.terms_id)
        desk.note_lock(terms)
        if desk.free_wei() < terms.lock_wei:
            raise OperatorError(f"{WANTS_STAKE}: an answer locks {terms.lock_wei} wei")
        outputs = desk.run(terms, row.features)
        self._check_with_judge(terms, row.features, outputs)
        key = key_of("answer", request_id, row.attempt)
        try:
            desk.outbox.post(key, desk.contracts.market.answer(request_id, outputs), head)
        except Reverted as error:
            why = f"the market would refuse the answer: {error.reason}"
            desk.wait(requests, row, why, level=logging.DEBUG)
            return
        desk.set(requests, request_id, state=Job.ANSWERING, intent=key, note=None)
        say("answering", request=request_id, model=row.model_id, outputs=outputs.hex())

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
