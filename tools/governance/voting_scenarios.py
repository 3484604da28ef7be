"""What a governor is asked to do while a vote is open, and what counts."""

from __future__ import annotations

from tools.governance._scenario import BALLOT, EXTENDED, SUPPLY, other_form, scenario
from tools.governance.pair import (
    ABSTAIN,
    ACTIVE,
    AGAINST,
    DEFEATED,
    DELAY_S,
    EXTENSION_S,
    FOR,
    PERIOD_S,
    SHARE,
    SUCCEEDED,
    ZERO,
    Pair,
    at,
)

# --- voting ---


@scenario
def vote_each_way_is_counted(p: Pair) -> None:
    proposal = p.propose(p.putting())
    for voter, support in enumerate((FOR, AGAINST, ABSTAIN, FOR, AGAINST, ABSTAIN)):
        p.sees("governor", "hasVoted", proposal, p.founders[voter], expect=False)
        p.vote(proposal, voter, support)
        p.sees("governor", "hasVoted", proposal, p.founders[voter], expect=True)
    counted = (130 * SHARE, 130 * SHARE, 120 * SHARE)
    p.sees("governor", "proposalVotes", proposal, expect=counted)
    p.advance(PERIOD_S)
    p.state(proposal, DEFEATED)  # a tie


@scenario
def vote_twice_is_refused(p: Pair) -> None:
    proposal = p.propose(p.putting())
    p.vote(proposal, 0)
    for support in (AGAINST, FOR, ABSTAIN):
        p.refuses("governor", "castVote", proposal, support, sender=p.founders[0])
    p.sees("governor", "proposalVotes", proposal, expect=(0, 100 * SHARE, 0))


@scenario
def vote_of_no_such_choice_is_refused(p: Pair) -> None:
    proposal = p.propose(p.putting())
    for support in (3, 4, 255):
        p.refuses("governor", "castVote", proposal, support, sender=p.founders[0])
    p.sees("governor", "hasVoted", proposal, p.founders[0], expect=False)


@scenario
def vote_too_early_or_late_is_refused(p: Pair) -> None:
    proposal = p.propose(p.putting(), wait=False)
    snapshot = p.now + DELAY_S
    p.refuses("governor", "castVote", proposal, FOR, sender=p.founders[0])
    p.refuses("governor", "castVote", proposal, FOR, sender=p.founders[0], when=snapshot)
    p.does("governor", "castVote", proposal, FOR, sender=p.founders[3], when=snapshot + 1)
    last = snapshot + PERIOD_S
    p.does("governor", "castVote", proposal, FOR, sender=p.founders[4], when=last)
    p.refuses("governor", "castVote", proposal, FOR, sender=p.founders[0], when=last + 1)


@scenario
def vote_without_weight_counts_as_nothing(p: Pair) -> None:
    proposal = p.propose(p.putting())
    p.does("governor", "castVote", proposal, FOR, sender=p.stranger)
    p.sees("governor", "proposalVotes", proposal, expect=(0, 0, 0))
    p.sees("governor", "hasVoted", proposal, p.stranger, expect=True)
    p.refuses("governor", "castVote", proposal, FOR, sender=p.stranger)


@scenario
def vote_with_a_reason(p: Pair) -> None:
    proposal = p.propose(p.putting())
    for voter, reason in ((0, ""), (1, "Weil es gut ist: ✓"), (2, "x" * 1_024)):
        p.does("governor", "castVoteWithReason", proposal, FOR, reason, sender=p.founders[voter])


@scenario
def vote_with_a_reason_and_params(p: Pair) -> None:
    proposal = p.propose(p.putting())
    for voter, reason, params in ((0, "", b""), (1, "why", b"\7"), (2, "", b"\0" * 256)):
        p.does(
            "governor",
            "castVoteWithReasonAndParams",
            *(proposal, voter, reason, params),
            sender=p.founders[voter],
        )
    p.sees("governor", "proposalVotes", proposal, expect=(100 * SHARE,) * 3)
    p.sees("governor", "getVotesWithParams", p.founders[0], p.now - 1, b"\7")


