# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title burning: what becomes of slashed coin
@license Apache-2.0
@notice At least half goes where nobody holds a key; the rest waits for whoever proved the lie.
@dev A part of StakeLedger, whose header has the invariants: here is STAKE-4. The pragma above locks the
     functions that the contract exports, all with its one lock.
"""

from ..interfaces import IStakeLedger

# Slashed coin goes where nobody holds a key.
BURNT: constant(address) = 0x000000000000000000000000000000000000dEaD

# Challenger -> bounties not yet withdrawn, wei; judges and withdraw_bounty write it.
bounty_wei: public(HashMap[address, uint256])


# --- challengers ---


@external
def withdraw_bounty():
    """
    @notice Take out the bounties earned by proving statements wrong.
    """
    amount_wei: uint256 = self.bounty_wei[msg.sender]
    assert amount_wei > 0, "bounty: nothing earned"
    self.bounty_wei[msg.sender] = 0
    log IStakeLedger.BountyWithdrawn(account=msg.sender, amount_wei=amount_wei)
    self._send(msg.sender, amount_wei)


# --- internal ---


@pure
@internal
def _bounty_of(amount_wei: uint256) -> uint256:
    return amount_wei // 2  # rounds down: the burnt half is never the smaller


@internal
def _share(amount_wei: uint256, bounty_to: address):
    """
    @notice Burn slashed coin but for the bounty.
    """
    bounty: uint256 = self._bounty_of(amount_wei)
    self.bounty_wei[bounty_to] += bounty
    burnt: bool = raw_call(BURNT, b"", value=amount_wei - bounty, revert_on_failure=False)
    assert burnt, "slash: burning failed"


@internal
def _send(to: address, amount_wei: uint256):
    sent: bool = raw_call(to, b"", value=amount_wei, revert_on_failure=False)
    assert sent, "withdraw: receiver refused"
