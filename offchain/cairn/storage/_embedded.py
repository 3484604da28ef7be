"""The embedded store: a folder of blocks, no daemon, the same CIDs as Kubo's."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from cairn.domain.cid import (
    DEFAULT_PROFILE,
    Block,
    Cid,
    CidError,
    Codec,
    DagError,
    FileBuilder,
    decode_file_node,
)

from ._dag import BlockBacked, check_block
from ._errors import (
    BlockMismatch,
    ContentNotFound,
    LimitExceeded,
    MalformedContent,
    StorageError,
    StoreBusy,
    StoreDamaged,
    StoreUnusable,
    UnreadableBlock,
)
from ._port import DEFAULT_LIMITS, Progress, Source, file_blocks, opened, sync_folder

_FORMAT: Final = "cairn-store/1\n"
_POLL_S: Final = 0.05
_BATCH_FILES: Final = 64
"""Files of one flush: 16 MiB of chunks, far fewer than a process may have open."""

_SHARDS: Final = tuple(f"{value:02x}" for value in range(256))


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection kept and what it removed (or, in a dry run, would remove)."""

    kept_blocks: int
    removed_blocks: int
    freed_bytes: int


class EmbeddedStore(BlockBacked):
    """Blocks in `folder/blocks`, pins in `folder/pins`; any number of processes at once.

    A block is written to `tmp`, flushed to disk and renamed, and its bytes are hashed again on each
    read. A pin is written after all its blocks are on disk, so after a crash there is a whole pin
    or none. Writers share a lock that a collection takes alone, so a collection never sees the
    blocks of a file whose pin is about to be written.
    """

    def __init__(self, folder: Path, *, lock_timeout_s: float = 60.0) -> None:
        self._folder = folder
        self._blocks = folder / "blocks"
        self._pins = folder / "pins"
        self._tmp = folder / "tmp"
        self._lock_timeout_s = lock_timeout_s
        self._open()

    @property
    def name(self) -> str:
        return f"the embedded store in {self._folder}"

    def add(self, source: Source, *, pin: bool = True, progress: Progress | None = None) -> Cid:
        builder = FileBuilder(DEFAULT_PROFILE)
        # A pipe is read to its end before the lock is taken, however slow it is.
        with opened(source) as stream, self._locked(fcntl.LOCK_SH):
            with self._writing() as batch:
                for block in file_blocks(stream, builder, progress=progress):
                    batch.write(block)
            if pin:
                self._write_pin(builder.root, DEFAULT_PROFILE.name)
        return builder.root

    def get_block(self, cid: Cid, *, max_bytes: int = DEFAULT_LIMITS.max_block_bytes) -> bytes:
        try:
            with self._path(cid).open("rb") as file:
                data = file.read(max_bytes + 1)
        except FileNotFoundError as error:
            raise ContentNotFound(cid, self.name) from error
        except OSError as error:
            raise UnreadableBlock(cid, self.name, error.strerror or str(error)) from error
        return check_block(cid, data, self.name, max_bytes)

    def put_block(self, block: Block) -> None:
        check_block(block.cid, block.data, "the caller", DEFAULT_LIMITS.max_block_bytes)
        with self._locked(fcntl.LOCK_SH), self._writing() as batch:
            batch.write(block)

    def has(self, cid: Cid) -> bool:
        return self._path(cid).is_file()

    def pin(self, cid: Cid) -> None:
        with self._locked(fcntl.LOCK_SH):
            for below in self._below(cid):
                if not self.has(below):
                    raise ContentNotFound(below, self.name)
            self._write_pin(cid, "")

    def unpin(self, cid: Cid) -> None:
        with self._locked(fcntl.LOCK_SH), self._on_disk():
            (self._pins / str(cid)).unlink(missing_ok=True)
            sync_folder(self._pins)

    def is_pinned(self, cid: Cid) -> bool:
        return (self._pins / str(cid)).is_file()

    def pins(self) -> Iterator[Cid]:
        with self._on_disk():
            entries = sorted(self._pins.iterdir())
        for entry in entries:
            try:
                yield Cid.parse(entry.name)
            except CidError:
                continue

    def collect(self, *, dry_run: bool = False) -> Collected:
        """Remove every block that no pin needs, and what interrupted writers left behind.

        StoreDamaged if a node below a pin is missing or corrupt: what it links to is then unknown,
        and nothing is removed.
        """
        with self._locked(fcntl.LOCK_EX), self._on_disk():
            keep: set[Cid] = set()
            for pinned in self.pins():
                try:
                    keep.update(self._below(pinned))
                except (ContentNotFound, BlockMismatch, LimitExceeded, MalformedContent) as error:
                    raise StoreDamaged(
                        f"what the pin {pinned} holds is not known: {error}. Nothing was removed; "
                        f"run 'cairn storage repair {pinned}', then collect again"
                    ) from error
            removed = freed_bytes = 0
            for path, cid in self._all_blocks():
                if cid not in keep:
                    removed += 1
                    freed_bytes += path.stat().st_size
                    if not dry_run:
                        path.unlink()
            if not dry_run:
                # No writer is under way while the lock is held alone, so all of this is litter.
                for left in self._tmp.iterdir():
                    if not left.is_dir():
                        left.unlink()
            return Collected(len(keep), removed, freed_bytes)

    def close(self) -> None:
        """Nothing is held between calls."""

    def _open(self) -> None:
        mark = self._folder / "FORMAT"
        try:
            if not mark.exists():
                if self._folder.exists() and any(self._folder.iterdir()):
                    known = {"blocks", "pins", "tmp", "lock"}
                    strange = sorted({one.name for one in self._folder.iterdir()} - known)
                    if strange and not strange[0].startswith("FORMAT"):
                        raise StoreUnusable(
                            f"{self._folder} is not empty and is no content store (it holds "
                            f"{strange[0]!r}); name another folder"
                        )
                for folder in (self._folder, self._blocks, self._pins, self._tmp):
                    folder.mkdir(parents=True, exist_ok=True)
                for shard in _SHARDS:
                    (self._blocks / shard).mkdir(exist_ok=True)
                sync_folder(self._blocks)
                self._write_file(mark, _FORMAT.encode("ascii"))
            found = mark.read_text("ascii")
        except OSError as error:
            raise StoreUnusable(
                f"{self._folder} cannot be used as a content store ({error.strerror}); check its "
                "permissions or name another folder"
            ) from error
        if found != _FORMAT:
            raise StoreUnusable(
                f"{self._folder} has format {found.strip()!r} and this version reads "
                f"{_FORMAT.strip()!r}; use the version that made it, or name another folder"
            )

    def _path(self, cid: Cid) -> Path:
        return self._blocks / f"{cid.digest[0]:02x}" / str(cid)

    def _below(self, root: Cid) -> Iterator[Cid]:
        """The root and all CIDs below it, each once; reads and verifies inner nodes, no leaf.

        Each once: a tree of a few small nodes may have more paths than can ever be walked.
        """
        limits = DEFAULT_LIMITS
        waiting, seen = [root], {root}
        while waiting:
            cid = waiting.pop()
            yield cid
            if cid.codec is Codec.RAW:
                continue
            try:
                node = decode_file_node(cid, self.get_block(cid))
            except DagError as error:
                raise MalformedContent(str(error)) from error
            if node.file_bytes > limits.max_total_bytes:
                raise LimitExceeded(
                    f"{cid} has {node.file_bytes} bytes and {limits.max_total_bytes} are accepted"
                )
            for link in node.links:
                if link.cid not in seen:
                    seen.add(link.cid)
                    waiting.append(link.cid)

    def _all_blocks(self) -> Iterator[tuple[Path, Cid]]:
        for shard in _SHARDS:
            for path in (self._blocks / shard).iterdir():
                try:
                    yield path, Cid.parse(path.name)
                except CidError:
                    continue

    def _write_pin(self, cid: Cid, profile: str) -> None:
        """`profile` names how the file was cut, where that is known; it stands in the pin."""
        path = self._pins / str(cid)
        if path.exists() and (path.stat().st_size or not profile):
            return
        self._write_file(path, f"{profile}\n".encode() if profile else b"")

    def _write_file(self, path: Path, data: bytes) -> None:
        with self._writing() as batch:
            batch.put(path, data)

    @contextmanager
    def _writing(self) -> Iterator[_Batch]:
        """Files written within are on disk, under their names, when it ends; or it raises."""
        batch = _Batch(self._tmp, self._path)
        try:
            yield batch
            batch.finish()
        except OSError as error:
            raise StorageError(
                f"{self.name} could not keep what was written ({error.strerror}); free some space "
                "or check the folder's permissions, then add the content again"
            ) from error
        finally:
            batch.abandon()

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnusable(
                f"{self.name} cannot be read or written ({error.strerror}); check the folder, its "
                "permissions and its disk"
            ) from error

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        with self._on_disk():
            handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            deadline = time.monotonic() + self._lock_timeout_s
            while True:
                try:
                    fcntl.flock(handle, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        other = "a collection" if kind == fcntl.LOCK_SH else "a writer"
                        raise StoreBusy(
                            f"{self.name} is held by {other} for {self._lock_timeout_s:g} s; wait "
                            "for it to end and try again"
                        ) from None
                    time.sleep(_POLL_S)
            yield
        finally:
            os.close(handle)


class _Batch:
    """Writes files whole or not at all, several at a time.

    A flush to disk takes as long for many small files, written just before, as for one: so their
    bytes are written first, then flushed one after the other, and only then do they get their names.
    """

    def __init__(self, tmp: Path, path_of: Callable[[Cid], Path]) -> None:
        self._tmp = tmp
        self._path_of = path_of
        self._waiting: dict[Path, tuple[BinaryIO, Path]] = {}
        self._touched: set[Path] = set()

    def write(self, block: Block) -> None:
        """Write a block unless a whole one is there.

        A damaged one is replaced: whoever has the right bytes repairs the store by adding them.
        """
        path = self._path_of(block.cid)
        if path in self._waiting:
            return
        try:
            whole = path.stat().st_size == len(block.data) and path.read_bytes() == block.data
        except OSError:  # absent, or on a bad sector: then it is written anew, elsewhere
            whole = False
        if whole:
            # Another process may have written it just now, and not yet flushed its name.
            self._touched.add(path.parent)
        else:
            self.put(path, block.data)

    def put(self, path: Path, data: bytes) -> None:
        """Write a file, in the place of one that is there."""
        scratch = self._tmp / f"{os.getpid()}-{secrets.token_hex(8)}"
        file = scratch.open("xb")
        self._waiting[path] = file, scratch
        file.write(data)
        file.flush()
        if len(self._waiting) == _BATCH_FILES:
            self._name()

    def finish(self) -> None:
        """Flush and name what is waiting, and flush the names."""
        self._name()
        for folder in self._touched:
            sync_folder(folder)

    def abandon(self) -> None:
        """Remove what has no name yet."""
        for file, scratch in self._waiting.values():
            file.close()
            scratch.unlink(missing_ok=True)
        self._waiting.clear()

    def _name(self) -> None:
        for file, _ in self._waiting.values():
            os.fsync(file.fileno())
            file.close()
        # In the order in which they came: children before their parents.
        for path, (_, scratch) in list(self._waiting.items()):
            os.replace(scratch, path)
            del self._waiting[path]
            self._touched.add(path.parent)