@scenario
def vote_weighs_what_was_held_at_the_snapshot(p: Pair) -> None:
    proposal = p.propose(p.putting(), wait=False)
    snapshot = p.now + DELAY_S
    p.does("token", "delegate", p.stranger, sender=p.stranger)
    # Within the last second that counts, and one later.
    move = ("token", "transfer", p.stranger)
    p.does(*move, 10 * SHARE, sender=p.founders[0], when=snapshot)
    p.does(*move, 50 * SHARE, sender=p.founders[0], when=snapshot + 1)
    p.does("governor", "castVote", proposal, FOR, sender=p.stranger)
    p.vote(proposal, 0, AGAINST)
    p.sees("governor", "proposalVotes", proposal, expect=(90 * SHARE, 10 * SHARE, 0))
    p.sees("governor", "getVotes", p.founders[0], snapshot, expect=90 * SHARE)
    p.sees("governor", "getVotes", p.founders[0], snapshot + 1, expect=40 * SHARE)


@scenario
def vote_of_who_never_delegated_weighs_nothing(p: Pair) -> None:
    p.does("token", "transfer", p.stranger, 50 * SHARE, sender=p.founders[0])
    proposal = p.propose(p.putting())
    p.does("governor", "castVote", proposal, FOR, sender=p.stranger)
    p.sees("governor", "proposalVotes", proposal, expect=(0, 0, 0))


# --- voting by signature ---


def _give_votes(p: Pair, voter: str) -> None:
    p.does("token", "delegate", voter, sender=p.founders[1])


@scenario
def vote_by_signature_of_a_key(p: Pair) -> None:
    voter = p.signer.address
    _give_votes(p, voter)
    proposal = p.propose(p.putting())
    message = {"proposalId": proposal, "support": FOR, "voter": voter, "nonce": 0}
    signature = p.signed("governor", "Ballot", BALLOT, **message)
    args = ("governor", "castVoteBySig", proposal, FOR, voter)
    p.does(*args, signature, sender=p.stranger)
    p.sees("governor", "nonces", voter, expect=1)
    p.sees("governor", "proposalVotes", proposal, expect=(0, 100 * SHARE, 0))
    p.refuses(*args, signature, sender=p.stranger)
    # Well signed, but the vote is cast.
    again = p.signed("governor", "Ballot", BALLOT, **{**message, "nonce": 1})
    p.refuses(*args, again, sender=p.stranger)
    p.sees("governor", "nonces", voter, expect=1)


@scenario
def vote_by_signature_of_something_else_is_refused(p: Pair) -> None:
    voter = p.signer.address
    _give_votes(p, voter)
    proposal = p.propose(p.putting())
    message = {"proposalId": proposal, "support": FOR, "voter": voter, "nonce": 0}
    good = p.signed("governor", "Ballot", BALLOT, **message)
    late = p.signed("governor", "Ballot", BALLOT, **{**message, "nonce": 1})
    elsewhere = p.signed("token", "Ballot", BALLOT, **message)
    for support, whose, signature in (
        (AGAINST, voter, good),
        (FOR, p.stranger, good),
        (FOR, voter, late),
        (FOR, voter, elsewhere),
        (FOR, voter, other_form(good)),
        (FOR, voter, b""),
        (FOR, voter, bytes(65)),
        (FOR, voter, lambda side: good(side)[:64]),
        (FOR, voter, lambda side: good(side) + b"\0"),
        (FOR, ZERO, bytes(65)),
    ):
        p.refuses(
            "governor", "castVoteBySig", proposal, support, whose, signature, sender=p.stranger
        )
    p.sees("governor", "nonces", voter, expect=0)


@scenario
def vote_by_signature_for_a_contract(p: Pair) -> None:
    _give_votes(p, p.wallet)
    proposal = p.propose(p.putting())
    message = {"proposalId": proposal, "support": FOR, "voter": p.wallet, "nonce": 0}
    signature = p.signed("governor", "Ballot", BALLOT, **message)
    call = ("governor", "castVoteBySig", proposal)
    p.refuses(*call, AGAINST, p.wallet, signature, sender=p.stranger)
    p.refuses(*call, FOR, p.box, signature, sender=p.stranger)
    p.does(*call, FOR, p.wallet, signature, sender=p.stranger)
    p.sees("governor", "proposalVotes", proposal, expect=(0, 100 * SHARE, 0))
    p.sees("governor", "nonces", p.wallet, expect=1)
    p.refuses(*call, FOR, p.wallet, signature, sender=p.stranger)


