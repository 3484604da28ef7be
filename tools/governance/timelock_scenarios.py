"""What a timelock is asked to do by an account that leads it."""

from __future__ import annotations

from typing import Any

from eth_utils import keccak

from tools.governance._scenario import scenario
from tools.governance.pair import (
    LOCK_S,
    NONE,
    ZERO,
    Pair,
    at,
)

SALT = keccak(text="salt")

# --- timelock, led by an account ---


@scenario
def timelock_roles(p: Pair) -> None:
    names = ("PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE")
    for name in names:
        role = p.sees("hands", name, expect=keccak(text=name))
        p.sees("hands", "getRoleAdmin", role, expect=NONE)
        p.sees("hands", "hasRole", role, p.keeper, expect=True)
        p.sees("lock", "hasRole", role, at("governor"), expect=True)
        for account in (p.stranger, p.founders[0], p.accounts[0], ZERO, at("token"), at("hands")):
            p.sees("hands", "hasRole", role, account, expect=False)
            p.sees("lock", "hasRole", role, account, expect=False)
    admin = p.sees("hands", "DEFAULT_ADMIN_ROLE", expect=NONE)
    for account in (p.keeper, p.stranger, p.accounts[0], ZERO, at("governor")):
        p.sees("hands", "hasRole", admin, account, expect=False)
        p.sees("lock", "hasRole", admin, account, expect=False)


@scenario
def timelock_supports_the_interfaces(p: Pair) -> None:
    for interface_id in ("01ffc9a7", "7965db0b", "4e2312e0"):
        p.sees("hands", "supportsInterface", bytes.fromhex(interface_id), expect=True)
    p.sees("hands", "supportsInterface", bytes.fromhex("ffffffff"), expect=False)


@scenario
def timelock_hashes_operations(p: Pair) -> None:
    p.sees("hands", "hashOperation", p.box, 5, b"\1\2\3", NONE, SALT)
    p.sees("hands", "hashOperationBatch", [p.box, p.payee], [5, 0], [b"", b"\1" * 40], SALT, NONE)
    p.sees("hands", "hashOperationBatch", [], [], [], NONE, NONE)


def _call(
    p: Pair, number: int = 1, predecessor: bytes = NONE, salt: bytes = NONE
) -> tuple[Any, ...]:
    return p.box, 0, p.putting(number).calldatas[0], predecessor, salt


@scenario
def timelock_schedules_and_executes_one_call(p: Pair) -> None:
    call = _call(p, salt=SALT)
    operation = p.sees("hands", "hashOperation", *call)
    p.sees("hands", "getOperationState", operation, expect=0)
    p.does("hands", "schedule", *call, LOCK_S, sender=p.keeper)
    ready = p.now + LOCK_S
    p.sees("hands", "getTimestamp", operation, expect=ready)
    p.sees("hands", "getOperationState", operation, expect=1)
    for view, is_so in (
        ("isOperation", True),
        ("isOperationPending", True),
        ("isOperationReady", False),
    ):
        p.sees("hands", view, operation, expect=is_so)
    p.refuses("hands", "schedule", *call, LOCK_S, sender=p.keeper)
    p.refuses("hands", "execute", *call, sender=p.keeper, when=ready - 1)
    p.does("hands", "execute", *call, sender=p.keeper, when=ready)
    p.sees("hands", "getOperationState", operation, expect=3)
    p.sees("hands", "getTimestamp", operation, expect=1)
    for view, is_so in (
        ("isOperation", True),
        ("isOperationPending", False),
        ("isOperationDone", True),
    ):
        p.sees("hands", view, operation, expect=is_so)
    p.refuses("hands", "execute", *call, sender=p.keeper)
    p.refuses("hands", "schedule", *call, LOCK_S, sender=p.keeper)
    p.refuses("hands", "cancel", operation, sender=p.keeper)


@scenario
def timelock_schedules_and_executes_a_batch(p: Pair) -> None:
    data = [p.putting(number).calldatas[0] for number in (1, 2)]
    batch = ([p.box, p.payee, p.box], [3, 4, 0], [data[0], b"", data[1]], NONE, NONE)
    operation = p.sees("hands", "hashOperationBatch", *batch)
    p.does("hands", "scheduleBatch", *batch, LOCK_S + 7, sender=p.keeper)
    p.sees("hands", "getTimestamp", operation, expect=p.now + LOCK_S + 7)
    p.advance(LOCK_S + 7)
    p.sees("hands", "isOperationReady", operation, expect=True)
    p.does("hands", "executeBatch", *batch, sender=p.keeper, value=7)
    p.sees("hands", "isOperationDone", operation, expect=True)
    p.refuses("hands", "executeBatch", *batch, sender=p.keeper)


@scenario
def timelock_refuses_who_has_no_role(p: Pair) -> None:
    call = _call(p)
    batch = ([p.box], [0], [b""], NONE, NONE)
    for sender in (p.stranger, p.founders[0], p.accounts[0]):
        p.refuses("hands", "schedule", *call, LOCK_S, sender=sender)
        p.refuses("hands", "scheduleBatch", *batch, LOCK_S, sender=sender)
        p.refuses("lock", "schedule", *call, LOCK_S, sender=sender)
        p.refuses("lock", "scheduleBatch", *batch, LOCK_S, sender=sender)
    p.does("hands", "schedule", *call, LOCK_S, sender=p.keeper)
    p.does("hands", "scheduleBatch", *batch, LOCK_S, sender=p.keeper)
    operation = p.sees("hands", "hashOperation", *call)
    p.advance(LOCK_S)
    for sender in (p.stranger, p.founders[0], p.accounts[0]):
        p.refuses("hands", "execute", *call, sender=sender)
        p.refuses("hands", "executeBatch", *batch, sender=sender)
        p.refuses("hands", "cancel", operation, sender=sender)


