"""What a governor is asked to do, from a proposal to its execution."""

from __future__ import annotations

from eth_utils import keccak

from tools.governance._scenario import SUPPLY, other_form, scenario
from tools.governance.pair import (
    ABSTAIN,
    ACTIVE,
    AGAINST,
    CANCELED,
    DEFEATED,
    DELAY_S,
    EXECUTED,
    EXTENSION_S,
    FOR,
    LOCK_S,
    NAME,
    NONE,
    PENDING,
    PERIOD_S,
    QUEUED,
    QUORUM_PERCENT,
    SHARE,
    SUCCEEDED,
    THRESHOLD,
    ZERO,
    Actions,
    Pair,
    at,
)

BALLOT = "uint256 proposalId,uint8 support,address voter,uint256 nonce"
EXTENDED = f"{BALLOT},string reason,bytes params"

# --- governor: what it says of itself ---


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


# --- governor: proposing ---


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


# --- governor: cancelling ---


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


# --- governor: voting ---


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


# --- governor: voting by signature ---


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


# --- governor: what a vote comes to ---


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


# --- governor: late quorum ---


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


# --- governor: queueing and executing ---


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


# --- governor: its own settings ---


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
