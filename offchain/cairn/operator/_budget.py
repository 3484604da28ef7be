"""What the watchtower may spend: a sum for any 24 hours and a price for each gas, kept in the store."""

from __future__ import annotations

from sqlalchemy import delete, insert, select, update

from cairn.chain import Head, Store, intents_of
from cairn.operator._jobs import challenge_costs
from cairn.operator._ports import OperatorError
from cairn.operator._settings import Settings

DAY_S = 86_400
_ROOM = 2  # times today's offer: how far a stuck challenge's fee may rise where no ceiling is set


class TooDear(OperatorError):
    """A challenge costs more than the settings allow now; later it may not."""


class Budget:
    """Sets aside the most that a challenge can cost before it is signed; once it is final, what it did
    cost counts instead. The sums outlive the process, so no number of restarts spends more.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    def look(self, head: Head) -> None:
        """Date what has become final since the last look: it counts for a day from now."""
        c = challenge_costs.c
        with self._store.read() as db:
            undated = db.execute(select(c.intent).where(c.final_at.is_(None))).scalars().all()
        known = intents_of(self._store, undated)
        final = [key for key, intent in known.items() if intent.is_final]
        if final:
            with self._store.begin() as db:
                for key in final:
                    dated = update(challenge_costs).where(c.intent == key)
                    db.execute(dated.values(final_at=head.timestamp))

    def reserve(self, key: str, gas: int, price_wei: int, offer_wei: int, head: Head) -> int:
        """Set aside what a challenge may cost; returns the most for each gas.

        `price_wei` is what a gas costs now, `offer_wei` what would be offered for it; the
        intent's `key` says which challenge. Raises `TooDear`, and sets nothing aside.
        """
        c, budget_wei = challenge_costs.c, self._settings.watch_budget_wei
        ceilings = (self._settings.watch_max_fee_wei, self._settings.max_fee_wei)
        most_wei = min([one for one in ceilings if one is not None], default=_ROOM * offer_wei)
        if price_wei > most_wei:
            raise TooDear("wrong, but a gas costs more than may be paid for a proof")
        with self._store.begin() as db:
            db.execute(delete(challenge_costs).where(c.intent == key))
            old = c.final_at <= head.timestamp - 2 * DAY_S
            db.execute(delete(challenge_costs).where(old))
        spent_wei = spent_on_challenges(self._store, head.timestamp)
        if spent_wei + gas * most_wei > budget_wei:
            raise TooDear(
                f"wrong, but the proof may cost more than is left of {budget_wei} wei for 24 hours"
            )
        with self._store.begin() as db:
            values = {"intent": key, "reserved_at": head.timestamp}
            db.execute(insert(challenge_costs).values(**values, reserved_wei=str(gas * most_wei)))
        return most_wei


def spent_on_challenges(store: Store, now: int) -> int:
    """What challenges cost in the 24 hours before `now`, or may yet. Needs no lease.

    One that was set aside for and never signed (its process died between) costs nothing.
    """
    with store.read() as db:
        rows = db.execute(select(challenge_costs)).all()
    known = intents_of(store, [row.intent for row in rows])
    spent_wei = 0
    for row in rows:
        intent = known.get(row.intent)
        if intent is None:
            continue
        if not intent.is_final:
            spent_wei += int(row.reserved_wei)
        elif row.final_at is None or row.final_at > now - DAY_S:
            spent_wei += intent.cost_wei or 0
    return spent_wei
