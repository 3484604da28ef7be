"""`ape run gas`: what each public operation costs, on Ethereum's schedule and by IoTeX's formula.

Plays every state-changing operation on a chain of this machine, with typical arguments, the
governed ones by real votes, and prints what each cost: a table, what the table lacks, and the same
figures as one line of JSON. The sensors are simulated.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import Any

import click
from ape import chain, project
from ape.api import AccountAPI
from coincurve import PrivateKey
from eth_account.messages import SignableMessage
from eth_utils import keccak
from rich.console import Console

from cairn.chain import Mode, Rules
from cairn.devices import AIR_QUALITY, Batch, SimulatedDevice, build_batch, simulate_fleet
from cairn.domain.answers import AnswerRoot
from cairn.domain.integers import pack_features
from cairn.domain.losses import LossKind
from cairn.domain.merkle import MerkleTree, packet_leaf
from cairn.domain.policy import Acceptance, Credential, Limit
from cairn.domain.programs import FeatureRule, LayerSpec, Program, dense_program, linear_program
from cairn.domain.receipts import Receipt, SigningDomain, input_commitment, prediction_leaf
from cairn.domain.rows import Losses, ValidationSet, evaluate
from cairn.errors import CairnError
from scripts._bench import Bench
from scripts._deployment import DeploymentError
from scripts._gas_vouchers import pay_by_voucher
from scripts._governance import FOR, PRODUCTION, Action, propose
from scripts._stage import Stage, gas_table, open_stage
from scripts._system import (
    NATIVE,
    AllianceSettings,
    SystemSettings,
    deploy_system,
    launch_alliance,
    system_groups,
)

COIN = 10**18
DAY_S = 86_400
PERIOD_S = 300
PACKETS = 288  # a day at the default period
N_ROWS = 200  # of a validation set
N_TOGETHER = 16  # requests answered in one transaction
WINDOW_S = 3_600
PRICE_WEI = COIN // 2
LOCK_WEI = 2 * COIN
CID = bytes([1, 0x55, 0x12, 0x20]) + bytes(range(32))
ROOT = keccak(text="a root")

# What only other contracts call: its gas is part of the operation named.
WITHIN = {
    "Timelock.scheduleBatch": "Governor.queue calls it",
    "Timelock.executeBatch": "Governor.execute calls it",
    "Timelock.cancel": "Governor.cancel calls it, of a queued proposal",
    "Timelock.schedule": "only the governor may, and it schedules batches",
    "Timelock.execute": "only the governor may, and it executes batches",
    "Timelock.onERC721Received": "a collectible calls it when it is sent",
    "Timelock.onERC1155Received": "a collectible calls it when it is sent",
    "Timelock.onERC1155BatchReceived": "a collectible calls it when it is sent",
    "DepositCollector.collect": "PaymentChannels.deposit calls it",
    "RevenueSplitter.begin": "RevenueSplitter.create calls it",
    "AccessPolicy.admit": "the market calls it as it sells",
    "StakeLedger.lock": "InferenceMarket.answer, TrainingRounds.aggregate, Evaluations.post call it",
    "StakeLedger.lock_serving": "InferenceMarket.answer, answer_batch and answer_root call it",
    "StakeLedger.slash_reserve": "ReceiptJudge.challenge_receipt calls it",
    "StakeLedger.release": "what settles a request, a round or an evaluation calls it",
    "StakeLedger.slash": "InferenceMarket.challenge and Evaluations.challenge_row call it",
}


def measure(stage: Stage) -> None:
    """Play every operation, and note its cost."""
    deployer = stage.accounts[0]
    settings = AllianceSettings(
        name="Pioneers",
        symbol="PIO",
        holders={member.address: 100 * COIN for member in stage.accounts[1:4]},
    )
    system = deploy_system(deployer, journal=stage.journal)
    alliance = launch_alliance(deployer, system, settings, stage.journal)
    note_deployments(stage)
    bench = Bench(stage, system, alliance)
    programs = publish(bench)
    devices = register(bench)
    batches = spot_check(bench, devices)
    model_id = create_model(bench, programs)
    train(bench, model_id, batches)
    pay_by_voucher(bench, model_id)
    trade(bench, model_id, programs, devices[0])
    admit(bench, devices[0])
    judge(bench, model_id, programs["30 features"])
    be_found(bench, model_id)
    stake(bench)
    hold_shares(bench)
    govern(bench)


def note_deployments(stage: Stage) -> None:
    """What creating each contract cost, by the transactions on the chain."""
    contracts = stage.journal.record["contracts"]
    names = {entry["address"]: name for name, entry in contracts.items()}
    factory = contracts["AllianceFactory"]["address"]
    for number in range(1, chain.blocks.height + 1):
        for transaction in chain.provider.get_transactions_by_block(number):
            receipt = chain.provider.get_receipt(transaction.txn_hash.to_0x_hex())
            if receipt.contract_address in names:
                stage.note(f"deploy {names[receipt.contract_address]}", receipt)
            elif receipt.receiver == factory:
                stage.note("AllianceFactory.launch", receipt)


# --- programs ---


def linear(n_features: int) -> Program:
    """A linear program with a different multiplier for each feature."""
    rules = [FeatureRule(-10_000, 10_000, 0, 5, 1_000 + 7 * i) for i in range(n_features)]
    return linear_program(rules, bias=10**6, shift=10)


def dense() -> Program:
    """A dense program: 30 features, a layer of 16 units, 3 scores."""
    rules = [FeatureRule(-1_000, 1_000, 0, 0, 1) for _ in range(30)]
    layers = []
    for n_inputs, n_units, bits in ((30, 16, 8), (16, 3, 0)):
        weights = [[(7 * i + 3 * j) % 17 - 8 for i in range(n_inputs)] for j in range(n_units)]
        layers.append(LayerSpec(weights, [100] * n_units, shift=4, bits=bits))
    return dense_program(rules, layers)


def features_of(program: Program) -> bytes:
    return pack_features([100 * (i + 1) % 997 for i in range(program.n_features)])


PROGRAMS: dict[str, Callable[[], Program]] = {
    "4 features": lambda: linear(4),
    "30 features": lambda: linear(30),
    "dense 30-16-3": dense,
}


def publish(bench: Bench) -> dict[str, Program]:
    """Publish the programs and run each once."""
    programs = {name: make() for name, make in PROGRAMS.items()}
    store, evaluator = bench.system.program_store, bench.system.evaluator
    for detail, program in programs.items():
        for function, args in program.publish_calls():
            bench.send(store, function, *args, detail=detail, sender=bench.operator)
        features = features_of(program)
        bench.send_view(evaluator, "evaluate", program.hash, features, detail=detail)
        if bytes(evaluator.evaluate(program.hash, features)) != program.run_packed(features):
            raise bench.stage.failure(f"the evaluator's integers differ ({detail})")
    return programs


# --- sensors ---


def consent(bench: Bench, device: SimulatedDevice, owner: AccountAPI) -> tuple[Any, ...]:
    """The sensor's own consent to its owner."""
    confirmation = device.confirm(bytes.fromhex(owner.address[2:]), bench.stage.now())
    return confirmation.timestamp, confirmation.signature[:32], confirmation.signature[32:]


