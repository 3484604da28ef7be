"""A store in memory: a fake for tests, with the guarantees of a real one."""

from __future__ import annotations

from collections.abc import Iterator

from cairn.domain.cid import Block, Cid, FileBuilder

from ._dag import BlockBacked, check_block, walk
from ._errors import ContentNotFound
from ._port import DEFAULT_LIMITS, Progress, Source, file_blocks, opened


class MemoryStore(BlockBacked):
    """Keeps blocks in a dictionary. `blocks` may be tampered with, to see what a reader does."""

    def __init__(self, name: str = "the store in memory") -> None:
        self._name = name
        self.blocks: dict[Cid, bytes] = {}
        self._pinned: set[Cid] = set()

    @property
    def name(self) -> str:
        return self._name

    def add(self, source: Source, *, pin: bool = True, progress: Progress | None = None) -> Cid:
        builder = FileBuilder()
        with opened(source) as stream:
            for block in file_blocks(stream, builder, progress=progress):
                self.blocks[block.cid] = block.data
        if pin:
            self._pinned.add(builder.root)
        return builder.root

    def get_block(self, cid: Cid, *, max_bytes: int = DEFAULT_LIMITS.max_block_bytes) -> bytes:
        try:
            data = self.blocks[cid]
        except KeyError as error:
            raise ContentNotFound(cid, self.name) from error
        return check_block(cid, data, self.name, max_bytes)

    def put_block(self, block: Block) -> None:
        check_block(block.cid, block.data, "the caller", DEFAULT_LIMITS.max_block_bytes)
        self.blocks[block.cid] = block.data

    def has(self, cid: Cid) -> bool:
        return cid in self.blocks

    def pin(self, cid: Cid) -> None:
        for _ in walk(cid, self._get_bounded):
            pass
        self._pinned.add(cid)

    def unpin(self, cid: Cid) -> None:
        self._pinned.discard(cid)

    def is_pinned(self, cid: Cid) -> bool:
        return cid in self._pinned

    def pins(self) -> Iterator[Cid]:
        yield from sorted(self._pinned)

    def close(self) -> None:
        """Nothing to let go of."""
