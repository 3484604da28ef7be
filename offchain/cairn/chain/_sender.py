"""Sending one transaction and waiting for it: for scripts and the command line.

Nothing is kept; a process that must survive a crash uses the `Outbox`.
"""

from __future__ import annotations

import time

from cairn.chain._accounts import Signer
from cairn.chain._errors import NodeUnreachable, Reverted
from cairn.chain._node import Node, offer
from cairn.chain._types import Call, Receipt


class Sender:
    def __init__(
        self,
        node: Node,
        signer: Signer,
        *,
        chain_id: int,
        timeout_s: float = 120.0,
        poll_interval_s: float = 0.2,
    ) -> None:
        self._node = node
        self._signer = signer
        self._chain_id = chain_id
        self._timeout_s = timeout_s
        self._poll_interval_s = poll_interval_s

    @property
    def address(self) -> str:
        return self._signer.address

    def send(self, call: Call) -> Receipt:
        """Send a call and wait until it is in a block.

        Raises `Reverted` with the contract's reason, `NodeUnreachable` if it is in no block in
        time: then it may still get into one.
        """
        gas = self._node.estimate_gas(self.address, call) * 5 // 4
        raw, tx_hash = self._signer.sign(
            call,
            chain_id=self._chain_id,
            nonce=self._node.nonce(self.address, pending=True),
            gas=gas,
            fees=offer(self._node, self._node.head()),
        )
        self._node.broadcast(raw)
        until = time.monotonic() + self._timeout_s
        while (receipt := self._node.receipt(tx_hash)) is None:
            if time.monotonic() > until:
                raise NodeUnreachable(
                    f"{call.label} is in no block after {self._timeout_s:.0f} s "
                    f"(transaction 0x{tx_hash.hex()}); look for it before trying again"
                )
            time.sleep(self._poll_interval_s)
        if not receipt.succeeded:
            try:
                self._node.read(call, self.address)
            except Reverted as error:
                raise Reverted(error.reason, call.label) from None
            raise Reverted("", call.label)
        return receipt
