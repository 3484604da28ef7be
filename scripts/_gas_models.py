"""What a model costs in gas: its versions, a training round, evaluations, tags."""

from __future__ import annotations

from typing import Any

from eth_utils import keccak

from cairn.devices import Batch
from cairn.domain.losses import LossKind
from cairn.domain.programs import Program
from cairn.domain.rows import Losses, ValidationSet, evaluate
from scripts._bench import CID, COIN, DAY_S, LOCK_WEI, PRICE_WEI, ROOT, WINDOW_S, Bench
from scripts._gas_programs import linear
from scripts._governance import PRODUCTION

N_ROWS = 200  # of a validation set


def create_model(bench: Bench, programs: dict[str, Program]) -> int:
    """A model on sale, with the small program in production."""
    registry, token = bench.system.model_registry, bench.alliance.share_token
    bench.vote(registry, "create_model", "air-quality", token, ROOT, CID)
    model_id = int(registry.n_models())
    add_version(bench, model_id, programs["4 features"])
    bench.vote(registry, "set_terms", model_id, PRICE_WEI, 3_000, 5_000, WINDOW_S, LOCK_WEI, 0)
    return model_id


def add_version(bench: Bench, model_id: int, program: Program, cid: bytes = CID) -> None:
    version = register_version(bench, model_id, program, cid)
    bench.vote(bench.system.model_registry, "set_alias", model_id, PRODUCTION, version)


def register_version(bench: Bench, model_id: int, program: Program, cid: bytes = CID) -> int:
    registry = bench.system.model_registry
    parent = registry.latest_version(model_id)
    bench.vote(
        registry, "register_version", model_id, program.hash, cid, ROOT, ROOT, CID, parent, 0
    )
    return int(parent + 1)


def train(bench: Bench, model_id: int, batches: list[Batch]) -> None:
    """A round with two members' updates; and one in which nobody handed in."""
    rounds, ledger, stage = bench.system.training_rounds, bench.system.stake_ledger, bench.stage
    bench.send(ledger, "deposit", value=10 * LOCK_WEI, sender=bench.operator)
    bench.send(ledger, "opt_in", model_id, sender=bench.operator)

    def open_round() -> int:
        until = stage.now() + 10 * DAY_S
        plan = (
            model_id,
            0,
            ROOT,
            CID,
            300 * COIN,
            10_000,
            until,
            until + DAY_S,
            WINDOW_S,
            LOCK_WEI,
        )
        bench.vote(rounds, "open", plan)
        return int(rounds.n_rounds())

    def end_submission(round_id: int) -> None:
        left = rounds.plan(round_id).submit_until - stage.now()
        stage.advance(left + 1, "submission ends")

    round_id = open_round()
    for member, batch in zip(bench.members, batches, strict=False):
        root = keccak(text=member.address)
        args = (round_id, root, CID, [batch.batch_id])
        bench.send(rounds, "submit", *args, detail="1 batch", sender=member)
    end_submission(round_id)
    posted = (round_id, ROOT, CID, linear(4).hash, CID, CID)
    bench.send(rounds, "aggregate", *posted, sender=bench.operator)
    stage.advance(WINDOW_S + 1, "the window is over")
    bench.send(rounds, "finalize", round_id, detail="2 updates", sender=bench.operator)
    for index, batch in enumerate(batches[:2]):
        shares = (round_id, index, [batch.batch_id])
        bench.send(rounds, "mint_shares", *shares, detail="1 batch", sender=bench.buyer)

    round_id = open_round()
    end_submission(round_id)
    bench.send(rounds, "cancel", round_id, sender=bench.buyer)


def judge(bench: Bench, model_id: int, program: Program) -> None:
    """An evaluation for each way that one can go, of a program of 30 features on 200 rows."""
    evaluations, stage = bench.system.evaluations, bench.stage
    registry = bench.system.model_registry
    version = register_version(bench, model_id, program)
    detail = f"30 features, {N_ROWS} rows"
    rows = ValidationSet.of(
        [[(7 * i + 13 * j) % 997 for j in range(program.n_features)] for i in range(N_ROWS)],
        [1_000 + i for i in range(N_ROWS)],
    )
    right = evaluate(program, rows, LossKind.SQUARED)
    wrong = Losses(right.kind, (*right.of_rows[:-1], right.of_rows[-1] + 1))
    rule = (True, bytes(32), int(right.kind), right.total // N_ROWS + 1, WINDOW_S, LOCK_WEI)
    bench.vote(registry, "accept_validation_set", model_id, rows.root, CID, True)
    bench.vote(registry, "set_evaluation_rule", model_id, rule)

    def post(losses: Losses) -> int:
        posted = (model_id, version, N_ROWS, rows.top, int(losses.kind), losses.total, losses.top)
        rest = (WINDOW_S, LOCK_WEI, CID, CID)
        bench.send(evaluations, "post", *posted, *rest, detail=detail, sender=bench.operator)
        return int(evaluations.n_evaluations())

    def demand(evaluation_id: int, index: int) -> None:
        bond = evaluations.demand_bond_wei()
        bench.send(evaluations, "demand", evaluation_id, index, value=bond, sender=bench.buyer)

    def opening(losses: Losses, index: int) -> tuple[Any, ...]:
        return rows.proof(index).as_argument(), losses.proof(index).as_argument()

    good, bad, silent = post(right), post(wrong), post(right)
    last = N_ROWS - 1
    for index in (3, last):
        demand(good, index)
        shown = opening(right, index)
        bench.send(evaluations, "show", good, *shown, detail=detail, sender=bench.operator)
    demand(bad, 3)
    proof = opening(wrong, last)
    bench.send(evaluations, "challenge_row", bad, *proof, detail=detail, sender=bench.members[2])
    bench.send(evaluations, "reclaim", bad, 3, sender=bench.buyer)
    demand(silent, 3)
    stage.advance(2 * WINDOW_S + 1, "the windows are over")
    bench.send(evaluations, "void_unshown", silent, 3, sender=bench.members[2])
    bench.send(evaluations, "settle", good, sender=bench.operator)
    bench.send(evaluations, "reclaim", good, 3, sender=bench.operator)
    bench.send(evaluations, "withdraw", sender=bench.operator)
    bench.send(registry, "qualify", good, sender=bench.buyer)
    bench.vote(registry, "set_alias", model_id, PRODUCTION, version, detail="by vote, gated")


def be_found(bench: Bench, model_id: int) -> None:
    """Tags, and an operator's listing; and the end of a version."""
    registry = bench.system.model_registry
    bench.vote(registry, "tag", model_id, ["air", "gas-resistance"], detail="2 tags, by vote")
    bench.vote(registry, "untag", model_id, ["air"], detail="1 tag, by vote")
    endpoint = "https://predict.example.org/v2"
    bench.send(registry, "list_endpoint", model_id, endpoint, sender=bench.operator)
    bench.send(registry, "withdraw_listing", model_id, sender=bench.operator)
    bench.vote(registry, "deprecate", model_id, 1, "Trained on a sensor that drifted.")
