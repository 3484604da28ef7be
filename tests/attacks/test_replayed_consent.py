"""A captured ConfirmPackage is played again: by a stranger, by a former owner, on a second registry.

The package binds no chain and no contract, but it names its owner: it is of use to nobody else, and
to him only while it is the sensor's newest word.
"""

import boa
import pytest

from tests.differential._registry import START, consent_of, make_scene


@pytest.fixture
def scene():
    with boa.env.anchor():
        yield make_scene()


def test_captured_consent__by_a_stranger__names_another(scene):
    fresh = make_scene().registry
    captured = consent_of(scene.sensor, scene.owner, START + 5)
    stranger = boa.env.generate_address()
    with boa.env.prank(stranger), boa.reverts("register: device has an owner"):
        fresh.register(scene.sensor.address, 1, 300, *consent_of(scene.sensor, stranger, START + 9))
    with boa.env.prank(stranger), boa.reverts("consent: not signed by the device"):
        fresh.register(scene.sensor.address, 1, 300, *captured)
    with boa.env.prank(stranger), boa.reverts("accept: not offered to the caller"):
        fresh.accept(scene.sensor.address, *captured)


def test_captured_consent__by_the_owner_who_sold__is_spent(scene):
    registry, sensor = scene.registry, scene.sensor
    buyer = boa.env.generate_address()
    unused = consent_of(sensor, scene.owner, START + 50)  # made before the sale, never shown
    with boa.env.prank(scene.owner):
        registry.offer(sensor.address, buyer)
    with boa.env.prank(buyer):
        registry.accept(sensor.address, *consent_of(sensor, buyer, START + 100))
    with boa.env.prank(scene.owner), boa.reverts("accept: not offered to the caller"):
        registry.accept(sensor.address, *unused)
    # Even if the buyer offers it back, the old word is not new enough.
    with boa.env.prank(buyer):
        registry.offer(sensor.address, scene.owner)
    for consent in (unused, consent_of(sensor, scene.owner, START + 100)):
        with boa.env.prank(scene.owner), boa.reverts("consent: not newer than the last"):
            registry.accept(sensor.address, *consent)
    assert registry.device(sensor.address).owner == buyer


def test_captured_consent__of_the_future__cannot_lock_the_sensor(scene):
    buyer = boa.env.generate_address()
    with boa.env.prank(scene.owner):
        scene.registry.offer(scene.sensor.address, buyer)
    with boa.env.prank(buyer), boa.reverts("consent: from the future"):
        scene.registry.accept(scene.sensor.address, *consent_of(scene.sensor, buyer, 2**32 - 1))
