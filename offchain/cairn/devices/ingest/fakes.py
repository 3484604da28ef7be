"""A DeviceRegistry in memory, for tests: what the ingester wants of it, with the registry's words."""

from __future__ import annotations

from collections.abc import Sequence

from cairn.chain import (
    ZERO_ADDRESS,
    Batch,
    BatchAnchored,
    BatchMatured,
    BatchState,
    Call,
    Device,
    DeviceRegistered,
    DeviceRevoked,
    DeviceTransferred,
    PacketFormat,
    Reverted,
)
from cairn.chain.fakes import FakeChain, FakeContract
from cairn.devices._batches import batch_id as id_of
from cairn.domain.merkle import packet_leaf, process_proof

BOND_WEI = 10**18
_NO_DEVICE = Device(ZERO_ADDRESS, PacketFormat.CURRENT, 0, 0, False)
_NO_BATCH = Batch(ZERO_ADDRESS, ZERO_ADDRESS, ZERO_ADDRESS, 0, 0, 0, 0, 0, BatchState.OPEN)


class FakeDeviceRegistry(FakeContract):
    """Devices are put in by the test; batches are anchored, drawn and opened."""

    EVENTS = (DeviceRegistered, DeviceTransferred, DeviceRevoked, BatchAnchored, BatchMatured)

    def __init__(self, chain: FakeChain, address: str) -> None:
        super().__init__(chain, address)
        self.devices: dict[str, Device] = {}
        self.last: dict[tuple[str, str], int] = {}
        self.batches: dict[int, Batch] = {}
        self.drawn: dict[int, list[int]] = {}
        self.credits: dict[str, int] = {}
        self.n_anchored: dict[int, int] = {}

    # --- what the ingester reads ------------------------------------------------------------

    def device(self, device: str) -> Device:
        return self.devices.get(device.lower(), _NO_DEVICE)

    def last_anchored(self, alliance: str, device: str) -> int:
        return self.last.get((alliance, device.lower()), 0)

    def batch(self, batch_id: int) -> Batch:
        return self.batches.get(batch_id, _NO_BATCH)

    def bond_wei(self) -> int:
        return BOND_WEI

    def credit_wei(self, holder: str) -> int:
        return self.credits.get(holder, 0)

    def drawn_leaves(self, batch_id: int) -> list[int]:
        batch = self.batch(batch_id)
        number = len(self.chain.blocks)
        if number <= batch.draw_block:
            raise Reverted("drawn: its block is still to come")
        if batch_id not in self.drawn and number - batch.draw_block > 256:
            raise Reverted("drawn: the draw has lapsed")
        n = min(batch.count, 4)
        return [k * batch.count // n for k in range(n)]

    # --- what it sends ----------------------------------------------------------------------

    def anchor_batch(
        self,
        alliance: str,
        device: str,
        root: bytes,
        count: int,
        first_timestamp: int,
        last_timestamp: int,
        cid: bytes,
        *,
        bond_wei: int = 0,
    ) -> Call:
        args = (alliance, device, root, count, first_timestamp, last_timestamp, cid)
        return self.call("anchor_batch", *args, value=bond_wei)

    def draw(self, batch_id: int, *, bond_wei: int = 0) -> Call:
        return self.call("draw", batch_id, value=bond_wei)

    def mature_batch(
        self, batch_id: int, openings: Sequence[tuple[bytes, Sequence[bytes]]]
    ) -> Call:
        return self.call(
            "mature_batch", batch_id, [(packet, list(proof)) for packet, proof in openings]
        )

    def withdraw(self) -> Call:
        return self.call("withdraw")

    # --- what the test and the chain do -----------------------------------------------------

    def put(self, device: bytes, owner: str, period_s: int = 300) -> None:
        """Register a device, in a block of its own."""
        self.chain.act(owner, self.call("register", "0x" + device.hex(), period_s))

    def do_register(self, sender: str, value: int, device: str, period_s: int) -> None:
        self.devices[device] = Device(sender, PacketFormat.CURRENT, period_s, 1, False)
        self.emit(DeviceRegistered(device, sender, PacketFormat.CURRENT, period_s))

    def do_revoke(self, sender: str, value: int, device: str) -> None:
        was = self.devices[device]
        self.devices[device] = Device(was.owner, was.format, was.period_s, was.confirmed_at, True)
        self.emit(DeviceRevoked(device, sender))

    def do_anchor_batch(
        self,
        sender: str,
        value: int,
        alliance: str,
        device: str,
        root: bytes,
        count: int,
        first: int,
        last: int,
        cid: bytes,
    ) -> None:
        if self.device(device).owner != sender:
            raise Reverted("device: caller is not its owner")
        if self.device(device).is_revoked:
            raise Reverted("anchor: device is revoked")
        if value != BOND_WEI:
            raise Reverted("anchor: send exactly the bond")
        if first <= self.last_anchored(alliance, device):
            raise Reverted("anchor: window overlaps an earlier one")
        number = id_of(bytes.fromhex(device[2:]), root)
        if number in self.batches:
            raise Reverted("anchor: root is anchored already")
        self.last[alliance, device.lower()] = last
        self.n_anchored[number] = self.n_anchored.get(number, 0) + 1
        self.batches[number] = Batch(
            alliance,
            device,
            sender,
            count,
            first,
            last,
            self.chain.timestamp,
            len(self.chain.blocks) + 2,
            BatchState.OPEN,
        )
        self.emit(BatchAnchored(number, alliance, device, root, count, first, last, cid))

    def do_draw(self, sender: str, value: int, batch_id: int) -> None:
        batch = self.batches[batch_id]
        if value != BOND_WEI:
            raise Reverted("draw: lapsed, pay another bond")
        self._replace(batch_id, batch, batch.state, len(self.chain.blocks) + 2)

    def do_mature_batch(
        self, sender: str, value: int, batch_id: int, openings: list[list[object]]
    ) -> None:
        batch = self.batches[batch_id]
        if batch.state != BatchState.OPEN:
            raise Reverted("batch: is not open")
        device = bytes.fromhex(batch.device[2:])
        for index, (packet, proof) in zip(self.drawn_leaves(batch_id), openings, strict=True):
            assert isinstance(packet, bytes) and isinstance(proof, list)
            root = process_proof(packet_leaf(index, device, packet), proof)
            if id_of(device, root) != batch_id:
                raise Reverted("mature: not the drawn leaf")
        self._replace(batch_id, batch, BatchState.MATURE, batch.draw_block)
        self.credits[batch.owner] = self.credits.get(batch.owner, 0) + BOND_WEI
        self.emit(BatchMatured(batch_id))

    def do_withdraw(self, sender: str, value: int) -> None:
        if not self.credits.pop(sender, 0):
            raise Reverted("withdraw: nothing to withdraw")

    def _replace(self, batch_id: int, batch: Batch, state: BatchState, draw_block: int) -> None:
        self.batches[batch_id] = Batch(
            batch.alliance,
            batch.device,
            batch.owner,
            batch.count,
            batch.first_timestamp,
            batch.last_timestamp,
            batch.anchored_at,
            draw_block,
            state,
        )
