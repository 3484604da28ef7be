"""Batches are made on a schedule, anchored once and opened; whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace

import pytest
from eth_account import Account
from sqlalchemy import event

from cairn.chain import (
    BatchState,
    FeePolicy,
    LocalSigner,
    LogCursor,
    NodeUnreachable,
    Outbox,
    Reverted,
    Store,
)
from cairn.chain.fakes import FakeChain
from cairn.devices import SimulatedDevice, build_batch, parse_batch
from cairn.devices.ingest import Anchorer, Arrival, IngestSettings, PacketStore, Roster
from cairn.devices.ingest.fakes import BOND_WEI, FakeDeviceRegistry
from tests.unit.ingest.conftest import NOW, PERIOD_S, Clock

ALLIANCE = "0x" + "aA" * 20
SETTINGS = IngestSettings(
    account="test", alliance=ALLIANCE, batch_every_s=3_600, batch_most=10, grace_s=60
)


def open_store(url: str) -> Store:
    """A store that does not wait for the disk: here, a kill is an exception."""
    store = Store(url)
    event.listen(
        store.engine, "connect", lambda dbapi, _: dbapi.execute("PRAGMA synchronous = OFF")
    )
    store.engine.dispose()
    return store


class World:
    """A chain, its registry with our sensors, and an ingester that can be started again."""

    def __init__(self, url: str, sensors: list[SimulatedDevice], clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self.chain = FakeChain()
        self.chain.timestamp = NOW
        self.registry = FakeDeviceRegistry(self.chain, "0x" + "d1" * 20)
        self.signer = LocalSigner(Account.from_key(b"\x07" * 32))
        for sensor in sensors:
            self.registry.put(sensor.device, self.signer.address, PERIOD_S)

    def settings(self, **changes: object) -> IngestSettings:
        return SETTINGS.model_copy(update=changes)


class Ingester:
    """One life of the chain's side of it."""

    def __init__(
        self,
        world: World,
        store: Store | None = None,
        publish: Callable[[bytes], bytes] | None = None,
        **changes: object,
    ) -> None:
        self.world = world
        self.store = store or open_store(world.url)
        self.packets = PacketStore(self.store)
        self.lease = self.store.lease(world.signer.address)
        self.roster = Roster(self.packets)
        chain = world.chain
        outbox = Outbox(
            self.store, chain, world.signer, self.lease, chain_id=chain.chain_id, policy=FeePolicy()
        )
        cursor = LogCursor(self.store, chain, "ingest", [world.registry.address], [])
        self.anchorer = Anchorer(
            world.settings(**changes),
            self.packets,
            self.roster,
            world.registry,
            outbox,
            cursor,
            ALLIANCE,
            world.clock,
            publish,
        )

    def take(self, device: bytes, packets: list[bytes], timestamps: list[int]) -> None:
        self.packets.keep(
            [
                Arrival(device, timestamp, raw, NOW)
                for raw, timestamp in zip(packets, timestamps, strict=True)
            ]
        )

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.anchorer.step(self.world.chain.head())

    def end(self) -> None:
        self.lease.release()
        self.store.close()


def take(ingester: Ingester, sensor: SimulatedDevice, packets: list[bytes]) -> None:
    from cairn.domain.packets import decode_packet

    ingester.take(sensor.device, packets, [decode_packet(raw).timestamp for raw in packets])


@pytest.fixture
def world(url, sensor, other, clock) -> World:
    return World(url, [sensor, other], clock)


@pytest.fixture
def ingester(world):
    one = Ingester(world)
    yield one
    one.end()


def test_roster__owned_devices__are_known_until_revoked(world, ingester, sensor, strangers):
    world.registry.put(strangers.device, "0x" + "bB" * 20)
    ingester.step()
    assert len(ingester.roster) == 2 and ingester.roster.get(strangers.device) is None
    world.chain.act(world.signer.address, world.registry.call("revoke", sensor.address))
    ingester.step()
    assert ingester.roster.get(sensor.device) is None
    # And kept: a start without a chain knows them too.
    assert len(Roster(ingester.packets)) == 1


def test_batch__not_due__is_not_made(ingester, sensor, clock):
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 2_000, 4))
    ingester.step(3)
    assert ingester.anchorer.counts() == {}
    clock.at = NOW + 2_000
    ingester.step()
    assert sum(ingester.anchorer.counts().values()) == 1


