"""Walks over the blocks of a file, with every bound checked before bytes are passed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol, TypeAlias

from cairn.domain.cid import Block, Cid, Codec, DagError, DagLink, DagNode, decode_file_node

from ._errors import (
    BlockMismatch,
    CorruptBlock,
    LimitExceeded,
    MalformedContent,
    TruncatedBlock,
    UnreadableBlock,
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

GetBlock: TypeAlias = Callable[[Cid, int, int | None], bytes]
"""Takes a CID, the most bytes that are accepted and, for a leaf below a node, its length; returns
the block, verified."""


class BlockSource(Protocol):
    """Gives single blocks, verified."""

    def get_block(self, cid: Cid, *, max_bytes: int = DEFAULT_LIMITS.max_block_bytes) -> bytes:
        """The block, or an error of the store."""


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


@dataclass(frozen=True, slots=True)
class _Slot:
    """A block that the walk comes to later, and how much of the file its parent says it holds."""

    cid: Cid
    depth: int
    file_bytes: int | None


def walk(
    root: Cid, get_block: GetBlock, *, limits: Limits = DEFAULT_LIMITS
) -> Iterator[tuple[Block, DagNode]]:
    """All blocks of a file from its root down, each parent before its children, in file order.

    The node's inline bytes in this order are the file. Sizes that a parent declares are held
    against what its children turn out to be, so the caps on total and depth cannot be evaded; the
    cap on blocks bounds the time, since a tree may name one block many times.
    """
    waiting = deque([_Slot(root, 1, None)])
    n_blocks = 0
    while waiting:
        slot = waiting.popleft()
        n_blocks += 1
        if n_blocks + len(waiting) > limits.max_blocks:
            raise LimitExceeded(
                f"{root} is cut into more than {limits.max_blocks} blocks; ask its publisher to "
                "add it again with larger chunks"
            )
        block, node = _read(slot, get_block, limits)
        if node.links:
            if slot.depth >= limits.max_depth:
                raise LimitExceeded(
                    f"{root} is deeper than {limits.max_depth} levels; ask its publisher to "
                    "add it again as a balanced file"
                )
            waiting.extendleft(_slots(reversed(node.links), slot.depth + 1))
        yield block, node


def _slots(links: Iterator[DagLink], depth: int) -> Iterator[_Slot]:
    for link in links:
        yield _Slot(link.cid, depth, link.file_bytes)


def _read(slot: _Slot, get_block: GetBlock, limits: Limits) -> tuple[Block, DagNode]:
    # A leaf's length is known from its parent, so a short one can be called what it is.
    expected = slot.file_bytes if slot.cid.codec is Codec.RAW else None
    if expected is not None and expected > limits.max_block_bytes:
        raise LimitExceeded(
            f"{slot.cid} is a block of {expected} bytes and {limits.max_block_bytes} are accepted; "
            "ask its publisher to add it with smaller chunks"
        )
    try:
        data = get_block(slot.cid, limits.max_block_bytes, expected)
    except BlockMismatch as error:
        unreadable = isinstance(error, UnreadableBlock)
        if expected is not None and error.received_bytes < expected and not unreadable:
            raise TruncatedBlock(slot.cid, error.store, error.received_bytes, expected) from error
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
        for _, node in walk(cid, self._get_bounded, limits=limits):
            if node.inline:
                target.write(node.inline)
                total += len(node.inline)
                if progress is not None:
                    progress(len(node.inline))
        return total

    def _get_bounded(self, cid: Cid, max_bytes: int, leaf_bytes: int | None) -> bytes:
        return self.get_block(cid, max_bytes=max_bytes)


def copy(
    cid: Cid,
    origin: BlockSource,
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
        cid, lambda one, most, _: origin.get_block(one, max_bytes=most), limits=limits
    ):
        target.put_block(block)
        total += len(node.inline)
        if progress is not None:
            progress(len(node.inline))
    if pin:
        target.pin(cid)
    return total
