"""The story that `make demo` tells: one alliance, from signed readings to a paid, audited
prediction.

Each chapter is a function; what later chapters need of earlier ones is in `Cast`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from ape.api import AccountAPI
from eth_utils import to_checksum_address

from cairn.devices import (
    AIR_QUALITY,
    Batch,
    SimulatedDevice,
    Table,
    build_batch,
    simulate_fleet,
    training_table,
)
from cairn.domain.integers import pack_features, unpack_features
from cairn.domain.losses import LossKind, mean_loss
from cairn.domain.programs import Program
from cairn.domain.rows import ValidationSet, evaluate
from cairn.domain.signed_receipts import SignedReceipt
from cairn.errors import CairnError
from cairn.training import Plan, RulePlan, train
from scripts._governance import FOR, PRODUCTION, Action, Words, propose, words_of
from scripts._stage import Stage
from scripts._system import Alliance, AllianceSettings, System, deploy_system, launch_alliance

HOUR_S = 3_600
DAY_S = 86_400
COIN = 10**18

MODEL = "air-quality"
DEVICES_EACH = 2
PACKETS_EACH = 7 * DAY_S // 300  # a week at the Pebble's default period
PERIOD_S = 300
STAKE_WEI = 20 * COIN
RESERVE_WEI = 10 * COIN
LOCK_WEI = 2 * COIN
POOL = 300 * COIN
PRICE_WEI = COIN // 2
OPEN_TO_ALL = 0  # no policy
WINDOW_S = HOUR_S
# Its number in the fleet; the members' sensors come before it.
STATION = 7
# Of the station's readings every so many are held back to judge versions by.
VALIDATION_STRIDE = 10
# The device integers that the members expect, wide enough for all climates: part of the plan.
EXPECTED = {
    "temperature": (-3_000, 5_500),
    "humidity": (0, 10_000),
    "pressure": (85_000, 108_000),
    "light": (0, 12_000_000),
    "gas_resistance": (0, 60_000_000),
}
# What is asked of the model, in the units of the schema.
QUESTION = {"temperature": "24.5", "humidity": "48", "pressure": "1009.2", "light": "350"}


@dataclass
class Cast:
    """Who and what the story is about."""

    system: System
    alliance: Alliance
    members: list[AccountAPI]
    operator: AccountAPI
    buyer: AccountAPI
    devices: list[list[SimulatedDevice]]  # each member's
    station: SimulatedDevice  # the alliance's own; no member trains on it
    words: Words  # for the alliance's calls
    validation: ValidationSet | None = None
    batches: list[list[Batch]] = field(default_factory=list)
    batch_ids: list[list[int]] = field(default_factory=list)
    model_id: int = 0
    round_id: int = 0
    plan: Plan | None = None
    version: int = 0
    answers: dict[str, tuple[int, ...]] = field(default_factory=dict)
    request_id: int = 0


def set_up(stage: Stage, seed: int) -> Cast:
    """Play the chapters up to a model that is served."""
    cast = found(stage, seed)
    collect(stage, cast)
    agree(stage, cast)
    anchor(stage, cast)
    open_shop(stage, cast)
    learn(stage, cast)
    judge(stage, cast)
    promote(stage, cast)
    return cast


def tell(stage: Stage, seed: int) -> None:
    """Play all chapters."""
    cast = set_up(stage, seed)
    sell(stage, cast)
    share_income(stage, cast)
    audit(stage, cast)
    token = cast.alliance.share_token
    stage.say_accounts(
        [
            *(
                (f"member {number}", member, token.balanceOf(member), 0)
                for number, member in enumerate(cast.members, start=1)
            ),
            (
                "operator",
                cast.operator,
                0,
                cast.system.stake_ledger.stake_wei(cast.operator),
            ),
            ("buyer", cast.buyer, 0, 0),
        ]
    )
    stage.say_gas()


def found(stage: Stage, seed: int) -> Cast:
    stage.chapter("Three owners of sensors found an alliance")
    accounts = stage.accounts
    members, operator, buyer = list(accounts[1:4]), accounts[4], accounts[5]
    system = deploy_system(accounts[0], journal=stage.journal)
    stage.say(f"deployed the system: {stage.n_contracts} contracts, none with an owner")
    alliance = launch_alliance(
        accounts[0],
        system,
        AllianceSettings(
            name="Air of the Three Valleys",
            symbol="AIR",
            holders={member.address: 100 * COIN for member in members},
        ),
        stage.journal,
    )
    stage.deployed()
    stage.say(
        "launched the alliance: 100 shares to each of three members; nobody else has any power"
    )
    # A proposer's votes are those of an earlier second, and this chain's blocks can share one.
    stage.advance(60, "the founders' votes count")
    fleet = simulate_fleet(seed, STATION + 1, PERIOD_S)
    devices = [list(fleet[i * DEVICES_EACH : (i + 1) * DEVICES_EACH]) for i in range(len(members))]
    words = words_of(stage.connection(), alliance)
    return Cast(system, alliance, members, operator, buyer, devices, fleet[STATION], words)


def collect(stage: Stage, cast: Cast) -> None:
    stage.chapter("Their sensors sign readings (simulated: synthetic data in the real wire format)")
    registry = cast.system.device_registry
    start = stage.now() - (PACKETS_EACH + 2) * (PERIOD_S + 10)
    for member, devices in zip(cast.members, cast.devices, strict=True):
        for device in devices:
            owner = bytes.fromhex(member.address[2:])
            confirmation = device.confirm(owner, stage.now())
            signature = confirmation.signature
            stage.note(
                "DeviceRegistry.register",
                registry.register(
                    device.address,
                    1,
                    PERIOD_S,
                    confirmation.timestamp,
                    signature[:32],
                    signature[32:],
                    sender=member,
                ),
            )
    n_devices = sum(map(len, cast.devices))
    stage.say(f"registered {n_devices} sensors, each by its own signed consent (ConfirmPackage)")
    with stage.progress("signing and checking packets", n_devices + 1) as step:
        for devices in cast.devices:
            batches = []
            for device in devices:
                packets = device.packets(start, PACKETS_EACH)
                batches.append(build_batch(packets, device.device, PERIOD_S))
                step()
            cast.batches.append(batches)
        cast.validation = held_back(cast.station, start)
        step()
    n_packets = sum(batch.count for batches in cast.batches for batch in batches)
    stage.say(
        f"checked the signatures of {n_packets:,} packets and put them into {n_devices} batches"
    )
    stage.say(
        f"a station of the alliance's own keeps {len(cast.validation.rows)} readings to judge by"
    )


def held_back(station: SimulatedDevice, start: int) -> ValidationSet:
    """Readings on which no member trains."""
    batch = build_batch(station.packets(start, PACKETS_EACH), station.device, PERIOD_S)
    table = training_table([batch], AIR_QUALITY)
    kept = slice(None, None, VALIDATION_STRIDE)
    return ValidationSet.of(table.features[kept].tolist(), table.targets[kept, 0].tolist())


def half_of_variance(rows: ValidationSet) -> int:
    """The squared error that half explains the readings: R2 = 0.5."""
    targets = [row.target for row in rows.rows]
    mean = sum(targets) // len(targets)
    return sum((target - mean) ** 2 for target in targets) // (2 * len(targets))


def agree(stage: Stage, cast: Cast) -> None:
    stage.chapter("The members vote: create the model, admit the sensors, open a training round")
    schema = AIR_QUALITY
    schema_cid = stage.store.add(schema.to_json()).binary
    cast.plan = Plan.from_schema(
        schema,
        ranges=EXPECTED,
        rule=RulePlan(weight_cap=DEVICES_EACH * PACKETS_EACH),
    )
    plan_cid = stage.store.add(cast.plan.to_json()).binary
    registry, rounds = cast.system.model_registry, cast.system.training_rounds
    assert cast.validation is not None
    cast.model_id, cast.round_id = registry.n_models() + 1, rounds.n_rounds() + 1
    addresses = [device.address for devices in cast.devices for device in devices]
    now = stage.now()
    vote(
        stage,
        cast,
        "Predict the air's gas resistance",
        [
            Action(
                registry.create_model,
                (MODEL, cast.alliance.share_token, schema.schema_hash, schema_cid),
            ),
            Action(
                registry.accept_validation_set,
                (cast.model_id, cast.validation.root, b"", True),
            ),
            Action(
                registry.set_evaluation_rule,
                (
                    cast.model_id,
                    (
                        True,
                        bytes(32),
                        int(LossKind.SQUARED),
                        half_of_variance(cast.validation),
                        WINDOW_S,
                        LOCK_WEI,
                    ),
                ),
            ),
            Action(cast.system.device_registry.admit, (addresses,)),
            Action(
                rounds.open,
                (
                    (
                        cast.model_id,
                        0,
                        cast.plan.hash,
                        plan_cid,
                        POOL,
                        cast.plan.rule.weight_cap,
                        now + 10 * DAY_S,
                        now + 14 * DAY_S,
                        WINDOW_S,
                        LOCK_WEI,
                    ),
                ),
            ),
        ],
    )


def vote(stage: Stage, cast: Cast, title: str, actions: list[Action]) -> None:
    """Take a proposal from its proposer through the vote and the timelock."""
    governor = cast.alliance.governor
    proposal, receipt = propose(governor, actions, title, cast.members[0], cast.words)
    stage.note("Governor.propose", receipt)
    stage.advance(governor.votingDelay() + 1, "voting begins")
    for member in cast.members[:2]:
        stage.note("Governor.castVote", governor.castVote(proposal.proposal_id, FOR, sender=member))
    stage.advance(governor.votingPeriod() + 1, "voting ends")
    stage.note("Governor.queue", governor.queue(*proposal.key, sender=cast.members[0]))
    stage.advance(cast.alliance.timelock.getMinDelay() + 1, "the timelock's delay is over")
    stage.note("Governor.execute", governor.execute(*proposal.key, sender=cast.members[1]))
    for words in proposal.words:
        stage.say(f"voted and done: {words}")


def anchor(stage: Stage, cast: Cast) -> None:
    stage.chapter("Each member anchors the roots of his batches; the chain never sees the packets")
    registry = cast.system.device_registry
    for member, batches in zip(cast.members, cast.batches, strict=True):
        ids = []
        for batch in batches:
            cid = stage.store.add(batch.file)
            receipt = registry.anchor_batch(
                cast.alliance.timelock,
                to_checksum_address(batch.device),
                batch.root,
                batch.count,
                batch.first,
                batch.last,
                cid.binary,
                value=registry.bond_wei(),
                sender=member,
            )
            stage.note("DeviceRegistry.anchor_batch", receipt)
            [event] = receipt.decode_logs(registry.BatchAnchored)
            ids.append(event.batch_id)
        cast.batch_ids.append(sorted(ids))
    stage.say(f"anchored {sum(map(len, cast.batch_ids))} batches, each with a bond")
    stage.mine(3)
    n_opened = 0
    for member, batches in zip(cast.members, cast.batches, strict=True):
        for batch in batches:
            drawn = [batch.opening(index) for index in registry.drawn_leaves(batch.batch_id)]
            openings = [(opening.packet, list(opening.proof)) for opening in drawn]
            receipt = registry.mature_batch(batch.batch_id, openings, sender=member)
            stage.note("DeviceRegistry.mature_batch", receipt)
            n_opened += len(openings)
        stage.note("DeviceRegistry.withdraw", registry.withdraw(sender=member))
    stage.say(
        f"opened {n_opened} packets that a later block drew (those are public now); the contract "
        "checked their signatures, the batches are mature, the bonds are back"
    )


def open_shop(stage: Stage, cast: Cast) -> None:
    stage.chapter("An operator stakes coin, and starts his worker and his API")
    ledger = cast.system.stake_ledger
    stage.note("StakeLedger.deposit", ledger.deposit(value=STAKE_WEI, sender=cast.operator))
    put = ledger.deposit_reserve(value=RESERVE_WEI, sender=cast.operator)
    stage.note("StakeLedger.deposit_reserve", put)
    stage.note("StakeLedger.opt_in", ledger.opt_in(cast.model_id, sender=cast.operator))
    stage.start_operator(cast.operator)
    stage.say(
        f"staked {STAKE_WEI // COIN} coin on model {cast.model_id}, and put {RESERVE_WEI // COIN} behind "
        "what he signs over HTTP; the worker runs as its own process"
    )


def learn(stage: Stage, cast: Cast) -> None:
    stage.chapter("Each member trains on his own readings; the operator averages in integers")
    rounds = cast.system.training_rounds
    plan = cast.plan
    assert plan is not None
    pooled = []
    for member, batches, ids in zip(cast.members, cast.batches, cast.batch_ids, strict=True):
        table = training_table(batches, AIR_QUALITY)
        pooled.append(table)
        update = train(plan, table.frame)
        cid = stage.store.add(update.to_bytes())
        stage.note(
            "TrainingRounds.submit",
            rounds.submit(cast.round_id, update.root, cid.binary, ids, sender=member),
        )
        stage.say(
            f"{stage.short(member.address)} trained on {len(table.frame):,} readings and handed in"
        )
    submit_until = rounds.plan(cast.round_id).submit_until
    stage.advance(submit_until - stage.now() + 1, "submission ends")
    stage.wait_for("the operator posts the aggregate", lambda: rounds.phase(cast.round_id) == 2)
    stage.say("the operator posted the weighted mean of the updates, and the program made from it")
    stage.advance(WINDOW_S + 1, "the round's window is over")
    stage.wait_for("the operator finalizes the round", lambda: rounds.phase(cast.round_id) == 4)
    registry = cast.system.model_registry
    cast.version = registry.latest_version(cast.model_id)
    for index, (member, ids) in enumerate(zip(cast.members, cast.batch_ids, strict=True)):
        receipt = rounds.mint_shares(cast.round_id, index, ids, sender=member)
        stage.note("TrainingRounds.mint_shares", receipt)
    stage.say(f"version {cast.version} is registered; {POOL // COIN} shares are minted by weight")
    _report_fit(stage, cast, pooled)


def _report_fit(stage: Stage, cast: Cast, tables: list[Table]) -> None:
    program = load_program(stage, cast)
    for member, table in zip(cast.members, tables, strict=True):
        target = table.targets[:, 0].astype("float64")
        predicted = [run_valid(program, row)[0] for row in table.features[::20].tolist()]
        truth = target[::20]
        residual = ((truth - predicted) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
        stage.say(
            f"on the readings of {stage.short(member.address)} the model explains R2 = {1 - residual:.2f}"
        )


def load_program(stage: Stage, cast: Cast) -> Program:
    """The program of the story's version, from the store, checked against the registry's hash."""
    version = cast.system.model_registry.version(cast.model_id, cast.version)
    program = Program.from_bytes(stage.fetch(bytes(version.program_cid)))
    assert program.hash == bytes(version.program_hash)
    return program


def run_valid(program: Program, features: Sequence[int]) -> tuple[int, ...]:
    """The program's outputs of features that it must not find invalid."""
    outputs = program.run(features)
    if outputs is None:
        raise CairnError(f"the program finds these features invalid: {list(features)}")
    return outputs