def register(bench: Bench) -> tuple[SimulatedDevice, ...]:
    """Register two sensors, hand the second to another owner, and revoke a third."""
    registry = bench.system.device_registry
    first, second, third, fourth = fleet = simulate_fleet(2021, 4, PERIOD_S)
    giver, taker = bench.members[0], bench.members[1]
    for device in (first, second, third):
        args = (device.address, 1, PERIOD_S, *consent(bench, device, giver))
        bench.send(registry, "register", *args, sender=giver)
    bench.send(registry, "offer", second.address, taker, sender=giver)
    bench.stage.advance(60, "the sensor confirms its new owner")
    bench.send(registry, "accept", second.address, *consent(bench, second, taker), sender=taker)
    bench.send(registry, "revoke", third.address, sender=giver)

    deployer = bench.stage.accounts[0]
    ioid = deployer.deploy(project.IoIDDouble)
    ioid.set_owner(fourth.address, giver, sender=giver)
    settings = SystemSettings(ioid_registry=ioid.address, ioid=ioid.address)
    [step] = system_groups(settings)[0]
    with_ioid = deployer.deploy(step.container, *step.args({}))
    detail = "ioID simulated"
    bench.send(
        with_ioid, "register_by_ioid", fourth.address, 1, PERIOD_S, detail=detail, sender=giver
    )
    bench.vote(registry, "admit", [first.address, second.address], detail="2 sensors, by vote")
    bench.vote(registry, "expel", [third.address], detail="1 sensor, by vote")
    return fleet


