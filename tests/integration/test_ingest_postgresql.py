"""The same store on PostgreSQL: two writers at once keep each packet once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cairn.chain import Store, StoreBusy
from cairn.devices import simulate_fleet
from cairn.devices.ingest import Answer, Arrival, PacketStore
from cairn.domain.packets import decode_packet
from tests.integration._postgresql import postgresql  # noqa: F401

pytestmark = pytest.mark.requires("postgresql")

NOW = 1_700_000_000


@pytest.fixture
def stores(postgresql: str) -> Iterator[tuple[Store, Store]]:
    """Two processes' views of one database."""
    both = Store(postgresql), Store(postgresql)
    yield both
    for one in both:
        one.close()


def test_packets__written_by_two_at_once__are_kept_once(stores: tuple[Store, Store]) -> None:
    sensor = simulate_fleet(31, 1)[0]
    raw = sensor.packets(NOW - 60_000, 200)
    arrivals = [Arrival(sensor.device, decode_packet(one).timestamp, one, NOW) for one in raw]
    answers: list[list[Answer]] = [[], []]

    def write(which: int) -> None:
        for at in range(0, 200, 10):
            answers[which] += PacketStore(stores[which]).keep(arrivals[at : at + 10])

    threads = [threading.Thread(target=write, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.is_kept for both in answers for answer in both} == {True}
    store = PacketStore(stores[0])
    assert store.waiting() == [(sensor.device, 200, arrivals[0].timestamp)]
    assert [one for _, one in store.read_waiting(sensor.device, NOW, 999)] == raw
    # Another packet of the same second is refused, whoever writes it.
    other = Arrival(sensor.device, arrivals[0].timestamp, raw[1], NOW)
    assert PacketStore(stores[1]).keep([other]) == [Answer.CONFLICT]


def test_anchoring__is_one_process_work(stores: tuple[Store, Store]) -> None:
    with stores[0].lease("0xOwner"), pytest.raises(StoreBusy):
        stores[1].lease("0xOwner")
    stores[1].lease("0xOwner").release()
