"""What a governor is asked to do until a vote opens: proposals made and withdrawn."""

from __future__ import annotations

from tools.governance._scenario import scenario
from tools.governance.pair import (
    ACTIVE,
    CANCELED,
    DEFEATED,
    DELAY_S,
    FOR,
    LOCK_S,
    PENDING,
    PERIOD_S,
    SHARE,
    SUCCEEDED,
    THRESHOLD,
    ZERO,
    Actions,
    Pair,
)

# --- proposing ---


@scenario
def propose_then_vote_opens_and_closes_to_the_second(p: Pair) -> None:
    proposal = p.propose(p.putting(), wait=False)
    snapshot = p.now + DELAY_S
    p.sees("governor", "proposalSnapshot", proposal, expect=snapshot)
    p.sees("governor", "proposalDeadline", proposal, expect=snapshot + PERIOD_S)
    p.sees("governor", "proposalProposer", proposal, expect=p.founders[0].lower())
    p.sees("governor", "proposalEta", proposal, expect=0)
    p.mine(snapshot)
    p.state(proposal, PENDING)
    p.mine(snapshot + 1)
    p.state(proposal, ACTIVE)
    p.mine(snapshot + PERIOD_S)
    p.state(proposal, ACTIVE)
    p.mine(snapshot + PERIOD_S + 1)
    p.state(proposal, DEFEATED)


@scenario
def propose_of_many_actions_and_a_long_text(p: Pair) -> None:
    text = "Überlegung: " + "why " * 1_000
    actions = Actions(
        [p.box, p.payee, p.stranger, ZERO],
        [0, 1, 2**128, 0],
        [p.data("governor", "state", 5), b"", b"\1", b"\2" * 1_000],
        text,
    )
    p.state(p.propose(actions), ACTIVE)


@scenario
def propose_without_a_text(p: Pair) -> None:
    p.propose(Actions([p.box], [0], [b""], ""))


@scenario
def propose_malformed_is_refused(p: Pair) -> None:
    for targets, amounts, calldatas in (
        ([], [], []),
        ([p.box], [], [b""]),
        ([p.box], [0, 0], [b""]),
        ([p.box], [0], []),
        ([p.box], [0], [b"", b""]),
        ([], [0], [b""]),
    ):
        p.refuses("governor", "propose", targets, amounts, calldatas, "", sender=p.founders[0])


@scenario
def propose_the_same_twice_is_refused_ever_after(p: Pair) -> None:
    actions = p.putting()

    def again(proposer: int) -> None:
        p.refuses("governor", "propose", *actions.args, sender=p.founders[proposer])

    proposal = p.propose(actions, wait=False)
    again(1)
    p.advance(DELAY_S)
    again(1)
    p.advance(PERIOD_S)
    p.state(proposal, DEFEATED)
    again(0)
    p.propose(p.putting(description="A second time"))


@scenario
def propose_executed_again_is_refused(p: Pair) -> None:
    actions = p.putting()
    p.execute(actions)
    p.refuses("governor", "propose", *actions.args, sender=p.founders[1])


@scenario
def propose_below_the_threshold_is_refused(p: Pair) -> None:
    actions = p.putting()
    p.refuses("governor", "propose", *actions.args, sender=p.stranger)
    p.does("token", "delegate", p.stranger, sender=p.stranger)
    p.does("token", "transfer", p.stranger, THRESHOLD - 1, sender=p.founders[0])
    p.advance(5)
    p.refuses("governor", "propose", *actions.args, sender=p.stranger)
    p.does("token", "transfer", p.stranger, 1, sender=p.founders[0])
    p.advance(5)
    p.does("governor", "propose", *actions.args, sender=p.stranger)


@scenario
def propose_with_votes_of_this_second_is_refused(p: Pair) -> None:
    actions = p.putting()
    p.does("token", "transfer", p.stranger, 5 * SHARE, sender=p.founders[0])
    delegated = p.now + 10
    p.does("token", "delegate", p.stranger, sender=p.stranger, when=delegated)
    p.does("governor", "propose", *actions.args, sender=p.stranger, when=delegated + 1)


@scenario
def propose_with_votes_that_others_delegate(p: Pair) -> None:
    p.does("token", "delegate", p.stranger, sender=p.founders[5])
    p.advance(5)
    p.refuses("governor", "propose", *p.putting().args, sender=p.founders[5])
    p.does("governor", "propose", *p.putting().args, sender=p.stranger)


