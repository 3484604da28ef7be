"""The packets of a batch's file, before anything about them is believed.

`cairn.devices.parse_batch` stops at the first bad packet; an audit wants to name them all, and to
tell a wrong root from a wrong signature.
"""

from __future__ import annotations

from cairn.devices import BatchError
from cairn.domain.packets import MAX_PACKET_BYTES

MAGIC = b"cairn-batch/1\n"


def split(file: bytes) -> tuple[bytes, list[bytes]]:
    """The device's 20-byte address and the packets; raises BatchError if the file is garbled."""
    head = len(MAGIC) + 24
    if not file.startswith(MAGIC) or len(file) < head:
        raise BatchError("not a batch file: it does not begin with 'cairn-batch/1'")
    count = int.from_bytes(file[head - 4 : head], "big")
    packets: list[bytes] = []
    at = head
    while at < len(file) and len(packets) < count:
        size = int.from_bytes(file[at : at + 2], "big")
        if not 0 < size <= MAX_PACKET_BYTES or at + 2 + size > len(file):
            raise BatchError(f"packet {len(packets)} of the batch file is cut off or garbled")
        packets.append(file[at + 2 : at + 2 + size])
        at += 2 + size
    if len(packets) != count or at != len(file):
        raise BatchError(f"the batch file says {count} packets, and holds something else")
    return file[len(MAGIC) : len(MAGIC) + 20], packets
