"""A stranger anchors the root of somebody else's batch: to take its credit, or to block its owner.

A batch's id commits to the sensor as well: under his own sensor the root is another batch, which he
cannot open, since its leaves name the sensor that signed.
"""

import boa
import pytest

from cairn.devices import simulate_fleet
from tests.differential._registry import BOND_WEI, START, consent_of, make_scene, openings_of


@pytest.fixture
def scene():
    with boa.env.anchor():
        yield make_scene()


def test_anothers_root__for_anothers_sensor__is_refused(scene):
    stranger = boa.env.generate_address()
    boa.env.set_balance(stranger, BOND_WEI)
    with boa.env.prank(stranger), boa.reverts("device: caller is not its owner"):
        scene.registry.anchor_batch(
            scene.alliance,
            scene.sensor.address,
            scene.batch.root,
            scene.batch.count,
            scene.batch.first,
            scene.batch.last,
            b"",
            value=BOND_WEI,
        )


def test_anothers_root__under_an_own_sensor__blocks_nobody_and_never_matures(scene):
    stranger = boa.env.generate_address()
    boa.env.set_balance(stranger, BOND_WEI)
    sensor = simulate_fleet(seed=99, count=1)[0]
    batch = scene.batch
    with boa.env.prank(stranger):
        scene.registry.register(sensor.address, 1, 300, *consent_of(sensor, stranger, START))
    with boa.env.prank(scene.alliance):
        scene.registry.admit([sensor.address])
    # He sees the owner's transaction and is faster.
    with boa.env.prank(stranger):
        stolen = scene.registry.anchor_batch(
            scene.alliance,
            sensor.address,
            batch.root,
            batch.count,
            batch.first,
            batch.last,
            b"",
            value=BOND_WEI,
        )
    batch_id = scene.anchor(batch)
    assert stolen != batch_id == batch.batch_id
    scene.draw()
    openings = openings_of(batch, scene.registry.drawn_leaves(stolen))
    with boa.env.prank(stranger), boa.reverts("mature: not the drawn leaf"):
        scene.registry.mature_batch(stolen, openings)
    openings = openings_of(batch, scene.registry.drawn_leaves(batch_id))
    scene.registry.mature_batch(batch_id, openings)
    assert scene.registry.is_mature(batch_id)
    boa.env.time_travel(seconds=86_401)
    scene.registry.void_unopened(stolen)
    assert scene.registry.credit_wei(stranger) == 0
