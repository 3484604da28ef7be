"""What sensors, their owners and their batches cost in gas."""

from __future__ import annotations

from typing import Any

from ape import project
from ape.api import AccountAPI

from cairn.devices import Batch, SimulatedDevice, build_batch, simulate_fleet
from cairn.domain.merkle import MerkleTree, packet_leaf
from scripts._bench import CID, DAY_S, Bench
from scripts._system import (
    SystemSettings,
    system_groups,
)

PERIOD_S = 300
PACKETS = 288  # a day at the default period


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
