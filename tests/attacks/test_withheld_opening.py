"""A member anchors garbage and, where the draw falls on it, shows nothing: or draws until it suits.

What is not opened in a day is void and its bond burnt. A draw is kept for good by anybody; one that
was let slip is held anew for another bond, burnt at once: each try costs what a failed batch costs.
"""

import boa
import pytest

from tests.differential._registry import BOND_WEI, forge, make_scene

BURN = "0x000000000000000000000000000000000000dEaD"


@pytest.fixture
def scene():
    with boa.env.anchor():
        yield make_scene()


@pytest.fixture
def forgery(scene):
    """Half of it garbage: one leaf of each pair."""
    packets = [raw if i % 2 else scene.packets[i + 1] for i, raw in enumerate(scene.packets[:20])]
    return forge(scene.sensor.device, packets, count=20)


def test_withheld__for_a_day__burns_the_bond_and_spends_the_time(scene):
    batch_id = scene.anchor(scene.batch)
    scene.draw()
    boa.env.time_travel(seconds=86_401)
    burnt = boa.env.get_balance(BURN)
    scene.registry.void_unopened(batch_id)
    assert boa.env.get_balance(BURN) == burnt + BOND_WEI
    with boa.reverts("anchor: window overlaps an earlier one"):
        scene.anchor(scene.batch, root=b"\x07" * 32)


def test_kept_draw__owner_waits__leaves_stay_drawn(scene):
    batch_id = scene.anchor(scene.batch)
    scene.draw()
    drawn = scene.registry.drawn_leaves(batch_id)
    with boa.env.prank(boa.env.generate_address()):
        scene.registry.draw(batch_id)
    boa.env.time_travel(blocks=300)
    assert scene.registry.drawn_leaves(batch_id) == drawn
    with boa.env.prank(scene.owner), boa.reverts("draw: drawn already"):
        scene.registry.draw(batch_id, value=BOND_WEI)


def test_ground_draw__let_slip_again_and_again__costs_a_bond_each_time(scene, forgery):
    forgery.first, forgery.last = scene.batch.first, scene.batch.last
    batch_id = scene.anchor(forgery)
    before, burnt = boa.env.get_balance(scene.owner), boa.env.get_balance(BURN)
    for tries in range(1, 4):
        # He looks at the draw, dislikes it and lets it slip.
        boa.env.time_travel(blocks=300)
        with boa.reverts("drawn: the draw has lapsed"):
            scene.registry.drawn_leaves(batch_id)
        with boa.env.prank(scene.owner), boa.reverts("draw: lapsed, pay another bond"):
            scene.registry.draw(batch_id)
        with boa.env.prank(scene.owner):
            scene.registry.draw(batch_id, value=BOND_WEI)
        assert boa.env.get_balance(scene.owner) == before - tries * BOND_WEI
        assert boa.env.get_balance(BURN) == burnt + tries * BOND_WEI
    assert boa.env.get_balance(scene.registry.address) == BOND_WEI


def test_draw__by_the_anchorer_before_its_block__is_nobodys_to_know(scene):
    batch_id = scene.anchor(scene.batch)
    with boa.reverts("drawn: its block is still to come"):
        scene.registry.drawn_leaves(batch_id)
    with boa.reverts("draw: its block is still to come"):
        scene.registry.draw(batch_id)
