"""A device registry on titanoboa, for what would take long over RPC."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import boa

from cairn.devices import Batch, SimulatedDevice, batch_id, build_batch, simulate_fleet
from cairn.domain.merkle import MerkleTree, packet_leaf
from cairn.domain.packets import decode_packet

BOND_WEI = 10**18
START = 1_700_000_000
NOBODY = "0x" + "00" * 20


@dataclass
class Scene:
    """A registered, admitted sensor and a batch of it, anchored and drawn."""

    registry: Any
    sensor: SimulatedDevice
    owner: Any
    alliance: Any
    packets: list[bytes]
    batch: Batch

    def anchor(self, batch: Any, alliance: Any = None, **changes: Any) -> int:
        """Anchor a batch, as its owner, some arguments changed."""
        arguments = {
            "alliance": alliance or self.alliance,
            "device": "0x" + batch.device.hex(),
            "root": batch.root,
            "count": batch.count,
            "first": batch.first,
            "last": batch.last,
            "cid": b"",
            **changes,
        }
        with boa.env.prank(self.owner):
            return self.registry.anchor_batch(*arguments.values(), value=BOND_WEI)

    def draw(self) -> None:
        """Let the block that draws go by."""
        boa.env.time_travel(blocks=4)


def consent_of(sensor: SimulatedDevice, account: Any, at: int) -> tuple[int, bytes, bytes]:
    """A sensor's consent to an owner, as `register` and `accept` take it."""
    confirmation = sensor.confirm(bytes.fromhex(str(account)[2:]), at)
    return at, confirmation.signature[:32], confirmation.signature[32:]


def openings_of(batch: Batch, indexes: Any) -> list[tuple[bytes, list[bytes]]]:
    """The openings of a batch, as `mature_batch` takes them."""
    openings = [batch.opening(index) for index in indexes]
    return [(opening.packet, list(opening.proof)) for opening in openings]


@cache
def _compiled() -> Any:
    return boa.load_partial("contracts/devices/DeviceRegistry.vy")


def make_scene(count: int = 40, in_batch: int = 20) -> Scene:
    boa.env.timestamp = START + 300 * count + 1_000
    registry = _compiled().deploy(BOND_WEI, NOBODY, NOBODY)
    owner, alliance = boa.env.generate_address("owner"), boa.env.generate_address("alliance")
    boa.env.set_balance(owner, 100 * BOND_WEI)
    sensor = simulate_fleet(seed=4690, count=1)[0]
    with boa.env.prank(owner):
        registry.register(sensor.address, 1, 300, *consent_of(sensor, owner, START))
    with boa.env.prank(alliance):
        registry.admit([sensor.address])
    packets = sensor.packets(START, count)
    batch = build_batch(packets[:in_batch], sensor.device, 300)
    return Scene(registry, sensor, owner, alliance, packets, batch)


@dataclass
class Forgery:
    """A tree made by a cheat: any packets at any indexes, announced as he likes."""

    device: bytes
    leaves: list[tuple[int, bytes]]
    first: int
    last: int
    count: int

    def __post_init__(self) -> None:
        self.tree = MerkleTree(packet_leaf(i, self.device, raw) for i, raw in self.leaves)
        self.root = self.tree.root
        self.batch_id = batch_id(self.device, self.root)

    def opening(self, place: int) -> tuple[bytes, list[bytes]]:
        """The leaf at a place of the tree, whatever index it bears."""
        return self.leaves[place][1], list(self.tree.proof(place))


def forge(device: bytes, packets: list[bytes], **announced: int) -> Forgery:
    """A forged batch of packets, numbered as they come, announced as it is or as told."""
    times = [decode_packet(raw).timestamp for raw in packets]
    return Forgery(
        device,
        list(enumerate(packets)),
        announced.get("first", min(times)),
        announced.get("last", max(times)),
        announced.get("count", len(packets)),
    )
