# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Ballots: voting on proposals
@license Apache-2.0
@notice Whoever had votes at a proposal's snapshot casts them once: for, against, or abstaining; by a
        transaction of one's own, or by a signature that anyone passes on.
@dev GOV-1, GOV-2, GOV-6. Voting is not possible while an operation of the timelock runs.
"""

from ..interfaces import IGovernor
from ..interfaces import IShareToken
from . import governor_settings as settings
from . import proposals
from . import signatures

uses: proposals
uses: settings
uses: signatures

COUNTING_MODE: public(constant(String[36])) = "support=bravo&quorum=for,abstain"

MAX_REASON: constant(uint256) = 1_024
MAX_PARAMS: constant(uint256) = 256

_AGAINST: constant(uint8) = 0
_FOR: constant(uint8) = 1
_ABSTAIN: constant(uint8) = 2

BALLOT_TYPEHASH: public(constant(bytes32)) = keccak256(
    "Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)"
)
EXTENDED_BALLOT_TYPEHASH: public(constant(bytes32)) = keccak256(
    "ExtendedBallot(uint256 proposalId,uint8 support,address voter,uint256 nonce,string reason,bytes params)"
)

# Proposal id -> account -> whether it has voted; voting writes it.
hasVoted: reentrant(public(HashMap[uint256, HashMap[address, bool]]))


# --- anyone ---


@external
def castVote(proposal_id: uint256, support: uint8) -> uint256:
    return self._cast(proposal_id, msg.sender, support, "", b"")


@external
def castVoteWithReason(proposal_id: uint256, support: uint8, reason: String[MAX_REASON]) -> uint256:
    return self._cast(proposal_id, msg.sender, support, reason, b"")


@external
def castVoteWithReasonAndParams(
    proposal_id: uint256, support: uint8, reason: String[MAX_REASON], params: Bytes[MAX_PARAMS]
) -> uint256:
    return self._cast(proposal_id, msg.sender, support, reason, params)


@external
def castVoteBySig(
    proposal_id: uint256,
    support: uint8,
    voter: address,
    signature: Bytes[signatures.MAX_SIGNATURE],
) -> uint256:
    """
    @notice Vote for whoever signed; by a key, or by a contract (ERC-1271).
    """
    struct_hash: bytes32 = keccak256(
        abi_encode(BALLOT_TYPEHASH, proposal_id, support, voter, signatures._use_nonce(voter))
    )
    assert signatures._is_signed(
        voter, signatures._digest(struct_hash), signature
    ), "vote: not signed by the voter"
    return self._cast(proposal_id, voter, support, "", b"")


@external
def castVoteWithReasonAndParamsBySig(
    proposal_id: uint256,
    support: uint8,
    voter: address,
    reason: String[MAX_REASON],
    params: Bytes[MAX_PARAMS],
    signature: Bytes[signatures.MAX_SIGNATURE],
) -> uint256:
    struct_hash: bytes32 = keccak256(
        abi_encode(
            EXTENDED_BALLOT_TYPEHASH,
            proposal_id,
            support,
            voter,
            signatures._use_nonce(voter),
            keccak256(reason),
            keccak256(params),
        )
    )
    assert signatures._is_signed(
        voter, signatures._digest(struct_hash), signature
    ), "vote: reason not signed by the voter"
    return self._cast(proposal_id, voter, support, reason, params)


# --- views ---


@view
@external
@reentrant
def getVotes(account: address, timepoint: uint256) -> uint256:
    return staticcall IShareToken(settings.token).getPastVotes(account, timepoint)


@view
@external
@reentrant
def getVotesWithParams(account: address, timepoint: uint256, params: Bytes[MAX_PARAMS]) -> uint256:
    return staticcall IShareToken(settings.token).getPastVotes(account, timepoint)


# --- internal ---


@internal
def _cast(
    proposal_id: uint256,
    voter: address,
    support: uint8,
    reason: String[MAX_REASON],
    params: Bytes[MAX_PARAMS],
) -> uint256:
    core: uint256 = proposals._core(proposal_id)
    tally: uint256 = proposals._tallies[proposal_id]
    snapshot: uint256 = (core >> proposals.SNAPSHOT_SHIFT) & proposals.MASK_40
    deadline: uint256 = proposals._deadline(core, tally)
    assert (
        snapshot < block.timestamp
        and block.timestamp <= deadline
        and tally & proposals.CANCELED_BIT == 0
    ), "vote: not open"
    assert not self.hasVoted[proposal_id][voter], "vote: already cast"
    self.hasVoted[proposal_id][voter] = True

    weight: uint256 = staticcall IShareToken(settings.token).getPastVotes(voter, snapshot)
    # All weights sum to at most the supply, below 2**94: no field overflows.
    abstained: uint256 = 0
    if support == _FOR:
        tally = unsafe_add(tally, weight)
    elif support == _AGAINST:
        tally = unsafe_add(tally, weight << proposals.AGAINST_SHIFT)
    else:
        assert support == _ABSTAIN, "vote: no such choice"
        abstained = proposals._abstained[proposal_id] + weight
        proposals._abstained[proposal_id] = abstained

    if len(params) == 0:
        log IGovernor.VoteCast(
            voter=voter, proposalId=proposal_id, support=support, weight=weight, reason=reason
        )
    else:
        log IGovernor.VoteCastWithParams(
            voter=voter,
            proposalId=proposal_id,
            support=support,
            weight=weight,
            reason=reason,
            params=params,
        )

    if support != _AGAINST:
        end: uint256 = block.timestamp + settings._extension_s()
        if end > deadline:
            # Late: was it this vote that reached the quorum? That happens once, so there is one
            # extension.
            if support == _FOR:
                abstained = proposals._abstained[proposal_id]
            counted: uint256 = (tally & proposals.MASK_96) + abstained
            needed: uint256 = settings._quorum(snapshot)
            if counted >= needed and counted - weight < needed:
                tally += (end - deadline) << proposals.EXTENSION_SHIFT
                proposals.open_until[convert(core & proposals.MASK_160, address)] = end
                log IGovernor.ProposalExtended(
                    proposalId=proposal_id, extendedDeadline=convert(end, uint64)
                )
    proposals._tallies[proposal_id] = tally
    return weight
