"""One store, one account, one chain: what a worker's database belongs to, checked at its start."""

from __future__ import annotations

import logging

from sqlalchemy import insert, select

from cairn.chain import Node, NodeRefused, Store
from cairn.operator._desk import say
from cairn.operator._jobs import bindings, origins
from cairn.operator._ports import OperatorError


def bind(store: Store, *, chain_id: int, market: str, account: str) -> None:
    """A store belongs to one account on one deployment: its keys mean nothing elsewhere.

    Raises `OperatorError` for a store of another's.
    """
    mine = (chain_id, market, account)
    with store.begin() as db:
        row = db.execute(select(bindings)).first()
        if row is None:
            db.execute(insert(bindings).values(mine))
        elif tuple(row) != mine:
            raise OperatorError(
                f"the store belongs to {row.account} on chain {row.chain_id} with the market "
                f"at {row.market}; give {account} a store of its own"
            )


class Origin:
    """The first block of the chain that a store was begun on.

    A chain begun anew has the same id and addresses, and not the same first block. The store
    keeps the hash of block 0 (of the deployment's first, should the node not give that one) from
    its first start, and refuses a chain that has another one there.
    """

    def __init__(self, store: Store, node: Node, first_block: int) -> None:
        self._store = store
        self._node = node
        with store.read() as db:
            known = db.execute(select(origins)).first()
        if known is None:
            self._keep(first_block)
        else:
            self.check()

    def check(self) -> None:
        """Raises `OperatorError` if the node's chain is another one."""
        with self._store.read() as db:
            known = db.execute(select(origins)).first()
        if known is None:
            return
        found = self._hash_of(known.number)
        if found is None:  # pruned, or not there yet: the cursor says what it makes of the rest
            say("origin not shown", level=logging.WARNING, block=known.number)
        elif found != known.hash:
            raise OperatorError(
                f"the store was begun on another chain with the same addresses: its block "
                f"{known.number} was 0x{known.hash.hex()} and is 0x{found.hex()} here. If the "
                "chain was begun anew, move the database away and start again, the chain holds "
                "all that the worker needs; else name the endpoint of the old chain"
            )

    def _keep(self, first_block: int) -> None:
        for number in (0, first_block):
            found = self._hash_of(number)
            if found is not None:
                with self._store.begin() as db:
                    db.execute(insert(origins).values(number=number, hash=found))
                return

    def _hash_of(self, number: int) -> bytes | None:
        try:
            return self._node.block_hash(number)
        except NodeRefused:  # some nodes show no block 0, or no old ones
            return None
