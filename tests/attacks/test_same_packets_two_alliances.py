"""A member anchors the packets that his alliance has counted once more for a second alliance, cut
differently, so that neither root nor batch is the same. The second one may be of his own making:
whoever calls `admit` is an alliance. He then hands both batches in to the first one's round.

Each alliance counts a sensor's time once, and a batch counts for the alliance it was anchored for:
what happens elsewhere adds no reading and no share here.
"""

from itertools import count

import ape
import pytest
from eth_utils import keccak

from cairn.devices import CLIMATES, SimulatedDevice, build_batch
from tests.conftest import SOME_CID
from tests.unit.training_rounds.conftest import (  # noqa: F401
    PERIOD_S,
    model_id,
    plan,
    registry,
    round_id,
    rounds,
)

NUMBERS = count()


@pytest.fixture
def devices(system):
    return system.device_registry


@pytest.fixture
def sensor(chain, devices, timelock, founders, stranger):
    """Of the first founder's, admitted by the alliance and by a second one: the stranger. Another one
    for each test: Ape takes a test's transactions back only if no wider fixture came in with it.
    """
    device = SimulatedDevice(13, next(NUMBERS), CLIMATES[0], PERIOD_S)
    now = chain.blocks.head.timestamp
    signature = device.confirm(bytes.fromhex(founders[0].address[2:]), now).signature
    devices.register(
        device.address, 1, PERIOD_S, now, signature[:32], signature[32:], sender=founders[0]
    )
    for alliance in (timelock, stranger):
        devices.admit([device.address], sender=alliance)
    return device


@pytest.fixture
def packets(chain, sensor):
    return sensor.packets(chain.blocks.head.timestamp - 100 * (PERIOD_S + 10), 40)


@pytest.fixture
def anchor(devices, founders):
    def anchor_(alliance, batch):
        return devices.anchor_batch(
            alliance, "0x" + batch.device.hex(), batch.root, batch.count, batch.first, batch.last,
            SOME_CID, value=devices.bond_wei(), sender=founders[0],
        )  # fmt: skip

    return anchor_


@pytest.fixture
def mature(chain, devices, anchor, founders):
    def mature_(alliance, batch):
        anchor(alliance, batch)
        chain.mine(3)
        openings = [batch.opening(index) for index in devices.drawn_leaves(batch.batch_id)]
        devices.mature_batch(
            batch.batch_id, [(o.packet, list(o.proof)) for o in openings], sender=founders[0]
        )
        return batch.batch_id

    return mature_


def cut(sensor, packets):
    return build_batch(packets, sensor.device, PERIOD_S)


def test_other_cut__in_a_second_alliance__adds_nothing_to_the_first(
    rounds, round_id, timelock, stranger, founders, sensor, packets, mature
):
    once = mature(timelock.address, cut(sensor, packets[:30]))
    again = mature(stranger.address, cut(sensor, packets[:29]))
    member = founders[0]
    for ids in ([again], sorted([once, again])):
        with ape.reverts("submit: batch of another alliance"):
            rounds.submit(round_id, keccak(text="both"), SOME_CID, ids, sender=member)
    rounds.submit(round_id, keccak(text="one"), SOME_CID, [once], sender=member)
    assert rounds.update(round_id, 0).weight == 30


def test_other_cut__brought_back_to_the_first__overlaps(
    devices, timelock, stranger, sensor, packets, mature, anchor
):
    mature(timelock.address, cut(sensor, packets[:30]))
    mature(stranger.address, cut(sensor, packets[:29]))
    for again in (packets[:28], packets[5:40], packets[29:40]):
        with ape.reverts("anchor: window overlaps an earlier one"):
            anchor(timelock.address, cut(sensor, again))
    # Out and in again makes no difference: the clock of a seat outlives it.
    devices.expel([sensor.address], sender=timelock)
    devices.admit([sensor.address], sender=timelock)
    with ape.reverts("anchor: window overlaps an earlier one"):
        anchor(timelock.address, cut(sensor, packets[:28]))
    anchor(timelock.address, cut(sensor, packets[30:]))


def test_same_cut__in_a_second_alliance__is_refused(
    timelock, stranger, sensor, packets, anchor, mature
):
    batch = cut(sensor, packets[:30])
    mature(timelock.address, batch)
    with ape.reverts("anchor: root is anchored already"):
        anchor(stranger.address, batch)
