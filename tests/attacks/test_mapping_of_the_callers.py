"""A buyer wants a signed reading to say what suits him: he picks which channels feed the model.

Which channels feed it is the alliance's word, given once; the call takes no mapping. A packet of a
sensor that nobody admitted, his own key's, is refused: what it signed is his invention.
"""

import ape
import pytest

from cairn.devices import AIR_QUALITY, simulate_fleet
from cairn.domain.packets import PacketVerifier, select_channels
from tests.unit.inference_market.conftest import PRICE

DAY_S = 86_400


@pytest.fixture
def reading(system, model_id, timelock):
    system.packet_features.set_channels(model_id, AIR_QUALITY.channel_map(), sender=timelock)
    return model_id


def register(registry, sensor, owner, at):
    confirmation = sensor.confirm(bytes.fromhex(owner.address[2:]), at)
    signature = confirmation.signature
    registry.register(
        sensor.address, 1, 300, confirmation.timestamp, signature[:32], signature[32:], sender=owner
    )


def test_mapping__by_the_buyer__is_the_alliances_alone(system, reading, requester, timelock):
    for sender in (requester, timelock):
        with ape.reverts():
            system.packet_features.set_channels(reading, bytes([8, 8, 8, 8]), sender=sender)
    assert system.packet_features.channels_of(reading) == AIR_QUALITY.channel_map()


def test_invented_packet__signed_by_a_key_of_the_buyers__is_refused(
    market, reading, system, requester, chain
):
    now = chain.blocks.head.timestamp
    own = simulate_fleet(seed=666, count=1)[0]
    register(system.device_registry, own, requester, now - 100)
    with ape.reverts("packet: sensor is not admitted"):
        market.predict_from_packet(
            reading, own.packets(now - 50, 1)[0], DAY_S, PRICE, value=PRICE, sender=requester
        )
    # Nor does it help to found an alliance of his own that admits it.
    system.device_registry.admit([own.address], sender=requester)
    with ape.reverts("packet: sensor is not admitted"):
        market.predict_from_packet(
            reading, own.packets(now - 50, 1)[0], DAY_S, PRICE, value=PRICE, sender=requester
        )
    assert market.balance == 0


def test_packet_with_stuffing__behind_the_signature__reads_the_same(
    market, reading, system, timelock, requester, chain, accounts
):
    """Unknown fields outside the signed data may be added by anyone, and change nothing."""
    now = chain.blocks.head.timestamp
    sensor = simulate_fleet(seed=667, count=1)[0]
    register(system.device_registry, sensor, accounts[11], now - 100)
    system.device_registry.admit([sensor.address], sender=timelock)
    packet = sensor.packets(now - 50, 1)[0]
    _, readings = PacketVerifier(sensor.device).verify(packet)
    receipt = market.predict_from_packet(
        reading, packet + b"\x78\x07", DAY_S, PRICE, value=PRICE, sender=requester
    )
    [sold] = receipt.decode_logs(market.Predicted)
    assert bytes(sold.features) == select_channels(readings, AIR_QUALITY.channel_map())
