"""Batches: one device's packets, verified, in the order of time, under one Merkle root.

A batch file ("cairn-batch/1") is, all integers big-endian: the magic, the device's 20 bytes, the
count (4 bytes), then for each packet its length (2 bytes) and its bytes as received. There is one
file for a batch: the same packets give the same bytes, and every byte of it is checked on reading.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

from cairn.domain.keccak import keccak256
from cairn.domain.merkle import MerkleTree, packet_leaves
from cairn.domain.packets import (
    MAX_PACKET_BYTES,
    Packet,
    PacketError,
    PacketFormat,
    PacketVerifier,
    Readings,
    decode_packet,
)
from cairn.errors import CairnError

__all__ = [
    "MAX_BATCH_PACKETS",
    "Batch",
    "BatchError",
    "Opening",
    "batch_id",
    "build_batch",
    "parse_batch",
    "split_batch",
    "thin_packets",
    "verify_packets",
]

MAGIC = b"cairn-batch/1\n"

MAX_BATCH_PACKETS = 2**20
"""As the registry's MAX_COUNT: a proof has at most 20 siblings."""


_STRETCH = 256  # packets that a thread takes at a time


class BatchError(CairnError):
    """Packets that make no batch; the message names the packet, from 0, and what is wrong."""


@dataclass(frozen=True)
class Opening:
    """One packet of a batch with its Merkle proof, as `mature_batch` and `verify_reading` take."""

    index: int
    packet: bytes
    proof: tuple[bytes, ...]


def batch_id(device: bytes, root: bytes) -> int:
    """The registry's id of a batch: keccak256(abi.encode(device, root))."""
    return int.from_bytes(keccak256(bytes(12) + device + root), "big")


@dataclass(frozen=True)
class Batch:
    """Verified packets of one device with strictly increasing timestamps."""

    device: bytes  # 20-byte address
    packets: tuple[Packet, ...]
    readings: tuple[Readings, ...] = field(repr=False)

    @property
    def count(self) -> int:
        return len(self.packets)

    @property
    def first(self) -> int:
        """The first packet's timestamp, unix seconds."""
        return self.packets[0].timestamp

    @property
    def last(self) -> int:
        return self.packets[-1].timestamp

    @cached_property
    def tree(self) -> MerkleTree:
        return MerkleTree(packet_leaves(self.device, (packet.raw for packet in self.packets)))

    @property
    def root(self) -> bytes:
        return self.tree.root

    @property
    def batch_id(self) -> int:
        return batch_id(self.device, self.root)

    def opening(self, index: int) -> Opening:
        """The packet at `index` with its proof."""
        return Opening(index, self.packets[index].raw, self.tree.proof(index))

    @cached_property
    def file(self) -> bytes:
        """The canonical batch file."""
        parts = [MAGIC, self.device, self.count.to_bytes(4, "big")]
        for packet in self.packets:
            parts += (len(packet.raw).to_bytes(2, "big"), packet.raw)
        return b"".join(parts)


def verify_packets(
    packets: Sequence[bytes],
    device: bytes,
    format: PacketFormat = PacketFormat.CURRENT,
    workers: int = 2,
) -> list[tuple[Packet, Readings]]:
    """Open, check and decode packets of one device; raises BatchError that names the first bad one.

    libsecp256k1 runs outside Python's lock, so that `workers` threads use as many cores.
    """
    verifier = PacketVerifier(device, format)

    def verify(stretch: range) -> list[tuple[Packet, Readings]]:
        verified = []
        for index in stretch:
            try:
                verified.append(verifier.verify(packets[index]))
            except PacketError as error:
                raise BatchError(f"packet {index}: {error}") from error
        return verified

    count = len(packets)
    # The first good packet tells the device's public key to the others.
    verified = verify(range(min(1, count)))
    stretches = [range(at, min(at + _STRETCH, count)) for at in range(1, count, _STRETCH)]
    with ThreadPoolExecutor(workers) as pool:
        for part in pool.map(verify, stretches):
            verified.extend(part)
    return verified


