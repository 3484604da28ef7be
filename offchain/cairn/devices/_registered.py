"""Sensors as the registry has them, for people: found by its events, looked up one by one."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from eth_utils.address import is_address, to_checksum_address

from cairn.chain import DeviceRegistered, PacketFormat, System
from cairn.domain.packets import Confirmation, check_confirmation, decode_confirmation
from cairn.errors import CairnError

__all__ = ["RegisteredDevice", "device_address", "list_devices", "parse_consent"]

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


@dataclass(frozen=True)
class RegisteredDevice:
    device: str
    owner: str
    format: str  # current, or unsigned temperature (2021)
    period_s: int
    is_revoked: bool
    is_admitted: bool | None  # None: no alliance was asked about

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def list_devices(
    system: System, owner: str | None = None, alliance: str | None = None
) -> list[RegisteredDevice]:
    """All registered sensors, or one owner's, in the order of their registration."""
    registry, node = system.devices, system.node
    timelock = None
    if alliance is not None:
        named = system.deployment
        timelock = alliance if is_address(alliance) else named.alliance(alliance).Timelock.address
    wanted = None if owner is None else _checked(owner)
    found = []
    first, last = system.deployment.contract("DeviceRegistry").block, node.head().number
    topics = registry.topics(DeviceRegistered)
    while first <= last:
        page = min(last, first + system.network.log_page_blocks - 1)
        for log in node.logs([registry.address], topics, first, page):
            event = registry.decode(log)
            if not isinstance(event, DeviceRegistered):
                continue
            record = registry.device(event.device)
            if wanted is not None and record.owner != wanted:
                continue
            found.append(
                RegisteredDevice(
                    event.device,
                    record.owner,
                    "current" if record.format == PacketFormat.CURRENT else "2021",
                    record.period_s,
                    record.is_revoked,
                    None if timelock is None else registry.is_admitted(timelock, event.device),
                )
            )
        first = page + 1
    return found


def parse_consent(raw: bytes, device: str) -> Confirmation:
    """The device's ConfirmPackage, checked: raises PacketError unless it signed it."""
    confirmation = decode_confirmation(raw)
    check_confirmation(confirmation, bytes.fromhex(device[2:]))
    return confirmation


def device_address(text: str) -> str:
    """An address from 0x…, did:io:0x… or io1…; raises ValueError."""
    if text.startswith("io1"):
        return str(to_checksum_address(_from_bech32(text)))
    digits = text.removeprefix("did:io:")
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", digits) or not is_address(digits):
        raise ValueError(f"{text!r} is no address: give 0x and 40 digits, did:io:0x… or io1…")
    return str(to_checksum_address(digits))


def _checked(text: str) -> str:
    try:
        return device_address(text)
    except ValueError as error:
        raise CairnError(str(error)) from None


def _from_bech32(text: str) -> bytes:
    """The 20 bytes of an io1… address (BIP 173)."""
    data = [_BECH32.find(letter) for letter in text[3:]]
    prefix = [ord(letter) >> 5 for letter in "io"] + [0] + [ord(letter) & 31 for letter in "io"]
    if -1 in data or len(data) != 38 or _polymod(prefix + data) != 1:
        raise ValueError(f"{text!r} is no io1 address: a character of it is wrong")
    number = 0
    for five_bits in data[:32]:
        number = number << 5 | five_bits
    return number.to_bytes(20, "big")


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            check ^= generator if top >> bit & 1 else 0
    return check
