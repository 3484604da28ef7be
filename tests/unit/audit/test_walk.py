"""The walk over an honest world, and over that world with one link broken at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cairn import chain
from cairn.audit import EXIT_CODES, Absent, Finding, State
from cairn.chain import BatchState, NodeUnreachable
from cairn.devices import batch_id, simulate_fleet
from cairn.domain.cid import Cid
from cairn.domain.keccak import keccak256
from cairn.domain.merkle import MerkleTree, packet_leaf
from cairn.domain.programs import FeatureRule, linear_program
from cairn.training import (
    Aggregate,
    Plan,
    RulePlan,
    Update,
    data_root,
    derive_program,
    encode_integers,
)
from cairn.training.updates import vector

from .conftest import FEATURES, MEMBERS, MODEL, PERIOD_S, REQUEST, START, TX, World

HELD, BROKEN, NOT_VISIBLE = State.HELD, State.BROKEN, State.NOT_VISIBLE


def unheld(found: Finding) -> dict[tuple[str, State], list[str]]:
    """The links that did not hold, with their details."""
    links: dict[tuple[str, State], list[str]] = {}
    for finding in found.walk():
        if finding.state is not HELD:
            links.setdefault((finding.link, finding.state), []).append(finding.detail)
    return links


# --- an honest world ---------------------------------------------------------------------------


def test_request__honest__holds_every_link_down_to_the_signatures(world: World) -> None:
    found = world.audit()
    assert unheld(found) == {}
    links = [finding.link for finding in found.walk()]
    # Two rounds (the version and its parent) of two updates with a batch each.
    assert {link: links.count(link) for link in dict.fromkeys(links)} == {
        "prediction": 1,
        "answer": 1,
        "terms": 1,
        "version": 2,
        "program": 2,
        "outputs": 1,
        "round": 2,
        "plan": 2,
        "aggregate": 2,
        "derivation": 2,
        "update": 4,
        "batch": 4,
        "packets": 4,
        "signatures": 4,
    }
    assert found.worst() is HELD
    assert EXIT_CODES[found.worst()] == 0


def test_purchase__honest__holds(world: World) -> None:
    found = world.auditor.purchase(TX)
    assert unheld(found) == {}
    assert {"outputs", "signatures"} <= {finding.link for finding in found.walk()}


def test_version__honest__holds(world: World) -> None:
    found = world.auditor.version(MODEL, 1)
    assert (found.link, unheld(found)) == ("version", {})


def test_batch__honest__holds(world: World) -> None:
    found = world.auditor.batch(world.batch_of(0))
    assert ([f.link for f in found.walk()], unheld(found)) == (
        ["batch", "packets", "signatures"],
        {},
    )


def test_auditor__told_to__says_what_it_looks_at(world: World) -> None:
    told: list[str] = []
    replace(world.auditor, progress=told.append).version(MODEL, 1)
    assert told[0] == "version 1 of model 1"
    assert "round 1" in told


def test_finding__as_json__is_the_tree(world: World) -> None:
    found = world.auditor.batch(world.batch_of(0)).as_json()
    assert found["state"] == "held"
    assert [found["link"], found["children"][0]["link"]] == ["batch", "packets"]
    assert found["children"][0]["children"][0]["children"] == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda auditor: auditor.request(99),
        lambda auditor: auditor.purchase(bytes(32)),
        lambda auditor: auditor.version(MODEL, 9),
        lambda auditor: auditor.version(9, 1),
        lambda auditor: auditor.batch(12345),
    ],
)
def test_entrance__no_such_record__raises(world: World, ask: Callable[[Any], Finding]) -> None:
    with pytest.raises(Absent):
        ask(world.auditor)


# --- one link at a time ------------------------------------------------------------------------


def change(world: World, records: str, key: Any, **fields: Any) -> None:
    """Change a record of the chain."""
    held = getattr(world.ledger, records)
    held[key] = replace(held[key], **fields)


def change_update(world: World, round_id: int = 2, index: int = 0, **fields: Any) -> None:
    record, event = world.ledger.round_updates[round_id][index]
    world.ledger.round_updates[round_id][index] = (replace(record, **fields), event)


def features_logged_otherwise(world: World) -> None:
    change(world, "requested_events", REQUEST, features=FEATURES[::-1])


def terms_logged_otherwise(world: World) -> None:
    change(world, "requested_events", REQUEST, terms_id=2)


def request_not_logged(world: World) -> None:
    world.ledger.requested_events.clear()


def wrong_answer(world: World) -> None:
    outputs = bytes(3) + b"\x01"
    change(world, "requests", REQUEST, outputs_hash=keccak256(outputs))
    change(world, "answered_events", REQUEST, outputs=outputs)


def invalid_said_of_good_features(world: World) -> None:
    change(world, "requests", REQUEST, outputs_hash=keccak256(b""))
    change(world, "answered_events", REQUEST, outputs=b"")


def answer_logged_otherwise(world: World) -> None:
    change(world, "requests", REQUEST, outputs_hash=keccak256(b"other"))


def answer_slashed(world: World) -> None:
    change(world, "requests", REQUEST, status=chain.Status.SLASHED)


def answer_not_logged(world: World) -> None:
    world.ledger.answered_events.clear()


def nobody_answered(world: World) -> None:
    change(world, "requests", REQUEST, status=chain.Status.OPEN, answered_at=0)


def terms_of_another_model(world: World) -> None:
    change(world, "terms_records", 3, model_id=2)


def terms_absent(world: World) -> None:
    world.ledger.terms_records.clear()


def version_absent(world: World) -> None:
    change(world, "terms_records", 3, version=8)


def program_gone(world: World) -> None:
    world.remove(world.ledger.versions[MODEL, 2].program_cid)


def program_flipped(world: World) -> None:
    world.flip(world.ledger.versions[MODEL, 2].program_cid, 100)


def program_swapped(world: World) -> None:
    rule = FeatureRule(low=-1, high=1, imputed=0, centre=0, multiplier=1)
    other = linear_program([rule] * 4, 5, 0)
    change(world, "versions", (MODEL, 2), program_cid=world.add(other.to_bytes()))


def program_malformed(world: World) -> None:
    change(world, "versions", (MODEL, 2), program_cid=world.add(b"no program"))


def program_cid_garbled(world: World) -> None:
    change(world, "versions", (MODEL, 2), program_cid=b"\x01\x02")


def registered_by_governance(world: World) -> None:
    change(world, "versions", (MODEL, 2), round_id=0)


def round_not_finalized(world: World) -> None:
    world.ledger.phases[2] = chain.Phase.AGGREGATED


def round_of_another_model(world: World) -> None:
    change(world, "plans", 2, model_id=5)


def round_absent(world: World) -> None:
    del world.ledger.plans[2]


def round_of_another_program(world: World) -> None:
    change(world, "versions", (MODEL, 2), data_root=bytes(32))


def plan_gone(world: World) -> None:
    # The first round follows the same plan.
    world.remove(world.ledger.plans[2].plan_cid)


def plan_swapped(world: World) -> None:
    change(world, "plans", 2, plan_cid=world.add(b"{}"))


def plan_capped_otherwise(world: World) -> None:
    change(world, "plans", 2, weight_cap=24)


def aggregate_gone(world: World) -> None:
    world.remove(world.ledger.aggregates[2].cid)


def aggregate_garbled(world: World) -> None:
    change(world, "aggregates", 2, cid=world.add(b"garbage"))


def aggregate_of_another_root(world: World) -> None:
    change(world, "aggregates", 2, cid=world.ledger.aggregates[1].cid)


def _aggregate_file(world: World) -> Aggregate:
    data = world.store.fetch(Cid.from_bytes(world.ledger.aggregates[2].cid))
    return Aggregate.from_bytes(data, n_parameters=world.plan.n_parameters)


def _post(world: World, forged: Aggregate) -> None:
    """The operator posted another aggregate, with file, program and answer to match."""
    program = derive_program(world.plan, forged.parameters)
    posted = {"program_hash": program.hash, "program_cid": world.add(program.to_bytes())}
    change(world, "aggregates", 2, root=forged.root, cid=world.add(forged.to_bytes()), **posted)
    change(world, "versions", (MODEL, 2), parameters_root=forged.root, **posted)
    outputs = program.run_packed(FEATURES)
    change(world, "requests", REQUEST, outputs_hash=keccak256(outputs))
    change(world, "answered_events", REQUEST, outputs=outputs)


def mean_falsified(world: World) -> None:
    honest = _aggregate_file(world)
    parameters = honest.parameters.copy()
    parameters[0] += 1
    _post(world, replace(honest, parameters=vector(parameters)))


def update_left_out_of_the_mean(world: World) -> None:
    honest = _aggregate_file(world)
    _post(world, Aggregate.make(world.plan, honest.updates[:1], honest.base))


def base_out_of_sight(world: World) -> None:
    world.remove(world.ledger.aggregates[1].cid)


def update_gone(world: World) -> None:
    world.remove(world.ledger.round_updates[2][0][0].cid)


def update_flipped(world: World) -> None:
    world.flip(world.ledger.round_updates[2][0][0].cid)


def update_swapped(world: World) -> None:
    other = Update(vector(world.updates[2][0].values + 1), 24)
    change_update(world, cid=world.add(other.to_bytes()))


def update_of_no_integers(world: World) -> None:
    change_update(world, cid=world.add(b"abc"))


def update_of_other_batches(world: World) -> None:
    root = data_root([5])
    change_update(world, data_root=root)
    roots = b"".join(update.data_root for update, _ in world.ledger.round_updates[2])
    change(world, "versions", (MODEL, 2), data_root=keccak256(roots))


def update_too_heavy(world: World) -> None:
    change_update(world, weight=999)


def batch_of_another_member(world: World) -> None:
    change(world, "batches", world.batch_of(0), owner=MEMBERS[1])


def batch_of_another_alliance(world: World) -> None:
    change(world, "batches", world.batch_of(0), alliance=MEMBERS[1])


def batch_absent(world: World) -> None:
    del world.ledger.batches[world.batch_of(0)]


def packets_kept(world: World) -> None:
    change(world, "anchored_events", world.batch_of(0), cid=b"")


def packets_gone(world: World) -> None:
    world.remove(world.ledger.anchored_events[world.batch_of(0)].cid)


def packets_flipped(world: World) -> None:
    world.flip(world.ledger.anchored_events[world.batch_of(0)].cid, 300)


def packets_garbled(world: World) -> None:
    change(world, "anchored_events", world.batch_of(0), cid=world.add(b"cairn-batch/2"))


def packets_cut_short(world: World) -> None:
    file = world.batches[world.batch_of(0)].file
    change(world, "anchored_events", world.batch_of(0), cid=world.add(file[:-1]))


def packets_of_another_root(world: World) -> None:
    """The file is another batch's of the same device."""
    other = world.ledger.anchored_events[world.batch_of(0, round_id=1)]
    change(world, "anchored_events", world.batch_of(0), cid=other.cid)