def judge(stage: Stage, cast: Cast) -> None:
    stage.chapter(
        "The operator evaluates the version on the station's readings, with stake behind it"
    )
    registry, evaluations = cast.system.model_registry, cast.system.evaluations
    store, rows = cast.system.program_store, cast.validation
    assert rows is not None
    program = load_program(stage, cast)
    if not store.is_published(program.hash):
        for name, arguments in program.publish_calls():
            receipt = getattr(store, name)(*arguments, sender=cast.operator)
            stage.note(f"ProgramStore.{name}", receipt)
        stage.say("the operator published the program's words on chain: now a contract can run it")
    losses = evaluate(program, rows, LossKind.SQUARED)
    receipt = evaluations.post(
        cast.model_id,
        cast.version,
        len(rows.rows),
        rows.top,
        int(losses.kind),
        losses.total,
        losses.top,
        WINDOW_S,
        LOCK_WEI,
        stage.store.add(rows.to_bytes()).binary,
        stage.store.add(losses.to_bytes()).binary,
        sender=cast.operator,
    )
    stage.note("Evaluations.post", receipt)
    evaluation_id = evaluations.n_evaluations()
    share = mean_loss(losses.kind, losses.total, len(rows.rows)) / half_of_variance(rows) / 2
    stage.say(
        f"posted its loss on {len(rows.rows)} rows: R2 = {1 - share:.2f} there; anyone may prove a row wrong"
    )
    verify_evaluation(stage, evaluation_id)
    stage.advance(WINDOW_S + 1, "nobody proved a row wrong; the evaluation's window is over")
    stage.note("Evaluations.settle", evaluations.settle(evaluation_id, sender=cast.operator))
    stage.note("ModelRegistry.qualify", registry.qualify(evaluation_id, sender=cast.members[2]))
    stage.say(f"version {cast.version} meets the alliance's rule: it may become production")


