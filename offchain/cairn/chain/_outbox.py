"""From an intent to exactly one transaction, however often the process is killed.

An intent is a call under a key ("answer:17"). Its transaction is signed with its nonce and kept
before any node hears of it; after a crash the same bytes are sent again. A chain executes one
transaction for each nonce of an account, so an intent happens at most once:

* the key is unique: a second `post` of it finds the first;
* a nonce belongs to one intent (unique in the store), and only one process allots them (`Lease`);
* a replacement (a higher fee) has the same nonce, so it displaces and never adds;
* an intent with a cap of its own that holds up others gives way: an empty transaction with a
  higher fee takes its nonce, and it counts as refused once that one is final;
* another nonce is allotted only when the first is spent and no block shows a transaction of
  ours that spent it, some blocks beyond the confirmations long. That is as sure as the node's
  word: one that hides receipts for longer than that, or a chain rewritten deeper, can have an
  intent signed twice. Where twice would hurt, the contract must refuse the second, as the
  market does an answer to a request that has one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, func, insert, select, update

from cairn.chain._accounts import Signer
from cairn.chain._errors import NodeRefused, NodeUnreachable, Reverted
from cairn.chain._node import Node, offer
from cairn.chain._store import Lease, Store, intents, key_runs, transactions
from cairn.chain._types import Call, Fees, Head, Receipt

_log = logging.getLogger(__name__)

_SURE_AFTER = 3  # blocks beyond the confirmations: an endpoint's nodes may be out of step
_TAKEN, _MISSING = 1, -1  # signs of `displaced`: its nonce was spent, or one below is nobody's
_GAVE_WAY = "gave way to what waited behind it"
_NURSED = 16  # waiting transactions that are looked after in one tick; the others wait for these


class State(StrEnum):
    PENDING = "pending"
    """Signed and kept; perhaps sent; in no block that we know."""
    INCLUDED = "included"
    """In a block that is not deep enough yet."""
    MINED = "mined"
    """Done, for good."""
    REVERTED = "reverted"
    """The contract refused it, for good: it changed nothing and can never do so."""


@dataclass(frozen=True, slots=True)
class Intent:
    key: str
    state: State
    nonce: int
    label: str
    tx_hash: bytes | None = None
    block_number: int | None = None
    gas_used: int | None = None
    cost_wei: int | None = None
    reason: str = ""

    @property
    def is_final(self) -> bool:
        return self.state in (State.MINED, State.REVERTED)


@dataclass(frozen=True, slots=True)
class Spending:
    """What an account's outbox has done so far."""

    waiting: int
    """Transactions that are not final."""
    spent_wei: int
    """Fees of all that got into blocks."""


@dataclass(frozen=True, slots=True)
class Gas:
    """What a call takes by the node's estimate, and what its transaction would be given."""

    estimate: int
    limit: int


def intents_of(store: Store, keys: Sequence[str]) -> dict[str, Intent]:
    """Those of the keys that there are intents of. Needs no lease."""
    found: dict[str, Intent] = {}
    with store.read() as db:
        for some in key_runs(keys):
            query = select(intents).where(intents.c.key.in_(some))
            found.update((row.key, _intent(row)) for row in db.execute(query))
    return found


def spending_of(store: Store, account: str) -> Spending:
    """Read without the lease: the process that sends may be running."""
    with store.read() as db:
        rows = db.execute(
            select(intents.c.state, intents.c.cost_wei).where(intents.c.account == account)
        ).all()
    waiting = sum(row.state in (State.PENDING, State.INCLUDED) for row in rows)
    return Spending(waiting, sum(int(row.cost_wei or 0) for row in rows))