def root_logged_otherwise(world: World) -> None:
    change(world, "anchored_events", world.batch_of(0), root=bytes(31) + b"\x01")


def batch_void(world: World) -> None:
    change(world, "batches", world.batch_of(0), state=BatchState.VOID)


def batch_not_checked(world: World) -> None:
    change(world, "batches", world.batch_of(0), state=BatchState.OPEN)


def packets_counted_twice(world: World) -> None:
    change(world, "batches", world.batch_of(0), count=48)
    change_update(world, weight=48)


def _anchor_file(world: World, packets: list[bytes]) -> None:
    """Member 0 anchored these packets instead, and trained on them: all else to match."""
    ledger, old_id = world.ledger, world.batch_of(0)
    device = bytes.fromhex(ledger.batches[old_id].device[2:])
    parts = [b"cairn-batch/1\n", device, len(packets).to_bytes(4, "big")]
    for packet in packets:
        parts += (len(packet).to_bytes(2, "big"), packet)
    root = MerkleTree(packet_leaf(i, device, p) for i, p in enumerate(packets)).root
    new_id = batch_id(device, root)
    ledger.batches[new_id] = replace(ledger.batches.pop(old_id), count=len(packets))
    ledger.anchored_events[new_id] = replace(
        ledger.anchored_events.pop(old_id), root=root, cid=world.add(b"".join(parts))
    )
    record, event = ledger.round_updates[2][0]
    ledger.round_updates[2][0] = (
        replace(record, weight=len(packets), data_root=data_root([new_id])),
        replace(event, batch_ids=(new_id,)),
    )
    roots = b"".join(update.data_root for update, _ in ledger.round_updates[2])
    change(world, "versions", (MODEL, 2), data_root=keccak256(roots))


