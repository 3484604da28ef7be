"""Content and programs in memory, for tests; the chain's fakes are in `cairn.chain.fakes`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cairn.chain import Plan, Update
from cairn.domain.keccak import keccak256
from cairn.operator._ports import AggregateFiles, OperatorError, VersionFile


@dataclass
class FakeContent:
    """Any bytes under a made-up binary CID."""

    files: dict[bytes, bytes] = field(default_factory=dict)
    fetched: list[bytes] = field(default_factory=list)
    hanging: set[bytes] = field(default_factory=set)
    """CIDs that nothing comes of until `let_go`."""
    _released: threading.Event = field(default_factory=threading.Event)

    def let_go(self) -> None:
        self.hanging.clear()
        self._released.set()

    def add(self, data: bytes) -> bytes:
        cid = b"\x01\x55\x12\x20" + keccak256(data)
        self.files[cid] = data
        return cid

    def fetch(self, cid: bytes) -> bytes:
        self.fetched.append(cid)
        if cid in self.hanging:
            self._released.wait()
        if cid not in self.files:
            raise OperatorError(f"nothing under 0x{cid.hex()}")
        return self.files[cid]


@dataclass(frozen=True)
class FakeProgram:
    """Adds its only byte to the last of the features; no features are `invalid`."""

    data: bytes

    @property
    def hash(self) -> bytes:
        return keccak256(self.data)

    def run_packed(self, features: bytes) -> bytes:
        if not features:
            return b""
        return features[:-1] + bytes([(features[-1] + self.data[0]) % 256])


def fake_aggregate(
    posted_plan: Plan,
    plan_file: bytes,
    updates: Sequence[tuple[Update, bytes | None]],
    base: Callable[[], VersionFile | None],
    previous: Callable[[], VersionFile | None],
) -> AggregateFiles:
    """The files one after another, after the base's, whose hash is its root."""
    usable = [data for update, data in updates if data and keccak256(data) == update.root]
    if not usable:
        raise OperatorError("no update can be used")
    start = base()
    if start is not None and keccak256(start.data) != start.parameters_root:
        raise OperatorError("the base is not the version's")
    aggregate = (b"" if start is None else start.data) + b"".join(usable)
    program = bytes([len(usable)])
    return AggregateFiles(
        keccak256(aggregate), aggregate, program, FakeProgram(program).hash, b"card"
    )
