"""Walks over the blocks of a file, with every bound checked before bytes are passed on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from typing import TypeAlias

from cairn.domain.cid import Block, Cid, Codec, DagError, DagLink, DagNode, decode_file_node

from ._errors import (
    BlockMismatch,
    CorruptBlock,
    LimitExceeded,
    MalformedContent,
    NodeTimeout,
    TruncatedBlock,
)
from ._port import (
    DEFAULT_FETCH_BYTES,
    DEFAULT_LIMITS,
    ContentStore,
    Limits,
    Progress,
    Target,
    whole_or_nothing,
)

GetBlock: TypeAlias = Callable[[Cid, int], bytes]
"""Takes a CID and the most bytes that are accepted; returns the block, verified."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """How far a walk reads ahead of its consumer: at most `blocks` blocks, by `workers` threads.

    A block that takes longer than `deadline_s` once it is waited for ends the walk.
    """

    workers: int
    blocks: int
    deadline_s: float


def check_block(cid: Cid, data: bytes, store: str, max_bytes: int) -> bytes:
    """The same bytes, if they are the CID's and not too many."""
    if len(data) > max_bytes:
        raise LimitExceeded(
            f"{store} answered {len(data)} bytes for {cid} and a block may have {max_bytes}; "
            "ask its publisher to add it with smaller chunks"
        )
    if not cid.matches(data):
        raise CorruptBlock(cid, store, len(data))
    return data


class _Slot:
    """A block that the walk comes to later."""

    __slots__ = ("cid", "depth", "file_bytes", "future")

    def __init__(self, cid: Cid, depth: int, file_bytes: int | None) -> None:
        self.cid = cid
        self.depth = depth
        self.file_bytes = file_bytes
        self.future: Future[bytes] | None = None


class _Readers:
    """Threads that fetch blocks ahead.

    They are daemons: one that hangs on a node that drips bytes must keep neither the walk nor the
    process from ending.
    """

    def __init__(self, get_block: GetBlock, max_bytes: int, ahead: Ahead) -> None:
        self._get_block = get_block
        self._max_bytes = max_bytes
        self._ahead = ahead
        self._queue: SimpleQueue[tuple[Cid, Future[bytes]] | None] = SimpleQueue()
        self._started = 0

    def submit(self, slot: _Slot) -> None:
        slot.future = Future()
        self._queue.put((slot.cid, slot.future))
        if self._started < self._ahead.workers:
            self._started += 1
            threading.Thread(target=self._run, name="cairn-fetch", daemon=True).start()

    def result(self, slot: _Slot) -> bytes:
        assert slot.future is not None
        try:
            return slot.future.result(timeout=self._ahead.deadline_s)
        except FutureTimeout as error:
            if slot.future.done():
                raise
            raise NodeTimeout(
                f"{slot.cid} did not arrive within {self._ahead.deadline_s:g} s; try again, or "
                "fetch it from another store"
            ) from error

    def stop(self) -> None:
        for _ in range(self._started):
            self._queue.put(None)

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            cid, future = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                data = self._get_block(cid, self._max_bytes)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                future.set_exception(error)
            else:
                future.set_result(data)


def walk(
    root: Cid, get_block: GetBlock, *, limits: Limits = DEFAULT_LIMITS, ahead: Ahead | None = None
) -> Iterator[tuple[Block, DagNode]]:
    """All blocks of a file from its root down, each parent before its children, in file order.

    The node's inline bytes in this order are the file. Sizes that a parent declares are held
    against what its children turn out to be, so the caps on total and depth cannot be evaded.
    """
    readers = None if ahead is None else _Readers(get_block, limits.max_block_bytes, ahead)
    waiting = deque([_Slot(root, 1, None)])
    try:
        while waiting:
            if readers is not None and ahead is not None:
                for slot, _ in zip(waiting, range(ahead.blocks), strict=False):
                    if slot.future is None:
                        readers.submit(slot)
            slot = waiting.popleft()
            block, node = _read(slot, get_block, readers, limits)
            if node.links:
                if slot.depth >= limits.max_depth:
                    raise LimitExceeded(
                        f"{root} is deeper than {limits.max_depth} levels; ask its publisher to "
                        "add it again as a balanced file"
                    )
                waiting.extendleft(_slots(reversed(node.links), slot.depth + 1))
            yield block, node
    finally:
        for slot in waiting:
            if slot.future is not None:
                slot.future.cancel()
        if readers is not None:
            readers.stop()


