"""`cairn evaluate`: from the posting to the bonds, on the real contracts and a real store."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cairn.chain import EvaluationRule, EvaluationState
from cairn.cli import cairn
from cairn.domain.losses import LossKind
from cairn.domain.rows import Losses, ValidationSet, evaluate
from cairn.storage import EmbeddedStore
from cairn.training import EvaluationError, assess, compare, posted_id, show_call
from tests.integration._support import ALLIANCE, COIN, OPERATOR, REQUESTER, Oracle, small_program

WINDOW_S = 3_600
ROWS = ValidationSet.of([[10 * i, i] for i in range(30)], [27 * i for i in range(30)])

Command = Callable[..., Result]


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    store = EmbeddedStore(tmp_path / "store")
    store.add(small_program().to_bytes())
    return store


@pytest.fixture
def set_file(tmp_path: Path) -> Path:
    path = tmp_path / "validation.rows"
    path.write_bytes(ROWS.to_bytes())
    return path


@pytest.fixture
def command(
    oracle: Oracle,
    deployment_file: Path,
    store: EmbeddedStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    monkeypatch.setenv("CAIRN_RPC_URL", oracle.anvil.url)
    monkeypatch.setenv("CAIRN_DEPLOYMENT", str(deployment_file))
    monkeypatch.setenv("CAIRN_STORE", str(tmp_path / "store"))

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(cairn, ["evaluate", *map(str, arguments)])

    return run


def lie(oracle: Oracle, store: EmbeddedStore, publish: bool = True) -> tuple[int, Losses]:
    """An evaluation by the operator that is wrong on row 11."""
    right = evaluate(small_program(), ROWS, LossKind.SQUARED)
    losses = Losses(right.kind, tuple(0 if i == 11 else x for i, x in enumerate(right.of_rows)))
    assert losses != right
    cid = store.add(losses.to_bytes()) if publish else store.add(b"nothing")
    call = oracle.system.evaluations.post(
        oracle.model_id, 1, ROWS, losses, window_s=WINDOW_S, lock_wei=2 * COIN,
        validation_cid=store.add(ROWS.to_bytes()).binary, losses_cid=cid.binary,
    )  # fmt: skip
    oracle.send(OPERATOR, call)
    return oracle.system.evaluations.n_evaluations(), losses


def test_evaluate__posted_and_verified__is_right(
    oracle: Oracle, command: Command, set_file: Path
) -> None:
    posting = ("post", oracle.model_id, 1, "--set", set_file, "--loss", "squared")
    result = command(*posting, "--window", WINDOW_S, "--account", f"TEST::{OPERATOR}")
    assert result.exit_code == 0, result.output
    evaluation_id = oracle.system.evaluations.n_evaluations()
    assert result.output.startswith(f"evaluation {evaluation_id}: ")
    record = oracle.system.evaluations.evaluation(evaluation_id)
    assert record.state is EvaluationState.OPEN
    assert record.total_loss == evaluate(small_program(), ROWS, LossKind.SQUARED).total
    assert record.lock_wei == 2 * COIN

    result = command("verify", evaluation_id)
    assert result.exit_code == 0, result.output
    assert f"evaluation {evaluation_id} is right" in result.output
    result = command("challenge", evaluation_id, "--account", f"TEST::{REQUESTER}")
    assert result.exit_code == 1
    assert isinstance(result.exception, EvaluationError)


def test_evaluate__a_lie__is_found_and_voided(
    oracle: Oracle, command: Command, store: EmbeddedStore
) -> None:
    evaluation_id, _ = lie(oracle, store)
    result = command("verify", evaluation_id, "--json")
    assert result.exit_code == 1
    found = json.loads(result.output)
    assert (found["matches"], found["row"]) == (False, 11)
    watcher = oracle.signer(REQUESTER).address
    before = oracle.system.stakes.bounty_wei(watcher)
    result = command("challenge", evaluation_id, "--account", f"TEST::{REQUESTER}")
    assert result.exit_code == 0, result.output
    assert "is void: row 11 loses" in result.output
    state = oracle.system.evaluations.evaluation(evaluation_id).state
    assert state is EvaluationState.VOID
    assert oracle.system.stakes.bounty_wei(watcher) == before + COIN


def test_evaluate__losses_withheld__are_demanded_and_shown(
    oracle: Oracle, command: Command, store: EmbeddedStore, set_file: Path
) -> None:
    evaluation_id, losses = lie(oracle, store, publish=False)
    result = command("verify", evaluation_id)
    assert result.exit_code == 1
    assert "demand rows" in result.output
    result = command("demand", evaluation_id, 11, "--account", f"TEST::{REQUESTER}")
    assert result.exit_code == 0, result.output
    showing = ("show", evaluation_id, 11, "--set", set_file, "--account", f"TEST::{OPERATOR}")
    assert isinstance(command(*showing).exception, EvaluationError)
    evaluations = oracle.system.evaluations
    oracle.send(OPERATOR, evaluations.show(evaluation_id, ROWS.proof(11), losses.proof(11)))
    # What was shown is all that a challenge takes.
    call = evaluations.challenge_row(evaluation_id, ROWS.proof(11), losses.proof(11))
    oracle.send(REQUESTER, call)
    assert evaluations.evaluation(evaluation_id).state is EvaluationState.VOID


def test_evaluate__a_right_one__is_shown_settled_qualified_and_paid(
    oracle: Oracle, command: Command, store: EmbeddedStore, set_file: Path
) -> None:
    system, operator = oracle.system, f"TEST::{OPERATOR}"
    posting = ("post", oracle.model_id, 1, "--set", set_file, "--loss", "squared")
    assert command(*posting, "--window", WINDOW_S, "--account", operator).exit_code == 0
    evaluation_id = system.evaluations.n_evaluations()
    assert command("demand", evaluation_id, 4, "--account", f"TEST::{REQUESTER}").exit_code == 0
    with pytest.raises(EvaluationError, match="there is no row 30: the rows at hand are 0 to 29"):
        show_call(system, store, evaluation_id, 30)
    assert command("show", evaluation_id, 4, "--account", operator).exit_code == 0
    oracle.anvil.advance(2 * WINDOW_S + 1)

    result = command("settle", evaluation_id, "--account", operator)
    assert result.exit_code == 0, result.output
    assert system.evaluations.evaluation(evaluation_id).state is EvaluationState.STANDS
    result = command("reclaim", evaluation_id, 4, "--account", operator)
    assert result.exit_code == 0, result.output
    assert system.evaluations.credit_wei(oracle.signer(OPERATOR).address) == COIN
    result = command("withdraw", "--account", operator)
    assert result.exit_code == 0, result.output
    assert system.evaluations.credit_wei(oracle.signer(OPERATOR).address) == 0

    rule = EvaluationRule(False, ROWS.root, int(LossKind.SQUARED), 2**64, WINDOW_S, 2 * COIN)
    oracle.send(ALLIANCE, system.models.set_evaluation_rule(oracle.model_id, rule))
    result = command("qualify", evaluation_id, "--account", f"TEST::{REQUESTER}")
    assert result.exit_code == 0, result.output
    assert system.models.standing(oracle.model_id, 1).evaluation_id == evaluation_id


def test_evaluate__a_row_is_not_shown__voids_and_gives_the_bond_back(
    oracle: Oracle, command: Command, store: EmbeddedStore
) -> None:
    evaluation_id, _ = lie(oracle, store, publish=False)
    watcher, address = f"TEST::{REQUESTER}", oracle.signer(REQUESTER).address
    for index in (11, 12):
        assert command("demand", evaluation_id, index, "--account", watcher).exit_code == 0
    oracle.anvil.advance(WINDOW_S + 1)
    result = command("void", evaluation_id, 11, "--account", watcher)
    assert result.exit_code == 0, result.output
    assert oracle.system.evaluations.evaluation(evaluation_id).state is EvaluationState.VOID
    result = command("reclaim", evaluation_id, 12, "--account", watcher)
    assert result.exit_code == 0, result.output
    assert oracle.system.evaluations.credit_wei(address) == 2 * COIN


def test_posted_id__another_posted_since__is_the_transactions_own(
    oracle: Oracle, store: EmbeddedStore
) -> None:
    losses = evaluate(small_program(), ROWS, LossKind.SQUARED)
    call = oracle.system.evaluations.post(
        oracle.model_id, 1, ROWS, losses, window_s=WINDOW_S, lock_wei=2 * COIN,
        validation_cid=b"", losses_cid=store.add(losses.to_bytes()).binary,
    )  # fmt: skip
    first, second = oracle.send(OPERATOR, call), oracle.send(OPERATOR, call)
    latest = oracle.system.evaluations.n_evaluations()
    assert (posted_id(oracle.system, first), posted_id(oracle.system, second)) == (
        latest - 1,
        latest,
    )
    demand = oracle.system.evaluations.demand(latest, 0, bond_wei=COIN)
    with pytest.raises(EvaluationError, match="posted no evaluation"):
        posted_id(oracle.system, oracle.send(REQUESTER, demand))


def test_evaluate__set_sealed__is_verified_with_its_file_only(
    oracle: Oracle, command: Command, store: EmbeddedStore, set_file: Path
) -> None:
    posting = ("post", oracle.model_id, 1, "--set", set_file, "--loss", "squared", "--sealed")
    result = command(*posting, "--account", f"TEST::{OPERATOR}")
    assert result.exit_code == 0, result.output
    evaluation_id = oracle.system.evaluations.n_evaluations()
    result = command("verify", evaluation_id)
    assert "give its file, or demand rows" in str(result.exception)
    assert command("verify", evaluation_id, "--set", set_file).exit_code == 0
    other = ValidationSet(ROWS.rows[:-1])
    with pytest.raises(EvaluationError, match="get the right file"):
        assess(oracle.system, store, evaluation_id, other)
    with pytest.raises(EvaluationError, match="no evaluation"):
        assess(oracle.system, store, evaluation_id + 1)


def test_compare__total_that_is_not_the_sum__names_any_row(
    oracle: Oracle, store: EmbeddedStore
) -> None:
    losses = evaluate(small_program(), ROWS, LossKind.SQUARED)
    evaluations = oracle.system.evaluations
    cid = store.add(losses.to_bytes()).binary
    call = evaluations.call(
        "post", oracle.model_id, 1, 30, ROWS.top, 1, losses.total - 1, losses.top,
        WINDOW_S, 2 * COIN, b"", cid,
    )  # fmt: skip
    oracle.send(OPERATOR, call)
    evaluation_id = evaluations.n_evaluations()
    record = evaluations.evaluation(evaluation_id)
    found = compare(record, small_program(), ROWS, losses)
    assert (found.matches, found.row) == (False, 0)
    call = evaluations.challenge_row(evaluation_id, ROWS.proof(0), losses.proof(0))
    oracle.send(REQUESTER, call)
    assert evaluations.evaluation(evaluation_id).state is EvaluationState.VOID