@scenario
def vote_by_signature_with_reason_and_params(p: Pair) -> None:
    voter = p.signer.address
    _give_votes(p, voter)
    proposal = p.propose(p.putting())
    message = {"proposalId": proposal, "support": ABSTAIN, "voter": voter, "nonce": 0}
    signature = p.signed(
        "governor", "ExtendedBallot", EXTENDED, **message, reason="because", params=b"\1\2"
    )
    call = ("governor", "castVoteWithReasonAndParamsBySig", proposal)
    p.refuses(*call, ABSTAIN, voter, "because", b"\1", signature, sender=p.stranger)
    p.refuses(*call, ABSTAIN, voter, "becaus", b"\1\2", signature, sender=p.stranger)
    p.refuses(*call, FOR, voter, "because", b"\1\2", signature, sender=p.stranger)
    p.does(*call, ABSTAIN, voter, "because", b"\1\2", signature, sender=p.stranger)
    p.refuses(*call, ABSTAIN, voter, "because", b"\1\2", signature, sender=p.stranger)


@scenario
def vote_by_signature_with_neither_reason_nor_params(p: Pair) -> None:
    voter = p.signer.address
    _give_votes(p, voter)
    proposal = p.propose(p.putting())
    message = {"proposalId": proposal, "support": FOR, "voter": voter, "nonce": 0}
    signature = p.signed("governor", "ExtendedBallot", EXTENDED, **message, reason="", params=b"")
    p.does(
        "governor",
        "castVoteWithReasonAndParamsBySig",
        *(proposal, FOR, voter, "", b"", signature),
        sender=p.stranger,
    )


# --- what a vote comes to ---


def _comes_to(p: Pair, votes: dict[int, int], state: int) -> None:
    proposal = p.propose(p.putting())
    for voter, support in votes.items():
        p.vote(proposal, voter, support)
    p.advance(PERIOD_S + 1)
    p.state(proposal, state)


@scenario
def outcome_without_votes_is_defeat(p: Pair) -> None:
    _comes_to(p, {}, DEFEATED)


@scenario
def outcome_of_a_majority_without_quorum_is_defeat(p: Pair) -> None:
    _comes_to(p, {3: FOR, 4: FOR}, DEFEATED)


@scenario
def outcome_of_a_quorum_with_abstentions_is_success(p: Pair) -> None:
    _comes_to(p, {3: FOR, 4: ABSTAIN, 5: ABSTAIN}, SUCCEEDED)


@scenario
def outcome_of_votes_against_without_quorum_is_defeat(p: Pair) -> None:
    # Votes against do not count towards the quorum.
    _comes_to(p, {3: FOR, 0: AGAINST}, DEFEATED)


@scenario
def outcome_of_nothing_but_abstentions_is_defeat(p: Pair) -> None:
    _comes_to(p, {0: ABSTAIN, 1: ABSTAIN}, DEFEATED)


@scenario
def outcome_of_a_majority_against_is_defeat(p: Pair) -> None:
    _comes_to(p, {0: FOR, 1: AGAINST, 3: AGAINST}, DEFEATED)


@scenario
def outcome_at_exactly_the_quorum_is_success(p: Pair) -> None:
    # 76 of 380 shares.
    p.does("token", "transfer", p.founders[3], 46 * SHARE, sender=p.founders[0])
    _comes_to(p, {3: FOR}, SUCCEEDED)


@scenario
def outcome_one_part_below_the_quorum_is_defeat(p: Pair) -> None:
    p.does("token", "transfer", p.founders[3], 46 * SHARE - 1, sender=p.founders[0])
    _comes_to(p, {3: FOR}, DEFEATED)


