"""Whose packets are taken: the devices that our account owns in the registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, delete, insert, select

from cairn.chain import (
    Device,
    DeviceRegistered,
    DeviceRevoked,
    DeviceTransferred,
    Head,
    Log,
    LogCursor,
)
from cairn.devices.ingest._store import PacketStore, devices
from cairn.domain.packets import PacketFormat, PacketVerifier


@dataclass(frozen=True, slots=True)
class KnownDevice:
    device: bytes
    format: PacketFormat
    period_s: int


class DeviceRecords(Protocol):
    """What of the DeviceRegistry's client is wanted here."""

    def device(self, device: str) -> Device: ...

    def decode(self, log: Log) -> object | None: ...


class Roster:
    """Known devices, kept in the store so that packets are taken while the chain is out of reach."""

    def __init__(self, store: PacketStore) -> None:
        self._store = store
        self._verifiers: dict[bytes, PacketVerifier] = {}
        self._known: dict[bytes, KnownDevice] = {}
        self._load()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, device: bytes) -> KnownDevice | None:
        return self._known.get(device)

    def verifier(self, device: bytes) -> PacketVerifier | None:
        """The device's verifier, which remembers its key; None for a device that is not ours."""
        return self._verifiers.get(device)

    def replace(self, known: Iterable[KnownDevice]) -> None:
        """Keep exactly these."""
        with self._store.store.begin() as db:
            db.execute(delete(devices))
            rows = [
                {
                    "device": one.device,
                    "format": int(one.format),
                    "period_s": one.period_s,
                }
                for one in known
            ]
            if rows:
                db.execute(insert(devices), rows)
        self._load()

    def follow(self, cursor: LogCursor, head: Head, registry: DeviceRecords, account: str) -> None:
        """Read the registry's news and look up every device that it names."""
        changed = False

        def handle(db: Connection, logs: list[Log]) -> None:
            nonlocal changed
            named = set()
            for log in logs:
                event = registry.decode(log)
                if isinstance(event, DeviceRegistered | DeviceTransferred | DeviceRevoked):
                    named.add(event.device)
            for address in sorted(named):
                changed = True
                device = bytes.fromhex(address[2:])
                record = registry.device(address)
                db.execute(delete(devices).where(devices.c.device == device))
                if record.owner == account and not record.is_revoked:
                    db.execute(
                        insert(devices).values(
                            device=device,
                            format=int(record.format),
                            period_s=record.period_s,
                        )
                    )

        cursor.advance(head, handle)
        if changed:
            self._load()

    def _load(self) -> None:
        with self._store.store.begin() as db:
            rows = db.execute(select(devices)).all()
        known = {
            bytes(row.device): KnownDevice(
                bytes(row.device), PacketFormat(row.format), row.period_s
            )
            for row in rows
        }
        self._verifiers = {
            device: self._verifiers.get(device) or PacketVerifier(device, one.format)
            for device, one in known.items()
        }
        self._known = known
