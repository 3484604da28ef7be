"""The operator as a process, killed with SIGKILL at the worst moments: each request, one answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from cairn.chain import Status
from cairn.storage import EmbeddedStore
from tests.integration._support import (
    OPERATOR,
    RIGHT,
    RIVAL,
    WINDOW_S,
    WRONG,
    Gate,
    Oracle,
    Worker,
    small_program,
)


@pytest.fixture
def with_program(store_folder: Path) -> None:
    put_program(store_folder)


def put_program(folder: Path) -> None:
    EmbeddedStore(folder).add(small_program().to_bytes())


def settle(oracle: Oracle, worker: Worker, request_id: int) -> None:
    oracle.anvil.advance(WINDOW_S + 1)
    worker.wait_for("settled", request=request_id)


def test_operator__killed_between_seeing_and_answering__answers_once(
    oracle: Oracle, worker: Worker, store_folder: Path
) -> None:
    sent = oracle.transactions_of(OPERATOR)
    request_id = oracle.ask()
    worker.start()  # the program is nowhere to be had: it sees the request and cannot answer
    worker.wait_for("waits", job=f"operator_requests:{request_id}")
    worker.kill()
    assert oracle.status(request_id) is Status.OPEN

    put_program(store_folder)
    worker.start()
    worker.wait_for("answered", request=request_id)
    [answer] = oracle.answers(request_id)
    assert answer.outputs == RIGHT
    assert oracle.transactions_of(OPERATOR) == sent + 1
    settle(oracle, worker, request_id)
    assert oracle.status(request_id) is Status.SETTLED
    assert worker.stop() == 0


@pytest.mark.usefixtures("with_program")
def test_operator__killed_between_signing_and_sending__sends_the_same_answer(
    oracle: Oracle, worker: Worker, gate: Gate
) -> None:
    sent = oracle.transactions_of(OPERATOR)
    request_id = oracle.ask()
    gate.shut.add("eth_sendRawTransaction")
    worker.start()
    worker.wait_for("answering", request=request_id)
    worker.kill()
    assert gate.asked["eth_sendRawTransaction"] >= 1
    assert oracle.status(request_id) is Status.OPEN

    gate.shut.clear()
    worker.start()
    worker.wait_for("answered", request=request_id)
    assert len(oracle.answers(request_id)) == 1
    assert oracle.transactions_of(OPERATOR) == sent + 1
    settle(oracle, worker, request_id)


@pytest.mark.usefixtures("with_program")
def test_operator__killed_after_sending__does_not_answer_again(
    oracle: Oracle, worker: Worker
) -> None:
    sent = oracle.transactions_of(OPERATOR)
    request_id = oracle.ask()
    oracle.anvil.automine(False)
    worker.start()
    worker.wait_for("answering", request=request_id)
    worker.kill()
    worker.start()
    worker.wait_for("started")
    oracle.anvil.mine()
    worker.wait_for("answered", request=request_id)
    assert len(oracle.answers(request_id)) == 1
    assert oracle.transactions_of(OPERATOR) == sent + 1
    oracle.anvil.automine(True)
    settle(oracle, worker, request_id)


@pytest.mark.usefixtures("with_program")
def test_operator__killed_and_its_database_lost__does_not_answer_again(
    oracle: Oracle, worker: Worker, tmp_path: Path
) -> None:
    request_id = oracle.ask()
    worker.start()
    worker.wait_for("answered", request=request_id)
    worker.kill()
    worker.start(CAIRN_OPERATOR_DATABASE=f"sqlite:///{tmp_path / 'another.db'}")
    worker.wait_for("answered", request=request_id)
    settle(oracle, worker, request_id)
    assert len(oracle.answers(request_id)) == 1


@pytest.mark.usefixtures("with_program")
def test_operator__rival_lies__is_challenged_and_slashed(oracle: Oracle, worker: Worker) -> None:
    rival = oracle.signer(RIVAL).address
    stake = oracle.system.stakes.stake_wei(rival)
    request_id = oracle.ask(operator=RIVAL)
    oracle.send(RIVAL, oracle.market.answer(request_id, WRONG))
    worker.start()
    worker.wait_for("slashed", request=request_id)
    assert oracle.status(request_id) is Status.SLASHED
    assert oracle.system.stakes.stake_wei(rival) == stake - 10**18
    assert oracle.system.stakes.bounty_wei(oracle.signer(OPERATOR).address) >= 10**18 // 2
    assert worker.stop() == 0


@pytest.mark.usefixtures("with_program")
def test_operator__node_away_for_a_while__goes_on_when_it_is_back(
    oracle: Oracle, worker: Worker, gate: Gate
) -> None:
    worker.start()
    worker.wait_for("started")
    gate.shut.add("eth_getBlockByNumber")
    worker.wait_for("cannot work")
    request_id = oracle.ask()
    gate.shut.clear()
    worker.wait_for("answered", request=request_id)
    settle(oracle, worker, request_id)