def verify_evaluation(stage: Stage, evaluation_id: int) -> None:
    """Anyone recomputes an evaluation, in a process of his own."""
    command = [sys.executable, "-m", "cairn", "evaluate", "verify", str(evaluation_id)]
    result = subprocess.run(
        command, env=stage.environment(), capture_output=True, text=True, check=False
    )
    stage.say_block(result.stdout)
    if result.returncode != 0:
        raise stage.failure(f"the evaluation is wrong:\n{result.stdout}{result.stderr}")


def promote(stage: Stage, cast: Cast) -> None:
    stage.chapter("The shareholders vote the version into production, and set its terms")
    registry = cast.system.model_registry
    vote(
        stage,
        cast,
        f"Promote version {cast.version}",
        [
            Action(
                registry.set_alias,
                (cast.model_id, PRODUCTION, cast.version),
            ),
            Action(
                registry.set_terms,
                (cast.model_id, PRICE_WEI, 3_000, 5_000, WINDOW_S, LOCK_WEI, OPEN_TO_ALL),
            ),
        ],
    )
    stage.start_api()
    stage.say(f"the API serves the model at {stage.api_url}")


def sell(stage: Stage, cast: Cast) -> None:
    stage.chapter("A wallet buys the same prediction on chain and through the oracle; HTTP agrees")
    market = cast.system.inference_market
    schema = AIR_QUALITY
    features = schema.encode_packed(QUESTION)
    stage.say("asked: " + ", ".join(f"{k} {v} {unit(schema, k)}" for k, v in QUESTION.items()))

    receipt = market.predict(cast.model_id, features, PRICE_WEI, value=PRICE_WEI, sender=cast.buyer)
    stage.note("InferenceMarket.predict", receipt)
    [event] = receipt.decode_logs(market.Predicted)
    cast.answers["contract"] = unpack_features(bytes(event.outputs))
    stage.say_answer(
        "the contract itself (`predict`, paid in the call)", schema, cast.answers["contract"]
    )

    receipt = market.request(
        cast.model_id,
        features,
        PRICE_WEI,
        stage.now() + HOUR_S,
        value=PRICE_WEI,
        sender=cast.buyer,
    )
    stage.note("InferenceMarket.request", receipt)
    cast.request_id = market.n_requests()
    stage.wait_for("the operator answers", lambda: market.get_request(cast.request_id).status == 2)
    stage.note_event("InferenceMarket.answer", market.Answered)
    [event] = stage.events(market.Answered)
    cast.answers["operator"] = unpack_features(bytes(event.outputs))
    stage.say_answer(
        "the oracle (`request`, answered by the operator)", schema, cast.answers["operator"]
    )
    stage.advance(WINDOW_S + 1, "nobody challenged; the answer's window is over")
    stage.wait_for("the operator settles", lambda: market.get_request(cast.request_id).status == 4)
    stage.note_event("InferenceMarket.settle", market.Settled)

    cast.answers["HTTP"] = ask_http(stage, cast)
    stage.say_answer(
        "the API (HTTP, with a receipt that the operator signed)", schema, cast.answers["HTTP"]
    )
    cast.answers["Python"] = run_valid(load_program(stage, cast), schema.encode(QUESTION))
    stage.say_answer("the Python interpreter", schema, cast.answers["Python"])
    if len(set(cast.answers.values())) != 1:
        raise stage.failure(f"the answers differ: {cast.answers}")
    stage.say("all four gave the same integers")