@scenario
def quorum_is_that_of_the_snapshot(p: Pair) -> None:
    proposal = p.propose(p.putting())
    p.vote(proposal, 0)
    p.does("token", "mint", p.stranger, 10_000 * SHARE, sender=at("lock"))
    p.advance(PERIOD_S)
    p.state(proposal, SUCCEEDED)
    p.sees("governor", "quorum", p.now - 1, expect=(SUPPLY + 10_000 * SHARE) // 5)


# --- late quorum ---


@scenario
def late_quorum_extends_the_vote_once(p: Pair) -> None:
    proposal = p.propose(p.putting())
    deadline = p.sees("governor", "proposalDeadline", proposal)
    call = ("governor", "castVote", proposal)
    p.does(*call, FOR, sender=p.founders[3], when=deadline - 20)
    p.sees("governor", "proposalDeadline", proposal, expect=deadline)
    p.does(*call, FOR, sender=p.founders[0], when=deadline - 10)
    extended = deadline - 10 + EXTENSION_S
    p.sees("governor", "proposalDeadline", proposal, expect=extended)
    p.does(*call, AGAINST, sender=p.founders[1], when=deadline + 1)
    p.does(*call, FOR, sender=p.founders[4], when=extended - 5)
    p.sees("governor", "proposalDeadline", proposal, expect=extended)
    p.does(*call, AGAINST, sender=p.founders[2], when=extended)
    p.state(proposal, ACTIVE)
    p.refuses(*call, FOR, sender=p.founders[5], when=extended + 1)
    p.state(proposal, DEFEATED)


@scenario
def late_quorum_by_an_abstention_extends(p: Pair) -> None:
    proposal = p.propose(p.putting())
    deadline = p.sees("governor", "proposalDeadline", proposal)
    p.does("governor", "castVote", proposal, ABSTAIN, sender=p.founders[0], when=deadline)
    p.sees("governor", "proposalDeadline", proposal, expect=deadline + EXTENSION_S)


@scenario
def late_vote_against_extends_nothing(p: Pair) -> None:
    proposal = p.propose(p.putting())
    deadline = p.sees("governor", "proposalDeadline", proposal)
    p.does("governor", "castVote", proposal, AGAINST, sender=p.founders[0], when=deadline - 5)
    p.sees("governor", "proposalDeadline", proposal, expect=deadline)


@scenario
def early_quorum_extends_nothing_ever(p: Pair) -> None:
    proposal = p.propose(p.putting())
    deadline = p.sees("governor", "proposalDeadline", proposal)
    p.vote(proposal, 0)
    p.does("governor", "castVote", proposal, FOR, sender=p.founders[1], when=deadline - 1)
    p.sees("governor", "proposalDeadline", proposal, expect=deadline)


@scenario
def late_quorum_to_the_second(p: Pair) -> None:
    # With exactly the extension left nothing is extended, a second later it is.
    for early, extended in ((0, 0), (1, 1)):
        with p.undone():
            proposal = p.propose(p.putting())
            deadline = p.sees("governor", "proposalDeadline", proposal)
            when = deadline - EXTENSION_S + early
            p.does("governor", "castVote", proposal, FOR, sender=p.founders[0], when=when)
            p.sees("governor", "proposalDeadline", proposal, expect=deadline + extended)


@scenario
def late_quorum_by_exactly_what_it_takes(p: Pair) -> None:
    # 76 of 380 shares; a part less reaches nothing.
    for moved, extended in ((46 * SHARE, EXTENSION_S), (46 * SHARE - 1, 0)):
        with p.undone():
            p.does("token", "transfer", p.founders[3], moved, sender=p.founders[0])
            proposal = p.propose(p.putting())
            deadline = p.sees("governor", "proposalDeadline", proposal)
            p.does("governor", "castVote", proposal, FOR, sender=p.founders[3], when=deadline)
            p.sees("governor", "proposalDeadline", proposal, expect=deadline + extended)


@scenario
def late_quorum_without_an_extension_extends_nothing(p: Pair) -> None:
    p.execute(p.calling(("governor", "setLateQuorumVoteExtension", 0)))
    proposal = p.propose(p.putting(), proposer=1)
    deadline = p.sees("governor", "proposalDeadline", proposal)
    p.does("governor", "castVote", proposal, FOR, sender=p.founders[0], when=deadline)
    p.sees("governor", "proposalDeadline", proposal, expect=deadline)


@scenario
def late_quorum_reached_and_outvoted_can_still_succeed(p: Pair) -> None:
    proposal = p.propose(p.putting())
    deadline = p.sees("governor", "proposalDeadline", proposal)
    p.does("governor", "castVote", proposal, FOR, sender=p.founders[0], when=deadline)
    p.does("governor", "castVote", proposal, AGAINST, sender=p.founders[3], when=deadline + 9)
    p.advance(EXTENSION_S)
    p.state(proposal, SUCCEEDED)
