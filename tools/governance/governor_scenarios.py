"""What a governor says of itself, and its settings."""

from __future__ import annotations

from eth_utils import keccak

from tools.governance._scenario import BALLOT, EXTENDED, SUPPLY, scenario
from tools.governance.pair import (
    DELAY_S,
    EXTENSION_S,
    FOR,
    LOCK_S,
    NAME,
    PERIOD_S,
    QUORUM_PERCENT,
    SHARE,
    SUCCEEDED,
    THRESHOLD,
    ZERO,
    Actions,
    Pair,
    at,
)

# --- what it says of itself ---


@scenario
def governor_names_itself(p: Pair) -> None:
    p.sees("governor", "name", expect=NAME)
    p.sees("governor", "version", expect="1")
    p.sees("governor", "CLOCK_MODE", expect="mode=timestamp")
    p.sees("governor", "COUNTING_MODE", expect="support=bravo&quorum=for,abstain")
    p.sees("governor", "clock", expect=p.now)
    for name, fields in (("BALLOT_TYPEHASH", BALLOT), ("EXTENDED_BALLOT_TYPEHASH", EXTENDED)):
        struct = "Ballot" if fields is BALLOT else "ExtendedBallot"
        p.sees("governor", name, expect=keccak(text=f"{struct}({fields})"))
    p.sees("governor", "token")
    p.sees("governor", "timelock")
    p.sees("governor", "eip712Domain")