def unit(schema: Any, name: str) -> str:
    return next(column.unit for column in schema.features if column.name == name)


def ask_http(stage: Stage, cast: Cast) -> tuple[int, ...]:
    """The same question over the Open Inference Protocol, in physical units."""
    body = {
        "inputs": [
            {"name": name, "shape": [1, 1], "datatype": "FP64", "data": [float(value)]}
            for name, value in QUESTION.items()
        ]
    }
    response = httpx.post(f"{stage.api_url}/v2/models/{MODEL}/infer", json=body, timeout=10)
    if response.status_code != 200:
        raise stage.failure(f"the API answered {response.status_code}: {response.text}")
    answer = response.json()
    [raw] = [o["data"] for o in answer["outputs"] if o["datatype"] == "INT32"]
    asked, said = AIR_QUALITY.encode_packed(QUESTION), pack_features(raw)
    signed = SignedReceipt.from_answer(answer["parameters"], [asked], [said])
    signed.check()
    (stage.var / "receipt.json").write_bytes(signed.to_json())
    return tuple(raw)


def share_income(stage: Stage, cast: Cast) -> None:
    stage.chapter("The income streams to the shareholders, who claim it")
    market, token = cast.system.inference_market, cast.alliance.share_token
    currency = token.currency()
    for name, payee in (
        ("shareholders", token.address),
        ("treasury", cast.alliance.timelock.address),
        ("operator", cast.operator.address),
    ):
        amount = market.owed(payee, currency)
        stage.note("InferenceMarket.pay", market.pay(payee, currency, sender=cast.buyer))
        if payee == cast.operator.address:
            stage.claimed(cast.operator, amount)
        stage.say(f"{stage.coin(amount)} to the {name}")
    stage.note("ShareToken.sync", token.sync(sender=cast.buyer))
    stage.advance(token.stream_period_s() + 1, "the income has streamed for a week")
    for member in cast.members:
        amount = token.claimable(member)
        stage.note("ShareToken.claim", token.claim(member, sender=member))
        stage.claimed(member, amount)
        stage.say(f"{stage.short(member.address)} claimed {stage.coin(amount)}")


def audit(stage: Stage, cast: Cast) -> None:
    stage.chapter("Anyone checks the paid prediction, back to the sensors' signatures")
    command = [sys.executable, "-m", "cairn", "audit", "prediction", str(cast.request_id)]
    result = subprocess.run(
        command, env=stage.environment(), capture_output=True, text=True, check=False
    )
    stage.say_block(result.stdout)
    if result.returncode != 0:
        raise stage.failure(f"the audit found a fault:\n{result.stdout}{result.stderr}")
