"""A registry, and the people who meet there."""

import pytest

from cairn.devices import build_batch, simulate_fleet

BOND_WEI = 10**18
START = 1_700_000_000
NOBODY = "0x" + "00" * 20
BURN = "0x000000000000000000000000000000000000dEaD"


@pytest.fixture(scope="session")
def owner(accounts):
    """Owns the sensor under test."""
    return accounts[11]


@pytest.fixture(scope="session")
def newcomer(accounts):
    """Somebody who takes a sensor over."""
    return accounts[12]


@pytest.fixture(scope="session")
def alliance(accounts):
    """Stands for an alliance's timelock."""
    return accounts[13]


@pytest.fixture(scope="session")
def other_alliance(accounts):
    return accounts[14]


@pytest.fixture(scope="session")
def fleet():
    return simulate_fleet(seed=4690, count=2)


@pytest.fixture(scope="session")
def sensor(fleet):
    return fleet[0]


@pytest.fixture(scope="session")
def packets(sensor):
    """40 readings of the sensor."""
    return sensor.packets(START, 40)


@pytest.fixture(scope="session")
def batch(sensor, packets):
    return build_batch(packets[:20], sensor.device, 300)


@pytest.fixture(scope="session")
def next_batch(sensor, packets):
    return build_batch(packets[20:], sensor.device, 300)


@pytest.fixture
def now(chain):
    """A quarter of an hour after the last packet: the chain's clock."""
    at = START + 13_000
    if chain.pending_timestamp < at:
        chain.pending_timestamp = at
        chain.mine(1)
    return chain.blocks.head.timestamp


@pytest.fixture
def ioid(project, deployer):
    return deployer.deploy(project.IoIDDouble)


@pytest.fixture
def registry(system, now):
    return system.device_registry


@pytest.fixture
def registry_with_ioid(project, deployer, ioid, now):
    """A registry on a chain that has ioID."""
    return deployer.deploy(project.DeviceRegistry, BOND_WEI, ioid, ioid)


def raw_address(account) -> bytes:
    return bytes.fromhex(str(getattr(account, "address", account))[2:])


@pytest.fixture
def consent(sensor, now):
    """The sensor's consent to an owner, as `register` and `accept` take it."""

    def make(account, age_s=1_000, device=sensor):
        confirmation = device.confirm(raw_address(account), now - age_s)
        signature = confirmation.signature
        return confirmation.timestamp, signature[:32], signature[32:]

    return make


@pytest.fixture
def registered(registry, sensor, owner, consent):
    """The registry with the sensor in it."""
    registry.register(sensor.address, 1, 300, *consent(owner), sender=owner)
    return registry


@pytest.fixture
def registered_with_ioid(registry_with_ioid, sensor, owner, consent):
    registry_with_ioid.register(sensor.address, 1, 300, *consent(owner), sender=owner)
    return registry_with_ioid


@pytest.fixture
def admitted(registered, sensor, alliance):
    """The registry with the sensor admitted."""
    registered.admit([sensor.address], sender=alliance)
    return registered


def anchor_args(alliance, batch, **changes):
    """The arguments of `anchor_batch`, some changed."""
    arguments = {
        "alliance": alliance,
        "device": "0x" + batch.device.hex(),
        "root": batch.root,
        "count": batch.count,
        "first_timestamp": batch.first,
        "last_timestamp": batch.last,
        "cid": b"\x01" + bytes(35),
        **changes,
    }
    return list(arguments.values())


def openings_of(batch, indexes):
    """The openings of a batch, as `mature_batch` takes them."""
    openings = [batch.opening(index) for index in indexes]
    return [(opening.packet, list(opening.proof)) for opening in openings]


@pytest.fixture
def anchored(admitted, alliance, owner, batch):
    """The registry with the batch anchored, and its draw due."""
    admitted.anchor_batch(*anchor_args(alliance, batch), sender=owner, value=BOND_WEI)
    return admitted


@pytest.fixture
def drawn(anchored, chain):
    chain.mine(4)
    return anchored


@pytest.fixture
def mature(drawn, batch, owner):
    indexes = drawn.drawn_leaves(batch.batch_id)
    drawn.mature_batch(batch.batch_id, openings_of(batch, indexes), sender=owner)
    return drawn
