"""Several stores as one: read from whichever verifies first, mend the others on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cairn.domain.cid import Block, Cid

from ._dag import BlockBacked
from ._errors import (
    BlockMismatch,
    CidMismatch,
    ContentNotFound,
    LimitExceeded,
    MalformedContent,
    NoIntactCopy,
    StorageError,
    TooFewCopies,
)
from ._port import (
    DEFAULT_LIMITS,
    ContentStore,
    Limits,
    Progress,
    Source,
    Target,
    opened,
)

_REST_S: Final = 30.0
"""How long a store that could not be reached is asked last."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One store failed at something that another store made good."""

    store: str
    doing: str
    error: StorageError


class ReplicatedStore(BlockBacked):
    """Content in each of `stores`, in the order in which they are to be asked.

    A block that one store lacks or gives wrongly is taken from the next one that has it, and
    written back to those before it. Adding and pinning succeed once `min_copies` stores did it;
    whatever failed in a store is told to `on_fault` and left for `cairn storage repair`.
    """

    def __init__(
        self,
        stores: Sequence[ContentStore],
        *,
        min_copies: int = 1,
        on_fault: Callable[[Fault], None] = lambda fault: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 1 <= min_copies <= len(stores):
            raise TooFewCopies(
                f"{min_copies} copies are asked of {len(stores)} stores; name at least as many "
                "stores as copies, and at least one"
            )
        self._stores = tuple(stores)
        self._min_copies = min_copies
        self._on_fault = on_fault
        self._clock = clock
        self._resting_until: dict[int, float] = {}

    @property
    def name(self) -> str:
        return " and ".join(store.name for store in self._stores)

    @property
    def stores(self) -> tuple[ContentStore, ...]:
        """The stores, in the order in which they are asked."""
        return self._stores

    def add(self, source: Source, *, pin: bool = True, progress: Progress | None = None) -> Cid:
        cids: dict[str, Cid] = {}

        with opened(source) as stream:
            start = stream.tell()

            def add_to(store: ContentStore) -> None:
                stream.seek(start)
                first = not cids
                cids[store.name] = store.add(stream, pin=pin, progress=progress if first else None)

            self._everywhere("adding", add_to)
        first_cid = next(iter(cids.values()))
        for store_name, cid in cids.items():
            if cid != first_cid:
                raise CidMismatch(first_cid, str(cid), store_name)
        return first_cid

    def fetch_to(
        self,
        cid: Cid,
        target: Target,
        *,
        limits: Limits = DEFAULT_LIMITS,
        progress: Progress | None = None,
    ) -> int:
        first = self._in_order()[0][1]
        progress = _Onward(progress) if progress is not None else None
        if isinstance(target, Path):
            # A store's own way may be much quicker than block by block, and leaves no half file.
            try:
                if first.has(cid):
                    return first.fetch_to(cid, target, limits=limits, progress=progress)
            except (LimitExceeded, MalformedContent):
                raise
            except StorageError as error:
                self._on_fault(Fault(first.name, f"fetching {cid}", error))
            if progress is not None:
                progress.begin_again()
        return super().fetch_to(cid, target, limits=limits, progress=progress)

    def get_block(self, cid: Cid, *, max_bytes: int = DEFAULT_LIMITS.max_block_bytes) -> bytes:
        lacking: list[ContentStore] = []
        errors: list[StorageError] = []
        for index, store in self._in_order():
            try:
                data = store.get_block(cid, max_bytes=max_bytes)
            except (ContentNotFound, BlockMismatch) as error:
                errors.append(error)
                lacking.append(store)
            except LimitExceeded as error:
                errors.append(error)
            except StorageError as error:
                errors.append(error)
                self._resting_until[index] = self._clock() + _REST_S
                self._on_fault(Fault(store.name, f"reading {cid}", error))
            else:
                self._mend(Block(cid, data), lacking, errors)
                return data
        if all(isinstance(error, ContentNotFound) for error in errors):
            raise ContentNotFound(cid, self.name)
        if len(errors) == 1:
            raise errors[0]
        raise NoIntactCopy(
            f"no store gave {cid}: " + "; ".join(str(error) for error in errors)
        ) from errors[0]

    def put_block(self, block: Block) -> None:
        self._everywhere(f"keeping {block.cid}", lambda store: store.put_block(block))

    def has(self, cid: Cid) -> bool:
        return self._any(f"looking for {cid}", lambda store: store.has(cid))

    def pin(self, cid: Cid) -> None:
        self._everywhere(f"pinning {cid}", lambda store: store.pin(cid))

    def unpin(self, cid: Cid) -> None:
        """In each store; what failed in one is raised once the others have done it."""
        failures: list[StorageError] = []
        for store in self._stores:
            try:
                store.unpin(cid)
            except StorageError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def is_pinned(self, cid: Cid) -> bool:
        return self._any(f"looking for the pin {cid}", lambda store: store.is_pinned(cid))

    def pins(self) -> Iterator[Cid]:
        """Of the stores that can be asked, of which there must be one."""
        found: set[Cid] = set()

        def gather(store: ContentStore) -> bool:
            found.update(store.pins())
            return False

        _, failures = self._ask_all("listing pins", gather)
        if len(failures) == len(self._stores):
            raise failures[0]
        yield from sorted(found)

    def close(self) -> None:
        for store in self._stores:
            store.close()

    def _any(self, doing: str, asked: Callable[[ContentStore], bool]) -> bool:
        """Whether one store says so; that none does is not known while one cannot be asked."""
        yes, failures = self._ask_all(doing, asked)
        if not yes and failures:
            raise failures[0]
        return yes

    def _ask_all(
        self, doing: str, asked: Callable[[ContentStore], bool]
    ) -> tuple[bool, list[StorageError]]:
        failures: list[StorageError] = []
        for store in self._stores:
            try:
                if asked(store):
                    return True, failures
            except StorageError as error:
                failures.append(error)
                self._on_fault(Fault(store.name, doing, error))
        return False, failures

    def _in_order(self) -> list[tuple[int, ContentStore]]:
        now = self._clock()
        return sorted(
            enumerate(self._stores), key=lambda one: self._resting_until.get(one[0], now) > now
        )

    def _mend(self, block: Block, lacking: list[ContentStore], errors: list[StorageError]) -> None:
        for store in lacking:
            try:
                store.put_block(block)
            except StorageError as error:
                self._on_fault(Fault(store.name, f"mending {block.cid}", error))
        for wrong in errors:
            if isinstance(wrong, BlockMismatch):
                self._on_fault(Fault(wrong.store, f"reading {block.cid}", wrong))

    def _everywhere(self, doing: str, act: Callable[[ContentStore], None]) -> None:
        failures: list[Fault] = []
        for store in self._stores:
            try:
                act(store)
            except StorageError as error:
                failures.append(Fault(store.name, doing, error))
        for fault in failures:
            self._on_fault(fault)
        copies = len(self._stores) - len(failures)
        if copies < self._min_copies:
            if len(self._stores) == 1:
                raise failures[0].error
            raise TooFewCopies(
                f"{doing} succeeded in {copies} of {len(self._stores)} stores and "
                f"{self._min_copies} are wanted: "
                + "; ".join(str(fault.error) for fault in failures)
            ) from failures[0].error


class _Onward:
    """Progress of a fetch that may begin again: each byte is counted once."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._at = self._told = 0

    def begin_again(self) -> None:
        self._at = 0

    def __call__(self, done: int) -> None:
        self._at += done
        if self._at > self._told:
            self._progress(self._at - self._told)
            self._told = self._at
