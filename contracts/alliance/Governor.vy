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
     account that had none then has none when all is done. Code behind a proxy or a delegation is
     not seen.
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
from ..modules import code_binding
from ..modules import governor_settings as settings
from ..modules import signatures

implements: IGovernor

initializes: code_binding
initializes: settings
initializes: signatures

exports: (signatures.eip712Domain, signatures.nonces)
exports: code_binding.bound_code
exports: (
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
COUNTING_MODE: public(constant(String[36])) = "support=bravo&quorum=for,abstain"

# The timelock's bounds.
MAX_ACTIONS: constant(uint256) = 10
MAX_DATA: constant(uint256) = 1_024
# A page; a longer text is named by its CID.
MAX_DESCRIPTION: constant(uint256) = 4_096
MAX_REASON: constant(uint256) = 1_024
MAX_PARAMS: constant(uint256) = 256
_PENDING: constant(uint8) = 0
_ACTIVE: constant(uint8) = 1
_CANCELED: constant(uint8) = 2
_DEFEATED: constant(uint8) = 3
_SUCCEEDED: constant(uint8) = 4
_QUEUED: constant(uint8) = 5
_EXECUTED: constant(uint8) = 7

_AGAINST: constant(uint8) = 0
_FOR: constant(uint8) = 1
_ABSTAIN: constant(uint8) = 2

_BALLOT_TYPEHASH: constant(bytes32) = keccak256(
    "Ballot(uint256 proposalId,uint8 support,address voter,uint256 nonce)"
)
_EXTENDED_BALLOT_TYPEHASH: constant(bytes32) = keccak256(
    "ExtendedBallot(uint256 proposalId,uint8 support,address voter,uint256 nonce,string reason,bytes params)"
)

# A proposal's core: proposer 160 bits, snapshot 40, period 24, delay 22, one bit for each action
# without code.
_SNAPSHOT_SHIFT: constant(uint256) = 160
_PERIOD_SHIFT: constant(uint256) = 200
_DELAY_SHIFT: constant(uint256) = 224
_CODELESS_SHIFT: constant(uint256) = 246
# A proposal's tally: for 96 bits, against 96, eta 40, extension 22, canceled 1, executed 1.
_AGAINST_SHIFT: constant(uint256) = 96
_ETA_SHIFT: constant(uint256) = 192
_EXTENSION_SHIFT: constant(uint256) = 232
_CANCELED_BIT: constant(uint256) = 2**254
_EXECUTED_BIT: constant(uint256) = 2**255
_MASK_22: constant(uint256) = 2**22 - 1
_MASK_24: constant(uint256) = 2**24 - 1
_MASK_40: constant(uint256) = 2**40 - 1
_MASK_96: constant(uint256) = 2**96 - 1
_MASK_160: constant(uint256) = 2**160 - 1
name: public(immutable(String[64]))
token: public(immutable(address))
timelock: public(immutable(address))

# Proposal id -> core, see above; propose writes it, once.
_cores: HashMap[uint256, uint256]
# Proposal id -> tally, see above; voting, queueing, executing and cancelling write it.
_tallies: HashMap[uint256, uint256]
# Proposal id -> votes that abstain; voting writes it.
_abstained: HashMap[uint256, uint256]
# Proposal id -> account -> whether it has voted; voting writes it.
hasVoted: reentrant(public(HashMap[uint256, HashMap[address, bool]]))
# Proposer -> unix seconds until which its newest proposal is open; proposing, cancelling, an
# extension write it.
open_until: reentrant(public(HashMap[address, uint256]))


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
    token = token_
    timelock = timelock_
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
    description: String[MAX_DESCRIPTION],
) -> uint256:
    assert self._is_meant_for(description, msg.sender), "propose: meant for another proposer"
    assert len(targets) > 0, "propose: no action"
    assert len(targets) == len(amounts), "propose: values unlike targets"
    assert len(targets) == len(calldatas), "propose: calldatas unlike targets"
    delay: uint256 = 0
    period: uint256 = 0
    threshold: uint256 = 0
    delay, period, threshold = settings._for_a_proposal()
    if threshold != 0:
        assert (
            staticcall IShareToken(token).getPastVotes(msg.sender, block.timestamp - 1) >= threshold
        ), "propose: votes below the threshold"
    assert self.open_until[msg.sender] < block.timestamp, "propose: an earlier one is open"

    proposal_id: uint256 = convert(
        keccak256(abi_encode(targets, amounts, calldatas, keccak256(description))), uint256
    )
    assert self._cores[proposal_id] == 0, "propose: already proposed"

    snapshot: uint256 = block.timestamp + delay
    codeless: uint256 = 0
    signatures_: DynArray[String[1], MAX_ACTIONS] = []
    for i: uint256 in range(len(targets), bound=MAX_ACTIONS):
        if code_binding._bind(targets[i]):
            codeless |= 1 << i
        signatures_.append("")
    self._cores[proposal_id] = (
        (codeless << _CODELESS_SHIFT)
        | (delay << _DELAY_SHIFT)
        | (period << _PERIOD_SHIFT)
        | (snapshot << _SNAPSHOT_SHIFT)
        | convert(msg.sender, uint256)
    )
    self.open_until[msg.sender] = snapshot + period
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
    core: uint256 = self._core(proposal_id)
    tally: uint256 = self._tallies[proposal_id]
    proposer: address = convert(core & _MASK_160, address)
    state: uint8 = self._state(core, tally, proposal_id)
    if msg.sender == timelock:
        assert state != _CANCELED and state != _EXECUTED, "cancel: already final"
    else:
        assert msg.sender == proposer, "cancel: caller is not the proposer"
        assert state == _PENDING, "cancel: the vote has opened"

    self._tallies[proposal_id] = tally | _CANCELED_BIT
    if self.open_until[proposer] == self._deadline(core, tally):
        self.open_until[proposer] = 0
    log IGovernor.ProposalCanceled(proposalId=proposal_id)
    if state == _QUEUED:
        extcall ITimelock(timelock).cancel(
            keccak256(
                abi_encode(
                    targets, amounts, calldatas, empty(bytes32), self._salt(description_hash)
                )
            )
        )
    return proposal_id


