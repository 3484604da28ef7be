"""Following a contract's logs without losing or skipping any."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from cairn.chain._errors import NodeBehind, NodeRefused, NodeUnreachable, WrongNetwork
from cairn.chain._node import Node
from cairn.chain._store import Store, cursors
from cairn.chain._types import Head, Log

Handler = Callable[[Connection, list[Log]], None]
"""Takes the logs of one page, in order, inside the transaction that moves the cursor on."""


MOST_ADDRESSES = 200
"""Contracts that a node is asked about at once: many endpoints refuse a longer list."""


class LogCursor:
    """A durable position in a chain's logs.

    `advance` reads page after page up to the newest block that is deep enough. What the handler
    writes and the new position are kept together or not at all. A page that the node refuses is
    asked for again at half the size; after each page that worked the size grows by a half, up to
    the setting.

    One endpoint may stand for several nodes out of step: logs may come from one that has not the
    newest blocks yet, and says nothing of it. So a page counts only if its last block was the same
    before and after its logs were read, and each page begins `overlap_blocks` before the first
    new block, for a node that was late then. Without an overlap each log is handled once; with
    one, at least once, so the handler must be indifferent to a log that it has seen.
    """

    def __init__(
        self,
        store: Store,
        node: Node,
        name: str,
        addresses: Sequence[str],
        topics: Sequence[bytes],
        *,
        first_block: int = 0,
        confirmations: int = 0,
        page_blocks: int = 2_000,
        overlap_blocks: int = 0,
    ) -> None:
        self._store = store
        self._node = node
        self._name = name
        self._addresses = list(addresses)
        self._topics = list(topics)
        self._confirmations = confirmations
        self._most = page_blocks
        self._first_block = first_block
        self._overlap = overlap_blocks
        with store.begin() as db:
            row = db.execute(select(cursors).where(cursors.c.name == name)).one_or_none()
            if row is None:
                self.next_block, self.page_blocks = first_block, page_blocks
                self._last_hash: bytes | None = None
                db.execute(
                    insert(cursors).values(
                        name=name, next_block=first_block, page_blocks=page_blocks
                    )
                )
            else:
                self.next_block, self._last_hash = row.next_block, row.last_hash
                self.page_blocks = min(row.page_blocks, page_blocks)

    def advance(
        self,
        head: Head,
        handle: Handler,
        *,
        pages: int | None = None,
        prepare: Callable[[list[Log]], None] = lambda logs: None,
    ) -> bool:
        """Handle all that is new, or `pages` pages of it; True if the newest block is reached.

        `handle` runs in the transaction that moves the cursor, `prepare` before it is begun: what
        must be asked of the node is asked there, while nobody waits to write.

        Raises `WrongNetwork` if the chain was begun anew or rewritten deeper than confirmed;
        `NodeBehind` if it ends before what was read; `NodeUnreachable` or `NodeRefused` if not
        even a page of one block can be had.
        """
        if head.number < self.next_block - 1:
            raise NodeBehind(self._behind(head))
        newest = head.number - self._confirmations
        if newest < self.next_block:
            return True
        self._check_history()
        done = 0
        while self.next_block <= newest and (pages is None or done < pages):
            self._page(newest, handle, prepare)
            done += 1
        return self.next_block > newest

    def _behind(self, head: Head) -> str:
        if self._last_hash is None:
            return (
                f"the chain's newest block is {head.number} and {self._name!r} begins at block "
                f"{self.next_block}: the node is catching up, or it is on another chain than the "
                "deployment; wait for it, or name the right endpoint or deployment"
            )
        return (
            f"the chain's newest block is {head.number} and {self._name!r} has read up to block "
            f"{self.next_block - 1}: the node is catching up (behind a balancer that mixes nodes, "
            "set more confirmations), or the chain was begun anew; in that case move the store "
            "away and start again, the chain holds all it needs"
        )

    def _check_history(self) -> None:
        if self._last_hash is None:
            return
        if self._hash_of(self.next_block - 1) != self._last_hash:
            raise WrongNetwork(
                f"block {self.next_block - 1} is not the one that {self._name!r} has read: the "
                "chain was begun anew, or rewritten deeper than the confirmations that were "
                "waited for; move the store away and start again, the chain holds all it needs"
            )

    def _hash_of(self, number: int) -> bytes:
        found = self._node.block_hash(number)
        if found is None:
            raise NodeUnreachable(
                f"a node that said it had block {number} has it not; behind a balancer that mixes "
                "nodes, set more confirmations"
            )
        return found

    def _page(self, newest: int, handle: Handler, prepare: Callable[[list[Log]], None]) -> None:
        while True:
            overlap = min(self._overlap, self.page_blocks // 2)
            first = max(min(self._first_block, self.next_block), self.next_block - overlap)
            last = min(newest, first + self.page_blocks - 1)
            last_hash = self._hash_of(last)
            try:
                found = [
                    log
                    for at in range(0, len(self._addresses), MOST_ADDRESSES)
                    for log in self._node.logs(
                        self._addresses[at : at + MOST_ADDRESSES], self._topics, first, last
                    )
                ]
                break
            except NodeRefused:
                if last == first:
                    raise
                self.page_blocks = max(1, (last - first + 1) // 2)
            except NodeUnreachable:  # perhaps the page was too much; the caller comes again
                self.page_blocks = max(1, (last - first + 1) // 2)
                raise
        if self._hash_of(last) != last_hash:
            raise NodeUnreachable(
                f"block {last} was rewritten while its logs were read; they are read again"
            )
        grown = min(self._most, self.page_blocks + (self.page_blocks + 1) // 2)
        found.sort(key=lambda log: (log.block_number, log.log_index))
        prepare(found)
        with self._store.begin() as db:
            handle(db, found)
            db.execute(
                update(cursors)
                .where(cursors.c.name == self._name)
                .values(next_block=last + 1, last_hash=last_hash, page_blocks=grown)
            )
        self.next_block, self._last_hash, self.page_blocks = last + 1, last_hash, grown


def forget_position(db: Connection, name: str) -> None:
    """Within a transaction: a cursor of this name begins anew; whoever holds one now is cut off."""
    db.execute(delete(cursors).where(cursors.c.name == name))


def position_of(store: Store, name: str) -> int | None:
    """The first block that a cursor has not read; None if there is no such cursor."""
    with store.read() as db:
        query = select(cursors.c.next_block).where(cursors.c.name == name)
        return db.execute(query).scalar_one_or_none()