def _packets(world: World) -> list[bytes]:
    return [packet.raw for packet in world.batches[world.batch_of(0)].packets]


def signature_of_another_device(world: World) -> None:
    packets = _packets(world)
    stranger = simulate_fleet(8, 1, PERIOD_S)[0]
    packets[5:8] = stranger.packets(world.batches[world.batch_of(0)].packets[5].timestamp, 3)
    _anchor_file(world, packets)


def signature_garbled(world: World) -> None:
    packets = _packets(world)
    packets[3] = packets[3][:-1] + bytes([packets[3][-1] ^ 1])
    _anchor_file(world, packets)


def packet_twice(world: World) -> None:
    packets = _packets(world)
    _anchor_file(world, [*packets[:6], packets[5], *packets[6:23]])


def period_longer_than_the_gaps(world: World) -> None:
    """More readings than the device's registered period allows."""
    device = world.ledger.batches[world.batch_of(0)].device
    change(world, "devices", device, period_s=2 * PERIOD_S)


def window_wider_than_the_packets(world: World) -> None:
    change(world, "batches", world.batch_of(0), first_timestamp=START)


def device_never_registered(world: World) -> None:
    del world.ledger.devices[world.ledger.batches[world.batch_of(0)].device]


def chain_out_of_reach(method: str) -> Callable[[World], None]:
    def fail(world: World) -> None:
        world.ledger.failures[method] = NodeUnreachable("the node did not answer")

    fail.__name__ = f"chain_out_of_reach_for_{method}"
    return fail


