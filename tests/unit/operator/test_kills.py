"""Killed anywhere, as often as you like: each request has one answer, each round one aggregate.

A kill is an exception that nothing catches, raised at one of the places where it matters: before
and after each commit to the store, and before and after each broadcast. Each test goes through
all of them, one by one, and starts a new life on the same store after each kill.
"""

from contextlib import contextmanager

import pytest
from sqlalchemy import event

from cairn.chain import Phase, Status, Store
from tests.unit.operator.world import COIN, RIGHT, WINDOW_S, Operator, make_world


class Killed(BaseException):
    pass


class Boundaries:
    def __init__(self, *fatal: int) -> None:
        self.passed = 0
        self.fatal = fatal

    def __call__(self, *_: object) -> None:
        self.passed += 1
        if self.passed in self.fatal:
            raise Killed


def mortal_store(url: str, boundaries: Boundaries) -> Store:
    """A store whose process may die before or after a commit that changed something."""
    store = Store(url)
    begin = store.begin
    written: list[str] = []

    @event.listens_for(store.engine, "after_cursor_execute")
    def _note(connection, cursor, statement, *_) -> None:
        if not statement.startswith("SELECT"):
            written.append(statement)

    @contextmanager
    def dangerous():
        del written[:]
        with begin() as db:
            yield db
            wrote = any(one.startswith(("INSERT", "UPDATE", "DELETE")) for one in written)
            if wrote:
                boundaries()
        if wrote:
            boundaries()

    store.begin = dangerous
    return store


def live(world, boundaries: Boundaries, steps: int, **settings) -> bool:
    """One life; True if it ended by a kill."""
    world.chain.on_broadcast = boundaries
    store = mortal_store(world.url, boundaries)
    operator = None
    try:
        operator = Operator(world, store=store, **settings)
        operator.step(steps)
    except Killed:
        return True
    finally:
        world.chain.on_broadcast = lambda when, raw: None
        if operator is not None:
            operator.end()
        store.close()
    return False


def survive(world, fatal: tuple[int, ...], story, **settings) -> int:
    """Tell a story of (prepare, steps) with kills at some boundaries; returns how many came."""
    deaths = 0
    boundaries = Boundaries(*fatal)
    for prepare, steps in story:
        prepare()
        while live(world, boundaries, steps, **settings):
            deaths += 1
    return deaths


def kill_at_each(tmp_path, tell, check, **settings) -> int:
    """A world for each boundary, until there is none left to be killed at; returns how many."""
    for fatal in range(1, 200):
        world = make_world(f"sqlite:///{tmp_path}/{fatal}.db")
        deaths = survive(world, (fatal,), tell(world), **settings)
        try:
            check(world)
        except AssertionError as error:
            raise AssertionError(f"killed at boundary {fatal}: {error}") from error
        signed = set(world.chain.broadcasts)
        assert len(signed) == world.chain.nonces[world.signer.address], "signed twice"
        if not deaths:
            return fatal - 1
    raise AssertionError("the story has more boundaries than were tried")


@pytest.mark.slow
@pytest.mark.parametrize("auto_mine", [True, False], ids=["mined-at-once", "mined-later"])
def test_killed_at_each_boundary__each_request_is_answered_once(tmp_path, auto_mine):
    def tell(world):
        world.chain.auto_mine = auto_mine
        return [
            (lambda: (world.ask(), world.ask()), 2),
            (world.chain.mine, 2),
            (lambda: world.chain.advance(WINDOW_S + 1), 3),
            (world.chain.mine, 2),
        ]

    def check(world):
        assert world.market.answers == {1: [RIGHT], 2: [RIGHT]}
        assert (world.status(1), world.status(2)) == (Status.SETTLED, Status.SETTLED)

    assert kill_at_each(tmp_path, tell, check) > 20


@pytest.mark.parametrize("gap", [7, 11, 13])
def test_killed_again_and_again__each_request_is_answered_once(world, gap):
    story = [
        (lambda: [world.ask() for _ in range(3)], 2),
        (lambda: world.chain.advance(WINDOW_S + 1), 3),
    ]
    assert survive(world, tuple(range(gap, 500, gap)), story) > 1
    assert world.market.answers == {n: [RIGHT] for n in (1, 2, 3)}
    assert {world.status(n) for n in (1, 2, 3)} == {Status.SETTLED}


@pytest.mark.slow
def test_killed_at_each_boundary__each_round_is_aggregated_once(tmp_path):
    def tell(world):
        return [
            (lambda: world.open_round(b"one", b"two"), 1),
            (lambda: world.chain.advance(1_001), 2),
            (lambda: world.chain.advance(WINDOW_S + 1), 3),
        ]

    def check(world):
        assert world.rounds.n_aggregates == {1: 1}
        assert world.rounds.phases[1] is Phase.FINALIZED

    assert kill_at_each(tmp_path, tell, check) > 10


def test_killed_at_each_boundary__each_wrong_answer_is_challenged_and_replaced_once(tmp_path):
    def tell(world):
        def prepare():
            world.answer_as(world.rival, world.ask(), bytes([0, 0, 0, 1]))

        return [(prepare, 4)]

    def check(world):
        assert world.ledger.stakes[world.rival.address] == 99 * COIN
        assert world.market.answers == {1: [bytes([0, 0, 0, 1]), RIGHT]}
        assert world.status(1) is Status.ANSWERED

    assert kill_at_each(tmp_path, tell, check) > 5
