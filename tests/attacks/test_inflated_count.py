"""A member claims more readings than his sensor made, to weigh more in a round.

Above one reading a period the claim is refused at once. Below it the claim stands until leaves are
drawn: those that he lacks cannot be opened, the batch never matures, and its bond is burnt.
"""

import boa
import pytest

from tests.differential._registry import BOND_WEI, forge, make_scene


@pytest.fixture
def scene():
    with boa.env.anchor():
        yield make_scene()


def test_inflated_count__beyond_the_time__is_refused(scene):
    with boa.reverts("anchor: more than one a period"):
        scene.anchor(scene.batch, count=scene.batch.count + 1)


def test_inflated_count__longer_window_and_few_packets__never_matures(scene):
    # Ten packets, announced as the forty that the window has room for.
    few = forge(
        scene.sensor.device, scene.packets[:10], last=scene.batch.first + 39 * 300, count=40
    )
    batch_id = scene.anchor(few)
    scene.draw()
    drawn = scene.registry.drawn_leaves(batch_id)
    assert drawn[-1] >= 30  # one is drawn in each quarter, three of which he lacks
    openings = [few.opening(index % 10) for index in drawn]
    with boa.reverts():
        scene.registry.mature_batch(batch_id, openings)
    boa.env.time_travel(seconds=86_401)
    scene.registry.void_unopened(batch_id)
    assert not scene.registry.is_mature(batch_id)
    assert scene.registry.credit_wei(scene.owner) == 0
    assert boa.env.get_balance(scene.registry.address) == 0


def test_inflated_count__real_packets_renumbered__are_out_of_place(scene):
    # He gives his ten packets the forty indexes, so that each drawn leaf can be shown.
    forgery = forge(scene.sensor.device, [scene.packets[i // 4] for i in range(40)])
    forgery.last = forgery.first + 39 * 300
    batch_id = scene.anchor(forgery)
    scene.draw()
    drawn = scene.registry.drawn_leaves(batch_id)
    with boa.reverts("mature: out of place"):
        scene.registry.mature_batch(batch_id, [forgery.opening(index) for index in drawn])
    assert boa.env.get_balance(scene.registry.address) == BOND_WEI
