"""Sending one transaction and waiting for it: for scripts and the command line.

Nothing is kept; a process that must survive a crash uses the `Outbox`.
"""

from __future__ import annotations

import time

from cairn.chain._accounts import Signer
from cairn.chain._errors import NodeRefused, NodeUnreachable, Reverted
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
        time: then it may still get into one. Both name the transaction once it was signed and sent.
        """
        gas = self._node.estimate_gas(self.address, call) * 5 // 4
        raw, tx_hash = self._signer.sign(
            call,
            chain_id=self._chain_id,
            nonce=self._node.nonce(self.address, pending=True),
            gas=gas,
            fees=offer(self._node, self._node.head()),
        )
        known_as = f"{call.label} (transaction 0x{tx_hash.hex()})"
        receipt = self._wait(raw, tx_hash, known_as)
        if not receipt.succeeded:
            reason = ""
            try:
                self._node.read(call, self.address)
            except Reverted as error:
                reason = error.reason
            except (NodeRefused, NodeUnreachable):
                pass
            raise Reverted(reason, known_as)
        return receipt

    def _wait(self, raw: bytes, tx_hash: bytes, known_as: str) -> Receipt:
        """Send and look for it, up to the deadline, whatever a node leaves unanswered meanwhile.

        The same bytes may be sent any number of times: they are executed once.
        """
        until = time.monotonic() + self._timeout_s
        is_sent = is_first = True
        while True:
            silent: Exception | None = None
            if is_first or not is_sent:
                try:
                    self._node.broadcast(raw)
                    is_sent = True
                except NodeUnreachable as error:  # the node may have taken it all the same
                    is_sent, silent = False, error
                except (NodeRefused, Reverted):
                    if is_first:
                        raise
                    is_sent = True  # it is refused now since it was taken then
                is_first = False
            try:
                receipt = self._node.receipt(tx_hash)
            except (NodeRefused, NodeUnreachable) as error:
                receipt, silent = None, error
            if receipt is not None:
                return receipt
            if time.monotonic() >= until:
                sent = "was sent" if is_sent else "was perhaps sent"
                why = f", and at last: {silent}" if silent else ""
                raise NodeUnreachable(
                    f"{known_as} {sent}, and no block with it was seen in {self._timeout_s:.0f} s"
                    f"{why}; look for it before trying again"
                ) from silent
            time.sleep(self._poll_interval_s)