def test_batch__due__is_anchored_opened_and_paid_back(world, ingester, sensor, clock):
    ingester.step()
    packets = sensor.packets(NOW - 4_000, 8)
    take(ingester, sensor, packets)
    for _ in range(8):
        ingester.step()
        world.chain.mine()
    assert ingester.anchorer.counts() == {"mature": 1}
    assert ingester.packets.counts() == {"batched": 8}
    [(batch_id, batch)] = world.registry.batches.items()
    assert (batch.count, batch.state) == (8, BatchState.MATURE)
    assert ingester.packets.batch_packets(f"{batch_id:064x}") == packets
    assert world.registry.credits == {world.signer.address: BOND_WEI}


def test_batch__full__does_not_wait(ingester, sensor, world):
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 100 - 25 * 301, 25))
    ingester.step()
    made = sorted(batch.count for batch in world.registry.batches.values())
    assert made == [10]  # one of a device at a time
    for _ in range(8):
        ingester.step()
        world.chain.mine()
    # The last five are older than the schedule's hour as well.
    assert sorted(batch.count for batch in world.registry.batches.values()) == [5, 10, 10]
    assert ingester.anchorer.counts() == {"mature": 3}


def test_packet__late_or_too_close__is_kept_and_in_no_batch(ingester, sensor, world):
    ingester.step()
    packets = sensor.packets(NOW - 8_000, 14)
    quick = SimulatedDevice(31, 0, sensor.climate, 100).packets(NOW - 8_000, 3)[1]
    assert sensor.device == SimulatedDevice(31, 0, sensor.climate, 100).device
    take(ingester, sensor, [*packets[:3], *packets[4:], quick])
    ingester.step(2)
    take(ingester, sensor, [packets[3]])
    for _ in range(6):
        ingester.step()
        world.chain.mine()
    assert ingester.packets.counts()["left_out"] == 2
    assert sum(batch.count for batch in world.registry.batches.values()) == 13


def test_published__batch_file__is_where_its_cid_says(world, sensor):
    files: list[bytes] = []

    def publish(file: bytes) -> bytes:
        files.append(file)
        return b"\x01\x55" + bytes(34)

    ingester = Ingester(world, publish=publish)
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 4_000, 8))
    ingester.step()
    [batch_id] = world.registry.batches
    assert parse_batch(files[0], PERIOD_S).batch_id == batch_id
    ingester.end()


def test_draw__lapsed__is_held_anew(world, ingester, sensor):
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 4_000, 8))
    ingester.step(2)
    world.chain.mine(300)  # nobody was there
    for _ in range(8):
        ingester.step()
        world.chain.mine()
    assert ingester.anchorer.counts() == {"mature": 1}


def test_opening__after_a_day__is_given_up(world, ingester, sensor):
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 4_000, 8))
    ingester.step(2)
    world.chain.advance(86_402)
    ingester.step(2)
    assert ingester.anchorer.counts() == {"lapsed": 1}


def test_refused_for_good__does_not_hold_up_the_next(world, ingester, sensor, clock):
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 4_000, 8))
    ingester.anchorer._make_batches()
    # Meanwhile the owner anchored a later window by other means.
    world.registry.last[ALLIANCE, sensor.address] = NOW - 10
    ingester.step()
    assert ingester.anchorer.counts() == {"refused": 1}
    take(ingester, sensor, sensor.packets(NOW + 300, 8))
    clock.at = NOW + 9_000
    for _ in range(8):
        ingester.step()
        world.chain.mine()
    assert ingester.anchorer.counts() == {"mature": 1, "refused": 1}


def test_anchored__for_another_alliance__is_refused_and_not_opened(world, ingester, sensor):
    packets = sensor.packets(NOW - 40_000, 10)
    take(ingester, sensor, packets)
    batch = build_batch(packets, sensor.device, PERIOD_S)
    call = world.registry.anchor_batch(
        "0x" + "bB" * 20, sensor.address, batch.root, batch.count, batch.first, batch.last, b"",
        bond_wei=BOND_WEI,
    )  # fmt: skip
    world.chain.act(world.signer.address, call)
    ingester.step(4)
    assert ingester.anchorer.counts() == {"refused": 1}
    assert world.registry.batch(batch.batch_id).state == BatchState.OPEN
    assert world.registry.n_anchored[batch.batch_id] == 1


