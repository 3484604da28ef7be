"""`ape run bench_oracle`: what the oracle costs in gas, on a chain of this machine.

All of it are real transactions, the governed ones by real votes. A challenge is measured at its
dearest: the challenger's first bounty, a request that names its operator and so ends by it, and a
requester who is owed nothing yet; what one costs that opens the request again stands beside it.
Posting and settling are measured in the steady state: neither the first root under its terms nor
the first income. The overhead of `predict` is its execution less that of the Evaluator when it is
asked alone. IoTeX's figures are by its formula. The last line is all of it as JSON; with a
bar missed, it exits with 1.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
from ape import chain
from ape.api import AccountAPI, ReceiptAPI
from coincurve import PrivateKey
from rich.console import Console

from cairn.cli.processes import Processes, free_port
from cairn.cli.processes import Program as Process
from cairn.domain.answers import AnswerRoot
from cairn.domain.cid import cid_of
from cairn.domain.programs import FeatureRule, Program, Tree, trees_program
from cairn.domain.receipts import Receipt, SigningDomain, input_commitment, prediction_leaf
from cairn.errors import CairnError
from scripts._bars import Bar, line, missed
from scripts._bench import CID, ROOT, Bench
from scripts._deployment import DeploymentError
from scripts._gas import cost_of, intrinsic_gas
from scripts._gas_models import add_version
from scripts._gas_programs import features_of, linear
from scripts._stage import OPERATOR_INDEX, Stage, open_stage
from scripts._system import NATIVE, AllianceSettings, deploy_system, launch_alliance

COIN = 10**18
PRICE_WEI = COIN // 100
LOCK_WEI = 6 * COIN  # half of it pays for the challenge of a forest
WINDOW_S = 3_600
TURN_S = 15
N_ROOT = 256
N_SETTLED = 32
PATIENCE_S = 180
BURNT = "0x000000000000000000000000000000000000dEaD"

BARS: dict[str, Bar] = {
    "challenge_total_gas": ("<=", 120_000),
    "challenge_root_leaf_total_gas": ("<=", 160_000),
    "challenge_receipt_total_gas": ("<=", 160_000),
    "challenge_forest_total_gas": ("<=", 250_000),
    "request_total_gas": ("<=", 110_000),
    "answer_root_gas_per_request_256": ("<=", 1_000),
    "answer_root_iotex_gas_per_request_256": ("<=", 4_000),
    "answer_and_settle_root_gas_per_request_256": ("<=", 12_000),
    "settle_gas_each_of_32": ("<=", 30_000),
    "predict_overhead_gas": ("<=", 45_000),
}


def execution(receipt: ReceiptAPI) -> int:
    return receipt.gas_used - intrinsic_gas(bytes(receipt.transaction.data), creates=False)


def wrong(outputs: bytes) -> bytes:
    return outputs[:-1] + bytes([outputs[-1] ^ 1])


def full_forest(n_trees: int, depth: int) -> Program:
    """Eight features and full trees: every walk is as long as the longest."""
    draw = random.Random(1)
    inner = 2**depth - 1
    nodes = range(2 * inner + 1)
    trees = [
        Tree(
            feature=[draw.randrange(8) for _ in nodes],
            threshold=[draw.randrange(60_000) for _ in nodes],
            left=[2 * i + 1 if i < inner else -1 for i in nodes],
            right=[2 * i + 2 if i < inner else -1 for i in nodes],
            values=[draw.randrange(-1_000, 1_000) for _ in nodes],
        )
        for _ in range(n_trees)
    ]
    return trees_program([FeatureRule(-30_000, 30_000, 0, -30_000, 1)] * 8, trees, [0])


class Oracle:
    """A model on sale and the people around it."""

    def __init__(self, bench: Bench, program: Program) -> None:
        self.bench, self.stage, self.program = bench, bench.stage, program
        system = bench.system
        self.market, self.ledger, self.judge = (
            system.inference_market, system.stake_ledger, system.receipt_judge,
        )  # fmt: skip
        self.features = features_of(program)
        self.outputs = program.run_packed(self.features)
        self.publish(program)
        registry = system.model_registry
        bench.stage.advance(1, "the founders' votes count from the next second")
        bench.vote(registry, "create_model", "oracle", bench.alliance.share_token, ROOT, CID)
        self.model_id = int(registry.n_models())
        add_version(bench, self.model_id, program, cid_of(program.to_bytes()).binary)
        bench.vote(
            registry, "set_terms", self.model_id, PRICE_WEI, 3_000, 5_000, WINDOW_S, LOCK_WEI, 0
        )
        self.ledger.deposit(value=(N_ROOT + 60) * LOCK_WEI, sender=bench.operator)
        self.ledger.opt_in(self.model_id, sender=bench.operator)
        # There is coin at this address on every chain that lives; the first to send some pays for it.
        bench.buyer.transfer(BURNT, 1)

    def publish(self, program: Program) -> None:
        for function, args in program.publish_calls():
            self.bench.system.program_store.invoke_transaction(
                function, *args, sender=self.bench.operator
            )

    @property
    def terms_id(self) -> int:
        return int(self.bench.system.model_registry.current_terms(self.model_id))

    def ask(self, *names: AccountAPI) -> ReceiptAPI:
        deadline = self.stage.now() + 2 * WINDOW_S
        args = (self.model_id, self.features, PRICE_WEI, deadline, *names)
        return self.market.request(*args, value=PRICE_WEI, sender=self.bench.buyer)

    def asked(self, count: int, *names: AccountAPI) -> list[int]:
        """So many requests, past their first seconds."""
        first = self.market.n_requests() + 1
        for _ in range(count):
            self.ask(*names)
        self.stage.advance(TURN_S + 5, "the turns are over")
        return list(range(first, first + count))

    def root(self, answers: list[tuple[int, bytes]]) -> tuple[AnswerRoot, ReceiptAPI]:
        root = AnswerRoot.of(self.bench.operator.address, self.terms_id, answers)
        args = (root.terms_id, root.output_bytes, root.leaves)
        return root, self.market.answer_root(*args, sender=self.bench.operator)

    def owing_nothing(self) -> None:
        """Pay the requester, so that a refund is his first again."""
        if self.market.owed(self.bench.buyer, NATIVE):
            self.market.pay(self.bench.buyer, NATIVE, sender=self.bench.buyer)


def predictions(oracle: Oracle) -> dict[str, float]:
    bench, program = oracle.bench, oracle.program
    args = (oracle.model_id, oracle.features, PRICE_WEI)
    oracle.market.predict(*args, value=PRICE_WEI, sender=bench.buyer)
    bought = oracle.market.predict(*args, value=PRICE_WEI, sender=bench.buyer)
    evaluator = bench.system.evaluator
    data = evaluator.evaluate.encode_input(program.hash, oracle.features)
    alone = bench.buyer.transfer(evaluator.address, 0, data=data)
    return {
        "predict_total_gas": bought.gas_used,
        "predict_overhead_gas": execution(bought) - execution(alone),
    }


def challenge_of_a_lie(
    oracle: Oracle, challenger: AccountAPI, *names: AccountAPI
) -> tuple[ReceiptAPI, ReceiptAPI]:
    """(request, challenge), the latter of a wrong answer to the former."""
    request = oracle.ask(*names)
    lie = oracle.market.n_requests()
    oracle.market.answer(lie, wrong(oracle.outputs), sender=oracle.bench.operator)
    oracle.owing_nothing()
    return request, oracle.market.challenge(lie, oracle.features, sender=challenger)


def single_answers(oracle: Oracle, challenger: AccountAPI, another: AccountAPI) -> dict[str, float]:
    market, operator = oracle.market, oracle.bench.operator
    oracle.ask()  # the first request of a market writes a slot more
    _, challenge = challenge_of_a_lie(oracle, challenger, operator)
    request, reopening = challenge_of_a_lie(oracle, another)

    ids = oracle.asked(N_SETTLED)
    batch = market.answer_batch(ids, [oracle.outputs] * N_SETTLED, sender=operator)
    oracle.stage.advance(WINDOW_S + 1, "the windows are over")
    settle = market.settle(ids, sender=oracle.bench.buyer)
    return {
        "request_total_gas": request.gas_used,
        "challenge_total_gas": challenge.gas_used,
        "challenge_iotex_gas": cost_of("challenge", challenge).iotex,
        "challenge_reopening_total_gas": reopening.gas_used,
        "answer_batch_gas_each_of_32": round(batch.gas_used / N_SETTLED),
        "settle_gas_each_of_32": round(settle.gas_used / N_SETTLED),
    }


def roots(oracle: Oracle, challenger: AccountAPI) -> dict[str, float]:
    market = oracle.market
    lies = oracle.asked(N_ROOT, oracle.bench.operator)
    answers = [(one, oracle.outputs) for one in lies]
    answers[200] = (lies[200], wrong(oracle.outputs))
    lying, _ = oracle.root(answers)
    oracle.owing_nothing()
    challenge = market.challenge_leaf(
        lying.root_id, 200, lying.group(200), list(lying.proof(200)), oracle.features,
        sender=challenger,
    )  # fmt: skip
    oracle.stage.advance(WINDOW_S + 1, "the window is over")
    market.settle_root(lying.root_id, lying.leaves, sender=challenger)

    root, posted = oracle.root([(one, oracle.outputs) for one in oracle.asked(N_ROOT)])
    oracle.stage.advance(WINDOW_S + 1, "the window is over")
    settled = market.settle_root(root.root_id, root.leaves, sender=challenger)
    [event] = settled.decode_logs(market.RootSettled)
    if event.n_settled != N_ROOT:
        raise oracle.stage.failure(f"of {N_ROOT} answers {event.n_settled} were settled")
    return {
        "challenge_root_leaf_total_gas": challenge.gas_used,
        "challenge_root_leaf_iotex_gas": cost_of("challenge", challenge).iotex,
        "answer_root_gas_per_request_256": round(posted.gas_used / N_ROOT),
        "answer_root_iotex_gas_per_request_256": round(cost_of("post", posted).iotex / N_ROOT),
        "answer_and_settle_root_gas_per_request_256": round(
            (posted.gas_used + settled.gas_used) / N_ROOT
        ),
        "answer_and_settle_root_iotex_gas_per_request_256": round(
            (cost_of("post", posted).iotex + cost_of("settle", settled).iotex) / N_ROOT
        ),
    }


def receipts(oracle: Oracle, challenger: AccountAPI) -> dict[str, float]:
    operator, registry = oracle.bench.operator, oracle.bench.system.model_registry
    oracle.ledger.deposit_reserve(value=5 * COIN, sender=operator)
    oracle.stage.advance(10, "a receipt is signed")
    terms = registry.terms(oracle.terms_id)
    salt, said = bytes(range(32)), wrong(oracle.outputs)
    receipt = Receipt(
        model_id=oracle.model_id,
        version=terms.version,
        program_hash=bytes(terms.program_hash),
        root=prediction_leaf(input_commitment(salt, oracle.features), said),
        issued_at=oracle.stage.now(),
        terms_id=oracle.terms_id,
        operator=bytes.fromhex(operator.address[2:]),
    )
    domain = SigningDomain(chain.chain_id, bytes.fromhex(oracle.judge.address[2:]))
    key = PrivateKey(bytes.fromhex(operator.private_key.removeprefix("0x")))
    fields = (
        receipt.model_id, receipt.version, receipt.program_hash, receipt.root,
        receipt.issued_at, receipt.terms_id, operator.address,
    )  # fmt: skip
    signature = receipt.sign(key, domain)
    oracle.stage.advance(10, "somebody shows it")
    challenge = oracle.judge.challenge_receipt(
        fields, signature, said, salt, oracle.features, [], sender=challenger
    )
    return {
        "challenge_receipt_total_gas": challenge.gas_used,
        "challenge_receipt_iotex_gas": cost_of("challenge", challenge).iotex,
    }


def speed(oracle: Oracle) -> dict[str, float]:
    """`cairn operator run`, its database on disk: from requests in blocks to their answers in one.

    They name their operator, so that a root may have them at once; each program is run, and its
    outcome compared with the Evaluator's, before the root is signed. The process sleeps while it is
    asked, so that only its own work is counted.
    """
    stage, bench = oracle.stage, oracle.bench
    stage.deployed()
    stage.store.add(oracle.program.to_bytes())
    oracle.ledger.deposit(value=N_ROOT * LOCK_WEI, sender=bench.operator)
    port = free_port()
    settings = {
        "ACCOUNT": f"TEST::{OPERATOR_INDEX}",
        "DATABASE": f"sqlite:///{stage.var / 'speed.db'}",
        "MODELS": str(oracle.model_id),
        "POLL_INTERVAL_S": "0.1",
        "ROOT_MOST": str(N_ROOT),
        "ROOT_DELAY_S": "0",
        "AGGREGATE": "no",
        "CONTENT_CHECK_INTERVAL_S": "0",
        "HEALTH_PORT": str(port),
    }
    variables = {f"CAIRN_OPERATOR_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "cairn", "operator", "run"]
    operator = Process("operator", command, port, {**stage.environment(), **variables})
    before_wei = oracle.ledger.locked_wei(bench.operator)
    with Processes(stage.var / "speed") as processes:
        pid = processes.start(operator)
        wait_for(lambda: is_healthy(port), processes, "the operator is at work")
        os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(N_ROOT):
                oracle.ask(bench.operator)
            stage.advance(5, "all are in blocks")
        finally:
            os.kill(pid, signal.SIGCONT)
        began = time.perf_counter()

        def is_done() -> bool:
            locked_wei = oracle.ledger.locked_wei(bench.operator) - before_wei
            return bool(locked_wei == N_ROOT * LOCK_WEI)

        wait_for(is_done, processes, f"{N_ROOT} requests are answered")
        took_s = time.perf_counter() - began
    return {"requests_answered_per_s": round(N_ROOT / took_s)}


def is_healthy(port: int) -> bool:
    """Whether a worker has done a round of work."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def wait_for(condition: Callable[[], bool], processes: Processes, what: str) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        processes.check()
        if time.monotonic() > give_up:
            raise DeploymentError(f"waited {PATIENCE_S} s in vain until {what}")
        time.sleep(0.02)