def thin_packets(packets: Sequence[bytes], period_s: int) -> list[bytes]:
    """Sort packets by time and leave out what comes within a period of the one kept before.

    A batch holds at most one reading a period. Raises BatchError for a malformed packet.
    """
    opened = []
    for index, raw in enumerate(packets):
        try:
            opened.append((decode_packet(raw).timestamp, raw))
        except PacketError as error:
            raise BatchError(f"packet {index}: {error}") from error
    kept: list[bytes] = []
    previous = -period_s
    for timestamp, raw in sorted(opened):
        if timestamp - previous >= period_s:
            kept.append(raw)
            previous = timestamp
    return kept


def build_batch(
    packets: Sequence[bytes],
    device: bytes,
    period_s: int,
    format: PacketFormat = PacketFormat.CURRENT,
    workers: int = 2,
) -> Batch:
    """Verify packets and put them into a batch.

    `device`, `period_s` and `format` are as registered: `period_s` is the least time between two
    readings. Raises BatchError that names the packet and what is wrong with it: malformed, a bad
    signature, another device's, a duplicate timestamp, out of order, too close to the one before.
    """
    if not packets:
        raise BatchError("no packets: a batch holds at least one")
    if len(packets) > MAX_BATCH_PACKETS:
        raise BatchError(f"{len(packets)} packets: a batch holds at most {MAX_BATCH_PACKETS}")
    if period_s < 1:
        raise BatchError(f"a period of {period_s} s: give the device's registered period")
    verified = verify_packets(packets, device, format, workers)
    previous = None
    for index, (packet, _) in enumerate(verified):
        if previous is not None:
            gap = packet.timestamp - previous
            if gap == 0:
                raise BatchError(
                    f"packet {index}: its timestamp {packet.timestamp} is a duplicate of packet "
                    f"{index - 1}'s: leave one out"
                )
            if gap < 0:
                raise BatchError(
                    f"packet {index}: it is {-gap} s older than packet {index - 1}: sort by time"
                )
            if gap < period_s:
                raise BatchError(
                    f"packet {index}: only {gap} s after packet {index - 1}, the device's period "
                    f"is {period_s} s: thin_packets leaves it out"
                )
        previous = packet.timestamp
    return Batch(
        device,
        tuple(packet for packet, _ in verified),
        tuple(readings for _, readings in verified),
    )


def split_batch(file: bytes) -> tuple[bytes, list[bytes]]:
    """The device's 20-byte address and the packets of a batch file, nothing of them checked yet.

    Raises BatchError if the file is garbled. Whoever wants one verdict takes `parse_batch`.
    """
    head = len(MAGIC) + 24
    if not file.startswith(MAGIC) or len(file) < head:
        raise BatchError("not a batch file: it begins with 'cairn-batch/1'")
    count = int.from_bytes(file[head - 4 : head], "big")
    if not 0 < count <= MAX_BATCH_PACKETS:
        raise BatchError(f"a batch file of {count} packets: 1 to {MAX_BATCH_PACKETS} are possible")
    packets: list[bytes] = []
    at = head
    while len(packets) < count:
        size = int.from_bytes(file[at : at + 2], "big")
        at += 2
        if not 0 < size <= MAX_PACKET_BYTES or at + size > len(file):
            raise BatchError(
                f"packet {len(packets)}: the batch file ends or is garbled: fetch it again"
            )
        packets.append(file[at : at + size])
        at += size
    if at != len(file):
        raise BatchError(f"the batch file has {len(file) - at} bytes after its last packet")
    return file[len(MAGIC) : len(MAGIC) + 20], packets


def parse_batch(
    file: bytes,
    period_s: int,
    format: PacketFormat = PacketFormat.CURRENT,
    device: bytes | None = None,
    root: bytes | None = None,
    workers: int = 2,
) -> Batch:
    """Read and verify a batch file, against the anchored `device` and `root` where given."""
    found, packets = split_batch(file)
    if device is not None and found != device:
        raise BatchError(
            f"the batch file is of device 0x{found.hex()}, the anchor of 0x{device.hex()}"
        )
    batch = build_batch(packets, found, period_s, format, workers)
    if root is not None and batch.root != root:
        raise BatchError(
            f"the batch file's root is 0x{batch.root.hex()}, the anchored one 0x{root.hex()}"
        )
    return batch