def with_packets(batch: Batch, packets: list[bytes]) -> tuple[MerkleTree, list[bytes]]:
    """A tree over packets that make no batch, with a batch's device."""
    leaves = (packet_leaf(i, batch.device, packet) for i, packet in enumerate(packets))
    return MerkleTree(leaves), packets


def spot_check(bench: Bench, devices: tuple[SimulatedDevice, ...]) -> list[Batch]:
    """Batches that mature, and one for each way to void one; returns the mature ones."""
    registry, stage = bench.system.device_registry, bench.stage
    owners = bench.members[:2]
    days = 5
    start = stage.now() - (days + 1) * PACKETS * (PERIOD_S + 20)
    packets = devices[0].packets(start, days * PACKETS)
    own = [
        build_batch(packets[i * PACKETS : (i + 1) * PACKETS], devices[0].device, PERIOD_S)
        for i in range(days)
    ]
    other = build_batch(devices[1].packets(start, PACKETS), devices[1].device, PERIOD_S)

    def anchor(batch: Batch, owner: AccountAPI, root: bytes | None = None) -> int:
        receipt = bench.send(
            registry,
            "anchor_batch",
            bench.alliance.timelock,
            "0x" + batch.device.hex(),
            root or batch.root,
            batch.count,
            batch.first,
            batch.last,
            CID,
            value=registry.bond_wei(),
            sender=owner,
        )
        [event] = receipt.decode_logs(registry.BatchAnchored)
        return int(event.batch_id)

    for batch, owner, is_drawn in ((own[0], owners[0], True), (other, owners[1], False)):
        batch_id = anchor(batch, owner)
        stage.mine(3)
        if is_drawn:
            bench.send(registry, "draw", batch_id, sender=bench.buyer)
        openings = [batch.opening(index) for index in registry.drawn_leaves(batch_id)]
        bench.send(
            registry,
            "mature_batch",
            batch_id,
            [(opening.packet, list(opening.proof)) for opening in openings],
            detail=f"{len(openings)} of {batch.count} packets",
            sender=owner,
        )
        bench.send(registry, "withdraw", sender=owner)
    detail = f"{len(packets[0])} bytes"
    bench.send_view(registry, "read_packet", packets[0], detail=detail)

    forged = bytearray(own[1].packets[7].raw)
    forged[-1] ^= 1  # of its signature
    raw = [packet.raw for packet in own[1].packets]
    tree, raw = with_packets(own[1], [*raw[:7], bytes(forged), *raw[8:]])
    batch_id = anchor(own[1], owners[0], tree.root)
    opening = (raw[7], list(tree.proof(7)))
    bench.send(registry, "void_faulty", batch_id, 7, opening, sender=bench.buyer)

    raw = [packet.raw for packet in own[2].packets]
    raw[7], raw[8] = raw[8], raw[7]
    tree, raw = with_packets(own[2], raw)
    batch_id = anchor(own[2], owners[0], tree.root)
    pair = [part for i in (7, 8) for part in (i, (raw[i], list(tree.proof(i))))]
    bench.send(registry, "void_unordered", batch_id, *pair, sender=bench.buyer)

    batch_id = anchor(own[3], owners[0])
    stage.advance(DAY_S + 1, "nobody opened it")
    bench.send(registry, "void_unopened", batch_id, sender=bench.buyer)
    return [own[0], other]


# --- models ---


def create_model(bench: Bench, programs: dict[str, Program]) -> int:
    """A model on sale, with the small program in production."""
    registry, token = bench.system.model_registry, bench.alliance.share_token
    bench.vote(registry, "create_model", "air-quality", token, ROOT, CID)
    model_id = int(registry.n_models())
    add_version(bench, model_id, programs["4 features"])
    bench.vote(registry, "set_terms", model_id, PRICE_WEI, 3_000, 5_000, WINDOW_S, LOCK_WEI, 0)
    return model_id


