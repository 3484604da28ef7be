"""A member mixes leaves into a batch that no sensor of his signed: invented, another's, misplaced."""

import boa
import pytest

from cairn.devices import simulate_fleet
from tests.differential._registry import BOND_WEI, START, forge, make_scene


@pytest.fixture
def scene():
    with boa.env.anchor():
        yield make_scene()


def forge_with(scene, raw):
    """Ten packets of the sensor's, the seventh replaced."""
    genuine = forge(scene.sensor.device, scene.packets[:10])
    genuine.leaves[6] = (6, raw)
    genuine.__post_init__()
    return genuine


def another_sensors_packet(scene):
    return simulate_fleet(seed=1, count=1)[0].packets(START, 7)[6]


def changed_packet(scene):
    raw = bytearray(scene.packets[6])
    raw[20] ^= 1
    return bytes(raw)


@pytest.mark.parametrize(
    "garbage",
    [
        lambda scene: b"",
        lambda scene: b"garbage",
        another_sensors_packet,
        changed_packet,
        lambda scene: scene.packets[8],  # genuine, but not where it belongs
        lambda scene: scene.packets[30],  # genuine, but of another time
    ],
)
def test_garbage_leaf__shown__voids_the_batch(scene, garbage):
    forgery = forge_with(scene, garbage(scene))
    batch_id = scene.anchor(forgery)
    prover = boa.env.generate_address()
    with boa.env.prank(prover):
        scene.registry.void_faulty(batch_id, 6, forgery.opening(6))
    assert scene.registry.batch(batch_id).state == 4
    assert scene.registry.credit_wei(prover) == BOND_WEI // 2
    assert boa.env.get_balance(scene.registry.address) == BOND_WEI // 2
    with boa.reverts("batch: is void already"):
        scene.registry.void_faulty(batch_id, 6, forgery.opening(6))


def test_garbage_leaf__beyond_the_count__voids_the_batch(scene):
    forgery = forge(scene.sensor.device, scene.packets[:10], count=9)
    batch_id = scene.anchor(forgery)
    scene.registry.void_faulty(batch_id, 9, forgery.opening(9))
    assert scene.registry.batch(batch_id).state == 4


def test_garbage_leaf__shown_after_maturity__still_voids_it(scene):
    # All four leaves of a small batch are drawn: the fifth is smuggled in at an index drawn twice.
    forgery = forge(scene.sensor.device, scene.packets[:4])
    forgery.leaves.append((4, b"garbage"))
    forgery.__post_init__()
    batch_id = scene.anchor(forgery)
    scene.draw()
    scene.registry.mature_batch(batch_id, [forgery.opening(i) for i in range(4)])
    assert scene.registry.is_mature(batch_id)
    prover = boa.env.generate_address()
    with boa.env.prank(prover):
        scene.registry.void_faulty(batch_id, 4, forgery.opening(4))
    assert not scene.registry.is_mature(batch_id)
    # The bond is the owner's again: there is no bounty left.
    assert scene.registry.credit_wei(prover) == 0
    assert scene.registry.credit_wei(scene.owner) == BOND_WEI


def test_genuine_leaf__accused__stands(scene):
    batch_id = scene.anchor(scene.batch)
    for index in range(scene.batch.count):
        opening = scene.batch.opening(index)
        with boa.reverts("void: the leaf has no fault"):
            scene.registry.void_faulty(batch_id, index, (opening.packet, list(opening.proof)))


def test_invented_leaf__accused__is_not_of_the_batch(scene):
    batch_id = scene.anchor(scene.batch)
    opening = scene.batch.opening(6)
    with boa.reverts("void: not a leaf of the batch"):
        scene.registry.void_faulty(batch_id, 6, (b"garbage", list(opening.proof)))
    with boa.reverts("void: not a leaf of the batch"):
        scene.registry.void_faulty(batch_id, 7, (opening.packet, list(opening.proof)))


def test_own_fault__proved_by_its_owner__still_costs_half(scene):
    before = boa.env.get_balance(scene.owner)
    forgery = forge_with(scene, b"garbage")
    batch_id = scene.anchor(forgery)
    with boa.env.prank(scene.owner):
        scene.registry.void_faulty(batch_id, 6, forgery.opening(6))
        scene.registry.withdraw()
    assert boa.env.get_balance(scene.owner) == before - BOND_WEI // 2