@scenario
def timelock_refuses_a_delay_below_the_least(p: Pair) -> None:
    for delay in (0, LOCK_S - 1):
        p.refuses("hands", "schedule", *_call(p), delay, sender=p.keeper)
    p.does("hands", "schedule", *_call(p), LOCK_S, sender=p.keeper)


@scenario
def timelock_predecessor_must_be_done(p: Pair) -> None:
    first = _call(p, 1)
    before = p.sees("hands", "hashOperation", *first)
    second = _call(p, 2, before)
    orphan = _call(p, 3, keccak(text="never"))
    for call in (first, second, orphan):
        p.does("hands", "schedule", *call, LOCK_S, sender=p.keeper)
    p.advance(LOCK_S)
    p.refuses("hands", "execute", *second, sender=p.keeper)
    p.refuses("hands", "execute", *orphan, sender=p.keeper)
    p.does("hands", "execute", *first, sender=p.keeper)
    p.does("hands", "execute", *second, sender=p.keeper)


@scenario
def timelock_salt_makes_another_operation(p: Pair) -> None:
    calls = [_call(p, salt=bytes([n]) * 32) for n in range(3)]
    for call in calls:
        p.does("hands", "schedule", *call, LOCK_S, sender=p.keeper)
    p.advance(LOCK_S)
    for call in calls:
        p.does("hands", "execute", *call, sender=p.keeper)


@scenario
def timelock_cancels_what_waits_or_is_ready(p: Pair) -> None:
    call = _call(p)
    operation = p.sees("hands", "hashOperation", *call)
    p.refuses("hands", "cancel", operation, sender=p.keeper)
    for wait in (0, LOCK_S):
        p.does("hands", "schedule", *call, LOCK_S, sender=p.keeper)
        p.advance(wait + 1)
        p.does("hands", "cancel", operation, sender=p.keeper)
        p.sees("hands", "isOperation", operation, expect=False)
        p.refuses("hands", "execute", *call, sender=p.keeper)
        p.refuses("hands", "cancel", operation, sender=p.keeper)


@scenario
def timelock_refuses_lists_unlike_in_length(p: Pair) -> None:
    for batch in (([p.box], [0, 0], [b""]), ([p.box], [0], []), ([], [0], [b""])):
        p.refuses("hands", "scheduleBatch", *batch, NONE, NONE, LOCK_S, sender=p.keeper)
        p.refuses("hands", "executeBatch", *batch, NONE, NONE, sender=p.keeper)


@scenario
def timelock_undoes_a_batch_that_fails(p: Pair) -> None:
    fail = keccak(text="fail()")[:4]
    batch = ([p.box, p.box], [0, 0], [p.putting(4).calldatas[0], fail], NONE, NONE)
    operation = p.sees("hands", "hashOperationBatch", *batch)
    p.does("hands", "scheduleBatch", *batch, LOCK_S, sender=p.keeper)
    p.advance(LOCK_S)
    reason = p.refuses("hands", "executeBatch", *batch, sender=p.keeper, alike=True)
    assert reason == "box: it never works"
    p.sees("hands", "isOperationReady", operation, expect=True)


@scenario
def timelock_changes_its_delay_by_itself_only(p: Pair) -> None:
    for sender in (p.keeper, p.stranger):
        p.refuses("hands", "updateDelay", 60, sender=sender)
    change: tuple[object, ...] = (
        at("hands"),
        0,
        p.data("hands", "updateDelay", 60),
        NONE,
        NONE,
    )
    for side in p.sides:
        answer = p.call(side, "hands", "hashOperation", *change)
        assert answer is not None
        side.own["change of delay"] = answer
    p.does("hands", "schedule", *change, LOCK_S, sender=p.keeper)
    p.advance(LOCK_S)
    p.does("hands", "execute", *change, sender=p.keeper)
    p.sees("hands", "getMinDelay", expect=60)
    p.does("hands", "schedule", *_call(p), 60, sender=p.keeper)


@scenario
def timelock_takes_coin_and_collectibles(p: Pair) -> None:
    one = (p.stranger, p.stranger, 1)
    p.sees("hands", "onERC721Received", *one, b"", expect=bytes.fromhex("150b7a02"))
    p.sees("hands", "onERC1155Received", *one, 1, b"", expect=bytes.fromhex("f23a6e61"))
    many = (p.stranger, p.stranger, [1, 2], [3, 4], b"\1")
    p.sees("hands", "onERC1155BatchReceived", *many, expect=bytes.fromhex("bc197c81"))
    for side in p.sides:
        before = p.balance(side["hands"])
        coin = {"from": p.stranger, "to": side["hands"], "value": "0x5", "gas": "0x186a0"}
        sent = p.rpc("eth_sendTransaction", coin)
        p.advance(1)
        assert p.outcome(sent).succeeded
        assert p.balance(side["hands"]) == before + 5