CASES: list[tuple[Callable[[World], None], dict[tuple[str, State], str]]] = [
    (features_logged_otherwise, {("prediction", BROKEN): "features logged"}),
    (terms_logged_otherwise, {("prediction", BROKEN): "terms logged"}),
    (request_not_logged, {("prediction", BROKEN): "requested 7"}),
    (wrong_answer, {("outputs", BROKEN): "run again"}),
    (invalid_said_of_good_features, {("outputs", BROKEN): "run again"}),
    (answer_logged_otherwise, {("answer", BROKEN): "outputs logged"}),
    (answer_slashed, {("answer", BROKEN): "slashed"}),
    (answer_not_logged, {("answer", BROKEN): "answered 7"}),
    (nobody_answered, {("answer", NOT_VISIBLE): "open"}),
    (terms_of_another_model, {("terms", BROKEN): "of model 2"}),
    (terms_absent, {("terms", BROKEN): "terms 3"}),
    (version_absent, {("version", BROKEN): "version (1, 8)"}),
    (program_gone, {("program", NOT_VISIBLE): "does not have"}),
    (program_flipped, {("program", BROKEN): "are not"}),
    (program_swapped, {("program", BROKEN): "hashes to 0x"}),
    (program_malformed, {("program", BROKEN): "words"}),
    (program_cid_garbled, {("program", BROKEN): "content id"}),
    (registered_by_governance, {("round", NOT_VISIBLE): "governance"}),
    (round_not_finalized, {("round", BROKEN): "not finalized"}),
    (round_of_another_model, {("round", BROKEN): "trained model 5"}),
    (round_absent, {("round", BROKEN): "plan 2"}),
    (round_of_another_program, {("round", BROKEN): "data root"}),
    (plan_gone, {("plan", NOT_VISIBLE): "does not have", ("derivation", NOT_VISIBLE): "plan"}),
    (plan_swapped, {("plan", BROKEN): "hashes to 0x", ("derivation", NOT_VISIBLE): "plan"}),
    (plan_capped_otherwise, {("plan", BROKEN): "caps weights at 10000, the chain at 24"}),
    (aggregate_gone, {("aggregate", NOT_VISIBLE): "does not have"}),
    (aggregate_garbled, {("aggregate", BROKEN): "cairn-aggregate/1"}),
    (aggregate_of_another_root, {("aggregate", BROKEN): "its file has root"}),
    (mean_falsified, {("derivation", BROKEN): "parameter 0"}),
    (update_left_out_of_the_mean, {("derivation", BROKEN): "update 1"}),
    (
        base_out_of_sight,
        {
            ("aggregate", NOT_VISIBLE): "does not have",
            ("derivation", NOT_VISIBLE): "parameters of version 1",
        },
    ),
    (update_gone, {("update", NOT_VISIBLE): "does not have"}),
    (update_flipped, {("update", BROKEN): "are not"}),
    (update_swapped, {("update", BROKEN): "its file has root"}),
    (update_of_no_integers, {("update", BROKEN): "int32"}),
    (update_of_other_batches, {("update", BROKEN): "data root"}),
    (
        update_too_heavy,
        {("update", BROKEN): "weighs 999", ("derivation", BROKEN): "on chain 999"},
    ),
    (batch_of_another_member, {("batch", BROKEN): "not of"}),
    (batch_of_another_alliance, {("batch", BROKEN): "another alliance"}),
    (batch_absent, {("batch", BROKEN): "batch"}),
    (packets_kept, {("packets", NOT_VISIBLE): "owner keeps them"}),
    (packets_gone, {("packets", NOT_VISIBLE): "does not have"}),
    (packets_flipped, {("packets", BROKEN): "are not"}),
    (packets_garbled, {("packets", BROKEN): "not a batch file"}),
    (packets_cut_short, {("packets", BROKEN): "ends or is garbled"}),
    (
        packets_of_another_root,
        {("packets", BROKEN): "anchored was 0x", ("signatures", BROKEN): "they run from"},
    ),
    (root_logged_otherwise, {("packets", BROKEN): "does not commit to the root logged"}),
    (batch_void, {("batch", BROKEN): "void"}),
    (batch_not_checked, {("batch", NOT_VISIBLE): "spot check"}),
    (
        packets_counted_twice,
        {("packets", BROKEN): "has 24, anchored were 48", ("derivation", BROKEN): "weight"},
    ),
    (signature_of_another_device, {("signatures", BROKEN): "packet 5"}),
    (signature_garbled, {("signatures", BROKEN): "packet 3"}),
    (packet_twice, {("signatures", BROKEN): "packet 6 is not later"}),
    (period_longer_than_the_gaps, {("signatures", BROKEN): "s after the one before it"}),
    (window_wider_than_the_packets, {("signatures", BROKEN): f"{START} to"}),
    (device_never_registered, {("signatures", BROKEN): "device"}),
    (chain_out_of_reach("requested"), {("prediction", NOT_VISIBLE): "did not answer"}),
    (chain_out_of_reach("answered"), {("answer", NOT_VISIBLE): "did not answer"}),
    (chain_out_of_reach("terms"), {("terms", NOT_VISIBLE): "did not answer"}),
    (chain_out_of_reach("version"), {("version", NOT_VISIBLE): "did not answer"}),
    (chain_out_of_reach("plan"), {("round", NOT_VISIBLE): "did not answer"}),
    (chain_out_of_reach("batch"), {("batch", NOT_VISIBLE): "did not answer"}),
    (chain_out_of_reach("anchored"), {("packets", NOT_VISIBLE): "did not answer"}),
    (chain_out_of_reach("device"), {("signatures", NOT_VISIBLE): "did not answer"}),
]


