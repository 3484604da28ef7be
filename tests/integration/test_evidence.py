"""Real contracts, a real store, simulated sensors: what is sold is served alike, and can be audited.

A small story on the chain under test: two members anchor a batch each, a round makes a version, the
alliance sells it, a wallet buys one prediction in a call and one from an operator.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from eth_utils import to_checksum_address

from cairn import chain as cairn_chain
from cairn.audit import Absent, Auditor, State
from cairn.audit.chain import ChainLedger
from cairn.cli._models import describe_model, model_rows, version_rows
from cairn.devices import AIR_QUALITY, build_batch, simulate_fleet, training_table
from cairn.domain.cid import Cid
from cairn.domain.integers import unpack_features
from cairn.errors import CairnError
from cairn.serving import ServingSettings, create_app
from cairn.serving.chain import ChainCatalog, decode_program
from cairn.storage import MemoryStore
from cairn.training import Aggregate, IncludedUpdate, Plan, derive_program, train

PERIOD_S = 300
N_PACKETS = 24
PRICE = 10**17
LOCK_WEI = 2 * 10**18
WINDOW_S = 3_600
PRODUCTION = b"production".ljust(32, b"\0")
QUESTION = {"temperature": "24.5", "humidity": "48", "pressure": "1009.2", "light": "350"}
RANGES = {
    "temperature": (-3_000, 5_500),
    "humidity": (0, 10_000),
    "pressure": (85_000, 108_000),
    "light": (0, 12_000_000),
    "gas_resistance": (0, 60_000_000),
}


@dataclass
class Story:
    system: cairn_chain.System
    store: MemoryStore
    model_id: int
    request_id: int
    purchase: bytes  # the hash of the transaction of `predict`
    outputs: bytes
    batch_ids: list[int]

    @property
    def auditor(self) -> Auditor:
        return Auditor(ChainLedger(self.system), self.store)


def connect(system: Any, project: Any, provider: Any) -> cairn_chain.System:
    """Cairn's own clients on Ape's chain, with the ABIs that Ape compiled."""
    chain_id = provider.chain_id
    network = cairn_chain.Network(rpc_url=provider.http_uri, chain_id=chain_id)
    node = cairn_chain.Web3Node(network)

    def client(kind: Any, contract: Any) -> Any:
        abi = [entry.model_dump(by_alias=True) for entry in contract.contract_type.abi]
        return kind(node, contract.address, abi)

    return cairn_chain.System(
        network=network,
        deployment=cairn_chain.Deployment(network="local", chain_id=chain_id, contracts={}),
        node=node,
        devices=client(cairn_chain.DeviceRegistry, system.device_registry),
        policies=client(cairn_chain.AccessPolicy, system.access_policy),
        models=client(cairn_chain.ModelRegistry, system.model_registry),
        programs=client(cairn_chain.ProgramStore, system.program_store),
        evaluator=client(cairn_chain.Evaluator, system.evaluator),
        stakes=client(cairn_chain.StakeLedger, system.stake_ledger),
        rounds=client(cairn_chain.TrainingRounds, system.training_rounds),
        packets=client(cairn_chain.PacketFeatures, system.packet_features),
        market=client(cairn_chain.InferenceMarket, system.inference_market),
        receipts=client(cairn_chain.ReceiptJudge, system.receipt_judge),
        evaluations=client(cairn_chain.Evaluations, system.evaluations),
        factory=client(cairn_chain.AllianceFactory, system.alliance_factory),
    )


def anchor(
    system: Any, store: MemoryStore, alliance: Any, member: Any, batch: Any, chain: Any
) -> int:
    """Anchor a batch, and open the leaves that are drawn."""
    registry = system.device_registry
    receipt = registry.anchor_batch(
        alliance.timelock,
        to_checksum_address(batch.device),
        batch.root,
        batch.count,
        batch.first,
        batch.last,
        store.add(batch.file).binary,
        value=registry.bond_wei(),
        sender=member,
    )
    [event] = receipt.decode_logs(registry.BatchAnchored)
    chain.mine(registry.batch(event.batch_id).draw_block - chain.blocks.height + 1)
    leaves = [batch.opening(index) for index in registry.drawn_leaves(event.batch_id)]
    openings = [(opening.packet, list(opening.proof)) for opening in leaves]
    registry.mature_batch(event.batch_id, openings, sender=member)
    return int(event.batch_id)


@pytest.fixture(scope="module")
def story(
    system: Any,
    alliance: Any,
    timelock: Any,
    founders: Any,
    operator: Any,
    requester: Any,
    project: Any,
    chain: Any,
) -> Story:
    store, members = MemoryStore(), founders[:2]
    registry, rounds = system.model_registry, system.training_rounds
    market, devices = system.inference_market, system.device_registry

    # Sensors, consented, admitted; readings, anchored and spot-checked.
    fleet = simulate_fleet(7, len(members), PERIOD_S)
    now = chain.blocks.head.timestamp
    for member, device in zip(members, fleet, strict=True):
        consent = device.confirm(bytes.fromhex(member.address[2:]), now)
        r, s = consent.signature[:32], consent.signature[32:]
        devices.register(device.address, 1, PERIOD_S, consent.timestamp, r, s, sender=member)
    devices.admit([device.address for device in fleet], sender=timelock)
    start = now - (N_PACKETS + 4) * (PERIOD_S + 60)
    batches = [
        build_batch(device.packets(start, N_PACKETS), device.device, PERIOD_S) for device in fleet
    ]
    batch_ids = [
        anchor(system, store, alliance, member, batch, chain)
        for member, batch in zip(members, batches, strict=True)
    ]

    # A model, and a round on it.
    registry.create_model(
        "air-quality",
        alliance.share_token,
        AIR_QUALITY.schema_hash,
        store.add(AIR_QUALITY.to_json()).binary,
        sender=timelock,
    )
    model_id = registry.n_models()
    plan = Plan.from_schema(AIR_QUALITY, ranges=RANGES)
    now = chain.blocks.head.timestamp
    rounds.open(
        (
            model_id,
            0,
            plan.hash,
            store.add(plan.to_json()).binary,
            10**20,
            plan.rule.weight_cap,
            now + 600,
            now + 1_200,
            WINDOW_S,
            LOCK_WEI,
        ),
        sender=timelock,
    )
    round_id = rounds.n_rounds()
    included = []
    for index, (member, batch, batch_id) in enumerate(
        zip(members, batches, batch_ids, strict=True)
    ):
        trained = train(plan, training_table([batch], AIR_QUALITY).frame)
        update = replace(trained, weight=batch.count)
        cid = store.add(update.to_bytes()).binary
        rounds.submit(round_id, update.root, cid, [batch_id], sender=member)
        included.append(IncludedUpdate(index, update.root, update))

    # An operator averages, anyone finalizes.
    system.stake_ledger.deposit(value=10 * LOCK_WEI, sender=operator)
    system.stake_ledger.opt_in(model_id, sender=operator)
    aggregate = Aggregate.make(plan, included)
    program = derive_program(plan, aggregate.parameters)
    chain.pending_timestamp = now + 601
    rounds.aggregate(
        round_id,
        aggregate.root,
        store.add(aggregate.to_bytes()).binary,
        program.hash,
        store.add(program.to_bytes()).binary,
        store.add(b"a card").binary,
        sender=operator,
    )
    chain.pending_timestamp = chain.blocks.head.timestamp + WINDOW_S + 1
    rounds.finalize(round_id, sender=requester)

    # It is published, promoted, priced and bought.
    for name, arguments in program.publish_calls():
        getattr(system.program_store, name)(*arguments, sender=operator)
    registry.set_alias(model_id, PRODUCTION, 1, sender=timelock)
    registry.set_terms(model_id, PRICE, 3_000, 5_000, WINDOW_S, LOCK_WEI, 0, sender=timelock)
    features = AIR_QUALITY.encode_packed(QUESTION)
    receipt = market.predict(model_id, features, PRICE, value=PRICE, sender=requester)
    [predicted] = receipt.decode_logs(market.Predicted)
    deadline = chain.blocks.head.timestamp + 1_000
    market.request(model_id, features, PRICE, deadline, value=PRICE, sender=requester)
    request_id = market.n_requests()
    market.answer(request_id, program.run_packed(features), sender=operator)

    return Story(
        system=connect(system, project, chain.provider),
        store=store,
        model_id=model_id,
        request_id=request_id,
        purchase=bytes.fromhex(receipt.txn_hash.removeprefix("0x")),
        outputs=bytes(predicted.outputs),
        batch_ids=batch_ids,
    )


def not_held(found: Any) -> list[str]:
    return [
        f"{f.link}: {f.state.value}: {f.detail}" for f in found.walk() if f.state is not State.HELD
    ]


def test_audit__request_answered_by_an_operator__holds_every_link(story: Story) -> None:
    found = story.auditor.request(story.request_id)
    assert not_held(found) == []
    links = [finding.link for finding in found.walk()]
    assert links.count("signatures") == 2
    assert {"answer", "terms", "outputs", "round", "plan", "derivation", "update"} <= set(links)


def test_audit__prediction_bought_in_the_call__holds_every_link(story: Story) -> None:
    assert not_held(story.auditor.purchase(story.purchase)) == []


def test_audit__version_and_batch__hold_every_link(story: Story) -> None:
    assert not_held(story.auditor.version(story.model_id, 1)) == []
    assert not_held(story.auditor.batch(story.batch_ids[0])) == []


def test_audit__packets_withheld__are_not_visible_and_nothing_is_broken(story: Story) -> None:
    store = MemoryStore()
    store.blocks.update(story.store.blocks)
    cid = ChainLedger(story.system).anchored(story.batch_ids[0]).cid
    del store.blocks[Cid.from_bytes(cid)]
    found = replace(story.auditor, store=store).request(story.request_id)
    assert [line.split(":")[0] for line in not_held(found)] == ["packets"]
    assert found.worst() is State.NOT_VISIBLE


@pytest.mark.parametrize(
    "ask",
    [
        lambda auditor: auditor.request(999),
        lambda auditor: auditor.purchase(bytes(32)),
        lambda auditor: auditor.version(1, 999),
        lambda auditor: auditor.version(999, 1),
        lambda auditor: auditor.batch(999),
    ],
)
def test_audit__no_such_record__raises(story: Story, ask: Any) -> None:
    with pytest.raises(Absent):
        ask(story.auditor)


def test_serve__model_of_the_chain__answers_the_contracts_integers(story: Story) -> None:
    settings = ServingSettings(access="open", models=str(story.model_id))
    app = create_app(settings, ChainCatalog(story.system, story.store), decode_program)
    body = {
        "inputs": [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [float(value)]}
            for name, value in QUESTION.items()
        ]
    }

    async def ask() -> httpx.Response:
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://cairn") as client:
                return await client.post(f"/v2/models/{story.model_id}/infer", json=body)

    answer = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    raw = [output for output in answer.json()["outputs"] if output["datatype"] == "INT32"]
    assert tuple(raw[0]["data"]) == unpack_features(story.outputs)
    assert answer.json()["parameters"]["terms_id"] == story.system.models.current_terms(
        story.model_id
    )


def test_models__listed_and_shown__say_what_the_registry_holds(story: Story) -> None:
    row = model_rows(story.system)[story.model_id - 1]
    assert row == {
        "id": story.model_id,
        "name": "air-quality",
        "version": 1,
        "terms": story.system.models.current_terms(story.model_id),
        "price": str(PRICE),
        "currency": "wei of the native coin",
    }
    shown = describe_model(story.system, story.store, story.model_id)
    assert [column["name"] for column in shown["features"]] == list(QUESTION)
    (version,) = version_rows(story.system, story.model_id)
    assert (version["version"], version["sold"], version["parent"]) == (1, True, 0)


def test_models__schema_out_of_reach__is_said(story: Story) -> None:
    shown = describe_model(story.system, MemoryStore(), story.model_id)
    assert "not at hand" in shown["schema"]


def test_models__unknown__is_refused(story: Story) -> None:
    for ask in (
        lambda: describe_model(story.system, story.store, 999),
        lambda: version_rows(story.system, 999),
    ):
        with pytest.raises(CairnError, match="no model 999"):
            ask()
