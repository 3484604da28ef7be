"""What an operator does by hand: stake, opt in, list, look, withdraw. Each may be done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import delete

from cairn.chain import Call, Reverted, Sender, StakeLedger, Store, address_of
from cairn.operator._jobs import suspensions
from cairn.operator._ports import OperatorError
from cairn.operator._settings import Settings
from cairn.operator._status import OperatorStatus, currencies_of, read_status
from cairn.operator._wiring import connect, connect_to_sign

MAX_ENDPOINT = 128
"""Bytes of a listing's endpoint: the registry's bound."""


def look(settings: Settings) -> OperatorStatus:
    """Chain and store as they are now, whether the worker runs or not."""
    system = connect(settings)
    account = address_of(settings.account, system.node, system.network)
    store = Store(settings.database)
    try:
        return read_status(system, account, store)
    finally:
        store.close()


def initialise(
    settings: Settings, *, stake_wei: int = 0, reserve_wei: int = 0, models: Sequence[int] = ()
) -> Iterator[str]:
    """Bring stake and reserve up to amounts and opt into models; yields a line for each thing done.

    `stake_wei` is what the stake shall be, `reserve_wei` what shall stand behind receipts: only what
    they lack is deposited. Raises `ChainError`, and `OperatorError` while a deposit may still be on
    its way.
    """
    system, signer = connect_to_sign(settings)
    sender, stakes = Sender(system.node, signer, chain_id=system.network.chain_id), system.stakes
    if stake_wei or reserve_wei:
        waiting = system.node.nonce(signer.address, pending=True)
        waiting -= system.node.nonce(signer.address)
        if waiting > 0:
            raise OperatorError(
                f"{waiting} transactions of {signer.address} are in no block yet, and one may be a "
                "deposit: come again when they are"
            )
    if stake_wei:
        has = stakes.stake_wei(signer.address)
        if has < stake_wei:
            sender.send(stakes.deposit(stake_wei - has))
            yield f"staked {stake_wei - has} wei, {stake_wei} in all"
        else:
            yield f"{has} wei are staked already"
    if reserve_wei:
        has = stakes.reserve_wei(signer.address)
        if has < reserve_wei:
            sender.send(stakes.deposit_reserve(reserve_wei - has))
            yield f"reserved {reserve_wei - has} wei, {reserve_wei} in all"
        else:
            yield f"{has} wei are reserved already"
    for model_id in models:
        name = system.models.model(model_id).name  # raises for a model that there is not
        if stakes.is_serving(signer.address, model_id):
            yield f"model {model_id} ({name}) is served already"
            continue
        sender.send(stakes.opt_in(model_id))
        yield f"model {model_id} ({name}) is served now"
    yield f"free stake: {stakes.free_wei(signer.address)} wei"


def list_endpoint(settings: Settings, model_id: int, endpoint: str) -> Iterator[str]:
    """Say in the registry where the account answers for a model that it serves.

    Raises OperatorError for what is no address of a service, ChainError if the model is not served.
    """
    if not endpoint.startswith(("https://", "http://")) or not endpoint.isprintable():
        raise OperatorError(
            f"{endpoint!r} is no endpoint: write a URL such as https://node.example/"
        )
    if len(endpoint.encode()) > MAX_ENDPOINT:
        raise OperatorError(f"the endpoint has more than {MAX_ENDPOINT} bytes: shorten it")
    system, signer = connect_to_sign(settings)
    if system.models.listing(model_id, signer.address)[0] == endpoint:
        yield f"model {model_id} is listed there already"
        return
    sender = Sender(system.node, signer, chain_id=system.network.chain_id)
    sender.send(system.models.list_endpoint(model_id, endpoint))
    yield f"model {model_id} is listed at {endpoint}"


def withdraw_listing(settings: Settings, model_id: int) -> Iterator[str]:
    """Take the account's endpoint for a model out of the registry. Raises ChainError."""
    system, signer = connect_to_sign(settings)
    if not system.models.listing(model_id, signer.address)[0]:
        yield f"model {model_id} is not listed"
        return
    sender = Sender(system.node, signer, chain_id=system.network.chain_id)
    sender.send(system.models.withdraw_listing(model_id))
    yield f"model {model_id} is listed no more"


