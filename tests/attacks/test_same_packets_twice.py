"""A member uses the same packets twice: in one batch, in two batches, in two alliances."""

import boa
import pytest

from cairn.devices import BatchError, build_batch
from tests.differential._registry import BOND_WEI, forge, make_scene


@pytest.fixture
def scene():
    with boa.env.anchor():
        yield make_scene()


def test_same_packets__in_one_batch__make_no_batch(scene):
    with pytest.raises(BatchError, match="packet 3: .* duplicate of packet 2"):
        build_batch([*scene.packets[:3], scene.packets[2]], scene.sensor.device, 300)


def test_same_packets__in_one_forged_batch__are_proved_and_void_it(scene):
    # A sensor that reports every second period leaves room for each packet twice.
    sparse = scene.packets[:20:2]
    forgery = forge(scene.sensor.device, [raw for raw in sparse for _ in range(2)])
    forgery.last += 300
    batch_id = scene.anchor(forgery)
    prover = boa.env.generate_address()
    with boa.env.prank(prover):
        scene.registry.void_unordered(batch_id, 4, forgery.opening(4), 5, forgery.opening(5))
    assert scene.registry.batch(batch_id).state == 4
    assert scene.registry.credit_wei(prover) == BOND_WEI // 2
    assert scene.registry.credit_wei(scene.owner) == 0


def test_two_packets__at_one_index__are_proved_and_void_it(scene):
    forgery = forge(scene.sensor.device, scene.packets[:10])
    forgery.leaves[7] = (6, scene.packets[7])
    forgery.__post_init__()
    batch_id = scene.anchor(forgery)
    scene.registry.void_unordered(batch_id, 6, forgery.opening(6), 6, forgery.opening(7))
    assert scene.registry.batch(batch_id).state == 4


def test_same_packets__in_two_batches__overlap(scene):
    scene.anchor(scene.batch)
    other = build_batch(scene.packets[10:30], scene.sensor.device, 300)
    with boa.reverts("anchor: window overlaps an earlier one"):
        scene.anchor(other)


def test_same_batch__in_two_alliances__is_refused(scene):
    scene.anchor(scene.batch)
    second = boa.env.generate_address()
    with boa.env.prank(second):
        scene.registry.admit([scene.sensor.address])
    with boa.reverts("anchor: root is anchored already"):
        scene.anchor(scene.batch, second)


def test_honest_batch__accused__stands(scene):
    batch_id = scene.anchor(scene.batch)
    a, b = scene.batch.opening(3), scene.batch.opening(4)
    first, second = (a.packet, list(a.proof)), (b.packet, list(b.proof))
    with boa.reverts("void: the leaves are in order"):
        scene.registry.void_unordered(batch_id, 3, first, 4, second)
    with boa.reverts("void: the same leaf twice"):
        scene.registry.void_unordered(batch_id, 3, first, 3, first)
    with boa.reverts("void: indexes out of order"):
        scene.registry.void_unordered(batch_id, 4, second, 3, first)
    with boa.reverts("void: the second is not a leaf"):
        scene.registry.void_unordered(batch_id, 3, first, 5, second)
    with boa.reverts("void: the first is not a leaf"):
        scene.registry.void_unordered(batch_id, 2, first, 4, second)
