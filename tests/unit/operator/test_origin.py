"""Which chain a store was begun on: another one under the same addresses is told, and not waited for."""

import pytest

from cairn.chain import NodeBehind, NodeRefused, Status
from cairn.operator import OperatorError
from tests.unit.operator.world import Operator, make_world


@pytest.fixture
def begun_anew(world, start):
    """The world after its chain was thrown away and begun again: same id, same addresses."""
    start().step()
    start().end()
    again = make_world(world.url)
    again.chain.blocks[0].hash = bytes([7]) * 32
    return again


def test_start__another_chain_under_the_same_addresses__is_refused(begun_anew):
    with pytest.raises(OperatorError, match=r"block 0 was 0x.*move the database away"):
        Operator(begun_anew)


def test_start__same_chain__is_the_same_store(start):
    start().step()
    start().step()


def test_step__chain_begun_anew_under_way__names_the_other_chain(world, start):
    world.chain.mine(5)
    operator = start()
    operator.step()
    world.chain.blocks[0].hash = bytes([7]) * 32
    del world.chain.blocks[2:]
    with pytest.raises(OperatorError, match="begun on another chain"):
        operator.step()


def test_step__node_is_behind__says_so_and_goes_on_once_it_has_caught_up(world, start):
    world.chain.mine(5)
    operator = start()
    operator.step()
    late = world.chain.blocks[-2:]
    del world.chain.blocks[-2:]
    with pytest.raises(NodeBehind, match="catching up"):
        operator.step()
    world.chain.blocks += late
    request_id = world.ask()
    operator.step(2)
    assert world.status(request_id) is Status.ANSWERED


def test_start__node_without_block_0__keeps_the_deployment_s_first(world):
    def begin(one) -> None:
        one.chain.fail("block_hash", NodeRefused("eth_getBlockByNumber", "pruned"))
        Operator(one, first_block=1).end()

    begin(world)
    Operator(world, first_block=1).end()
    world.chain.blocks[1].hash = bytes([7]) * 32
    with pytest.raises(OperatorError, match="block 1 was"):
        Operator(world, first_block=1)


def test_start__origin_no_longer_shown__goes_on(world):
    Operator(world).end()
    world.chain.fail("block_hash", NodeRefused("eth_getBlockByNumber", "pruned"))
    Operator(world).end()
