"""predict_from_packet: from a sensor's signed packet to a prediction, in one transaction."""

from dataclasses import replace

import ape
import pytest

from cairn.devices import AIR_QUALITY, SimulatedDevice, simulate_fleet
from cairn.domain.keccak import keccak256
from cairn.domain.packets import PacketVerifier, select_channels
from tests.unit.inference_market.conftest import PRICE

DAY_S = 86_400
# What the published program takes, from the schema that an exporter would register.
CHANNELS = AIR_QUALITY.channel_map()


@pytest.fixture
def sensor() -> SimulatedDevice:
    return simulate_fleet(seed=77, count=1)[0]


@pytest.fixture
def owner(accounts):
    return accounts[11]


@pytest.fixture
def now(chain):
    return chain.blocks.head.timestamp


@pytest.fixture
def admitted(system, sensor, owner, timelock, now):
    """The sensor, registered by its owner and admitted by the model's alliance."""
    confirmation = sensor.confirm(bytes.fromhex(owner.address[2:]), now - 1_000)
    signature = confirmation.signature
    registry = system.device_registry
    registry.register(
        sensor.address, 1, 300, confirmation.timestamp, signature[:32], signature[32:], sender=owner
    )
    registry.admit([sensor.address], sender=timelock)
    return registry


@pytest.fixture
def packet(sensor, now):
    """A reading of a minute ago."""
    return sensor.packets(now - 60, 1)[0]


@pytest.fixture
def reading(system, model_id, timelock):
    """The model, told its channels."""
    system.packet_features.set_channels(model_id, CHANNELS, sender=timelock)
    return model_id


def test_predict_from_packet__paid__runs_the_program_on_what_was_signed(
    market, reading, admitted, sensor, packet, published_program, requester, owed, alliance
):
    opened, readings = PacketVerifier(sensor.device).verify(packet)
    features = select_channels(readings, CHANNELS)
    receipt = market.predict_from_packet(
        reading, packet, DAY_S, PRICE, value=PRICE, sender=requester
    )
    device, timestamp, outputs = receipt.return_value
    assert (device.lower(), timestamp) == (sensor.address, opened.timestamp)
    assert bytes(outputs) == published_program.run_packed(features) != b""
    [sold] = receipt.decode_logs(market.Predicted)
    assert (bytes(sold.features), bytes(sold.outputs)) == (features, bytes(outputs))
    [read] = receipt.decode_logs(market.PacketRead)
    assert (read.device.lower(), read.event_arguments["timestamp"]) == (
        sensor.address,
        opened.timestamp,
    )
    assert bytes(read.packet_hash) == keccak256(packet)
    assert owed(alliance.share_token) == PRICE // 2
    assert owed(alliance.timelock) == PRICE // 2
    assert market.balance == PRICE


@pytest.mark.parametrize("channels", [bytes(range(9)) + bytes(range(10, 16)), bytes([15, 0, 7, 8])])
def test_predict_from_packet__any_channels__in_the_order_that_was_said(
    market, system, model_id, timelock, admitted, sensor, packet, requester, channels
):
    system.packet_features.set_channels(model_id, channels, sender=timelock)
    _, readings = PacketVerifier(sensor.device).verify(packet)
    features = select_channels(readings, channels)
    if len(channels) == 4:
        receipt = market.predict_from_packet(
            model_id, packet, DAY_S, PRICE, value=PRICE, sender=requester
        )
        [sold] = receipt.decode_logs(market.Predicted)
        assert bytes(sold.features) == features
    else:  # more features than the program takes
        with ape.reverts("predict: features are invalid"):
            market.predict_from_packet(
                model_id, packet, DAY_S, PRICE, value=PRICE, sender=requester
            )


def test_predict_from_packet__model_without_channels__reverts(
    market, model_id, admitted, packet, requester
):
    with ape.reverts("packet: model reads no packets"):
        market.predict_from_packet(model_id, packet, DAY_S, PRICE, value=PRICE, sender=requester)


def test_predict_from_packet__a_bit_changed__reverts(market, reading, admitted, packet, requester):
    for place in (10, 40, len(packet) - 1):
        changed = bytearray(packet)
        changed[place] ^= 1
        with ape.reverts():
            market.predict_from_packet(
                reading, bytes(changed), DAY_S, PRICE, value=PRICE, sender=requester
            )
    assert market.balance == 0


def test_predict_from_packet__sensor_not_admitted__reverts(
    market, reading, admitted, sensor, packet, requester, timelock
):
    admitted.expel([sensor.address], sender=timelock)
    with ape.reverts("packet: sensor is not admitted"):
        market.predict_from_packet(reading, packet, DAY_S, PRICE, value=PRICE, sender=requester)


def test_predict_from_packet__sensor_revoked__reverts(
    market, reading, admitted, sensor, packet, requester, owner
):
    admitted.revoke(sensor.address, sender=owner)
    with ape.reverts("packet: sensor is not admitted"):
        market.predict_from_packet(reading, packet, DAY_S, PRICE, value=PRICE, sender=requester)


def test_predict_from_packet__unregistered_sensor__reverts(market, reading, requester, now):
    packet = simulate_fleet(seed=78, count=1)[0].packets(now - 60, 1)[0]
    with ape.reverts("packet: signer is not registered"):
        market.predict_from_packet(reading, packet, DAY_S, PRICE, value=PRICE, sender=requester)


def test_predict_from_packet__older_than_the_caller_takes__reverts(
    market, reading, admitted, packet, requester, pass_time
):
    pass_time(600)
    with ape.reverts("packet: too old"):
        market.predict_from_packet(reading, packet, 600, PRICE, value=PRICE, sender=requester)
    for any_age in (3_600, 2**256 - 1):
        market.predict_from_packet(reading, packet, any_age, PRICE, value=PRICE, sender=requester)


def test_predict_from_packet__from_the_future__reverts(
    market, reading, admitted, sensor, requester, now
):
    packet = sensor.packets(now + 1_000, 1)[0]
    with ape.reverts("packet: from the future"):
        market.predict_from_packet(reading, packet, DAY_S, PRICE, value=PRICE, sender=requester)


def test_predict_from_packet__price_above_the_callers_limit__reverts(
    market, reading, admitted, packet, requester
):
    with ape.reverts("predict: price above max_price"):
        market.predict_from_packet(reading, packet, DAY_S, PRICE - 1, value=PRICE, sender=requester)


def test_predict_from_packet__by_a_contract__works_alike(
    market, reading, admitted, packet, caller, requester
):
    data = market.predict_from_packet.encode_input(reading, packet, DAY_S, PRICE)
    receipt = caller.forward(market, data, value=PRICE, sender=requester)
    [read] = receipt.decode_logs(market.PacketRead)
    assert bytes(read.packet_hash) == keccak256(packet)


def test_schema__with_another_order__gives_another_map():
    swapped = replace(AIR_QUALITY, features=AIR_QUALITY.features[::-1])
    assert swapped.channel_map() == CHANNELS[::-1]
