"""The content store's port, and what every backend of it shares."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, BinaryIO, Final, Protocol, TypeAlias, cast, runtime_checkable

from cairn.domain.cid import DEFAULT_PROFILE, Block, Cid, FileBuilder, Profile

READ_BYTES: Final = 1 << 20
"""How much of a file is read at a time."""

Source: TypeAlias = bytes | Path | BinaryIO
"""What can be added: bytes, a file by its path, or an open binary stream."""

Target: TypeAlias = Path | BinaryIO
"""Where content is fetched to: a path, written whole or not at all, or an open binary stream."""

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of further bytes done."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a fetch accepts at most.

    The defaults: no IPFS node exchanges blocks above 2 MiB; 16 GiB is beyond any model here; a
    balanced tree of 16 levels is beyond any file; and a million blocks are 16 GiB in pieces of
    16 KiB, while a hostile tree of three small nodes can name 16 GiB in single bytes.
    """

    max_block_bytes: int = 2 << 20
    max_total_bytes: int = 16 << 30
    max_depth: int = 16
    max_blocks: int = 1 << 20


DEFAULT_LIMITS: Final = Limits()
DEFAULT_FETCH_BYTES: Final = 64 << 20
"""What `fetch` takes into memory unless told otherwise; larger content goes through `fetch_to`."""


@runtime_checkable
class ContentStore(Protocol):
    """Keeps content under its CID and never yields bytes that are not the CID's.

    Safe for use from several threads.
    """

    @property
    def name(self) -> str:
        """What messages call this store."""

    def add(self, source: Source, *, pin: bool = True, progress: Progress | None = None) -> Cid:
        """Keep a file and return its CID; pinned in the same breath unless told otherwise."""

    def fetch(self, cid: Cid, *, max_bytes: int = DEFAULT_FETCH_BYTES) -> bytes:
        """The file's bytes, verified. LimitExceeded if it has more than `max_bytes`."""

    def fetch_to(
        self,
        cid: Cid,
        target: Target,
        *,
        limits: Limits = DEFAULT_LIMITS,
        progress: Progress | None = None,
    ) -> int:
        """Write the file to `target`, verified block by block; return its length.

        A path appears only when the file is whole. A stream has received a verified beginning of
        the file if an error is raised.
        """

    def get_block(self, cid: Cid, *, max_bytes: int = DEFAULT_LIMITS.max_block_bytes) -> bytes:
        """One block, verified."""

    def put_block(self, block: Block) -> None:
        """Keep one block. It survives a collection only below a pin."""

    def has(self, cid: Cid) -> bool:
        """Whether this block is at hand here, without asking further stores or the network."""

    def pin(self, cid: Cid) -> None:
        """Keep all blocks below `cid` until it is unpinned; they must be retrievable."""

    def unpin(self, cid: Cid) -> None:
        """Let a later collection take the content; no error if it is not pinned."""

    def is_pinned(self, cid: Cid) -> bool:
        """Whether this very CID is pinned here; lying below a pin does not count."""

    def pins(self) -> Iterator[Cid]:
        """All pinned CIDs."""

    def close(self) -> None:
        """Let go of connections; the store is not used afterwards."""


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """The source as a binary stream that can be rewound to where it begins.

    A stream that cannot seek is spooled to disk. The caller's own stream stays open.
    """
    if isinstance(source, bytes):
        yield BytesIO(source)
        return
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
        return
    if source.seekable():
        yield source
        return
    with tempfile.TemporaryFile() as spool:
        while piece := source.read(READ_BYTES):
            spool.write(piece)
        spool.seek(0)
        yield cast(BinaryIO, spool)


def stream_cid(
    stream: IO[bytes], *, profile: Profile = DEFAULT_PROFILE, progress: Progress | None = None
) -> Cid:
    """The CID of what is left of the stream; constant memory."""
    builder = FileBuilder(profile)
    for _ in file_blocks(stream, builder, progress=progress):
        pass
    return builder.root


def file_cid(source: Source, *, profile: Profile = DEFAULT_PROFILE) -> Cid:
    """The CID that every store gives this content."""
    with opened(source) as stream:
        return stream_cid(stream, profile=profile)


def file_blocks(
    stream: IO[bytes], builder: FileBuilder, *, progress: Progress | None = None
) -> Iterator[Block]:
    """The blocks of what is left of the stream, children before parents, the root last."""
    while piece := stream.read(READ_BYTES):
        yield from builder.feed(piece)
        if progress is not None:
            progress(len(piece))
    yield from builder.finish()


@contextmanager
def whole_or_nothing(path: Path) -> Iterator[BinaryIO]:
    """A stream whose bytes appear under `path` at once and on disk, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
        sync_folder(path.parent)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
