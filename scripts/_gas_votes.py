"""What shareholders cost in gas: their shares, their votes, their rules."""

from __future__ import annotations

from scripts._bench import CID, COIN, DAY_S, Bench
from scripts._governance import FOR, Action, propose


def hold_shares(bench: Bench) -> None:
    """What a shareholder does with shares, and the alliance with the token."""
    token, stage = bench.alliance.share_token, bench.stage
    first, second, third = bench.members
    bench.note("ShareToken, coin sent", bench.buyer.transfer(token.address, COIN))
    bench.note("Timelock, coin sent", bench.buyer.transfer(bench.alliance.timelock.address, COIN))
    bench.send(token, "sync", sender=bench.buyer)
    stage.advance(token.stream_period_s() + 1, "the income has streamed")
    bench.send(token, "claim", third, sender=third)

    bench.send(token, "transfer", bench.buyer, COIN, detail="to a new holder", sender=first)
    bench.send(token, "transfer", second, COIN, detail="to a holder", sender=first)
    bench.send(token, "approve", bench.buyer, 2 * COIN, sender=first)
    bench.send(token, "transferFrom", first, second, COIN, sender=bench.buyer)
    bench.send(token, "delegate", first, sender=third)
    bench.send(token, "delegate", third, sender=third)

    expiry = stage.now() + DAY_S
    v, r, s = bench.sign(
        second,
        token,
        "Permit",
        "address owner,address spender,uint256 value,uint256 nonce,uint256 deadline",
        owner=second.address,
        spender=bench.buyer.address,
        value=COIN,
        nonce=token.nonces(second),
        deadline=expiry,
    )
    bench.send(token, "permit", second, bench.buyer, COIN, expiry, v, r, s, sender=bench.buyer)
    nonce = token.nonces(third)
    v, r, s = bench.sign(
        third,
        token,
        "Delegation",
        "address delegatee,uint256 nonce,uint256 expiry",
        delegatee=first.address,
        nonce=nonce,
        expiry=expiry,
    )
    bench.send(token, "delegateBySig", first, nonce, expiry, v, r, s, sender=bench.buyer)
    bench.vote(token, "mint", third, COIN)
    bench.vote(token, "set_cap", token.cap() + COIN)


def govern(bench: Bench) -> None:
    """The other ways to vote, what a vote changes of its own rules, and a proposal withdrawn."""
    governor, lock = bench.alliance.governor, bench.alliance.timelock
    first, second, _ = bench.members
    vote_by_all_means(bench)
    bench.vote(governor, "relay", first, 0, b"")
    bench.vote(governor, "setVotingDelay", 7_200)
    bench.vote(governor, "setVotingPeriod", 2 * DAY_S)
    bench.vote(governor, "setProposalThreshold", 2 * COIN)
    bench.vote(governor, "updateQuorumNumerator", 25)
    bench.vote(governor, "setLateQuorumVoteExtension", DAY_S // 2)
    bench.vote(lock, "updateDelay", 2 * DAY_S)
    bench.vote(bench.alliance.charter, "amend", CID)
    proposal, _ = propose(
        governor, [Action(governor.setVotingDelay, (3_600,))], "Withdrawn", second, bench.words
    )
    bench.send(governor, "cancel", *proposal.key, sender=second)

    actions = [Action(governor.setVotingDelay, (3_600 + i,)) for i in range(5)]
    proposal, receipt = propose(governor, actions, "Five at once", first, bench.words)
    bench.note("Governor.propose, five actions", receipt)


def vote_by_all_means(bench: Bench) -> None:
    """Reasons, parameters and ballots that others bring."""
    governor = bench.alliance.governor
    first, second, third = bench.members
    # Each has votes of his own again.
    bench.send(bench.alliance.share_token, "delegate", third, sender=third)
    ballot = "uint256 proposalId,uint8 support,address voter,uint256 nonce"
    reason, params = "It pays for itself.", bytes(32)
    ids = []
    for number in range(2):
        action = Action(governor.setVotingDelay, (3_600 + number,))
        proposal, _ = propose(
            governor, [action], f"Trial {number}", bench.members[number], bench.words
        )
        ids.append(proposal.proposal_id)
    bench.stage.advance(governor.votingDelay() + 1, "voting begins")
    bench.send(governor, "castVoteWithReason", ids[0], FOR, reason, sender=first)
    bench.send(governor, "castVoteWithReasonAndParams", ids[0], FOR, reason, params, sender=second)
    fields = {"proposalId": ids[0], "support": FOR, "voter": third.address}
    v, r, s = bench.sign(third, governor, "Ballot", ballot, nonce=governor.nonces(third), **fields)
    args = (ids[0], FOR, third, r + s + bytes([v]))
    bench.send(governor, "castVoteBySig", *args, sender=bench.buyer)
    fields["proposalId"] = ids[1]
    v, r, s = bench.sign(
        third,
        governor,
        "ExtendedBallot",
        ballot + ",string reason,bytes params",
        nonce=governor.nonces(third),
        reason=reason,
        params=params,
        **fields,
    )
    extended = (ids[1], FOR, third, reason, params, r + s + bytes([v]))
    bench.send(governor, "castVoteWithReasonAndParamsBySig", *extended, sender=bench.buyer)
    bench.stage.advance(governor.votingPeriod() + 1, "voting ends")
