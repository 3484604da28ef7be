# pragma version 0.4.3
"""
@title Governor settings: how long, how many
@license Apache-2.0
@notice The voting delay and period, the proposal threshold, the late-quorum extension and the
        quorum, within bounds that no vote can leave. Only the timelock changes them, by an
        operation.
@dev GOV-7. Four settings share a word: a proposal or a vote reads them at once.
"""

from ..interfaces import IGovernor
from ..interfaces import IShareToken
from . import checkpoints as history

initializes: history

quorumDenominator: public(constant(uint256)) = 100

# The snapshot must lie after the block of the proposal.
LEAST_DELAY_S: constant(uint256) = 1
LONGEST_DELAY_S: constant(uint256) = 30 * 86_400
# A minute serves test networks; two months is the longest that a question should stay open.
LEAST_PERIOD_S: constant(uint256) = 60
LONGEST_PERIOD_S: constant(uint256) = 60 * 86_400
LONGEST_EXTENSION_S: constant(uint256) = 14 * 86_400
# With no quorum a single part of a share decides; above half, holders who are away block
# everything.
LEAST_QUORUM: constant(uint256) = 1
LARGEST_QUORUM: constant(uint256) = 50
# A threshold of more than a tenth of the supply would leave proposing to the few.
THRESHOLD_DIVISOR: constant(uint256) = 10

# The word: voting delay 22 bits, voting period 24, late-quorum extension 22, proposal threshold 94.
_PERIOD_SHIFT: constant(uint256) = 22
_EXTENSION_SHIFT: constant(uint256) = 46
_THRESHOLD_SHIFT: constant(uint256) = 68
_MASK_22: constant(uint256) = 2**22 - 1
_MASK_24: constant(uint256) = 2**24 - 1
# The quorum numerator's history lies under this account.
_NUMERATOR: constant(address) = empty(address)

token: public(immutable(address))
timelock: public(immutable(address))

# The four settings, see above; the setters write it.
_settings: uint256


@deploy
def __init__(
    token_: address,
    timelock_: address,
    voting_delay_s: uint256,
    voting_period_s: uint256,
    proposal_threshold: uint256,
    quorum_numerator: uint256,
    late_quorum_extension_s: uint256,
):
    token = token_
    timelock = timelock_
    self._set_voting_delay(voting_delay_s)
    self._set_voting_period(voting_period_s)
    self._set_threshold(proposal_threshold)
    self._set_extension(late_quorum_extension_s)
    self._set_numerator(quorum_numerator)


# --- the timelock, by an operation ---


@external
def setVotingDelay(new_voting_delay: uint48):
    self._check_timelock()
    self._set_voting_delay(convert(new_voting_delay, uint256))


@external
def setVotingPeriod(new_voting_period: uint32):
    self._check_timelock()
    self._set_voting_period(convert(new_voting_period, uint256))


@external
def setProposalThreshold(new_proposal_threshold: uint256):
    self._check_timelock()
    self._set_threshold(new_proposal_threshold)


@external
def updateQuorumNumerator(new_quorum_numerator: uint256):
    self._check_timelock()
    self._set_numerator(new_quorum_numerator)


@external
def setLateQuorumVoteExtension(new_vote_extension: uint48):
    self._check_timelock()
    self._set_extension(convert(new_vote_extension, uint256))


# --- views ---


@view
@external
def proposalThreshold() -> uint256:
    return self._settings >> _THRESHOLD_SHIFT


@view
@external
def votingDelay() -> uint256:
    return self._settings & _MASK_22


@view
@external
def votingPeriod() -> uint256:
    return (self._settings >> _PERIOD_SHIFT) & _MASK_24


@view
@external
def lateQuorumVoteExtension() -> uint48:
    return convert((self._settings >> _EXTENSION_SHIFT) & _MASK_22, uint48)


@view
@external
def quorumNumerator(timepoint: uint256 = max_value(uint256)) -> uint256:
    return history._at(_NUMERATOR, timepoint)


@view
@external
def quorum(timepoint: uint256) -> uint256:
    return self._quorum(timepoint)


# --- internal ---


@view
@internal
def _check_timelock():
    assert msg.sender == timelock, "governor: only the timelock sets this"


@view
@internal
def _for_a_proposal() -> (uint256, uint256, uint256):
    """
    @return (voting delay, voting period, both in seconds, and proposal threshold)
    """
    settings: uint256 = self._settings
    return (
        settings & _MASK_22,
        (settings >> _PERIOD_SHIFT) & _MASK_24,
        settings >> _THRESHOLD_SHIFT,
    )


@view
@internal
def _extension_s() -> uint256:
    return (self._settings >> _EXTENSION_SHIFT) & _MASK_22


@view
@internal
def _quorum(timepoint: uint256) -> uint256:
    # Rounds down, in favour of reaching it, as OpenZeppelin's.
    return (
        staticcall IShareToken(token).getPastTotalSupply(timepoint)
        * history._at(_NUMERATOR, timepoint) // quorumDenominator
    )


@internal
def _set_voting_delay(delay_s: uint256):
    assert LEAST_DELAY_S <= delay_s, "governor: voting delay too short"
    assert delay_s <= LONGEST_DELAY_S, "governor: voting delay too long"
    settings: uint256 = self._settings
    before: uint256 = settings & _MASK_22
    self._settings = settings - before + delay_s
    log IGovernor.VotingDelaySet(oldVotingDelay=before, newVotingDelay=delay_s)


@internal
def _set_voting_period(period_s: uint256):
    assert LEAST_PERIOD_S <= period_s, "governor: voting period too short"
    assert period_s <= LONGEST_PERIOD_S, "governor: voting period too long"
    settings: uint256 = self._settings
    before: uint256 = (settings >> _PERIOD_SHIFT) & _MASK_24
    self._settings = settings - (before << _PERIOD_SHIFT) + (period_s << _PERIOD_SHIFT)
    log IGovernor.VotingPeriodSet(oldVotingPeriod=before, newVotingPeriod=period_s)


@internal
def _set_extension(extension_s: uint256):
    assert extension_s <= LONGEST_EXTENSION_S, "governor: extension too long"
    settings: uint256 = self._settings
    before: uint256 = (settings >> _EXTENSION_SHIFT) & _MASK_22
    self._settings = (settings - (before << _EXTENSION_SHIFT) + (extension_s << _EXTENSION_SHIFT))
    log IGovernor.LateQuorumVoteExtensionSet(
        oldVoteExtension=convert(before, uint64), newVoteExtension=convert(extension_s, uint64)
    )


@internal
def _set_threshold(threshold: uint256):
    supply: uint256 = staticcall IShareToken(token).totalSupply()
    assert threshold <= supply // THRESHOLD_DIVISOR, "governor: threshold above a tenth"
    settings: uint256 = self._settings
    before: uint256 = settings >> _THRESHOLD_SHIFT
    self._settings = (settings - (before << _THRESHOLD_SHIFT) + (threshold << _THRESHOLD_SHIFT))
    log IGovernor.ProposalThresholdSet(oldProposalThreshold=before, newProposalThreshold=threshold)


@internal
def _set_numerator(numerator: uint256):
    assert LEAST_QUORUM <= numerator, "governor: quorum too small"
    assert numerator <= LARGEST_QUORUM, "governor: quorum too large"
    before: uint256 = history._latest(_NUMERATOR)
    history._push(_NUMERATOR, numerator)
    log IGovernor.QuorumNumeratorUpdated(oldQuorumNumerator=before, newQuorumNumerator=numerator)
