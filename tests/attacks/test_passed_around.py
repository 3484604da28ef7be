"""One sensor is handed from account to account within a round, each account handing in an update on
a batch of it: past the cap on a member's weight, and until the round has no place left for others.

A sensor's readings count for the first member who hands them in, and for nobody else in that round.
"""

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


@pytest.fixture
def sensor(chain, system, timelock, founders):
    device = SimulatedDevice(11, 0, CLIMATES[0], PERIOD_S)
    devices = system.device_registry
    now = chain.blocks.head.timestamp
    signature = device.confirm(bytes.fromhex(founders[0].address[2:]), now).signature
    devices.register(
        device.address, 1, PERIOD_S, now, signature[:32], signature[32:], sender=founders[0]
    )
    devices.admit([device.address], sender=timelock)
    return device


def mature(chain, devices, hands, owner, device, start, count):
    """Anchor and open a batch of the sensor, by its owner of the moment."""
    batch = build_batch(device.packets(start, count), device.device, PERIOD_S)
    devices.anchor_batch(
        hands, device.address, batch.root, batch.count, batch.first, batch.last, SOME_CID,
        value=devices.bond_wei(), sender=owner,
    )  # fmt: skip
    chain.mine(3)
    openings = [batch.opening(index) for index in devices.drawn_leaves(batch.batch_id)]
    devices.mature_batch(
        batch.batch_id, [(o.packet, list(o.proof)) for o in openings], sender=owner
    )
    return batch.batch_id


def test_submit__sensor_handed_on__counts_once(
    chain, system, rounds, round_id, timelock, founders, sensor
):
    devices = system.device_registry
    first, second = founders[:2]
    start = chain.blocks.head.timestamp - 200 * (PERIOD_S + 10)
    ids = [mature(chain, devices, timelock.address, first, sensor, start, 50)]
    rounds.submit(round_id, keccak(text="first"), SOME_CID, ids, sender=first)

    devices.offer(sensor.address, second, sender=first)
    now = chain.blocks.head.timestamp
    signature = sensor.confirm(bytes.fromhex(second.address[2:]), now).signature
    devices.accept(sensor.address, now, signature[:32], signature[32:], sender=second)
    later = start + 100 * (PERIOD_S + 10)
    ids = [mature(chain, devices, timelock.address, second, sensor, later, 50)]
    with ape.reverts("submit: device counted for another"):
        rounds.submit(round_id, keccak(text="second"), SOME_CID, ids, sender=second)
    assert rounds.n_updates(round_id) == 1
