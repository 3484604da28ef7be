"""What an audit reads of a chain, and what of it is kept."""

from types import SimpleNamespace

import pytest

from cairn.audit import Absent
from cairn.audit.chain import ChainLedger
from tests.unit.operator.world import FEATURES, RIGHT, make_world


@pytest.fixture
def world(tmp_path):
    return make_world(f"sqlite:///{tmp_path}/unused.db")


@pytest.fixture
def ledger(world):
    return ChainLedger(
        SimpleNamespace(  # type: ignore[arg-type]
            node=world.chain,
            market=world.market,
            rounds=world.rounds,
            devices=world.rounds,
            network=SimpleNamespace(chain_id=4690, log_page_blocks=3),
            deployment=SimpleNamespace(first_block=0),
        )
    )


def test_requested__one_of_many__keeps_only_that(world, ledger):
    for _ in range(5):
        world.answer_as(world.rival, world.ask(), RIGHT)
    assert ledger.requested(3).features == FEATURES
    assert ledger.answered(3).outputs == RIGHT
    assert list(ledger._of_request) == [3] and len(ledger._of_request[3]) == 2
    assert ledger.requested(5).request_id == 5


def test_answered__not_yet__is_absent(world, ledger):
    request_id = world.ask()
    assert ledger.requested(request_id).request_id == request_id
    with pytest.raises(Absent, match="Answered event of 1"):
        ledger.answered(request_id)
    with pytest.raises(Absent):
        ledger.requested(99)
