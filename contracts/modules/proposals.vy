# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Proposals: what is known of each, and how it stands
@license Apache-2.0
@notice A proposal is open from its snapshot to its deadline, and then defeated or succeeded; what
        succeeded is queued, and executed.
@dev One word is written when a proposal is made, the *core*, and never again; one changes with it,
     the *tally*. A vote for or against writes no other word of the proposal.
     GOV-3: the states follow each other in one order. GOV-5: a description can name its proposer.
"""

from . import governor_settings as settings

uses: settings

# A page; a longer text is named by its CID.
MAX_DESCRIPTION: constant(uint256) = 4_096

PENDING: constant(uint8) = 0
ACTIVE: constant(uint8) = 1
CANCELED: constant(uint8) = 2
DEFEATED: constant(uint8) = 3
SUCCEEDED: constant(uint8) = 4
QUEUED: constant(uint8) = 5
EXECUTED: constant(uint8) = 7

# A proposal's core: proposer 160 bits, snapshot 40, period 24, delay 22, one bit for each action
# without code.
SNAPSHOT_SHIFT: constant(uint256) = 160
PERIOD_SHIFT: constant(uint256) = 200
DELAY_SHIFT: constant(uint256) = 224
CODELESS_SHIFT: constant(uint256) = 246
# A proposal's tally: for 96 bits, against 96, eta 40, extension 22, canceled 1, executed 1.
AGAINST_SHIFT: constant(uint256) = 96
ETA_SHIFT: constant(uint256) = 192
EXTENSION_SHIFT: constant(uint256) = 232
CANCELED_BIT: constant(uint256) = 2**254
EXECUTED_BIT: constant(uint256) = 2**255
MASK_22: constant(uint256) = 2**22 - 1
MASK_24: constant(uint256) = 2**24 - 1
MASK_40: constant(uint256) = 2**40 - 1
MASK_96: constant(uint256) = 2**96 - 1
MASK_160: constant(uint256) = 2**160 - 1

# Proposal id -> core, see above; propose writes it, once.
_cores: HashMap[uint256, uint256]
# Proposal id -> tally, see above; voting, queueing, executing and cancelling write it.
_tallies: HashMap[uint256, uint256]
# Proposal id -> votes that abstain; voting writes it.
_abstained: HashMap[uint256, uint256]
# Proposer -> unix seconds until which its newest proposal is open; proposing, cancelling, an
# extension write it.
open_until: reentrant(public(HashMap[address, uint256]))


# --- views ---


@view
@external
@reentrant
def state(proposal_id: uint256) -> uint8:
    return self._state(self._core(proposal_id), self._tallies[proposal_id], proposal_id)


@view
@external
@reentrant
def proposalSnapshot(proposal_id: uint256) -> uint256:
    return (self._cores[proposal_id] >> SNAPSHOT_SHIFT) & MASK_40


@view
@external
@reentrant
def proposalDeadline(proposal_id: uint256) -> uint256:
    return self._deadline(self._cores[proposal_id], self._tallies[proposal_id])


@view
@external
@reentrant
def proposalProposer(proposal_id: uint256) -> address:
    return convert(self._cores[proposal_id] & MASK_160, address)


@view
@external
@reentrant
def proposalEta(proposal_id: uint256) -> uint256:
    return (self._tallies[proposal_id] >> ETA_SHIFT) & MASK_40


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
    return (tally >> AGAINST_SHIFT) & MASK_96, tally & MASK_96, self._abstained[proposal_id]


# --- internal ---


@view
@internal
def _core(proposal_id: uint256) -> uint256:
    core: uint256 = self._cores[proposal_id]
    assert core != 0, "governor: unknown proposal"
    return core


@pure
@internal
def _deadline(core: uint256, tally: uint256) -> uint256:
    # Three fields of 40, 24 and 22 bits.
    return unsafe_add(
        unsafe_add((core >> SNAPSHOT_SHIFT) & MASK_40, (core >> PERIOD_SHIFT) & MASK_24),
        (tally >> EXTENSION_SHIFT) & MASK_22,
    )


@view
@internal
def _state(core: uint256, tally: uint256, proposal_id: uint256) -> uint8:
    if tally & EXECUTED_BIT != 0:
        return EXECUTED
    if tally & CANCELED_BIT != 0:
        return CANCELED
    snapshot: uint256 = (core >> SNAPSHOT_SHIFT) & MASK_40
    if block.timestamp <= snapshot:
        return PENDING
    if block.timestamp <= self._deadline(core, tally):
        return ACTIVE
    if (tally >> ETA_SHIFT) & MASK_40 != 0:
        return QUEUED
    votes_for: uint256 = tally & MASK_96
    if votes_for <= (tally >> AGAINST_SHIFT) & MASK_96:
        return DEFEATED
    if votes_for + self._abstained[proposal_id] < settings._quorum(snapshot):
        return DEFEATED
    return SUCCEEDED


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
