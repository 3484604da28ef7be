# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Governor: how an alliance decides
@license Apache-2.0
@notice Anyone with enough votes proposes calls that the alliance's timelock shall make. After a
        delay, in which holders can gather their votes, all vote with the shares they had when the
        vote opened. A proposal with more votes for than against and a quorum is queued in the
        timelock and, after its delay, executed by anyone. What was voted on is what runs: a
        contract whose code has changed since the proposal is not called.
@dev GOV-1: votes count as of the snapshot, a second that has passed when voting opens: none can be
     borrowed.
     GOV-2: an account votes once on a proposal; the three tallies sum to the weights cast.
     GOV-3: only a proposal that succeeded is queued, only a queued one is executed, once, by the
     timelock.
     GOV-4: an executed call's target has the code that it had in the block of the proposal; an
     account that had none then has none when all is done, but a delegation (EIP-7702) if it is
     only paid. Code behind a proxy or a delegation is not seen.
     GOV-5: a proposer has one open (pending or active) proposal at most.
     GOV-6: a proposal that reaches its quorum late stays open for the extension from then, once.
     GOV-7: settings change only by the timelock, within the bounds below; the quorum of a proposal
     is fixed at its snapshot.
     What an operation of the timelock may reach here while it runs is @reentrant; voting,
     proposing, queueing are not.
@custom:kill Cannot be stopped: no owner, no guardian, no upgrade. Its proposer withdraws a proposal
             before the vote; the timelock can withdraw any that is not executed.
