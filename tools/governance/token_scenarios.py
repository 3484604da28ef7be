"""What a voting token is asked to do."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tools.governance._scenario import SUPPLY, other_form, scenario
from tools.governance.pair import (
    HOLDINGS,
    NAME,
    SHARE,
    SYMBOL,
    ZERO,
    Own,
    Pair,
    at,
    v_r_s,
)

PERMIT = "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline"
DELEGATION = "address delegatee,uint256 nonce,uint256 expiry"

# --- token: an ERC-20 ---


def _who(p: Pair) -> list[str | Own]:
    return [*p.founders[:4], p.stranger, p.payee, ZERO, at("token")]


def _look(p: Pair) -> None:
    """Everything that the token says of everybody now."""
    p.sees("token", "totalSupply")
    for account in _who(p):
        for view in ("balanceOf", "getVotes", "delegates", "numCheckpoints", "nonces"):
            p.sees("token", view, account)


def _look_back(p: Pair, since: int) -> None:
    """Votes and supply at every second since then."""
    for second in range(since, p.now):
        p.sees("token", "getPastTotalSupply", second)
        for account in (*p.founders[:3], p.stranger):
            p.sees("token", "getPastVotes", account, second)


@scenario
def token_names_itself(p: Pair) -> None:
    p.sees("token", "name", expect=NAME)
    p.sees("token", "symbol", expect=SYMBOL)
    p.sees("token", "decimals", expect=18)
    p.sees("token", "totalSupply", expect=SUPPLY)
    p.sees("token", "clock", expect=p.now)
    p.sees("token", "CLOCK_MODE", expect="mode=timestamp")
    p.sees("token", "eip712Domain")
    for holder, held in zip(p.founders, HOLDINGS, strict=True):
        p.sees("token", "balanceOf", holder, expect=held * SHARE)
        p.sees("token", "getVotes", holder, expect=held * SHARE)
        p.sees("token", "delegates", holder, expect=holder.lower())
        p.sees("token", "numCheckpoints", holder, expect=1)


@scenario
def token_transfers(p: Pair) -> None:
    sender = p.founders[0]
    for to, amount in (
        (p.founders[1], 5 * SHARE),
        (p.founders[1], 0),
        (sender, 7 * SHARE),
        (sender, 0),
        (p.stranger, 1),
        (p.stranger, 100 * SHARE - 5 * SHARE - 1),
    ):
        p.does("token", "transfer", to, amount, sender=sender)
        _look(p)
    p.refuses("token", "transfer", p.founders[1], 1, sender=sender)
    p.refuses("token", "transfer", ZERO, 0, sender=sender)
    p.refuses("token", "transfer", p.founders[1], 2**256 - 1, sender=p.founders[2])


@scenario
def token_transfers_by_allowance(p: Pair) -> None:
    owner, spender = p.founders[0], p.stranger
    take = ("token", "transferFrom", owner)
    p.refuses(*take, p.payee, 1, sender=spender)
    p.does("token", "approve", spender, 10, sender=owner)
    p.sees("token", "allowance", owner, spender, expect=10)
    p.does(*take, p.payee, 4, sender=spender)
    p.sees("token", "allowance", owner, spender, expect=6)
    p.refuses(*take, p.payee, 7, sender=spender)
    p.does(*take, spender, 6, sender=spender)
    p.refuses(*take, spender, 1, sender=spender)
    p.does("token", "approve", spender, 2**256 - 1, sender=owner)
    p.does(*take, p.payee, SHARE, sender=spender)
    p.sees("token", "allowance", owner, spender, expect=2**256 - 1)
    p.refuses(*take, p.payee, 100 * SHARE, sender=spender)
    p.does("token", "approve", spender, 0, sender=owner)
    p.refuses(*take, p.payee, 1, sender=spender)
    _look(p)


@scenario
def token_mints_for_the_alliance_only(p: Pair) -> None:
    p.fund("governor")
    for sender in (p.stranger, p.founders[0], at("governor")):
        p.refuses("token", "mint", p.stranger, 1, sender=sender)
    p.does("token", "mint", p.founders[0], SHARE, sender=at("lock"))
    p.does("token", "mint", p.stranger, SHARE, sender=at("lock"))
    p.refuses("token", "mint", ZERO, SHARE, sender=at("lock"))
    _look(p)


@scenario
def token_mints_by_a_proposal(p: Pair) -> None:
    p.execute(p.calling(("token", "mint", p.payee, 12 * SHARE)))
    p.sees("token", "balanceOf", p.payee, expect=12 * SHARE)


@scenario
def token_permit(p: Pair) -> None:
    owner, deadline = p.signer.address, p.now + 1_000
    said = {"owner": owner, "spender": p.stranger, "value": 5, "nonce": 0, "deadline": deadline}
    good = p.signed("token", "Permit", PERMIT, **said)
    call = ("token", "permit", owner, p.stranger)
    p.does(*call, 5, deadline, *v_r_s(good), sender=p.payee)
    p.sees("token", "allowance", owner, p.stranger, expect=5)
    p.sees("token", "nonces", owner, expect=1)
    p.refuses(*call, 5, deadline, *v_r_s(good), sender=p.payee)
    p.sees("token", "nonces", owner, expect=1)


@scenario
def token_permit_of_something_else_is_refused(p: Pair) -> None:
    owner, deadline = p.signer.address, p.now + 1_000
    said = {"owner": owner, "spender": p.stranger, "value": 5, "nonce": 0, "deadline": deadline}
    good = p.signed("token", "Permit", PERMIT, **said)
    past = p.now - 1
    expired = p.signed("token", "Permit", PERMIT, **{**said, "deadline": past})
    elsewhere = p.signed("governor", "Permit", PERMIT, **said)
    for whose, spender, value, until, signature in (
        (p.founders[0], p.stranger, 5, deadline, good),
        (owner, p.payee, 5, deadline, good),
        (owner, p.stranger, 6, deadline, good),
        (owner, p.stranger, 5, deadline + 1, good),
        (owner, p.stranger, 5, past, expired),
        (owner, p.stranger, 5, deadline, elsewhere),
        (owner, p.stranger, 5, deadline, other_form(good)),
        (ZERO, p.stranger, 5, deadline, lambda _: bytes(65)),
    ):
        p.refuses(
            *("token", "permit", whose, spender, value, until),
            *v_r_s(signature),
            sender=p.payee,
        )


# --- token: votes ---


@scenario
def token_delegates_to_oneself_others_and_nobody(p: Pair) -> None:
    began = p.now
    p.does("token", "transfer", p.stranger, 9 * SHARE, sender=p.founders[0])
    for who, delegatee in (
        (p.stranger, p.stranger),
        (p.stranger, p.founders[1]),
        (p.founders[0], p.stranger),
        (p.founders[0], p.stranger),
        (p.founders[1], ZERO),
        (p.founders[1], p.founders[1]),
        (p.founders[0], p.founders[0]),
        (p.stranger, ZERO),
        (p.payee, p.founders[2]),
    ):
        p.does("token", "delegate", delegatee, sender=who)
        _look(p)
    p.does("token", "transfer", p.payee, SHARE, sender=p.founders[0])
    p.does("token", "transfer", p.stranger, SHARE, sender=p.payee)
    _look(p)
    p.advance(1)
    _look_back(p, began - 2)


@scenario
def token_delegates_by_signature(p: Pair) -> None:
    p.does("token", "transfer", p.signer.address, 3 * SHARE, sender=p.founders[0])
    expiry = p.now + 1_000
    said = {"delegatee": p.stranger, "nonce": 0, "expiry": expiry}
    good = p.signed("token", "Delegation", DELEGATION, **said)
    call = ("token", "delegateBySig", p.stranger)
    p.does(*call, 0, expiry, *v_r_s(good), sender=p.payee)
    p.sees("token", "delegates", p.signer.address, expect=p.stranger.lower())
    p.sees("token", "getVotes", p.stranger, expect=3 * SHARE)
    p.refuses(*call, 0, expiry, *v_r_s(good), sender=p.payee)
    p.sees("token", "nonces", p.signer.address, expect=1)


@scenario
def token_delegates_by_no_other_signature(p: Pair) -> None:
    expiry, past = p.now + 1_000, p.now - 1
    said = {"delegatee": p.stranger, "nonce": 0, "expiry": expiry}
    good = p.signed("token", "Delegation", DELEGATION, **said)
    expired = p.signed("token", "Delegation", DELEGATION, **{**said, "expiry": past})
    later = p.signed("token", "Delegation", DELEGATION, **{**said, "nonce": 1})
    for nonce, until, signature in (
        (0, past, expired),
        (1, expiry, later),
        (0, expiry, other_form(good)),
        (0, expiry, lambda _: bytes(65)),
    ):
        p.refuses(
            *("token", "delegateBySig", p.stranger, nonce, until),
            *v_r_s(signature),
            sender=p.payee,
        )
    p.sees("token", "nonces", p.signer.address, expect=0)


@scenario
def token_nonces_serve_permits_and_delegations(p: Pair) -> None:
    owner, until = p.signer.address, p.now + 1_000
    permit = p.signed(
        *("token", "Permit", PERMIT),
        owner=owner,
        spender=p.stranger,
        value=5,
        nonce=0,
        deadline=until,
    )
    p.does("token", "permit", owner, p.stranger, 5, until, *v_r_s(permit), sender=p.payee)
    said = {"delegatee": p.stranger, "nonce": 1, "expiry": until}
    delegation = p.signed("token", "Delegation", DELEGATION, **said)
    call = ("token", "delegateBySig", p.stranger, 1, until)
    p.does(*call, *v_r_s(delegation), sender=p.payee)
    p.sees("token", "nonces", owner, expect=2)


@scenario
def token_keeps_one_checkpoint_a_second(p: Pair) -> None:
    """Two transfers in one block, as two transactions to each side."""
    for side in p.sides:
        for amount in (1, 2):
            data = p.data("token", "transfer", p.founders[1], amount)
            p.rpc(
                "eth_sendTransaction",
                {
                    "from": p.founders[0],
                    "to": side["token"],
                    "data": "0x" + data.hex(),
                    "gas": hex(200_000),
                },
            )
    p.advance(3)
    _look(p)
    p.sees("token", "numCheckpoints", p.founders[0], expect=2)
    # The first is of the launch, which no two contracts have in one second.
    p.sees("token", "checkpoints", p.founders[0], 1)
    p.sees_nothing("token", "checkpoints", p.founders[0], 2)
    p.sees_nothing("token", "checkpoints", p.stranger, 0)


@scenario
def token_remembers_every_checkpoint(p: Pair) -> None:
    began = p.now
    for n in range(9):
        p.does("token", "transfer", p.founders[1], n + 1, sender=p.founders[0])
        p.advance(n % 3)
    for account in p.founders[:2]:
        count = p.sees("token", "numCheckpoints", account)
        assert count == 10
        for position in range(1, count):  # the first is of the launch
            p.sees("token", "checkpoints", account, position)
        p.sees_nothing("token", "checkpoints", account, count)
    p.advance(1)
    _look_back(p, began - 1)


@scenario
def token_remembers_the_supply(p: Pair) -> None:
    began = p.now
    for n in range(4):
        p.does("token", "mint", p.stranger, (n + 1) * SHARE, sender=at("lock"))
        p.advance(n + 1)
    _look_back(p, began - 1)
    p.sees("token", "getPastTotalSupply", 0, expect=0)


@scenario
def token_does_not_look_ahead(p: Pair) -> None:
    for ahead in (1, 10, 2**40):
        p.sees_nothing("token", "getPastVotes", p.founders[0], p.now + ahead)
        p.sees_nothing("token", "getPastTotalSupply", p.now + ahead)


def _random_steps(p: Pair, seed: int, steps: int) -> Iterator[int]:
    chance = random.Random(seed)
    people = [*p.founders[:3], p.stranger, p.payee]
    for step in range(steps):
        who = chance.choice(people)
        kind = chance.choice(("transfer", "transfer", "delegate", "mint"))
        if kind == "transfer":
            amount = chance.choice((0, 1, SHARE, 30 * SHARE, 200 * SHARE))
            held = p.sees("token", "balanceOf", who)
            act = p.does if amount <= held else p.refuses
            act("token", "transfer", chance.choice(people), amount, sender=who)
        elif kind == "delegate":
            p.does("token", "delegate", chance.choice([*people, ZERO]), sender=who)
        else:
            p.does("token", "mint", who, chance.choice((1, SHARE)), sender=at("lock"))
        if chance.random() < 0.4:
            p.advance(chance.choice((1, 2, 5)))
        yield step


def _at_random(seed: int) -> None:
    def steps(p: Pair) -> None:
        began = p.now
        for step in _random_steps(p, seed, 40):
            if step % 8 == 7:
                _look(p)
        p.advance(1)
        _look(p)
        _look_back(p, began)

    steps.__name__ = f"token_at_random_{seed}"
    scenario(steps)


for _seed in range(1, 5):
    _at_random(_seed)