# --- holders: vote ---


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
        abi_encode(_BALLOT_TYPEHASH, proposal_id, support, voter, signatures._use_nonce(voter))
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
            _EXTENDED_BALLOT_TYPEHASH,
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
    tally: uint256 = self._tallies[proposal_id]
    assert (
        self._state(self._core(proposal_id), tally, proposal_id) == _SUCCEEDED
    ), "queue: proposal has not succeeded"

    delay: uint256 = staticcall ITimelock(timelock).getMinDelay()
    eta: uint256 = block.timestamp + delay
    self._tallies[proposal_id] = tally | (eta << _ETA_SHIFT)
    extcall ITimelock(timelock).scheduleBatch(
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
    core: uint256 = self._core(proposal_id)
    tally: uint256 = self._tallies[proposal_id]
    assert self._state(core, tally, proposal_id) == _QUEUED, "execute: proposal is not queued"

    self._tallies[proposal_id] = tally | _EXECUTED_BIT
    proposed_at: uint256 = unsafe_sub(
        (core >> _SNAPSHOT_SHIFT) & _MASK_40, (core >> _DELAY_SHIFT) & _MASK_22
    )
    codeless: uint256 = core >> _CODELESS_SHIFT
    for i: uint256 in range(len(targets), bound=MAX_ACTIONS):
        if (codeless >> i) & 1 == 0:
            code_binding._check(targets[i], proposed_at)
    extcall ITimelock(timelock).executeBatch(
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
                code_binding._check_codeless(targets[i])
    log IGovernor.ProposalExecuted(proposalId=proposal_id)
    return proposal_id


# --- the timelock, by an operation ---


@payable
@external
@reentrant
def relay(target: address, amount: uint256, data: Bytes[MAX_DATA]):
    self._check_timelock()
    # Otherwise an operation could schedule others that nobody voted on.
    assert target != timelock, "relay: not to the timelock"
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


@view
@external
@reentrant
def state(proposal_id: uint256) -> uint8:
    return self._state(self._core(proposal_id), self._tallies[proposal_id], proposal_id)


@view
@external
@reentrant
def proposalSnapshot(proposal_id: uint256) -> uint256:
    return (self._cores[proposal_id] >> _SNAPSHOT_SHIFT) & _MASK_40


@view
@external
@reentrant
def proposalDeadline(proposal_id: uint256) -> uint256:
    return self._deadline(self._cores[proposal_id], self._tallies[proposal_id])


@view
@external
@reentrant
def proposalProposer(proposal_id: uint256) -> address:
    return convert(self._cores[proposal_id] & _MASK_160, address)


@view
@external
@reentrant
def proposalEta(proposal_id: uint256) -> uint256:
    return (self._tallies[proposal_id] >> _ETA_SHIFT) & _MASK_40


@view
@external
@reentrant
def proposalNeedsQueuing(proposal_id: uint256) -> bool:
    return True


@view
@external
@reentrant
def proposalVotes(proposal_id: uint256) -> (uint256, uint256, uint256):
    tally: uint256 = self._tallies[proposal_id]
    return (tally >> _AGAINST_SHIFT) & _MASK_96, tally & _MASK_96, self._abstained[proposal_id]


@view
@external
@reentrant
def quorum(timepoint: uint256) -> uint256:
    return self._quorum(timepoint)


@view
@external
@reentrant
def getVotes(account: address, timepoint: uint256) -> uint256:
    return staticcall IShareToken(token).getPastVotes(account, timepoint)


@view
@external
@reentrant
def getVotesWithParams(account: address, timepoint: uint256, params: Bytes[MAX_PARAMS]) -> uint256:
    return staticcall IShareToken(token).getPastVotes(account, timepoint)


# --- internal ---


@view
@internal
def _check_timelock():
    assert msg.sender == timelock, "governor: caller is not the timelock"


@view
@internal
def _core(proposal_id: uint256) -> uint256:
    core: uint256 = self._cores[proposal_id]
    assert core != 0, "governor: unknown proposal"
    return core


@view
@internal
def _salt(description_hash: bytes32) -> bytes32:
    # As OpenZeppelin's: this governor's address in the upper 20 bytes, so that governors cannot
    # block each other.
    return convert((convert(self, uint256) << 96) ^ convert(description_hash, uint256), bytes32)


@pure
@internal
def _deadline(core: uint256, tally: uint256) -> uint256:
    # Three fields of 40, 24 and 22 bits.
    return unsafe_add(
        unsafe_add((core >> _SNAPSHOT_SHIFT) & _MASK_40, (core >> _PERIOD_SHIFT) & _MASK_24),
        (tally >> _EXTENSION_SHIFT) & _MASK_22,
    )


@view
@internal
def _quorum(timepoint: uint256) -> uint256:
    # Rounds down, in favour of reaching it, as OpenZeppelin's.
    return (
        staticcall IShareToken(token).getPastTotalSupply(timepoint)
        * settings._quorum_numerator_at(timepoint) // settings.quorumDenominator
    )


@view
@internal
def _state(core: uint256, tally: uint256, proposal_id: uint256) -> uint8:
    if tally & _EXECUTED_BIT != 0:
        return _EXECUTED
    if tally & _CANCELED_BIT != 0:
        return _CANCELED
    snapshot: uint256 = (core >> _SNAPSHOT_SHIFT) & _MASK_40
    if block.timestamp <= snapshot:
        return _PENDING
    if block.timestamp <= self._deadline(core, tally):
        return _ACTIVE
    if (tally >> _ETA_SHIFT) & _MASK_40 != 0:
        return _QUEUED
    votes_for: uint256 = tally & _MASK_96
    if votes_for <= (tally >> _AGAINST_SHIFT) & _MASK_96:
        return _DEFEATED
    if votes_for + self._abstained[proposal_id] < self._quorum(snapshot):
        return _DEFEATED
    return _SUCCEEDED


@internal
def _cast(
    proposal_id: uint256,
    voter: address,
    support: uint8,
    reason: String[MAX_REASON],
    params: Bytes[MAX_PARAMS],
) -> uint256:
    core: uint256 = self._core(proposal_id)
    tally: uint256 = self._tallies[proposal_id]
    snapshot: uint256 = (core >> _SNAPSHOT_SHIFT) & _MASK_40
    deadline: uint256 = self._deadline(core, tally)
    assert (
        snapshot < block.timestamp and block.timestamp <= deadline and tally & _CANCELED_BIT == 0
    ), "vote: not open"
    assert not self.hasVoted[proposal_id][voter], "vote: already cast"
    self.hasVoted[proposal_id][voter] = True

    weight: uint256 = staticcall IShareToken(token).getPastVotes(voter, snapshot)
    # All weights sum to at most the supply, below 2**94: no field overflows.
    abstained: uint256 = 0
    if support == _FOR:
        tally = unsafe_add(tally, weight)
    elif support == _AGAINST:
        tally = unsafe_add(tally, weight << _AGAINST_SHIFT)
    else:
        assert support == _ABSTAIN, "vote: no such choice"
        abstained = self._abstained[proposal_id] + weight
        self._abstained[proposal_id] = abstained

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
                abstained = self._abstained[proposal_id]
            counted: uint256 = (tally & _MASK_96) + abstained
            needed: uint256 = self._quorum(snapshot)
            if counted >= needed and counted - weight < needed:
                tally += (end - deadline) << _EXTENSION_SHIFT
                self.open_until[convert(core & _MASK_160, address)] = end
                log IGovernor.ProposalExtended(
                    proposalId=proposal_id, extendedDeadline=convert(end, uint64)
                )
    self._tallies[proposal_id] = tally
    return weight


@pure
@internal
def _is_meant_for(description: String[MAX_DESCRIPTION], proposer: address) -> bool:
    """
    @notice Whether a description that ends in `#proposer=0x...` names this proposer; any other is
            open to all.
    """
    length: uint256 = len(description)
    if length < 52:
        return True
    if slice(description, length - 52, 12) != "#proposer=0x":
        return True
    digits: Bytes[40] = convert(slice(description, length - 40, 40), Bytes[40])
    named: uint256 = 0
    # Two windows of 32 digits overlap: the first gives digits 0 to 7, the second the other 32.
    window: uint256 = extract32(digits, 0, output_type=uint256)
    for i: uint256 in range(40):
        if i == 8:
            window = extract32(digits, 8, output_type=uint256)
        digit: uint256 = window >> 248
        if 48 <= digit and digit <= 57:  # 0 to 9
            digit = unsafe_sub(digit, 48)
        else:
            digit |= 32  # to lower case
            if digit < 97 or digit > 102:  # a to f
                return True
            digit = unsafe_sub(digit, 87)
        named = (named << 4) | digit
        window <<= 8
    return named == convert(proposer, uint256)