def resume(settings: Settings, model_id: int) -> Iterator[str]:
    """Answer for a model again whose answers were stopped; a running worker does so at once."""
    store = Store(settings.database)
    try:
        with store.begin() as db:
            where = suspensions.c.model_id == model_id
            known = db.execute(delete(suspensions).where(where)).rowcount
    finally:
        store.close()
    yield f"model {model_id} is {'answered for again' if known else 'not suspended'}"


def withdraw(
    settings: Settings,
    *,
    unbond_wei: int = 0,
    unbond_all: bool = False,
    unbond_reserve_wei: int = 0,
    opt_out: Sequence[int] = (),
) -> Iterator[str]:
    """Take out what can be; yields a line for each thing done. Raises `ChainError`.

    Models are opted out of first; `unbond_all` begins to take out all stake that is free, and the
    reserve.
    """
    system, signer = connect_to_sign(settings)
    account, stakes = signer.address, system.stakes
    sender = Sender(system.node, signer, chain_id=system.network.chain_id)
    for model_id in opt_out:
        try:
            sender.send(stakes.opt_out(model_id))
            yield f"model {model_id} is not served any more"
        except Reverted as error:
            yield f"model {model_id}: {error.reason}"
    for currency in currencies_of(system.models):
        amount = system.market.owed(account, currency)
        if amount:
            sender.send(system.market.pay(account, currency))
            yield f"earnings: {amount} of {currency}"
    bounty = stakes.bounty_wei(account)
    if bounty:
        sender.send(stakes.withdraw_bounty())
        yield f"bounties: {bounty} wei"
    now = system.node.head().timestamp
    if unbond_all:
        unbond_wei, unbond_reserve_wei = stakes.free_wei(account), stakes.reserve_wei(account)
    yield from _take_out(sender, _stake(stakes), unbond_wei, now)
    yield from _take_out(sender, _reserve(stakes), unbond_reserve_wei, now)


@dataclass(frozen=True)
class _Pot:
    """Coin in the ledger that leaves some time after it was called back."""

    name: str
    unbonding_wei: Callable[[str], int]
    ready_at: Callable[[str], int]
    begin_unbonding: Callable[[int], Call]
    withdraw: Callable[[], Call]


def _stake(stakes: StakeLedger) -> _Pot:
    return _Pot(
        "stake",
        stakes.unbonding_wei,
        stakes.unbonding_ready_at,
        stakes.begin_unbonding,
        stakes.withdraw,
    )


def _reserve(stakes: StakeLedger) -> _Pot:
    return _Pot(
        "reserve",
        stakes.reserve_unbonding_wei,
        stakes.reserve_ready_at,
        stakes.begin_unbonding_reserve,
        stakes.withdraw_reserve,
    )


def _take_out(sender: Sender, pot: _Pot, unbond_wei: int, now: int) -> Iterator[str]:
    """Take out what is ready, and call back so much more."""
    leaving, ready_at = pot.unbonding_wei(sender.address), pot.ready_at(sender.address)
    if leaving and now >= ready_at:
        sender.send(pot.withdraw())
        yield f"{pot.name}: {leaving} wei"
    elif leaving and not unbond_wei:
        yield f"unbonding {pot.name}: {leaving} wei, ready in {ready_at - now} s"
    if unbond_wei:
        sender.send(pot.begin_unbonding(unbond_wei))
        leaving, ready_at = pot.unbonding_wei(sender.address), pot.ready_at(sender.address)
        yield f"unbonding {pot.name}: {leaving} wei, ready in {ready_at - now} s"