@pytest.mark.parametrize(("break_it", "expected"), CASES, ids=[case[0].__name__ for case in CASES])
def test_walk__one_link_broken__reports_that_link_and_no_other(
    world: World,
    break_it: Callable[[World], None],
    expected: dict[tuple[str, State], str],
) -> None:
    break_it(world)
    found = world.audit()
    links = unheld(found)
    assert set(links) == set(expected), links
    for key, words in expected.items():
        assert all(words in detail for detail in links[key]), links[key]
    states = {state for _, state in expected}
    assert found.worst() is (BROKEN if BROKEN in states else NOT_VISIBLE)
    assert EXIT_CODES[found.worst()] == (3 if BROKEN in states else 4)


def test_walk__update_out_of_reach__is_still_judged_by_the_copy_in_the_aggregate(
    world: World,
) -> None:
    update_gone(world)
    (derivation, _) = [f for f in world.audit().walk() if f.link == "derivation"]
    assert derivation.state is HELD


def test_signatures__many_bad_packets__are_named_in_part_and_counted(world: World) -> None:
    device = simulate_fleet(9, 1, PERIOD_S)[0]
    stranger = device.packets(START + 10**6, 24)
    _anchor_file(world, stranger)
    found = world.auditor.batch(world.batch_of(0))
    (detail,) = unheld(found)["signatures", BROKEN]
    assert "packet 0" in detail
    assert "packet 3:" not in detail
    assert "and 21 more" in detail


def test_batch__any_byte_of_a_packet_flipped_and_anchored__is_noticed(world: World) -> None:
    """A member anchors a file with one byte of a packet changed, with the root to match."""
    honest = _packets(world)
    for byte in range(len(honest[5])):
        flipped = bytearray(honest[5])
        flipped[byte] ^= 1
        _anchor_file(world, [*honest[:5], bytes(flipped), *honest[6:]])
        found = world.auditor.batch(world.batch_of(0))
        assert {link for link, _ in unheld(found)} == {"signatures"}, byte
        assert found.worst() is BROKEN, byte