"""

from ..interfaces import IGovernor
from ..interfaces import IShareToken
from ..interfaces import ITimelock
from ..modules import ballots
from ..modules import code_binding
from ..modules import governor_settings as settings
from ..modules import proposals
from ..modules import signatures

implements: IGovernor

initializes: code_binding
initializes: settings
initializes: signatures
initializes: proposals[settings := settings]
initializes: ballots[proposals := proposals, settings := settings, signatures := signatures]

exports: (signatures.eip712Domain, signatures.nonces)
exports: code_binding.bound_code
exports: (
    proposals.state,
    proposals.proposalSnapshot,
    proposals.proposalDeadline,
    proposals.proposalProposer,
    proposals.proposalEta,
    proposals.proposalNeedsQueuing,
    proposals.proposalVotes,
    proposals.open_until,
)
exports: (
    ballots.castVote,
    ballots.castVoteWithReason,
    ballots.castVoteWithReasonAndParams,
    ballots.castVoteBySig,
    ballots.castVoteWithReasonAndParamsBySig,
    ballots.hasVoted,
    ballots.getVotes,
    ballots.getVotesWithParams,
    ballots.COUNTING_MODE,
    ballots.BALLOT_TYPEHASH,
    ballots.EXTENDED_BALLOT_TYPEHASH,
)
exports: (
    settings.token,
    settings.timelock,
    settings.quorum,
    settings.votingDelay,
    settings.votingPeriod,
    settings.proposalThreshold,
    settings.lateQuorumVoteExtension,
    settings.quorumNumerator,
    settings.quorumDenominator,
    settings.setVotingDelay,
    settings.setVotingPeriod,
    settings.setProposalThreshold,
    settings.setLateQuorumVoteExtension,
    settings.updateQuorumNumerator,
)

version: public(constant(String[1])) = "1"
CLOCK_MODE: public(constant(String[14])) = "mode=timestamp"

# The timelock's bounds.
MAX_ACTIONS: constant(uint256) = 10
MAX_DATA: constant(uint256) = 1_024

name: public(immutable(String[64]))


@deploy
def __init__(
    name_: String[64],
    token_: address,
    timelock_: address,
    voting_delay_s: uint256,
    voting_period_s: uint256,
    proposal_threshold: uint256,
    quorum_numerator: uint256,
    late_quorum_extension_s: uint256,
):
    """
    @dev Deployed last of the three: it checks that the token and the timelock name each other and
         itself.
    @param name_ Name of the governor, and of its signing domain (version 1).
    @param token_ The share token whose votes count.
    @param timelock_ The timelock that has this governor as proposer, executor and canceller.
    @param voting_delay_s Seconds from a proposal to its snapshot.
    @param voting_period_s Seconds that a vote is open.
    @param proposal_threshold Votes that a proposer needs.
    @param quorum_numerator Percent of the supply that must vote for or abstain.
    @param late_quorum_extension_s Seconds that a vote stays open after a late quorum.
    """
    assert (
        staticcall IShareToken(token_).timelock() == timelock_
    ), "governor: token of another timelock"
    assert staticcall ITimelock(timelock_).governor() == self, "governor: timelock of another"
    signatures.__init__(name_)
    name = name_
    log IGovernor.TimelockChange(oldTimelock=empty(address), newTimelock=timelock_)
    settings.__init__(
        token_,
        timelock_,
        voting_delay_s,
        voting_period_s,
        proposal_threshold,
        quorum_numerator,
        late_quorum_extension_s,
    )


# --- holders: propose ---


@external
def propose(
    targets: DynArray[address, MAX_ACTIONS],
    amounts: DynArray[uint256, MAX_ACTIONS],
    calldatas: DynArray[Bytes[MAX_DATA], MAX_ACTIONS],
    description: String[proposals.MAX_DESCRIPTION],
) -> uint256:
    assert proposals._is_meant_for(description, msg.sender), "propose: meant for another proposer"
    assert len(targets) > 0, "propose: no action"
    assert len(targets) == len(amounts), "propose: values unlike targets"
    assert len(targets) == len(calldatas), "propose: calldatas unlike targets"
    delay: uint256 = 0
    period: uint256 = 0
    threshold: uint256 = 0
    delay, period, threshold = settings._for_a_proposal()
    if threshold != 0:
        assert (
            staticcall IShareToken(settings.token).getPastVotes(msg.sender, block.timestamp - 1)
            >= threshold
        ), "propose: votes below the threshold"
    assert proposals.open_until[msg.sender] < block.timestamp, "propose: an earlier one is open"

    proposal_id: uint256 = convert(
        keccak256(abi_encode(targets, amounts, calldatas, keccak256(description))), uint256
    )
    assert proposals._cores[proposal_id] == 0, "propose: already proposed"

    snapshot: uint256 = block.timestamp + delay
    codeless: uint256 = 0
    signatures_: DynArray[String[1], MAX_ACTIONS] = []
    for i: uint256 in range(len(targets), bound=MAX_ACTIONS):
        if code_binding._bind(targets[i], len(calldatas[i]) == 0):
            codeless |= 1 << i
        signatures_.append("")
    proposals._cores[proposal_id] = (
        (codeless << proposals.CODELESS_SHIFT)
        | (delay << proposals.DELAY_SHIFT)
        | (period << proposals.PERIOD_SHIFT)
        | (snapshot << proposals.SNAPSHOT_SHIFT)
        | convert(msg.sender, uint256)
    )
    proposals.open_until[msg.sender] = snapshot + period
    log IGovernor.ProposalCreated(
        proposalId=proposal_id,
        proposer=msg.sender,
        targets=targets,
        values=amounts,
        signatures=signatures_,
        calldatas=calldatas,
        voteStart=snapshot,
        voteEnd=snapshot + period,
        description=description,
    )
    return proposal_id


@external
@reentrant
def cancel(
    targets: DynArray[address, MAX_ACTIONS],
    amounts: DynArray[uint256, MAX_ACTIONS],
    calldatas: DynArray[Bytes[MAX_DATA], MAX_ACTIONS],
    description_hash: bytes32,
) -> uint256:
    proposal_id: uint256 = convert(
        keccak256(abi_encode(targets, amounts, calldatas, description_hash)), uint256
    )
    core: uint256 = proposals._core(proposal_id)
    tally: uint256 = proposals._tallies[proposal_id]
    proposer: address = convert(core & proposals.MASK_160, address)
    state: uint8 = proposals._state(core, tally, proposal_id)
    if msg.sender == settings.timelock:
        assert state != proposals.CANCELED and state != proposals.EXECUTED, "cancel: already final"
    else:
        assert msg.sender == proposer, "cancel: caller is not the proposer"
        assert state == proposals.PENDING, "cancel: the vote has opened"

    proposals._tallies[proposal_id] = tally | proposals.CANCELED_BIT
    if proposals.open_until[proposer] == proposals._deadline(core, tally):
        proposals.open_until[proposer] = 0
    log IGovernor.ProposalCanceled(proposalId=proposal_id)
    if state == proposals.QUEUED:
        extcall ITimelock(settings.timelock).cancel(
            keccak256(
                abi_encode(
                    targets, amounts, calldatas, empty(bytes32), self._salt(description_hash)
                )
            )
        )
    return proposal_id


# --- anyone: carry out what was decided ---


@external
def queue(
    targets: DynArray[address, MAX_ACTIONS],
    amounts: DynArray[uint256, MAX_ACTIONS],
    calldatas: DynArray[Bytes[MAX_DATA], MAX_ACTIONS],
    description_hash: bytes32,
) -> uint256:
    proposal_id: uint256 = convert(
        keccak256(abi_encode(targets, amounts, calldatas, description_hash)), uint256
    )
    tally: uint256 = proposals._tallies[proposal_id]
    assert (
        proposals._state(proposals._core(proposal_id), tally, proposal_id) == proposals.SUCCEEDED
    ), "queue: proposal has not succeeded"

    delay: uint256 = staticcall ITimelock(settings.timelock).getMinDelay()
    eta: uint256 = block.timestamp + delay
    proposals._tallies[proposal_id] = tally | (eta << proposals.ETA_SHIFT)
    extcall ITimelock(settings.timelock).scheduleBatch(
        targets, amounts, calldatas, empty(bytes32), self._salt(description_hash), delay
    )
    log IGovernor.ProposalQueued(proposalId=proposal_id, etaSeconds=eta)
    return proposal_id


@payable
@external
def execute(
    targets: DynArray[address, MAX_ACTIONS],
    amounts: DynArray[uint256, MAX_ACTIONS],
    calldatas: DynArray[Bytes[MAX_DATA], MAX_ACTIONS],
    description_hash: bytes32,
) -> uint256:
    proposal_id: uint256 = convert(
        keccak256(abi_encode(targets, amounts, calldatas, description_hash)), uint256
    )
    core: uint256 = proposals._core(proposal_id)
    tally: uint256 = proposals._tallies[proposal_id]
    assert (
        proposals._state(core, tally, proposal_id) == proposals.QUEUED
    ), "execute: proposal is not queued"

    proposals._tallies[proposal_id] = tally | proposals.EXECUTED_BIT
    proposed_at: uint256 = unsafe_sub(
        (core >> proposals.SNAPSHOT_SHIFT) & proposals.MASK_40,
        (core >> proposals.DELAY_SHIFT) & proposals.MASK_22,
    )
    codeless: uint256 = core >> proposals.CODELESS_SHIFT
    for i: uint256 in range(len(targets), bound=MAX_ACTIONS):
        if (codeless >> i) & 1 == 0:
            code_binding._check(targets[i], proposed_at)
    extcall ITimelock(settings.timelock).executeBatch(
        targets,
        amounts,
        calldatas,
        empty(bytes32),
        self._salt(description_hash),
        value=msg.value,
    )
    if codeless != 0:
        # Afterwards, since an action can create what a later one calls.
        for i: uint256 in range(len(targets), bound=MAX_ACTIONS):
            if (codeless >> i) & 1 == 1:
                code_binding._check_codeless(targets[i], len(calldatas[i]) == 0)
    log IGovernor.ProposalExecuted(proposalId=proposal_id)
    return proposal_id


# --- the timelock, by an operation ---


@payable
@external
@reentrant
def relay(target: address, amount: uint256, data: Bytes[MAX_DATA]):
    self._check_timelock()
    # Otherwise an operation could schedule others that nobody voted on.
    assert target != settings.timelock, "relay: not to the timelock"
    raw_call(target, data, value=amount)


# --- views ---


@pure
@external
@reentrant
def supportsInterface(interface_id: bytes4) -> bool:
    return interface_id in [
        0x01ffc9a7,  # ERC-165
        0x65455a86,  # IGovernor
        0xcdbdfcee,  # IGovernor with getProposalId
        0x4e2312e0,  # IERC1155Receiver, as OpenZeppelin's answers; none of these tokens is taken
    ]


@view
@external
@reentrant
def clock() -> uint48:
    return convert(block.timestamp, uint48)


@pure
@external
@reentrant
def hashProposal(
    targets: DynArray[address, MAX_ACTIONS],
    amounts: DynArray[uint256, MAX_ACTIONS],
    calldatas: DynArray[Bytes[MAX_DATA], MAX_ACTIONS],
    description_hash: bytes32,
) -> uint256:
    return convert(keccak256(abi_encode(targets, amounts, calldatas, description_hash)), uint256)


@view
@external
@reentrant
def getProposalId(
    targets: DynArray[address, MAX_ACTIONS],
    amounts: DynArray[uint256, MAX_ACTIONS],
    calldatas: DynArray[Bytes[MAX_DATA], MAX_ACTIONS],
    description_hash: bytes32,
) -> uint256:
    return convert(keccak256(abi_encode(targets, amounts, calldatas, description_hash)), uint256)


# --- internal ---


@view
@internal
def _check_timelock():
    assert msg.sender == settings.timelock, "governor: caller is not the timelock"


@view
@internal
def _salt(description_hash: bytes32) -> bytes32:
    # As OpenZeppelin's: this governor's address in the upper 20 bytes, so that governors cannot
    # block each other.
    return convert((convert(self, uint256) << 96) ^ convert(description_hash, uint256), bytes32)
