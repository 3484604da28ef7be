"""What an operator has at stake, has earned and is doing: for people and for monitors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from cairn.chain import (
    NATIVE_COIN,
    ModelRegistry,
    Store,
    System,
    position_of,
    spending_of,
)
from cairn.domain.text import printable
from cairn.operator._budget import spent_on_challenges
from cairn.operator._jobs import (
    CURSOR,
    count_by_state,
    requests,
    roots,
    rounds,
    suspended,
    waiting_for_stake,
)


@dataclass(frozen=True)
class OperatorStatus:
    """Amounts in the smallest unit."""

    account: str
    chain_id: int
    head_block: int
    head_timestamp: int
    next_block: int
    """The first block that the worker has not read yet."""
    balance_wei: int
    stake_wei: int
    free_wei: int
    locked_wei: int
    unbonding_wei: int
    unbonding_ready_at: int
    reserve_wei: int
    """Behind receipts of HTTP predictions."""
    reserve_unbonding_wei: int
    reserve_ready_at: int
    bounty_wei: int
    fees_spent_wei: int
    serves: tuple[int, ...]
    listings: dict[int, str] = field(default_factory=dict)
    """Model -> where the registry says that the account answers for it."""
    owed: dict[str, int] = field(default_factory=dict)
    """Currency -> earnings that `withdraw` would send."""
    requests: dict[str, int] = field(default_factory=dict)
    """State -> how many."""
    roots: dict[str, int] = field(default_factory=dict)
    """Roots of answers, ours and others', by state."""
    rounds: dict[str, int] = field(default_factory=dict)
    suspended: dict[int, int] = field(default_factory=dict)
    """Model -> the request whose answer was proved wrong; no more are given until `resume`."""
    answers_backed: dict[int, int] = field(default_factory=dict)
    """Model served and on sale -> how many more answers the free stake can back, all to it."""
    answers_waiting: int = 0
    """Open requests that wait for stake to become free."""
    transactions_waiting: int = 0
    challenges_spent_wei: int = 0
    """What challenges cost in the last 24 hours, or may yet."""

    def as_text(self) -> str:
        """For people: amounts of coin in whole coins."""

        def coin(wei: int) -> str:
            return f"{Decimal(wei).scaleb(-18).normalize():f} coin"

        def jobs(counts: dict[str, int]) -> str:
            return ", ".join(f"{count} {state}" for state, count in counts.items()) or "none"

        lines = [
            ("account", f"{self.account}, {coin(self.balance_wei)}"),
            ("stake", f"{coin(self.stake_wei)}: {coin(self.free_wei)} free, the rest locked"),
            ("can back", self._backed()),
            ("unbonding", coin(self.unbonding_wei)),
            ("reserve", f"{coin(self.reserve_wei)} behind receipts{self._leaving(coin)}"),
            ("bounties", coin(self.bounty_wei)),
            ("earned", ", ".join(f"{n} of {c}" for c, n in self.owed.items()) or "nothing owed"),
            ("fees paid", coin(self.fees_spent_wei)),
            ("challenges", f"{coin(self.challenges_spent_wei)} spent in 24 hours"),
            ("serves", ", ".join(f"model {one}" for one in self.serves) or "no model"),
            *(
                ("listed", f"model {one} at {printable(endpoint)}")
                for one, endpoint in self.listings.items()
            ),
            *(
                ("SUSPENDED", f"model {model_id}: our answer to request {request_id} was wrong")
                for model_id, request_id in self.suspended.items()
            ),
            ("requests", jobs(self.requests)),
            ("roots", jobs(self.roots)),
            ("rounds", jobs(self.rounds)),
            ("waiting", f"{self.transactions_waiting} transactions"),
            ("read", f"up to block {self.next_block - 1} of {self.head_block}"),
        ]
        return "\n".join(f"{name:<10} {value}" for name, value in lines)

    def _leaving(self, coin: Callable[[int], str]) -> str:
        wei = self.reserve_unbonding_wei
        return f", {coin(wei)} unbonding" if wei else ""

    def _backed(self) -> str:
        told = [f"{n} more answers to model {one}" for one, n in self.answers_backed.items()]
        text = " or ".join(told) or "no answer: no model served is on sale"
        return text + (f"; {self.answers_waiting} wait for stake" if self.answers_waiting else "")

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def currencies_of(models: ModelRegistry) -> tuple[str, ...]:
    """What the registry's models are priced in; the native coin is always among them."""
    found = [NATIVE_COIN]
    found += [models.model(model_id).currency for model_id in range(1, models.n_models() + 1)]
    return tuple(dict.fromkeys(found))


def read_status(system: System, account: str, store: Store | None = None) -> OperatorStatus:
    """Chain and store as they are now; the worker may be running or not."""
    head = system.node.head()
    stakes = system.stakes
    serves = tuple(
        model_id
        for model_id in range(1, system.models.n_models() + 1)
        if stakes.is_serving(account, model_id)
    )
    listed = {
        model_id: system.models.listing(model_id, account)[0]
        for model_id in range(1, system.models.n_models() + 1)
    }
    free_wei = stakes.free_wei(account)
    backed: dict[int, int] = {}
    for model_id in serves:
        terms_id = system.models.current_terms(model_id)
        if terms_id:
            backed[model_id] = free_wei // max(1, system.models.terms(terms_id).lock_wei)
    owed = {one: system.market.owed(account, one) for one in currencies_of(system.models)}
    kept: dict[str, Any] = {"next_block": 0, "fees_spent_wei": 0}
    if store is not None:
        spending = spending_of(store, account)
        with store.read() as db:
            jobs = {
                "requests": count_by_state(db, requests),
                "roots": count_by_state(db, roots),
                "rounds": count_by_state(db, rounds),
                "suspended": suspended(db),
                "answers_waiting": waiting_for_stake(db),
            }
        kept = {
            "next_block": position_of(store, CURSOR) or 0,
            "fees_spent_wei": spending.spent_wei,
            "transactions_waiting": spending.waiting,
            "challenges_spent_wei": spent_on_challenges(store, head.timestamp),
            **jobs,
        }
    return OperatorStatus(
        account=account,
        chain_id=system.network.chain_id,
        head_block=head.number,
        head_timestamp=head.timestamp,
        balance_wei=system.node.balance_wei(account),
        stake_wei=stakes.stake_wei(account),
        free_wei=free_wei,
        locked_wei=stakes.locked_wei(account),
        unbonding_wei=stakes.unbonding_wei(account),
        unbonding_ready_at=stakes.unbonding_ready_at(account),
        reserve_wei=stakes.reserve_wei(account),
        reserve_unbonding_wei=stakes.reserve_unbonding_wei(account),
        reserve_ready_at=stakes.reserve_ready_at(account),
        bounty_wei=stakes.bounty_wei(account),
        serves=serves,
        listings={one: endpoint for one, endpoint in listed.items() if endpoint},
        answers_backed=backed,
        owed={currency: amount for currency, amount in owed.items() if amount},
        **kept,
    )