def _slots(links: Iterator[DagLink], depth: int) -> Iterator[_Slot]:
    for link in links:
        yield _Slot(link.cid, depth, link.file_bytes)


def _read(
    slot: _Slot, get_block: GetBlock, readers: _Readers | None, limits: Limits
) -> tuple[Block, DagNode]:
    try:
        if readers is None:
            data = get_block(slot.cid, limits.max_block_bytes)
        else:
            data = readers.result(slot)
    except BlockMismatch as error:
        # A leaf's length is known from its parent, so a short one can be called what it is.
        expected = slot.file_bytes if slot.cid.codec is Codec.RAW else None
        if expected is not None and error.received_bytes < expected:
            raise TruncatedBlock(
                slot.cid, error.store, error.received_bytes, expected
            ) from error
        raise
    try:
        node = decode_file_node(slot.cid, data)
    except DagError as error:
        raise MalformedContent(str(error)) from error
    if slot.file_bytes is None:
        if node.file_bytes > limits.max_total_bytes:
            raise LimitExceeded(
                f"{slot.cid} has {node.file_bytes} bytes and {limits.max_total_bytes} are "
                "accepted; raise the limit if you trust its publisher"
            )
    elif node.file_bytes != slot.file_bytes:
        raise MalformedContent(
            f"{slot.cid} holds {node.file_bytes} bytes and its parent declares "
            f"{slot.file_bytes}; ask its publisher to add the file again"
        )
    return Block(slot.cid, data), node


class BlockBacked:
    """`fetch` and `fetch_to` for a backend that can get single blocks."""

    _ahead: Ahead | None = None

    def get_block(self, cid: Cid, *, max_bytes: int = DEFAULT_LIMITS.max_block_bytes) -> bytes:
        raise NotImplementedError

    def fetch(self, cid: Cid, *, max_bytes: int = DEFAULT_FETCH_BYTES) -> bytes:
        out = BytesIO()
        self.fetch_to(cid, out, limits=Limits(max_total_bytes=max_bytes))
        return out.getvalue()

    def fetch_to(
        self,
        cid: Cid,
        target: Target,
        *,
        limits: Limits = DEFAULT_LIMITS,
        progress: Progress | None = None,
    ) -> int:
        if isinstance(target, Path):
            with whole_or_nothing(target) as file:
                return self.fetch_to(cid, file, limits=limits, progress=progress)
        total = 0
        for _, node in walk(cid, self._get_bounded, limits=limits, ahead=self._ahead):
            if node.inline:
                target.write(node.inline)
                total += len(node.inline)
                if progress is not None:
                    progress(len(node.inline))
        return total

    def _get_bounded(self, cid: Cid, max_bytes: int) -> bytes:
        return self.get_block(cid, max_bytes=max_bytes)


def copy(
    cid: Cid,
    origin: ContentStore,
    target: ContentStore,
    *,
    pin: bool = True,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> int:
    """Copy a file block by block, so that its CID stays whatever its layout; return its length.

    Blocks that the target has already are not trusted but written again.
    """
    total = 0
    for block, node in walk(
        cid, lambda one, most: origin.get_block(one, max_bytes=most), limits=limits
    ):
        target.put_block(block)
        total += len(node.inline)
        if progress is not None:
            progress(len(node.inline))
    if pin:
        target.pin(cid)
    return total
