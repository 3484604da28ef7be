"""The operator's store on PostgreSQL: killed there, and with replicas that stand by."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from cairn.chain import Status, Store, StoreBusy
from tests.integration._postgresql import postgresql  # noqa: F401
from tests.integration._support import OPERATOR, WINDOW_S, Oracle, Worker
from tests.integration.test_operator_kill import put_program
from tests.unit.operator.test_kills import Boundaries, Killed, mortal_store
from tests.unit.operator.world import RIGHT, Operator, make_world
from tests.unit.operator.world import WINDOW_S as FAKE_WINDOW_S

pytestmark = pytest.mark.requires("postgresql")


@pytest.fixture
def fresh(postgresql: str) -> Iterator[Callable[[str], str]]:
    """New databases on the server, by name."""
    admin = create_engine(postgresql, isolation_level="AUTOCOMMIT")

    def make(name: str) -> str:
        with admin.connect() as db:
            db.execute(text(f'CREATE DATABASE "{name}"'))
        return make_url(postgresql).set(database=name).render_as_string(hide_password=False)

    yield make
    admin.dispose()


@pytest.mark.parametrize("gap", [5, 9])
def test_worker__killed_again_and_again__each_request_is_answered_once(
    fresh: Callable[[str], str], gap: int
) -> None:
    """At every `gap`-th boundary of a commit or a broadcast: singly answered and by a root."""
    world = make_world(fresh(f"killed-{gap}"))
    boundaries, deaths = Boundaries(*range(gap, 400, gap)), 0
    story = [
        lambda: (world.ask(), world.ask()),
        lambda: (world.ask_many(5), world.chain.advance(40)),
        lambda: world.chain.advance(FAKE_WINDOW_S + 1),
        world.chain.mine,
    ]
    for prepare in story:
        prepare()
        done = False
        while not done:
            store = mortal_store(world.url, boundaries)
            world.chain.on_broadcast = boundaries
            operator = None
            try:
                operator = Operator(world, store=store, root_from=4, root_delay_s=0)
                operator.step(3)
                done = True
            except Killed:
                deaths += 1
            finally:
                world.chain.on_broadcast = lambda when, raw: None
                if operator is not None:
                    operator.end()
                store.close()
    assert deaths > 2
    assert {one.status for one in world.market.requests.values()} == {Status.SETTLED}
    assert {len(one) for one in world.market.answers.values()} == {1}
    assert len(world.market.roots) == 1
    assert len(set(world.chain.broadcasts)) == world.chain.nonces[world.signer.address]


def test_lease__its_connection_is_cut__the_other_takes_over_and_the_first_sends_no_more(
    fresh: Callable[[str], str],
) -> None:
    """The lock is the session's: whoever loses the session without noticing is stopped by its name."""
    world = make_world(fresh("cut"))
    first = Operator(world)
    first.step()
    with pytest.raises(StoreBusy):
        Store(world.url).lease(world.signer.address)
    with first.store.begin() as db:
        others = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        assert db.execute(text(others)).all()
    second = Operator(world)
    world.ask()
    with pytest.raises(StoreBusy, match="taken over"):
        first.step()
    second.step()
    assert world.market.answers == {1: [RIGHT]}
    assert len(world.chain.broadcasts) == 1
    second.end()
    first.end()


@pytest.fixture
def replicas(worker: Worker, tmp_path: Path, fresh: Callable[[str], str]) -> Iterator[list[Worker]]:
    """Two processes for one account on one database."""
    url = fresh("replicas")
    changes = {"CAIRN_OPERATOR_DATABASE": url, "CAIRN_OPERATOR_STANDBY": "yes"}
    environment = {**worker._environment, **changes}
    both = [Worker(environment, tmp_path / f"replica-{n}.log") for n in range(2)]
    yield both
    for one in both:
        one.kill()


def test_replicas__the_one_at_work_is_killed__the_other_goes_on_and_nothing_is_done_twice(
    oracle: Oracle, replicas: list[Worker], store_folder: Path
) -> None:
    put_program(store_folder)
    sent = oracle.transactions_of(OPERATOR)
    first, second = replicas
    first.start()
    first.wait_for("started")
    second.start()
    one = oracle.ask()
    first.wait_for("answered", request=one)
    oracle.anvil.automine(False)
    two = oracle_asks(oracle)
    first.wait_for("answering", request=two)
    first.kill()
    oracle.anvil.mine()
    oracle.anvil.automine(True)
    second.wait_for("started")
    second.wait_for("answered", request=two)
    first.start()
    three = oracle.ask()
    second.wait_for("answered", request=three)
    assert [len(oracle.answers(id_)) for id_ in (one, two, three)] == [1, 1, 1]
    assert oracle.transactions_of(OPERATOR) == sent + 3
    oracle.anvil.advance(WINDOW_S + 1)
    for request_id in (one, two, three):
        second.wait_for("settled", request=request_id)
    assert second.stop() == 0
    first.wait_for("started")
    assert first.stop() == 0


def oracle_asks(oracle: Oracle) -> int:
    """A request while nothing is mined by itself."""
    done: list[int] = []
    asking = threading.Thread(target=lambda: done.append(oracle.ask()))
    asking.start()
    while oracle.anvil.ask("txpool_status")["pending"] == "0x0":
        asking.join(0.05)
    oracle.anvil.mine()
    asking.join()
    return done[0]
