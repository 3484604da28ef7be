"""What a governor is asked to do once a vote is over: queueing and executing."""

from __future__ import annotations

from eth_utils import keccak

from tools.governance._scenario import scenario
from tools.governance.pair import (
    DEFEATED,
    DELAY_S,
    EXECUTED,
    LOCK_S,
    NONE,
    PERIOD_S,
    QUEUED,
    SUCCEEDED,
    Actions,
    Pair,
)

# --- queueing and executing ---


@scenario
def queue_in_a_wrong_state_is_refused(p: Pair) -> None:
    actions = p.putting()

    def refused() -> None:
        p.refuses("governor", "queue", *actions.key, sender=p.founders[0])

    refused()
    proposal = p.propose(actions, wait=False)
    refused()
    p.advance(DELAY_S)
    p.vote(proposal, 0)
    refused()
    p.advance(PERIOD_S)
    p.does("governor", "queue", *actions.key, sender=p.founders[0])
    refused()
    p.advance(LOCK_S)
    refused()
    p.does("governor", "execute", *actions.key, sender=p.founders[0])
    refused()


@scenario
def queue_of_the_defeated_is_refused(p: Pair) -> None:
    actions = p.putting()
    proposal = p.propose(actions)
    p.vote(proposal, 3)
    p.advance(PERIOD_S)
    p.state(proposal, DEFEATED)
    p.refuses("governor", "queue", *actions.key, sender=p.founders[0])
    p.refuses("governor", "execute", *actions.key, sender=p.founders[0])


@scenario
def queue_is_scheduled_in_the_timelock(p: Pair) -> None:
    actions = p.putting(coin=5)
    proposal = p.queue(actions)
    eta = p.now + LOCK_S
    p.state(proposal, QUEUED)
    p.sees("governor", "proposalEta", proposal, expect=eta)
    p.sees("lock", "getTimestamp", actions.operation, expect=eta)
    p.sees("lock", "getOperationState", actions.operation, expect=1)
    batch = (actions.targets, actions.amounts, actions.calldatas, NONE, actions.salt)
    p.sees("lock", "hashOperationBatch", *batch)


@scenario
def queue_long_after_success(p: Pair) -> None:
    actions = p.putting()
    proposal = p.succeed(actions)
    p.advance(10**7)
    p.state(proposal, SUCCEEDED)
    p.does("governor", "queue", *actions.key, sender=p.stranger)
    p.advance(10**7)
    p.state(proposal, QUEUED)
    p.does("governor", "execute", *actions.key, sender=p.stranger)


@scenario
def execute_at_the_second_it_is_ready(p: Pair) -> None:
    actions = p.putting(41, coin=5)
    proposal = p.queue(actions)
    ready = p.now + LOCK_S
    call = ("governor", "execute", *actions.key)
    p.refuses(*call, sender=p.stranger)
    p.refuses(*call, sender=p.stranger, when=ready - 1)
    p.does(*call, sender=p.stranger, when=ready)
    p.state(proposal, EXECUTED)
    p.sees("governor", "proposalEta", proposal, expect=ready)
    p.sees("lock", "isOperationDone", actions.operation, expect=True)
    p.refuses(*call, sender=p.stranger)


@scenario
def execute_without_queueing_is_refused_by_the_timelock(p: Pair) -> None:
    """Theirs goes on to the timelock, which refuses; ours refuses itself."""
    actions = p.putting()
    p.succeed(actions)
    p.refuses("governor", "execute", *actions.key, sender=p.stranger)


@scenario
def execute_many_actions_in_order(p: Pair) -> None:
    data = [p.putting(number).calldatas[0] for number in (1, 2, 3)]
    actions = Actions([p.box, p.box, p.payee, p.box], [0, 7, 3, 0], [*data[:2], b"", data[2]])
    before = p.balance(p.payee)
    p.execute(actions)
    assert p.balance(p.payee) == before + 6  # by both


@scenario
def execute_of_a_failing_call_undoes_all_and_tells_its_reason(p: Pair) -> None:
    fail = keccak(text="fail()")[:4]
    actions = Actions([p.box, p.box], [0, 0], [p.putting(9).calldatas[0], fail], "Fail")
    proposal = p.queue(actions)
    p.advance(LOCK_S)
    reason = p.refuses("governor", "execute", *actions.key, sender=p.stranger, alike=True)
    assert reason == "box: it never works"
    p.state(proposal, QUEUED)


@scenario
def execute_with_coin_sent_along(p: Pair) -> None:
    actions = p.putting(5, coin=2 * 10**18)  # more than the treasury has
    p.queue(actions)
    p.advance(LOCK_S)
    p.refuses("governor", "execute", *actions.key, sender=p.stranger)
    p.does("governor", "execute", *actions.key, sender=p.stranger, value=2 * 10**18)


@scenario
def execute_two_proposals_in_the_other_order(p: Pair) -> None:
    first, second = p.putting(1), p.putting(2)
    one, two = p.propose(first, 0), p.propose(second, 1)
    for proposal in (one, two):
        p.vote(proposal, 0)
    p.advance(PERIOD_S + DELAY_S)
    for actions in (first, second):
        p.does("governor", "queue", *actions.key, sender=p.stranger)
    p.advance(LOCK_S)
    for actions in (second, first):
        p.does("governor", "execute", *actions.key, sender=p.stranger)
    p.state(one, EXECUTED)
    p.state(two, EXECUTED)


@scenario
def execute_other_actions_than_were_voted_on_is_refused(p: Pair) -> None:
    actions = p.putting(1)
    p.queue(actions)
    p.advance(LOCK_S)
    for other in (p.putting(2), p.putting(1, coin=1), p.putting(1, description="Another")):
        p.refuses("governor", "execute", *other.key, sender=p.stranger)