@scenario
def propose_meant_for_a_proposer_is_refused_to_others(p: Pair) -> None:
    address = p.founders[1]
    for number, spelt in enumerate((address, address.lower(), "0x" + address[2:].upper())):
        actions = p.putting(number, description=f"Number {number}\n#proposer={spelt}")
        p.refuses("governor", "propose", *actions.args, sender=p.founders[0])
        with p.undone():
            p.propose(actions, proposer=1)


@scenario
def propose_with_a_suffix_that_names_nobody(p: Pair) -> None:
    digits = p.founders[1][2:]
    for proposer, suffix in enumerate(
        (
            f"#proposer={digits}",
            f"#proposer=0x{digits[:39]}",
            f"#proposer=0x{digits[:39]}g",
            f"#proposer=0x{digits} ",
            f"#Proposer=0x{digits}",
            f"proposer=0x{digits}",
        )
    ):
        p.propose(p.putting(proposer, description=suffix), proposer, wait=False)


@scenario
def propose_with_nothing_but_the_suffix(p: Pair) -> None:
    suffix = f"#proposer={p.founders[1]}"
    p.refuses("governor", "propose", *p.putting(description=suffix).args, sender=p.founders[0])
    p.propose(p.putting(description=suffix), proposer=1)


# --- cancelling ---


@scenario
def cancel_by_the_proposer_before_the_vote(p: Pair) -> None:
    actions = p.putting()
    proposal = p.propose(actions, wait=False)
    p.refuses("governor", "cancel", *actions.key, sender=p.founders[1])
    p.does("governor", "cancel", *actions.key, sender=p.founders[0])
    p.state(proposal, CANCELED)
    p.refuses("governor", "cancel", *actions.key, sender=p.founders[0])
    p.refuses("governor", "propose", *actions.args, sender=p.founders[0])
    p.advance(DELAY_S + 1)
    p.refuses("governor", "castVote", proposal, FOR, sender=p.founders[0])
    p.advance(PERIOD_S)
    p.state(proposal, CANCELED)
    p.refuses("governor", "queue", *actions.key, sender=p.stranger)
    p.refuses("governor", "execute", *actions.key, sender=p.stranger)


@scenario
def cancel_in_the_last_pending_second(p: Pair) -> None:
    actions = p.putting()
    p.propose(actions, wait=False)
    last = p.now + DELAY_S
    p.does("governor", "cancel", *actions.key, sender=p.founders[0], when=last)


@scenario
def cancel_once_the_vote_is_open_is_refused(p: Pair) -> None:
    actions = p.putting()
    proposal = p.propose(actions)
    p.refuses("governor", "cancel", *actions.key, sender=p.founders[0])
    p.vote(proposal, 0)
    p.advance(PERIOD_S)
    p.state(proposal, SUCCEEDED)
    p.refuses("governor", "cancel", *actions.key, sender=p.founders[0])
    p.does("governor", "queue", *actions.key, sender=p.stranger)
    p.refuses("governor", "cancel", *actions.key, sender=p.founders[0])
    p.advance(LOCK_S)
    p.does("governor", "execute", *actions.key, sender=p.stranger)
    p.refuses("governor", "cancel", *actions.key, sender=p.founders[0])


@scenario
def cancel_of_a_queued_proposal_by_the_alliance(p: Pair) -> None:
    """Ours lets the timelock cancel; theirs has the timelock's canceller do it. The end is one."""
    actions = p.putting()
    proposal = p.queue(actions)
    operation = actions.operation
    p.fund("governor")
    p.sees("lock", "isOperationPending", operation, expect=True)
    for side, role, call in (
        (p.ours, "governor", p.data("governor", "cancel", *actions.key)),
        (p.theirs, "lock", p.data("lock", "cancel", operation, side=p.theirs)),
    ):
        sender = side["lock"] if side is p.ours else side["governor"]
        sent = p.rpc(
            "eth_sendTransaction",
            {"from": sender, "to": side[role], "data": "0x" + call.hex(), "gas": "0x7a120"},
        )
        p.advance(1)
        assert p.outcome(sent).succeeded
    p.state(proposal, CANCELED)
    p.sees("lock", "isOperation", operation, expect=False)
    p.advance(LOCK_S)
    p.refuses("governor", "execute", *actions.key, sender=p.stranger)
    p.refuses("governor", "queue", *actions.key, sender=p.stranger)
