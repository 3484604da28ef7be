"""Content is checked and mended on a schedule, and nothing waits for it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from cairn.chain import NodeUnreachable, Status
from cairn.domain.cid import Cid, cid_of
from cairn.operator import ContentWatch, Health
from cairn.storage import MemoryStore, NamedCid, StorageError

CONTENT = random.Random(41).randbytes(2 * 262_144 + 9)
LEAF = cid_of(CONTENT[:262_144])
INTERVAL_S = 100.0
PATIENCE_S = 30.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Registry:
    """Names these CIDs, or fails."""

    cids: list[NamedCid] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def named_cids(self) -> Iterator[NamedCid]:
        if self.errors:
            raise self.errors.pop()
        yield from self.cids


class MuteStore(MemoryStore):
    """A node that says nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__("the mute node")
        self.asked = threading.Event()
        self.released = threading.Event()

    def get_block(self, cid: Cid, *, max_bytes: int = 0) -> bytes:
        self.asked.set()
        self.released.wait(PATIENCE_S)
        raise StorageError("the mute node said nothing")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def near() -> MemoryStore:
    return MemoryStore("near")


@pytest.fixture
def far() -> MemoryStore:
    return MemoryStore("far")


@pytest.fixture
def watch(clock: Clock) -> Iterator[Any]:
    made: list[ContentWatch] = []

    def make(stores: list[MemoryStore], registry: Registry, **settings: Any) -> ContentWatch:
        # Read at full speed: the clock stands still, and pauses are told by it.
        values = {"interval_s": INTERVAL_S, "bytes_per_s": 1e12, "clock": clock, **settings}
        made.append(ContentWatch(stores, registry, **values))
        return made[-1]

    yield make
    for one in made:
        one.close(0)


def check(watch: ContentWatch) -> None:
    watch.tick()
    assert watch.wait(PATIENCE_S)


def test_tick__first_and_when_due__checks(watch, near, clock):
    registry = Registry([NamedCid(near.add(CONTENT), "program")])
    one = watch([near], registry)
    check(one)
    assert one.report.checks == 1
    assert one.report.last.figures()[0].value == 1
    clock.now += INTERVAL_S - 1
    check(one)
    assert one.report.checks == 1
    clock.now += 1
    check(one)
    assert one.report.checks == 2


def test_tick__pinned_copy_damaged__is_mended_and_told_as_it_is_then(watch, near, far):
    cid = near.add(CONTENT)
    far.add(CONTENT)
    near.blocks[LEAF] = b"rubbish"
    one = watch([near, far], Registry([NamedCid(cid, "program")]))
    check(one)
    assert near.fetch(cid) == CONTENT
    assert (one.report.repaired, one.report.not_repaired) == (1, 0)
    assert one.report.last.damaged == ()


def test_tick__pinned_copy_lost_for_good__counts_as_broken(watch, near, far):
    cid = near.add(CONTENT)
    del near.blocks[LEAF]
    one = watch([near, far], Registry([NamedCid(cid, "program")]))
    check(one)
    assert one.report.not_repaired == 2
    assert [finding.store for finding in one.report.last.broken] == ["near"]
    assert one.report.last.lost == (cid,)


@pytest.mark.parametrize(("mends", "kept"), [("none", False), ("pinned", False), ("all", True)])
def test_tick__named_by_strangers__is_kept_only_where_told_to(watch, near, far, mends, kept):
    cid = far.add(CONTENT, pin=False)
    one = watch([near, far], Registry([NamedCid(cid, "a stranger's")]), mends=mends)
    check(one)
    assert near.has(cid) is kept
    assert near.is_pinned(cid) is kept


def test_tick__larger_than_allowed__is_not_read_on(watch, near):
    cid = near.add(CONTENT)
    one = watch([near], Registry([NamedCid(cid)]), most_bytes=1_000)
    check(one)
    (finding,) = one.report.last.findings
    assert finding.state == "refused"