def test_batch__any_byte_of_the_file_changed_under_its_id__is_noticed(world: World) -> None:
    last = world.batches[world.batch_of(0)].packets[2].timestamp
    _anchor_file(world, _packets(world)[:3])
    anchored = world.batch_of(0)
    change(world, "batches", anchored, last_timestamp=last)
    assert world.auditor.batch(anchored).worst() is HELD
    file = world.store.blocks[Cid.from_bytes(world.ledger.anchored_events[anchored].cid)]
    for byte in range(len(file)):
        flipped = bytearray(file)
        flipped[byte] ^= 1
        change(world, "anchored_events", anchored, cid=world.add(bytes(flipped)))
        assert world.auditor.batch(anchored).worst() is BROKEN, byte


def test_plan__canonical_json_of_another_rule__is_another_plan(world: World) -> None:
    other = Plan(**{**world.plan.model_dump(), "rule": RulePlan(weight_cap=1)})
    change(world, "plans", 2, plan_cid=world.add(other.to_json()))
    assert ("plan", BROKEN) in unheld(world.audit())


def test_update__integers_of_another_plan__are_no_part_of_the_mean(world: World) -> None:
    short = encode_integers(vector([1, 2, 3]))
    change_update(world, cid=world.add(short))
    links = unheld(world.audit())
    assert set(links) == {("update", BROKEN)}


# --- momentum ----------------------------------------------------------------------------------


def derivations(found: Finding) -> list[tuple[State, str]]:
    """Of each round, from the last to the first."""
    return [(f.state, f.detail) for f in found.walk() if f.link == "derivation"]


def test_request__honest_with_momentum__holds_every_link(momentum_world: World) -> None:
    found = momentum_world.audit()
    assert unheld(found) == {}
    assert len(derivations(found)) == 3


def test_derivation__momentum_and_the_version_before_out_of_sight__is_not_visible(
    momentum_world: World,
) -> None:
    momentum_world.remove(momentum_world.ledger.aggregates[1].cid)
    third, second, *_ = derivations(momentum_world.audit())
    assert [third[0], second[0]] == [NOT_VISIBLE, NOT_VISIBLE]
    assert third[1].startswith("parameters of version 1: ")


def test_derivation__momentum_left_out__is_broken(momentum_world: World) -> None:
    """The operator averaged the third round as if the second had made no step."""
    world, plan = momentum_world, momentum_world.plan
    honest = Aggregate.from_bytes(
        world.store.fetch(Cid.from_bytes(world.ledger.aggregates[3].cid)),
        n_parameters=plan.n_parameters,
    )
    forged = Aggregate.make(plan, honest.updates, honest.base)
    assert forged.root != honest.root
    change(world, "aggregates", 3, root=forged.root, cid=world.add(forged.to_bytes()))
    (state, detail), *_ = derivations(world.auditor.version(MODEL, 3))
    assert state is BROKEN
    assert "parameter 0" in detail


def test_derivation__momentum_after_a_version_of_governance__carries_nothing_on(
    momentum_world: World,
) -> None:
    """As the operator does it: no parameters are on record, so the base counts in their place."""
    world, plan = momentum_world, momentum_world.plan
    honest = Aggregate.from_bytes(
        world.store.fetch(Cid.from_bytes(world.ledger.aggregates[3].cid)),
        n_parameters=plan.n_parameters,
    )
    made = Aggregate.make(plan, honest.updates, honest.base)
    program = derive_program(plan, made.parameters)
    change(world, "versions", (MODEL, 1), round_id=0)
    posted = {"cid": world.add(made.to_bytes()), "program_hash": program.hash}
    change(world, "aggregates", 3, root=made.root, **posted)
    (state, detail), *_ = derivations(world.auditor.version(MODEL, 3))
    assert state is HELD, detail


def test_derivation__base_of_other_features__is_broken(world: World) -> None:
    """The parent's file has its posted root, but more parameters than this round's plan."""
    wide = vector([1, 2, 3, 4, 5, 6, 7])
    honest = _aggregate_file(world)
    one = replace(honest.updates[0], update=Update(wide, 1), root=Update(wide, 1).root)
    file = Aggregate(honest.plan_hash, vector([0] * 7), wide, (one,))
    change(world, "versions", (MODEL, 1), parameters_root=file.root)
    change(world, "aggregates", 1, root=file.root, cid=world.add(file.to_bytes()))
    (state, detail), *_ = derivations(world.auditor.version(MODEL, 2))
    assert (state, detail[:22]) == (BROKEN, "base version: it has 7")