class FeePolicy(BaseModel):
    """What transactions may offer, and when they offer more."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    least_tip_wei: int = Field(default=0, ge=0)
    cap_wei: int | None = Field(default=None, gt=0)
    """The most for each gas, ever. Above it a stuck transaction waits."""
    bump_percent: int = Field(default=25, ge=10, le=100)
    """By how much a replacement offers more; nodes refuse less than 10."""
    replace_after_blocks: int = Field(default=6, gt=0)
    """Blocks that a transaction may wait before it is replaced."""
    gas_margin_percent: int = Field(default=25, ge=0, le=200)
    """Gas on top of the estimate: the state may change before the transaction runs."""


class Outbox:
    """The intents of one account on one chain. For one process at a time: see `Lease`."""

    def __init__(
        self,
        store: Store,
        node: Node,
        signer: Signer,
        lease: Lease,
        *,
        chain_id: int,
        confirmations: int = 0,
        policy: FeePolicy | None = None,
    ) -> None:
        self._store = store
        self._node = node
        self._signer = signer
        self._lease = lease
        self._chain_id = chain_id
        self._confirmations = confirmations
        self._policy = policy or FeePolicy()

    @property
    def account(self) -> str:
        return self._signer.address

    def get(self, key: str) -> Intent | None:
        with self._store.read() as db:
            row = db.execute(select(intents).where(intents.c.key == key)).one_or_none()
        return None if row is None else _intent(row)

    def get_many(self, keys: Sequence[str]) -> dict[str, Intent]:
        return intents_of(self._store, keys)

    def gas_limit(self, call: Call) -> Gas:
        """What a transaction of this call would be given. Raises as `post` does."""
        estimate = self._node.estimate_gas(self.account, call)
        return Gas(estimate, estimate * (100 + self._policy.gas_margin_percent) // 100)

    def live(self) -> list[Intent]:
        """Intents that are not final, by nonce."""
        with self._store.read() as db:
            return [_intent(row) for row in self._live(db)]

    def post(
        self,
        key: str,
        call: Call,
        head: Head,
        *,
        gas_limit: int | None = None,
        cap_wei: int | None = None,
    ) -> Intent:
        """Make a call happen once. A second time with the same key changes nothing.

        `cap_wei` is the most for each gas that it may ever offer, below the policy's; with
        `gas_limit` (None: what `gas_limit` says) it bounds what the call may cost.

        Raises `Reverted` if the contract would refuse it now, `NodeUnreachable` or `NodeRefused`
        if the node cannot be asked; then nothing was kept and nothing sent. After the transaction
        is kept, a node that cannot be reached is `tick`'s to deal with.
        """
        known = self.get(key)
        if known is not None:
            return known
        gas = gas_limit or self.gas_limit(call).limit
        pending_nonce = self._node.nonce(self.account, pending=True)
        fees = self._offer(head, cap_wei)
        with self._store.begin() as db:
            self._lease.check(db)
            row = db.execute(select(intents).where(intents.c.key == key)).one_or_none()
            if row is not None:
                return _intent(row)
            nonce = max(pending_nonce, self._next_nonce(db))
            raw = self._keep(db, key, call, gas, nonce, fees, cap_wei)
        self._send(raw, head)
        return Intent(key, State.PENDING, nonce, call.label)

    def tick(self, head: Head) -> list[Intent]:
        """Look after everything that is not final; returns what changed its state."""
        with self._store.read() as db:
            rows = self._live(db)
        if not rows:
            return []
        executed = self._node.nonce(self.account)  # nonces below this are spent
        changed: list[Intent] = []
        waiting = 0
        for place, row in enumerate(rows):
            if row.nonce < executed:
                after = self._look_up(row, head)
            else:
                after = row.state
                if row.state == State.INCLUDED:  # its block is gone
                    after = State.PENDING
                    self._update(row.id, state=after, block_number=None)
                if row.displaced > 0:  # it was not spent after all
                    self._update(row.id, displaced=0)
                if waiting < _NURSED:
                    holds_up = place < len(rows) - 1
                    self._nurse(row, head, executed, is_next=waiting == 0, holds_up=holds_up)
                waiting += 1
            if after != row.state:
                found = self.get(row.key)
                assert found is not None
                changed.append(found)
        return changed

    # --- in a block -------------------------------------------------------------------------

    def _look_up(self, row: Any, head: Head) -> str:
        for variant in self._variants(row.id):
            receipt = self._node.receipt(variant.tx_hash)
            if receipt is not None:
                return self._settle(row, receipt, head, gave_way=_is_empty(row, variant))
        # Its nonce is spent, but not by any transaction of ours that this node knows.
        if not self._is_sure(row, head, _TAKEN):
            return str(row.state)
        return self._begin_again(row, head)

    def _is_sure(self, row: Any, head: Head, what: int) -> bool:
        """Whether this was found for long enough: by blocks, since time alone proves nothing."""
        since = row.displaced * what
        if since <= 0:  # found for the first time, or the other was found before
            self._update(row.id, displaced=what * max(1, head.number))
            return False
        return bool(head.number - since >= self._confirmations + _SURE_AFTER)

    def _settle(self, row: Any, receipt: Receipt, head: Head, *, gave_way: bool) -> str:
        values: dict[str, Any] = {
            "displaced": 0,
            "tx_hash": receipt.tx_hash,
            "block_number": receipt.block_number,
            "gas_used": receipt.gas_used,
            "cost_wei": str(receipt.cost_wei),
        }
        state = State.INCLUDED
        is_deep = head.number - receipt.block_number >= self._confirmations
        if row.state == state and row.tx_hash == receipt.tx_hash and not is_deep:
            return state
        if is_deep:
            is_done = receipt.succeeded and not gave_way
            state = State.MINED if is_done else State.REVERTED
            if gave_way:
                values["reason"] = _GAVE_WAY
            elif not is_done:
                values["reason"] = self._reason(_call(row))
        self._update(row.id, state=state, **values)
        return state

    def _reason(self, call: Call) -> str:
        """Why it was refused: asked of the state after it, which nearly always says the same."""
        try:
            self._node.read(call, self.account)
        except Reverted as error:
            return error.reason
        except (NodeRefused, NodeUnreachable):
            pass
        return ""

    def _begin_again(self, row: Any, head: Head) -> str:
        """Somebody else used the account and the nonce: none of ours can run. Sign anew."""
        call = _call(row)
        try:
            gas = self.gas_limit(call).limit
        except Reverted as error:
            self._update(row.id, state=State.REVERTED, displaced=0, reason=error.reason)
            return State.REVERTED
        cap_wei = _cap(row)
        if cap_wei is not None:  # what it may cost is bounded: no more gas than it was given
            gas = min(gas, row.gas)
        pending_nonce = self._node.nonce(self.account, pending=True)
        fees = self._offer(head, cap_wei)
        with self._store.begin() as db:
            self._lease.check(db)
            nonce = max(pending_nonce, self._next_nonce(db))
            raw, tx_hash = self._sign(call, nonce, gas, fees)
            db.execute(
                update(intents)
                .where(intents.c.id == row.id)
                .values(nonce=nonce, gas=gas, state=State.PENDING, displaced=0)
            )
            self._keep_variant(db, row.id, nonce, raw, tx_hash, fees)
        _log.warning(
            "nonce taken by another program", extra={"fields": {"intent": row.key, "nonce": nonce}}
        )
        self._send(raw, head)
        return State.PENDING

    # --- not in a block ---------------------------------------------------------------------

    def _nurse(self, row: Any, head: Head, executed: int, *, is_next: bool, holds_up: bool) -> None:
        newest = self._variants(row.id)[0]
        if is_next and row.nonce > executed:
            self._fill_gap(row, executed, head)
        priced_out = int(newest.max_fee_wei) < head.base_fee_wei
        late = (
            newest.sent_at_block is not None
            and head.number - newest.sent_at_block >= self._policy.replace_after_blocks
        )
        stuck = is_next and row.nonce == executed and (late or priced_out)
        if stuck and not _is_empty(row, newest) and self._replace(row, newest, head):
            return
        if stuck and late and holds_up and self._give_way(row, newest, head):
            return
        if newest.sent_at_block is None or not self._node.knows(newest.tx_hash):
            self._send(newest.raw, head)

    def _replace(self, row: Any, newest: Any, head: Head) -> bool:
        cap_wei = self._least(_cap(row))
        fees = self._more(newest, head, cap_wei)
        if cap_wei is not None and fees.max_fee_wei > cap_wei:
            _log.warning("stuck at the highest fee allowed", extra={"fields": {"intent": row.key}})
            return False
        with self._store.begin() as db:
            self._lease.check(db)
            raw, tx_hash = self._sign(_call(row), row.nonce, row.gas, fees)
            self._keep_variant(db, row.id, row.nonce, raw, tx_hash, fees)
        _log.info(
            "replaced a stuck transaction",
            extra={
                "fields": {"intent": row.key, "nonce": row.nonce, "max_fee_wei": fees.max_fee_wei}
            },
        )
        self._send(raw, head)
        return True

    def _give_way(self, row: Any, newest: Any, head: Head) -> bool:
        """A call that may not offer enough must not hold up those behind it, which may: its nonce is
        spent on nothing, and it counts as refused, so that whoever posted it can post it again.

        The empty transaction offers more for each gas than the call's own cap, by which it is known
        (`_is_empty`), and costs no more in all than the call was allowed to.
        """
        own_wei = _cap(row)
        if own_wei is None:
            return False
        call = Call(self.account, b"", 0, "give way")
        try:
            gas = self._node.estimate_gas(self.account, call)
        except (NodeRefused, Reverted):
            return False
        cap_wei = self._least(row.gas * own_wei // gas)
        fees = self._more(newest, head, cap_wei)
        if fees.max_fee_wei <= own_wei or (cap_wei is not None and fees.max_fee_wei > cap_wei):
            return False
        with self._store.begin() as db:
            self._lease.check(db)
            raw, tx_hash = self._sign(call, row.nonce, gas, fees)
            self._keep_variant(db, row.id, row.nonce, raw, tx_hash, fees)
        _log.warning("gives way to what waits behind it", extra={"fields": {"intent": row.key}})
        self._send(raw, head)
        return True

    def _more(self, newest: Any, head: Head, cap_wei: int | None) -> Fees:
        """What displaces a transaction, and is worth to be included now."""
        now = self._offer(head, cap_wei)

        def more(wei: str) -> int:
            return int(wei) * (100 + self._policy.bump_percent) // 100 + 1

        return Fees(
            max_fee_wei=max(more(newest.max_fee_wei), now.max_fee_wei),
            tip_wei=max(more(newest.tip_wei), now.tip_wei),
        )

    def _fill_gap(self, row: Any, missing: int, head: Head) -> None:
        """A nonce below ours was allotted by nobody here and waits nowhere: spend it on nothing.

        Happens when another program's transaction was lost after ours had queued behind it.
        """
        if self._node.nonce(self.account, pending=True) > missing:
            self._update(row.id, displaced=0)
            return
        with self._store.read() as db:
            where = (intents.c.account == self.account, intents.c.nonce == missing)
            if db.execute(select(intents.c.id).where(*where)).first() is not None:
                return  # ours, and final: this node is behind the one that said so
        if not self._is_sure(row, head, _MISSING):
            return
        call = Call(self.account, b"", 0, "fill a gap in the nonces")
        gas, fees = self.gas_limit(call).limit, self._offer(head)
        with self._store.begin() as db:
            self._lease.check(db)
            raw = self._keep(db, f"gap:{self.account}:{missing}", call, gas, missing, fees)
        self._send(raw, head)

    # --- parts ------------------------------------------------------------------------------

    def _offer(self, head: Head, cap_wei: int | None = None) -> Fees:
        return offer(
            self._node,
            head,
            least_tip_wei=self._policy.least_tip_wei,
            cap_wei=self._least(cap_wei),
        )

    def _least(self, cap_wei: int | None) -> int | None:
        """The lower of an intent's own cap and the policy's."""
        caps = [one for one in (cap_wei, self._policy.cap_wei) if one is not None]
        return min(caps, default=None)

    def _next_nonce(self, db: Connection) -> int:
        query = select(func.max(intents.c.nonce)).where(intents.c.account == self.account)
        highest = db.execute(query).scalar_one_or_none()
        return 0 if highest is None else int(highest) + 1

    def _sign(self, call: Call, nonce: int, gas: int, fees: Fees) -> tuple[bytes, bytes]:
        return self._signer.sign(call, chain_id=self._chain_id, nonce=nonce, gas=gas, fees=fees)

    def _keep(
        self,
        db: Connection,
        key: str,
        call: Call,
        gas: int,
        nonce: int,
        fees: Fees,
        cap_wei: int | None = None,
    ) -> bytes:
        raw, tx_hash = self._sign(call, nonce, gas, fees)
        inserted = db.execute(
            insert(intents)
            .values(
                key=key,
                account=self.account,
                nonce=nonce,
                to_address=call.to,
                data=call.data,
                value_wei=str(call.value),
                label=call.label,
                gas=gas,
                cap_wei=None if cap_wei is None else str(cap_wei),
                state=State.PENDING,
                displaced=0,
            )
            .returning(intents.c.id)
        ).scalar_one()
        self._keep_variant(db, inserted, nonce, raw, tx_hash, fees)
        return raw

    def _keep_variant(
        self, db: Connection, intent_id: int, nonce: int, raw: bytes, tx_hash: bytes, fees: Fees
    ) -> None:
        db.execute(
            insert(transactions).values(
                tx_hash=tx_hash,
                intent_id=intent_id,
                nonce=nonce,
                raw=raw,
                max_fee_wei=str(fees.max_fee_wei),
                tip_wei=str(fees.tip_wei),
            )
        )

    def _send(self, raw: bytes, head: Head) -> None:
        """Hand a kept transaction to the node. What goes wrong here is seen to at the next tick."""
        try:
            self._node.broadcast(raw)
        except (NodeRefused, NodeUnreachable, Reverted) as error:
            _log.warning("a transaction was not taken", extra={"fields": {"error": str(error)}})
            return
        with self._store.begin() as db:
            db.execute(
                update(transactions)
                .where(transactions.c.raw == raw, transactions.c.sent_at_block.is_(None))
                .values(sent_at_block=head.number)
            )

    def _live(self, db: Connection) -> Sequence[Any]:
        return db.execute(
            select(intents)
            .where(
                intents.c.account == self.account,
                intents.c.state.in_([State.PENDING, State.INCLUDED]),
            )
            .order_by(intents.c.nonce)
        ).all()

    def _variants(self, intent_id: int) -> Sequence[Any]:
        """All transactions of an intent; the one with the highest nonce and fee first."""
        with self._store.read() as db:
            rows = db.execute(
                select(transactions).where(transactions.c.intent_id == intent_id)
            ).all()
        return sorted(rows, key=lambda row: (row.nonce, int(row.max_fee_wei)), reverse=True)

    def _update(self, intent_id: int, **values: Any) -> None:
        with self._store.begin() as db:
            db.execute(update(intents).where(intents.c.id == intent_id).values(**values))


def _call(row: Any) -> Call:
    return Call(row.to_address, row.data, int(row.value_wei), row.label)


def _is_empty(row: Any, variant: Any) -> bool:
    """Whether a transaction of an intent does nothing, so that those behind it can go on."""
    cap_wei = _cap(row)
    return cap_wei is not None and int(variant.max_fee_wei) > cap_wei


def _cap(row: Any) -> int | None:
    return None if row.cap_wei is None else int(row.cap_wei)


def _intent(row: Any) -> Intent:
    return Intent(
        key=row.key,
        state=State(row.state),
        nonce=row.nonce,
        label=row.label,
        tx_hash=row.tx_hash,
        block_number=row.block_number,
        gas_used=row.gas_used,
        cost_wei=None if row.cost_wei is None else int(row.cost_wei),
        reason=row.reason or "",
    )