@scenario
def governor_has_its_settings(p: Pair) -> None:
    p.sees("governor", "votingDelay", expect=DELAY_S)
    p.sees("governor", "votingPeriod", expect=PERIOD_S)
    p.sees("governor", "proposalThreshold", expect=THRESHOLD)
    p.sees("governor", "lateQuorumVoteExtension", expect=EXTENSION_S)
    p.sees("governor", "quorumNumerator", expect=QUORUM_PERCENT)
    p.sees("governor", "quorumDenominator", expect=100)
    p.sees("governor", "quorum", p.now - 1, expect=SUPPLY // 5)


@scenario
def governor_supports_the_interfaces(p: Pair) -> None:
    for interface_id in ("01ffc9a7", "65455a86", "cdbdfcee", "4e2312e0"):
        p.sees("governor", "supportsInterface", bytes.fromhex(interface_id), expect=True)
    for interface_id in ("ffffffff", "150b7a02", "00000000"):
        p.sees("governor", "supportsInterface", bytes.fromhex(interface_id), expect=False)


@scenario
def governor_of_unknown_proposals(p: Pair) -> None:
    for unknown in (0, 1, 2**256 - 1):
        p.sees_nothing("governor", "state", unknown)
        for view, nothing in (
            ("proposalSnapshot", 0),
            ("proposalDeadline", 0),
            ("proposalEta", 0),
            ("proposalProposer", ZERO),
            ("proposalVotes", (0, 0, 0)),
            ("proposalNeedsQueuing", True),
        ):
            p.sees("governor", view, unknown, expect=nothing)
        p.sees("governor", "hasVoted", unknown, p.stranger, expect=False)
        p.refuses("governor", "castVote", unknown, FOR, sender=p.founders[0])
    actions = p.putting()
    for call in ("queue", "execute", "cancel"):
        p.refuses("governor", call, *actions.key, sender=p.founders[0])


@scenario
def governor_hashes_proposals(p: Pair) -> None:
    actions = Actions(
        [p.box, p.payee, ZERO], [0, 2**255, 5], [b"", b"\1" * 33, b"\2" * 1024], "Any"
    )
    p.sees("governor", "hashProposal", *actions.key, expect=actions.id(p.ours))
    p.sees("governor", "getProposalId", *actions.key, expect=actions.id(p.ours))


@scenario
def governor_does_not_look_ahead(p: Pair) -> None:
    p.sees("governor", "getVotes", p.founders[0], p.now - 1, expect=100 * SHARE)
    for view, args in (
        ("getVotes", (p.founders[0], p.now + 1)),
        ("getVotesWithParams", (p.founders[0], p.now + 1, b"")),
        ("quorum", (p.now + 1,)),
    ):
        p.sees_nothing("governor", view, *args)


@scenario
def governor_takes_no_coin(p: Pair) -> None:
    for side in p.sides:
        sent = p.rpc(
            "eth_sendTransaction",
            {"from": p.stranger, "to": side["governor"], "value": "0x5", "gas": "0x186a0"},
        )
        p.advance(1)
        assert not p.outcome(sent).succeeded, side.name


# --- its own settings ---


@scenario
def settings_by_anyone_else_are_refused(p: Pair) -> None:
    p.fund("governor")
    for function, argument in (
        ("setVotingDelay", 60),
        ("setVotingPeriod", 600),
        ("setProposalThreshold", 0),
        ("updateQuorumNumerator", 5),
        ("setLateQuorumVoteExtension", 0),
    ):
        for sender in (p.stranger, p.founders[0], at("governor")):
            p.refuses("governor", function, argument, sender=sender)
    p.refuses("governor", "relay", p.box, 0, b"", sender=p.founders[0])


@scenario
def settings_by_a_proposal_are_logged_and_hold(p: Pair) -> None:
    p.execute(
        p.calling(
            ("governor", "setVotingDelay", 61),
            ("governor", "setVotingPeriod", 602),
            ("governor", "setProposalThreshold", 3 * SHARE),
            ("governor", "updateQuorumNumerator", 4),
            ("governor", "setLateQuorumVoteExtension", 65),
        )
    )
    p.sees("governor", "votingDelay", expect=61)
    p.sees("governor", "votingPeriod", expect=602)
    p.sees("governor", "proposalThreshold", expect=3 * SHARE)
    p.sees("governor", "quorumNumerator", expect=4)
    p.sees("governor", "lateQuorumVoteExtension", expect=65)
    proposal = p.propose(p.putting(), proposer=1, wait=False)
    p.sees("governor", "proposalSnapshot", proposal, expect=p.now + 61)
    p.sees("governor", "proposalDeadline", proposal, expect=p.now + 61 + 602)


@scenario
def settings_that_cannot_be_are_refused(p: Pair) -> None:
    for number, call in enumerate(
        (
            ("setVotingPeriod", 0),
            ("updateQuorumNumerator", 101),
            ("setLateQuorumVoteExtension", 2**48 - 1),
        )
    ):
        with p.undone():
            actions = p.calling(("governor", *call), description=f"Change {number}")
            p.queue(actions)
            p.advance(LOCK_S)
            p.refuses("governor", "execute", *actions.key, sender=p.stranger)


@scenario
def settings_do_not_reach_a_proposal_under_way(p: Pair) -> None:
    change = p.calling(
        ("governor", "setVotingDelay", 61),
        ("governor", "setVotingPeriod", 602),
        ("governor", "updateQuorumNumerator", 40),
    )
    p.queue(change)
    p.advance(LOCK_S - 10)
    proposal = p.propose(p.putting(), proposer=1, wait=False)
    snapshot, deadline = p.now + DELAY_S, p.now + DELAY_S + PERIOD_S
    p.advance(DELAY_S + 5)
    p.does("governor", "execute", *change.key, sender=p.stranger)
    p.sees("governor", "proposalSnapshot", proposal, expect=snapshot)
    p.sees("governor", "proposalDeadline", proposal, expect=deadline)
    p.vote(proposal, 0)  # 100 of the 76 that were needed, not of the 152 that now are
    p.mine(deadline + 1)
    p.state(proposal, SUCCEEDED)


@scenario
def quorum_numerator_has_a_history(p: Pair) -> None:
    times = [p.now - 1]
    for number, numerator in enumerate((5, 30, 10)):
        p.execute(
            p.calling(
                ("governor", "updateQuorumNumerator", numerator), description=f"To {numerator}"
            ),
            proposer=number,
        )
        times += [p.now - 1, p.now]
        p.advance(5)
    for time in times:
        for second in (time - 1, time, time + 1):
            p.sees("governor", "quorumNumerator", second)
            p.sees("governor", "quorum", second)
    p.sees("governor", "quorumNumerator", 0, expect=0)


@scenario
def relay_by_a_proposal_calls_as_the_governor(p: Pair) -> None:
    put = p.putting(77).calldatas[0]
    actions = p.calling(("governor", "relay", p.box, 0, put))
    p.execute(actions)
    for side in p.sides:
        data = "0x" + (keccak(text="number(address)")[:4] + bytes(12)).hex() + side["governor"][2:]
        answer = p.rpc("eth_call", {"to": p.box, "data": data}, "latest")
        assert int(answer, 16) == 77, side.name


@scenario
def timelock_delay_by_a_proposal_holds_for_the_next(p: Pair) -> None:
    p.execute(p.calling(("lock", "updateDelay", 60)))
    p.sees("lock", "getMinDelay", expect=60)
    actions = p.putting()
    proposal = p.queue(actions, proposer=1)
    p.sees("governor", "proposalEta", proposal, expect=p.now + 60)
    p.advance(60)
    p.does("governor", "execute", *actions.key, sender=p.stranger)