def test_tick__registry_out_of_reach__is_counted_and_tried_again(watch, near, clock):
    registry = Registry([NamedCid(near.add(CONTENT))], [NodeUnreachable("down")])
    one = watch([near], registry, interval_s=86_400.0)
    check(one)
    assert (one.report.checks, one.report.failures, one.report.running) == (0, 1, False)
    clock.now += 300
    check(one)
    assert one.report.checks == 1


def test_tick__defect__ends_the_check_and_not_the_schedule(watch, near, clock):
    registry = Registry([NamedCid(near.add(CONTENT))], [RuntimeError("a defect")])
    one = watch([near], registry)
    check(one)
    assert one.report.failures == 1
    clock.now += INTERVAL_S
    check(one)
    assert one.report.checks == 1


def test_tick__store_hangs__answers_go_out_meanwhile(watch, world, start, clock):
    mute = MuteStore()
    one = watch([mute], Registry([NamedCid(cid_of(CONTENT), "program")]))
    health = Health(60, clock)
    health.content = one
    operator = start()
    one.tick()
    assert mute.asked.wait(PATIENCE_S)
    for _ in range(3):
        request_id = world.ask()
        one.tick()
        operator.step(2)
        health.stepped(operator.worker.counts())
        assert world.status(request_id) is Status.ANSWERED
    assert one.report.running
    assert "cairn_storage_check_running 1.0" in health.metrics().decode().splitlines()
    assert health.report()[0]
    assert sum(thread.name == "content-check" for thread in threading.enumerate()) == 1
    mute.released.set()
    assert one.wait(PATIENCE_S)
    assert one.report.checks == 1


def test_close__store_hangs__does_not_wait_for_it(watch, clock):
    mute = MuteStore()
    one = watch([mute], Registry([NamedCid(cid_of(CONTENT))]))
    one.tick()
    assert mute.asked.wait(PATIENCE_S)
    one.close(0)
    clock.now += INTERVAL_S
    one.tick()
    mute.released.set()
    assert one.wait(PATIENCE_S)


def test_close__under_way__ends_at_the_next_bytes(watch, near):
    """At one byte a second the check would take days."""
    cid = near.add(CONTENT)
    one = watch([near], Registry([NamedCid(cid)]), bytes_per_s=1.0)
    one.tick()
    one.close(PATIENCE_S)
    assert one.wait(0)
    assert one.report.checks == 0
    assert not one.report.running


def test_tick__pace__is_held(watch, near, monkeypatch):
    """The time that a check waits for is that of its bytes."""
    one = watch([near], Registry([NamedCid(near.add(CONTENT))]), bytes_per_s=1_000.0)
    waits: list[float] = []
    monkeypatch.setattr(one._stopped, "wait", lambda seconds: waits.append(seconds) and False)
    check(one)
    # The clock stands still, so each wait reaches from the check's beginning.
    assert max(waits) == pytest.approx(len(CONTENT) / 1_000)


def test_metrics__after_a_check__have_each_state_and_count(watch, near, far, clock):
    cids = [near.add(CONTENT), cid_of(b"nowhere")]
    far.add(CONTENT)
    numbers = count()
    one = watch([near, far], Registry([NamedCid(cid, f"n{next(numbers)}") for cid in cids]))
    health = Health(60, clock)
    health.content = one
    assert "cairn_storage_copies" not in health.metrics().decode()
    check(one)
    clock.now += 7
    lines = health.metrics().decode().splitlines()
    assert 'cairn_storage_copies{state="intact"} 2.0' in lines
    assert 'cairn_storage_copies{state="missing"} 2.0' in lines
    assert "cairn_storage_copies_broken 0.0" in lines
    assert "cairn_storage_contents 2.0" in lines
    assert "cairn_storage_contents_lost 1.0" in lines
    assert "cairn_storage_verified_bytes 1.048594e+06" in lines
    assert "cairn_storage_checks_total 1.0" in lines
    assert 'cairn_storage_repairs_total{result="failed"} 0.0' in lines
    assert "cairn_storage_last_check_age_seconds 7.0" in lines
    assert health.report()[1]["content"] == {
        "checks": 1,
        "failures": 0,
        "last_check_age_s": 7.0,
        "broken": 0,
        "lost": 1,
    }
