"""An honest world: two members, a sensor each, two rounds, a version sold, one request answered.

Everything is real but the chain: simulated sensors sign, members train, an operator averages, the
program is derived and run. Tests break one link of it at a time.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import pytest
from eth_utils.address import to_checksum_address

from cairn import chain
from cairn.audit import Auditor, FakeLedger, Finding
from cairn.devices import AIR_QUALITY, Batch, build_batch, simulate_fleet, training_table
from cairn.domain.cid import Cid
from cairn.domain.keccak import keccak256
from cairn.domain.programs import Program
from cairn.storage import MemoryStore
from cairn.training import (
    Aggregate,
    IncludedUpdate,
    Plan,
    RulePlan,
    Update,
    data_root,
    derive_program,
    train,
)

START = 1_700_000_000
PERIOD_S = 300
N_PACKETS = 24
ALLIANCE = "0x" + "a1" * 20
MEMBERS = ("0x" + "b1" * 20, "0x" + "b2" * 20)
OPERATOR = "0x" + "c1" * 20
BUYER = "0x" + "d1" * 20
MODEL, REQUEST, TX = 1, 7, bytes(31) + b"\x07"
FEATURES = AIR_QUALITY.encode_packed(
    {"temperature": "24.5", "humidity": "48", "pressure": "1009.2", "light": "350"}
)
RANGES = {
    "temperature": (-3_000, 5_500),
    "humidity": (0, 10_000),
    "pressure": (85_000, 108_000),
    "light": (0, 12_000_000),
    "gas_resistance": (0, 60_000_000),
}


def checksummed(address: bytes) -> str:
    return str(to_checksum_address(address))


@dataclass
class World:
    """What tests turn: the chain's records, the store's blocks, and what they were made from."""

    ledger: FakeLedger
    store: MemoryStore
    plan: Plan
    batches: dict[int, Batch]
    updates: dict[int, list[Update]]  # by round
    programs: dict[int, Program]  # by version

    @property
    def auditor(self) -> Auditor:
        return Auditor(self.ledger, self.store)

    def audit(self) -> Finding:
        return self.auditor.request(REQUEST)

    def add(self, data: bytes) -> bytes:
        return self.store.add(data).binary

    def remove(self, cid: bytes) -> None:
        """Nobody holds the content any more."""
        del self.store.blocks[Cid.from_bytes(cid)]

    def flip(self, cid: bytes, byte: int = 0) -> None:
        """The store holds other bytes under the same id."""
        data = bytearray(self.store.blocks[Cid.from_bytes(cid)])
        data[byte] ^= 1
        self.store.blocks[Cid.from_bytes(cid)] = bytes(data)

    def batch_of(self, member: int, round_id: int = 2) -> int:
        return self.ledger.round_updates[round_id][member][1].batch_ids[0]


def build_world(n_rounds: int = 2, rule: RulePlan | None = None) -> World:
    """Play the rounds, and sell what the last of them made."""
    store, ledger = MemoryStore(), FakeLedger()
    world = World(
        ledger, store, Plan.from_schema(AIR_QUALITY, ranges=RANGES, rule=rule), {}, {}, {}
    )
    ledger.models[MODEL] = chain.Model(
        alliance=ALLIANCE,
        share_token="0x" + "e1" * 20,
        currency=chain.NATIVE_COIN,
        name="air-quality",
        schema_hash=AIR_QUALITY.schema_hash,
        schema_cid=world.add(AIR_QUALITY.to_json()),
    )
    fleet = simulate_fleet(7, len(MEMBERS), PERIOD_S)
    for round_id in range(1, n_rounds + 1):
        ids = []
        for member, device in zip(MEMBERS, fleet, strict=True):
            start = START + round_id * (N_PACKETS + 1) * PERIOD_S * 2
            batch = build_batch(device.packets(start, N_PACKETS), device.device, PERIOD_S)
            ids.append(_anchor(world, member, batch))
            ledger.devices[checksummed(device.device)] = chain.Device(
                member, chain.PacketFormat.CURRENT, PERIOD_S, START, False
            )
        _play_round(world, round_id, ids)
    _sell(world)
    return world


def _anchor(world: World, member: str, batch: Batch) -> int:
    device = checksummed(batch.device)
    batch_id = batch.batch_id
    world.batches[batch_id] = batch
    world.ledger.batches[batch_id] = chain.Batch(
        alliance=ALLIANCE,
        device=device,
        owner=member,
        count=batch.count,
        first_timestamp=batch.first,
        last_timestamp=batch.last,
        anchored_at=batch.last + 60,
        draw_block=0,
        state=chain.BatchState.MATURE,
    )
    world.ledger.anchored_events[batch_id] = chain.BatchAnchored(
        batch_id,
        ALLIANCE,
        device,
        batch.root,
        batch.count,
        batch.first,
        batch.last,
        world.add(batch.file),
    )
    return batch_id


def _play_round(world: World, round_id: int, batch_ids: list[int]) -> None:
    ledger, plan = world.ledger, world.plan
    base, previous = _parameters(world, round_id - 1), _parameters(world, round_id - 2)
    updates, records = [], []
    for member, batch_id in zip(MEMBERS, batch_ids, strict=True):
        readings = training_table([world.batches[batch_id]], AIR_QUALITY).frame
        weight = min(world.batches[batch_id].count, plan.rule.weight_cap)
        trained = train(plan, readings) if base is None else train(plan, readings, base)
        update = Update(trained.values, weight)
        updates.append(update)
        record = chain.Update(
            member, update.root, world.add(update.to_bytes()), weight, data_root([batch_id])
        )
        event = chain.UpdateSubmitted(
            round_id, member, record.root, record.cid, weight, (batch_id,)
        )
        records.append((record, event))
    world.updates[round_id] = updates
    aggregate = Aggregate.make(
        plan, [IncludedUpdate(i, u.root, u) for i, u in enumerate(updates)], base, previous
    )
    program = derive_program(plan, aggregate.parameters)
    world.programs[round_id] = program
    ledger.plans[round_id] = chain.Plan(
        model_id=MODEL,
        base_version=round_id - 1,
        plan_hash=plan.hash,
        plan_cid=world.add(plan.to_json()),
        share_pool=10**20,
        weight_cap=plan.rule.weight_cap,
        submit_until=START,
        aggregate_until=START,
        window_s=3600,
        lock_wei=10**18,
    )
    ledger.phases[round_id] = chain.Phase.FINALIZED
    ledger.round_updates[round_id] = records
    ledger.aggregates[round_id] = chain.Aggregate(
        operator=OPERATOR,
        root=aggregate.root,
        cid=world.add(aggregate.to_bytes()),
        program_hash=program.hash,
        program_cid=world.add(program.to_bytes()),
        card_cid=world.add(b"a card"),
        posted_at=START,
        total_weight=sum(update.weight for update in updates),
    )
    ledger.versions[MODEL, round_id] = chain.Version(
        program_hash=program.hash,
        program_cid=ledger.aggregates[round_id].program_cid,
        parameters_root=aggregate.root,
        data_root=keccak256(b"".join(record.data_root for record, _ in records)),
        card_cid=ledger.aggregates[round_id].card_cid,
        parent=round_id - 1,
        round_id=round_id,
        registered_at=START,
    )


def _parameters(world: World, round_id: int) -> Any:
    if round_id < 1:
        return None
    data = world.store.fetch(Cid.from_bytes(world.ledger.aggregates[round_id].cid))
    return Aggregate.from_bytes(data, n_parameters=world.plan.n_parameters).parameters


def _sell(world: World) -> None:
    ledger, version = world.ledger, max(world.programs)
    program = world.programs[version]
    outputs = program.run_packed(FEATURES)
    ledger.terms_records[3] = chain.Terms(
        MODEL, version, program.hash, program.n_features, 10**17, 3000, 5000, 3600, 10**18
    )
    ledger.requests[REQUEST] = chain.MarketRequest(
        requester=BUYER,
        terms_id=3,
        deadline=START,
        status=chain.Status.SETTLED,
        features_hash=keccak256(FEATURES),
        operator=OPERATOR,
        answered_at=START,
        outputs_hash=keccak256(outputs),
    )
    ledger.requested_events[REQUEST] = chain.Requested(
        REQUEST, MODEL, BUYER, 3, chain.ZERO_ADDRESS, START, FEATURES
    )
    ledger.answered_events[REQUEST] = chain.Answered(REQUEST, OPERATOR, START + 3600, outputs)
    ledger.predicted_events[TX] = [chain.Predicted(MODEL, 3, BUYER, 10**17, FEATURES, outputs)]


@pytest.fixture(scope="session")
def honest_world() -> World:
    return build_world()


@pytest.fixture(scope="session")
def honest_world_with_momentum() -> World:
    rule = RulePlan(weight_cap=10_000, momentum_permille=700)
    return build_world(n_rounds=3, rule=rule)


def copy_of(world: World) -> World:
    return replace(world, ledger=copy.deepcopy(world.ledger), store=copy.deepcopy(world.store))


@pytest.fixture
def world(honest_world: World) -> World:
    """A copy of the honest world, to break."""
    return copy_of(honest_world)


@pytest.fixture
def momentum_world(honest_world_with_momentum: World) -> World:
    """The same with three rounds, each carrying on part of the step before it."""
    return copy_of(honest_world_with_momentum)