def forest(oracle: Oracle, challenger: AccountAPI) -> dict[str, float]:
    """A challenge of the same model, whose program is now 100 trees of depth 6."""
    program = full_forest(100, 6)
    oracle.publish(program)
    add_version(oracle.bench, oracle.model_id, program)
    oracle.features = features_of(program)
    oracle.outputs = program.run_packed(oracle.features)
    _, challenge = challenge_of_a_lie(oracle, challenger, oracle.bench.operator)
    return {"challenge_forest_total_gas": challenge.gas_used}


def measure(stage: Stage) -> dict[str, float]:
    holders = {member.address: 100 * COIN for member in stage.accounts[1:4]}
    system = deploy_system(stage.accounts[0], journal=stage.journal)
    alliance = launch_alliance(
        stage.accounts[0], system, AllianceSettings("Pioneers", "PIO", holders), stage.journal
    )
    oracle = Oracle(Bench(stage, system, alliance), linear(30))
    first, *others = stage.accounts[6:10]
    figures = predictions(oracle) | speed(oracle)
    figures |= single_answers(oracle, first, oracle.bench.members[0])
    for part, challenger in zip((roots, receipts, forest), others, strict=True):
        figures |= part(oracle, challenger)
    return figures


def measured() -> dict[str, float]:
    """All figures, on a chain of its own."""
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        with open_stage(var, var / "deployment.json", console=Console(quiet=True)) as stage:
            return measure(stage)


@click.command()
def cli() -> None:
    """Measure the oracle: what asking, answering, settling and challenging cost."""
    try:
        figures = measured()
    except (CairnError, DeploymentError) as error:
        raise click.ClickException(str(error)) from error
    for name, figure in figures.items():
        click.echo(line(name, figure, BARS))
    click.echo(json.dumps(figures))
    if missed(figures, BARS):
        raise SystemExit(1)
