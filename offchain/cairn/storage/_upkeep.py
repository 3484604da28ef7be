"""Keeping content alive: pin what matters, verify that it is there, repair what is not.

Plain functions over stores; the command line and the operator's schedule call the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import RawIOBase
from typing import BinaryIO, Protocol, cast

from cairn.domain.cid import Cid

from ._dag import copy
from ._errors import (
    BlockMismatch,
    ContentNotFound,
    LimitExceeded,
    MalformedContent,
    NoIntactCopy,
    StorageError,
)
from ._port import DEFAULT_LIMITS, ContentStore, Limits, Progress


@dataclass(frozen=True, slots=True)
class NamedCid:
    """A CID and what it is, as the registry or a person calls it."""

    cid: Cid
    label: str = ""


class CidSource(Protocol):
    """Whatever names content that must stay retrievable, such as the model registry."""

    def named_cids(self) -> Iterator[NamedCid]:
        """Every CID that is named, each with what it is."""


class State(StrEnum):
    """What a store's copy of some content is worth."""

    INTACT = "intact"
    MISSING = "missing"
    CORRUPT = "corrupt"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    """The content is intact, block for block, but no file or beyond the limits."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one store holds of one CID."""

    cid: Cid
    label: str
    store: str
    state: State
    size_bytes: int = 0
    pinned: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number to export, by Prometheus' conventions."""

    name: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def series(self) -> str:
        """The name with its labels."""
        if not self.labels:
            return self.name
        labels = ",".join(f'{key}="{value}"' for key, value in self.labels)
        return f"{self.name}{{{labels}}}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What all stores hold of all CIDs."""

    findings: tuple[Finding, ...]

    @property
    def lost(self) -> tuple[Cid, ...]:
        """CIDs of which no store has an intact copy."""
        intact = {one.cid for one in self.findings if one.state is State.INTACT}
        return tuple(sorted({one.cid for one in self.findings} - intact))

    @property
    def damaged(self) -> tuple[Finding, ...]:
        """Copies that are missing, corrupt or out of reach."""
        return tuple(one for one in self.findings if one.state is not State.INTACT)

    @property
    def broken(self) -> tuple[Finding, ...]:
        """Copies that a store pins and does not have intact: somebody meant to keep them."""
        return tuple(
            one
            for one in self.findings
            if one.pinned and one.state in (State.MISSING, State.CORRUPT, State.REFUSED)
        )

    def figures(self) -> list[Figure]:
        """What to export."""
        copies = [
            Figure(
                "cairn_storage_copies",
                "Copies of named content, by what they are worth",
                sum(one.state is state for one in self.findings),
                (("state", str(state)),),
            )
            for state in State
        ]
        return [
            *copies,
            Figure(
                "cairn_storage_copies_broken",
                "Copies that a store pins and does not have intact",
                len(self.broken),
            ),
            Figure(
                "cairn_storage_contents",
                "Contents that are named",
                len({one.cid for one in self.findings}),
            ),
            Figure(
                "cairn_storage_contents_lost",
                "Contents of which no store has an intact copy",
                len(self.lost),
            ),
            Figure(
                "cairn_storage_verified_bytes",
                "Bytes that were read and hashed",
                sum(one.size_bytes for one in self.findings),
            ),
        ]

    def metrics(self) -> dict[str, float]:
        """The figures by their series."""
        return {one.series: one.value for one in self.figures()}


@dataclass(frozen=True, slots=True)
class Repair:
    """What was done about one copy that was not intact or not pinned."""

    cid: Cid
    store: str
    repaired: bool
    detail: str = ""


def pin(
    stores: Sequence[ContentStore], cids: Iterable[Cid], *, progress: Progress | None = None
) -> list[Repair]:
    """Pin each CID in each store, bringing the content there from a store that has it."""
    return repair(stores, (NamedCid(cid) for cid in cids), progress=progress)


def verify(
    stores: Sequence[ContentStore],
    named: Iterable[NamedCid],
    *,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> Verification:
    """Read every byte of every CID in every store, and say what is retrievable and intact.

    A store is asked for what it holds itself; what cannot be read is a finding and no error.
    """
    findings = [_look(store, one, limits, progress) for one in _unique(named) for store in stores]
    return Verification(tuple(findings))


def repair(
    stores: Sequence[ContentStore],
    named: Iterable[NamedCid],
    *,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> list[Repair]:
    """Make every store hold and pin every CID, from whichever copies verify.

    No single store need hold all of it: each block is taken from any store that gives it intact.
    """
    done: list[Repair] = []
    for one in _unique(named):
        found = [_look(store, one, limits, progress) for store in stores]
        for index, store in enumerate(stores):
            if found[index].state is State.INTACT and found[index].pinned:
                continue
            try:
                if found[index].state is State.INTACT:
                    store.pin(one.cid)
                    done.append(Repair(one.cid, store.name, True, "pinned"))
                else:
                    donors = [other for at, other in enumerate(stores) if at != index]
                    copy(one.cid, _Donors(store, donors), store, limits=limits, progress=progress)
                    done.append(Repair(one.cid, store.name, True, "copied and pinned"))
            except StorageError as error:
                done.append(Repair(one.cid, store.name, False, str(error)))
    return done


def _look(
    store: ContentStore, named: NamedCid, limits: Limits, progress: Progress | None
) -> Finding:
    size_bytes, detail, pinned = 0, "", False
    state = State.INTACT
    try:
        size_bytes = store.fetch_to(
            named.cid, cast(BinaryIO, _Nowhere()), limits=limits, progress=progress
        )
    except ContentNotFound as error:
        state, detail = State.MISSING, str(error)
    except BlockMismatch as error:
        state, detail = State.CORRUPT, str(error)
    except (LimitExceeded, MalformedContent) as error:
        state, detail = State.REFUSED, str(error)
    except StorageError as error:
        state, detail = State.UNREACHABLE, str(error)
    if state is not State.UNREACHABLE:
        try:
            pinned = store.is_pinned(named.cid)
        except StorageError as error:
            state, detail = State.UNREACHABLE, str(error)
    return Finding(named.cid, named.label, store.name, state, size_bytes, pinned, detail)


def _unique(named: Iterable[NamedCid]) -> Iterator[NamedCid]:
    """One CID may be named by many versions; its bytes are read once."""
    labels: dict[Cid, list[str]] = {}
    for one in named:
        known = labels.setdefault(one.cid, [])
        if one.label and one.label not in known:
            known.append(one.label)
    for cid, known in labels.items():
        yield NamedCid(cid, ", ".join(known))


class _Donors:
    """Gives each block from the first store that has it intact.

    The store under repair comes last: a node that lacks a block looks for it in the network first.
    """

    def __init__(self, own: ContentStore, others: Sequence[ContentStore]) -> None:
        self._stores = (*others, own)

    def get_block(self, cid: Cid, *, max_bytes: int = DEFAULT_LIMITS.max_block_bytes) -> bytes:
        errors: list[StorageError] = []
        for store in self._stores:
            try:
                return store.get_block(cid, max_bytes=max_bytes)
            except StorageError as error:
                errors.append(error)
        raise NoIntactCopy(
            f"no store gives {cid} intact: {'; '.join(map(str, errors))}. Ask its publisher to "
            "add the content again"
        ) from errors[0]


class _Nowhere(RawIOBase):
    """Takes bytes and forgets them: what counts is that they were verified."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return len(data)  # type: ignore[arg-type]