def add_version(bench: Bench, model_id: int, program: Program) -> None:
    version = register_version(bench, model_id, program)
    bench.vote(bench.system.model_registry, "set_alias", model_id, PRODUCTION, version)


def register_version(bench: Bench, model_id: int, program: Program) -> int:
    registry = bench.system.model_registry
    parent = registry.latest_version(model_id)
    bench.vote(
        registry, "register_version", model_id, program.hash, CID, ROOT, ROOT, CID, parent, 0
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


# --- evaluations ---


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


# --- predictions ---


def trade(
    bench: Bench, model_id: int, programs: dict[str, Program], device: SimulatedDevice
) -> None:
    """Every way that a sale can go, with the small program and with the larger."""
    market = bench.system.inference_market
    # The market's very first request writes a slot more than any other: leave it out.
    small = programs["4 features"]
    deadline = bench.stage.now() + WINDOW_S
    args = (model_id, features_of(small), PRICE_WEI, deadline)
    market.request(*args, value=PRICE_WEI, sender=bench.buyer)

    sell(bench, model_id, "4 features", small)
    bench.vote(bench.system.packet_features, "set_channels", model_id, AIR_QUALITY.channel_map())
    packet = device.packets(bench.stage.now() - 60, 1)[0]
    args = (model_id, packet, WINDOW_S, PRICE_WEI)
    detail = f"4 features, {len(packet)} bytes"
    bench.send(
        market, "predict_from_packet", *args, value=PRICE_WEI, detail=detail, sender=bench.buyer
    )
    pay_out(bench)
    add_version(bench, model_id, programs["30 features"])
    sell(bench, model_id, "30 features", programs["30 features"])
    answer_together(bench, model_id, programs["30 features"])
    show_receipt(bench, model_id, programs["30 features"])
    pay_out(bench)
    bench.vote(bench.system.model_registry, "end_sale", model_id)


def pay_out(bench: Bench) -> None:
    """Pay everybody whom the market owes."""
    for payee in (
        bench.alliance.share_token.address,
        bench.alliance.timelock.address,
        bench.operator.address,
        bench.buyer.address,
    ):
        args = (payee, NATIVE)
        bench.send(bench.system.inference_market, "pay", *args, sender=bench.operator)


def sell(bench: Bench, model_id: int, detail: str, program: Program) -> None:
    market, stage = bench.system.inference_market, bench.stage
    buyer, operator = bench.buyer, bench.operator
    features = features_of(program)
    outputs = program.run_packed(features)
    bench.send(
        market,
        "predict",
        model_id,
        features,
        PRICE_WEI,
        value=PRICE_WEI,
        detail=detail,
        sender=buyer,
    )

    def ask() -> int:
        deadline = stage.now() + WINDOW_S
        bench.send(
            market,
            "request",
            model_id,
            features,
            PRICE_WEI,
            deadline,
            value=PRICE_WEI,
            detail=detail,
            sender=buyer,
        )
        return int(market.n_requests())

    right, wrong, refused = ask(), ask(), ask()
    bench.send(market, "answer", right, outputs, sender=operator)
    bench.send(market, "answer", wrong, outputs[:-1] + bytes([outputs[-1] ^ 1]), sender=operator)
    bench.send(market, "challenge", wrong, features, detail=detail, sender=bench.members[2])
    stage.advance(WINDOW_S + 1, "the windows are over")
    bench.send(market, "settle", [right], detail="1 request", sender=buyer)
    bench.send(market, "refund", refused, sender=buyer)


def admit(bench: Bench, device: SimulatedDevice) -> None:
    """Policies, and what callers and issuers do once for theirs."""
    access, lock = bench.system.access_policy, bench.alliance.timelock
    issuer, buyer, relayer = bench.members[0], bench.buyer, bench.operator
    limit = Limit(capacity=100, refill=100, period_s=DAY_S)
    everything = Rules(
        Mode.BEARERS,
        authority=issuer.address,
        per_caller=limit,
        in_all=limit,
        terms_hash=ROOT,
        terms_cid=CID,
    )
    bench.vote(access, "create_policy", astuple(everything), detail="with all of it, by vote")
    bench.vote(access, "create_policy", astuple(Rules(Mode.LISTED)), detail="a list, by vote")
    bench.vote(access, "set_listed", access.n_policies(), [buyer.address], True)
    bench.send(access, "name_device", lock, device.address, sender=bench.members[0])
    bench.send(access, "accept_terms", lock, ROOT, sender=buyer)

    def signed(signer: AccountAPI, message: SignableMessage) -> bytes:
        signature = signer.sign_message(message)
        if signature is None:
            raise bench.stage.failure(f"{signer.address} did not sign")
        # Ape leaves out the zeros that one in 128 signatures begins a half with.
        r, s = (bytes(half).rjust(32, b"\0") for half in (signature.r, signature.s))
        return r + s + bytes([signature.v])

    acceptance = Acceptance(lock.address, ROOT, relayer.address)
    signature = signed(relayer, acceptance.message(chain.chain_id, access.address))
    args = (*astuple(acceptance), signature)
    bench.send(access, "accept_terms_by_signature", *args, sender=buyer)
    credential = Credential(issuer.address, lock.address, buyer.address, 1, 2**40)
    signature = signed(issuer, credential.message(chain.chain_id, access.address))
    bench.send(access, "present", *astuple(credential), signature, sender=buyer)
    bench.send(access, "revoke", lock, buyer, 1, sender=issuer)


def answer_together(bench: Bench, model_id: int, program: Program) -> None:
    """A batch, and a root of which one leaf is wrong."""
    market, stage, operator = bench.system.inference_market, bench.stage, bench.operator
    features = features_of(program)
    outputs = program.run_packed(features)
    bench.system.stake_ledger.deposit(value=2 * N_TOGETHER * LOCK_WEI, sender=operator)

    def ask() -> list[int]:
        first = market.n_requests() + 1
        for _ in range(N_TOGETHER):
            args = (model_id, features, PRICE_WEI, stage.now() + WINDOW_S)
            market.request(*args, value=PRICE_WEI, sender=bench.buyer)
        return list(range(first, first + N_TOGETHER))

    detail = f"{N_TOGETHER} requests"
    batch = (ask(), [outputs] * N_TOGETHER)
    bench.send(market, "answer_batch", *batch, detail=detail, sender=operator)
    ids = ask()
    stage.advance(60, "the turns are over")
    wrong = outputs[:-1] + bytes([outputs[-1] ^ 1])
    terms_id = bench.system.model_registry.current_terms(model_id)
    answers = [(one, wrong if one == ids[-1] else outputs) for one in ids]
    root = AnswerRoot.of(operator.address, terms_id, answers)
    posted = (terms_id, root.output_bytes, root.leaves)
    bench.send(market, "answer_root", *posted, detail=detail, sender=operator)
    last = N_TOGETHER - 1
    opening = (root.root_id, last, root.group(last), list(root.proof(last)), features)
    bench.send(
        market, "challenge_leaf", *opening, detail=f"of {N_TOGETHER}", sender=bench.members[2]
    )
    stage.advance(WINDOW_S + 1, "the windows are over")
    settled = (root.root_id, root.leaves)
    bench.send(market, "settle_root", *settled, detail=detail, sender=bench.buyer)
    bench.send(market, "settle", batch[0], detail=detail, sender=bench.buyer)


def show_receipt(bench: Bench, model_id: int, program: Program) -> None:
    """A reserve, a wrong receipt that costs it, and the way out of the next reserve."""
    ledger, judge, operator = bench.system.stake_ledger, bench.system.receipt_judge, bench.operator
    bench.send(ledger, "deposit_reserve", value=LOCK_WEI, sender=operator)
    bench.stage.advance(10, "a receipt is signed")
    salt, features, said = bytes(32), features_of(program), bytes(4)
    terms_id = bench.system.model_registry.current_terms(model_id)
    terms = bench.system.model_registry.terms(terms_id)
    receipt = Receipt(
        model_id=model_id,
        version=terms.version,
        program_hash=program.hash,
        root=prediction_leaf(input_commitment(salt, features), said),
        issued_at=bench.stage.now(),
        terms_id=terms_id,
        operator=bytes.fromhex(operator.address[2:]),
    )
    domain = SigningDomain(chain.chain_id, bytes.fromhex(judge.address[2:]))
    key = PrivateKey(bytes.fromhex(operator.private_key.removeprefix("0x")))
    fields = (*list(astuple(receipt))[:-1], operator.address)
    shown = (fields, receipt.sign(key, domain), said, salt, features)
    bench.send(
        judge, "challenge_receipt", *shown, [], detail="30 features", sender=bench.members[2]
    )
    ledger.deposit_reserve(value=LOCK_WEI, sender=operator)
    bench.send(ledger, "begin_unbonding_reserve", LOCK_WEI, sender=operator)


def stake(bench: Bench) -> None:
    """The way out for an operator, and a challenger's bounty; and the stake that a model asks for."""
    ledger, operator = bench.system.stake_ledger, bench.operator
    ledger.deposit(value=COIN, sender=bench.buyer)
    ledger.opt_in(1, sender=bench.buyer)
    bench.vote(ledger, "set_min_stake", 1, 2 * COIN)
    bench.send(ledger, "strike", bench.buyer, 1, sender=operator)
    bench.send(ledger, "withdraw_bounty", sender=bench.members[2])
    bench.send(ledger, "opt_out", 1, sender=operator)
    bench.send(ledger, "begin_unbonding", LOCK_WEI, sender=operator)
    bench.stage.advance(ledger.unbonding_s() + 1, "the stake is unbonded")
    bench.send(ledger, "withdraw", sender=operator)
    bench.send(ledger, "withdraw_reserve", sender=operator)


# --- shares and votes ---


def hold_shares(bench: Bench) -> None:
    """What a shareholder does with shares, and the alliance with the token."""
    token, stage = bench.alliance.share_token, bench.stage
    first, second, third = bench.members
    bench.note("ShareToken, coin sent", bench.buyer.transfer(token.address, COIN))
    bench.note("Timelock, coin sent", bench.buyer.transfer(bench.alliance.timelock.address, COIN))
    bench.send(token, "sync", sender=bench.buyer)
    stage.advance(token.stream_period_s() + 1, "the income has streamed")
    bench.send(token, "claim", third, sender=third)

    bench.send(token, "transfer", bench.buyer, COIN, detail="to a new holder", sender=first)
    bench.send(token, "transfer", second, COIN, detail="to a holder", sender=first)
    bench.send(token, "approve", bench.buyer, 2 * COIN, sender=first)
    bench.send(token, "transferFrom", first, second, COIN, sender=bench.buyer)
    bench.send(token, "delegate", first, sender=third)
    bench.send(token, "delegate", third, sender=third)

    expiry = stage.now() + DAY_S
    v, r, s = bench.sign(
        second,
        token,
        "Permit",
        "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
        owner=second.address,
        spender=bench.buyer.address,
        value=COIN,
        nonce=token.nonces(second),
        deadline=expiry,
    )
    bench.send(token, "permit", second, bench.buyer, COIN, expiry, v, r, s, sender=bench.buyer)
    nonce = token.nonces(third)
    v, r, s = bench.sign(
        third,
        token,
        "Delegation",
        "address delegatee,uint256 nonce,uint256 expiry",
        delegatee=first.address,
        nonce=nonce,
        expiry=expiry,
    )
    bench.send(token, "delegateBySig", first, nonce, expiry, v, r, s, sender=bench.buyer)
    bench.vote(token, "mint", third, COIN)
    bench.vote(token, "set_cap", token.cap() + COIN)


def govern(bench: Bench) -> None:
    """The other ways to vote, what a vote changes of its own rules, and a proposal withdrawn."""
    governor, lock = bench.alliance.governor, bench.alliance.timelock
    first, second, _ = bench.members
    vote_by_all_means(bench)
    bench.vote(governor, "relay", first, 0, b"")
    bench.vote(governor, "setVotingDelay", 7_200)
    bench.vote(governor, "setVotingPeriod", 2 * DAY_S)
    bench.vote(governor, "setProposalThreshold", 2 * COIN)
    bench.vote(governor, "updateQuorumNumerator", 25)
    bench.vote(governor, "setLateQuorumVoteExtension", DAY_S // 2)
    bench.vote(lock, "updateDelay", 2 * DAY_S)
    bench.vote(bench.alliance.charter, "amend", CID)
    proposal, _ = propose(
        governor, [Action("nothing", governor.setVotingDelay, (3_600,))], "Withdrawn", second
    )
    bench.send(governor, "cancel", *proposal.key, sender=second)

    actions = [Action(f"set it to {i}", governor.setVotingDelay, (3_600 + i,)) for i in range(5)]
    proposal, receipt = propose(governor, actions, "Five at once", first)
    bench.note("Governor.propose, five actions", receipt)


def vote_by_all_means(bench: Bench) -> None:
    """Reasons, parameters and ballots that others bring."""
    governor = bench.alliance.governor
    first, second, third = bench.members
    # Each has votes of his own again.
    bench.send(bench.alliance.share_token, "delegate", third, sender=third)
    ballot = "uint256 proposalId,uint8 support,address voter,uint256 nonce"
    reason, params = "It pays for itself.", bytes(32)
    ids = []
    for number in range(2):
        action = Action(f"set the delay, {number}", governor.setVotingDelay, (3_600 + number,))
        proposal, _ = propose(governor, [action], f"Trial {number}", bench.members[number])
        ids.append(proposal.proposal_id)
    bench.stage.advance(governor.votingDelay() + 1, "voting begins")
    bench.send(governor, "castVoteWithReason", ids[0], FOR, reason, sender=first)
    bench.send(governor, "castVoteWithReasonAndParams", ids[0], FOR, reason, params, sender=second)
    fields = {"proposalId": ids[0], "support": FOR, "voter": third.address}
    v, r, s = bench.sign(third, governor, "Ballot", ballot, nonce=governor.nonces(third), **fields)
    args = (ids[0], FOR, third, r + s + bytes([v]))
    bench.send(governor, "castVoteBySig", *args, sender=bench.buyer)
    fields["proposalId"] = ids[1]
    v, r, s = bench.sign(
        third,
        governor,
        "ExtendedBallot",
        ballot + ",string reason,bytes params",
        nonce=governor.nonces(third),
        reason=reason,
        params=params,
        **fields,
    )
    extended = (ids[1], FOR, third, reason, params, r + s + bytes([v]))
    bench.send(governor, "castVoteWithReasonAndParamsBySig", *extended, sender=bench.buyer)
    bench.stage.advance(governor.votingPeriod() + 1, "voting ends")


# --- what is printed ---


def state_changing() -> list[str]:
    """Every state-changing function of the contracts that are deployed, by its ABI."""
    # Blueprints are deployed too, but used as what a charter makes of them.
    steps = [step.name for group in system_groups(SystemSettings()) for step in group]
    return [
        f"{name}.{method.name}"
        for name in steps
        for method in getattr(project, name).contract_type.mutable_methods
    ]


def lacking(operations: list[str]) -> list[str]:
    """The state-changing functions of which no cost was measured."""
    measured = {operation.split(",")[0] for operation in operations}
    return sorted(set(state_changing()) - measured)


@click.command()
def cli() -> None:
    """Measure what each public operation costs."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            var = Path(folder)
            with open_stage(var, var / "deployment.json", console=Console(quiet=True)) as stage:
                measure(stage)
                missing = lacking(list(stage.meter.costs))
    except (CairnError, DeploymentError) as error:
        raise click.ClickException(str(error)) from error
    costs = list(stage.meter)
    Console(width=100).print(gas_table(stage.meter))
    click.echo("By vote: the Governor.execute that does it. Deployments on IoTeX: assumed is")
    click.echo(
        "that nothing is charged for being one, as its node's intrinsic gas knows only bytes."
    )
    for cost in costs:
        if not cost.fits_iotex:
            click.echo(
                f"IoTeX takes no such transaction: {cost.operation}: "
                f"{cost.calldata_bytes:,} bytes, {cost.iotex:,} gas"
            )
    for name in missing:
        click.echo(f"not in the table: {name}: {WITHIN.get(name, 'NOT MEASURED')}")
    figures = {c.operation: {"ethereum": c.ethereum, "iotex": c.iotex} for c in costs}
    click.echo(json.dumps(figures))