def test_node__out_of_reach__changes_nothing_and_goes_on(world, ingester, sensor):
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 4_000, 8))
    for method in ("logs", "estimate_gas", "nonce"):
        world.chain.fail(method, NodeUnreachable("gone"))
    failures = 0
    for _ in range(12):
        try:
            ingester.step()
        except NodeUnreachable:
            failures += 1
        world.chain.mine()
    assert failures == 3
    assert ingester.anchorer.counts() == {"mature": 1}
    assert set(world.registry.n_anchored.values()) == {1}


def test_transaction__reverted_on_chain__is_tried_again(world, ingester, sensor):
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 4_000, 8))
    world.chain.auto_mine = False
    ingester.step()
    record = world.registry.devices[sensor.address]
    world.registry.devices[sensor.address] = replace(record, owner="0x" + "cC" * 20)
    world.chain.mine()  # refused: the device was another's in that block
    world.registry.devices[sensor.address] = record
    for _ in range(10):
        ingester.step()
        world.chain.mine()
    assert ingester.anchorer.counts() == {"mature": 1}
    assert set(world.registry.n_anchored.values()) == {1}


def test_credit__of_some_bonds__is_taken_out(world, sensor):
    ingester = Ingester(world, withdraw_bonds=2)
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 100 - 25 * 301, 25))
    for _ in range(16):
        ingester.step()
        world.chain.mine()
    assert ingester.anchorer.counts() == {"mature": 3}
    assert world.registry.credits.get(world.signer.address, 0) < 2 * BOND_WEI
    ingester.end()


class Killed(BaseException):
    pass


class Boundaries:
    """Places where a process may die: around each commit and each broadcast."""

    def __init__(self, fatal: int) -> None:
        self.passed = 0
        self.fatal = fatal

    def __call__(self, *_: object) -> None:
        self.passed += 1
        if self.passed == self.fatal:
            raise Killed


def mortal(store: Store, boundaries: Boundaries) -> Store:
    begin, written = store.begin, []

    @event.listens_for(store.engine, "after_cursor_execute")
    def _note(connection, cursor, statement, *_) -> None:
        if not statement.startswith(("SELECT", "UPDATE cursors", "BEGIN")):
            written.append(statement)

    @contextmanager
    def dangerous():
        del written[:]
        with begin() as db:
            yield db
            wrote = bool(written)
            if wrote:
                boundaries()
        if wrote:
            boundaries()

    store.begin = dangerous
    return store


def tell(world: World, sensor: SimulatedDevice, packets: list[bytes], fatal: int) -> bool:
    """One story of two lives, the first killed at a boundary; True if it was."""
    boundaries = Boundaries(fatal)
    first = Ingester(world)
    first.step()
    take(first, sensor, packets)
    first.end()
    killed = False
    store = open_store(world.url)
    ingester = None
    try:
        ingester = Ingester(world, store)
        mortal(store, boundaries)
        world.chain.on_broadcast = boundaries
        for _ in range(8):
            ingester.step()
            world.chain.mine()
    except Killed:
        killed = True
    world.chain.on_broadcast = lambda when, raw: None
    if ingester is not None:
        ingester.end()
    second = Ingester(world)
    for _ in range(10):
        second.step()
        world.chain.mine()
    assert second.anchorer.counts() == {"mature": 2}
    assert second.packets.counts() == {"batched": len(packets)}
    bound = [raw for number in world.registry.batches for raw in
             second.packets.batch_packets(f"{number:064x}")]  # fmt: skip
    assert sorted(bound) == sorted(packets)
    second.end()
    assert set(world.registry.n_anchored.values()) == {1} and len(world.registry.batches) == 2
    return killed


def test_killed__at_every_boundary__anchors_each_packet_once(tmp_path, sensor, clock):
    packets = sensor.packets(NOW - 9_000, 15)  # all of them due
    # Every third is enough to meet each kind, and takes a third of the time.
    for fatal in range(1, 200, 3):
        world = World(f"sqlite:///{tmp_path / f'{fatal}.db'}", [sensor], clock)
        if not tell(world, sensor, packets, fatal):
            break
    assert fatal > 10, "the story has more places to die at than that"


def test_thief__of_the_refusals__no_reason_is_swallowed(world, ingester, sensor):
    """A reason that is not for good leaves the batch where it is."""
    ingester.step()
    take(ingester, sensor, sensor.packets(NOW - 4_000, 8))
    world.chain.fail("estimate_gas", Reverted("anchor: device is not admitted"))
    ingester.step()
    assert ingester.anchorer.counts() == {"made": 1}
    ingester.step()
    assert sum(ingester.anchorer.counts().values()) == 1
    assert len(world.registry.batches) == 1
