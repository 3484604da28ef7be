import logging
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from tests.unit.operator.world import Operator, World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(f"sqlite:///{tmp_path}/operator.db")


@pytest.fixture
def start(world: World):
    """Start the operator, again and again; each start ends the life before."""
    lives: list[Operator] = []

    def begin(**settings) -> Operator:
        while lives:
            lives.pop().end()
        lives.append(Operator(world, **settings))
        return lives[-1]

    yield begin
    while lives:
        lives.pop().end()


@pytest.fixture(autouse=True)
def _quiet(caplog) -> None:
    caplog.set_level(logging.CRITICAL, logger="cairn")  # taken back after the test


@pytest.fixture(autouse=True)
def _no_disk():
    """These kill a process, never the machine: what is written need not be on disk."""

    def relax(connection, record):
        connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    yield
    event.remove(Engine, "connect", relax)
