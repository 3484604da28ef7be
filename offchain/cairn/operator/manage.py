"""What an operator does by hand: stake, opt in, look, withdraw. Each may be done again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import delete

from cairn.chain import Reverted, Sender, Store, address_of
from cairn.operator._jobs import suspensions
from cairn.operator._ports import OperatorError
from cairn.operator._settings import Settings
from cairn.operator._status import OperatorStatus, currencies_of, read_status
from cairn.operator._wiring import connect, connect_to_sign


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
    settings: Settings, *, stake_wei: int = 0, models: Sequence[int] = ()
) -> Iterator[str]:
    """Bring the stake up to an amount and opt into models; yields a line for each thing done.

    `stake_wei` is what the stake shall be: only what it lacks is deposited. Raises `ChainError`,
    and `OperatorError` while a deposit may still be on its way.
    """
    system, signer = connect_to_sign(settings)
    sender = Sender(system.node, signer, chain_id=system.network.chain_id)
    if stake_wei:
        waiting = system.node.nonce(signer.address, pending=True)
        waiting -= system.node.nonce(signer.address)
        if waiting > 0:
            raise OperatorError(
                f"{waiting} transactions of {signer.address} are in no block yet, and one may be a "
                "deposit: come again when they are"
            )
        has = system.stakes.stake_wei(signer.address)
        if has < stake_wei:
            sender.send(system.stakes.deposit(stake_wei - has))
            yield f"staked {stake_wei - has} wei, {stake_wei} in all"
        else:
            yield f"{has} wei are staked already"
    for model_id in models:
        name = system.models.model(model_id).name  # raises for a model that there is not
        if system.stakes.is_serving(signer.address, model_id):
            yield f"model {model_id} ({name}) is served already"
            continue
        sender.send(system.stakes.opt_in(model_id))
        yield f"model {model_id} ({name}) is served now"
    yield f"free stake: {system.stakes.free_wei(signer.address)} wei"


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
    opt_out: Sequence[int] = (),
) -> Iterator[str]:
    """Take out what can be; yields a line for each thing done. Raises `ChainError`.

    Models are opted out of first; `unbond_all` begins to take out all stake that is free.
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
    unbonding, ready_at = stakes.unbonding_wei(account), stakes.unbonding_ready_at(account)
    now = system.node.head().timestamp
    if unbonding and now >= ready_at:
        sender.send(stakes.withdraw())
        yield f"stake: {unbonding} wei"
    elif unbonding and not unbond_wei and not unbond_all:
        yield f"unbonding: {unbonding} wei, ready in {ready_at - now} s"
    if unbond_all:
        unbond_wei = stakes.free_wei(account)
    if unbond_wei:
        sender.send(stakes.begin_unbonding(unbond_wei))
        ready_at = stakes.unbonding_ready_at(account)
        yield f"unbonding: {stakes.unbonding_wei(account)} wei, ready in {ready_at - now} s"
