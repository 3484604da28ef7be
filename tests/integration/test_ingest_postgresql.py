"""The same store on PostgreSQL: two writers at once keep each packet once."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cairn.chain import Store, StoreBusy
from cairn.devices import simulate_fleet
from cairn.devices.ingest import Answer, Arrival, PacketStore
from cairn.domain.packets import decode_packet
from tests.integration._support import LOOPBACK, free_port

pytestmark = pytest.mark.requires("postgresql")

NOW = 1_700_000_000


def program(name: str) -> str:
    folders = [os.environ["PATH"], *(str(p) for p in Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=os.pathsep.join(folders))
    assert found is not None, f"{name} is not there: apt-get install postgresql"
    return found


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of this test's own; it refuses to be root's, so root lends it to nobody."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        user: dict[str, object] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data, port = Path(folder) / "data", free_port()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
        words = [program("initdb"), "-D", str(data), "-U", "cairn", "-A", "trust", "-N"]
        subprocess.run(words, check=True, **quiet, **user)  # type: ignore[call-overload]
        server = subprocess.Popen(  # type: ignore[call-overload]
            [program("postgres"), "-D", str(data), "-h", LOOPBACK, "-p", str(port), "-k", folder],
            **quiet,
            **user,
        )
        ready = [program("pg_isready"), "-q", "-h", LOOPBACK, "-p", str(port), "-t", "1"]
        for _ in range(600):
            if subprocess.run(ready).returncode == 0:
                break
            assert server.poll() is None, "PostgreSQL ended before it was ready"
            threading.Event().wait(0.05)
        yield f"postgresql+psycopg://cairn@{LOOPBACK}:{port}/postgres"
        server.terminate()
        server.wait(30)


@pytest.fixture
def stores(url: str) -> Iterator[tuple[Store, Store]]:
    """Two processes' views of one database."""
    both = Store(url), Store(url)
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
