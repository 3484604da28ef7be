# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title burning: what becomes of slashed coin
@license Apache-2.0
@notice At least half goes where nobody holds a key, the rest to whoever proved the lie. Both wait here until he
        withdraws, so that proving costs less; nothing but that withdrawal moves either.
@dev A part of StakeLedger, whose header has the invariants: here is STAKE-4. The pragma above locks the
     functions that the contract exports, all with its one lock.
"""

from ..interfaces import IStakeLedger

# Slashed coin goes where nobody holds a key.
BURNT: constant(address) = 0x000000000000000000000000000000000000dEaD

UINT128: constant(uint256) = 2**128 - 1

# Challenger -> bounties not yet withdrawn in wei (lower half), what is burnt as he withdraws them (upper half);
# judges and withdraw_bounty write it. No half overflows: there is not so much coin.
_rewards: HashMap[address, uint256]


# --- challengers ---


@external
def withdraw_bounty():
    """
    @notice Take out the bounties earned by proving statements wrong, and burn the rest of what was slashed.
    """
    rewards: uint256 = self._rewards[msg.sender]
    assert rewards & UINT128 > 0, "bounty: nothing earned"
    self._rewards[msg.sender] = 0
    log IStakeLedger.BountyWithdrawn(account=msg.sender, amount_wei=rewards & UINT128)
    burnt: bool = raw_call(BURNT, b"", value=rewards >> 128, revert_on_failure=False)
    assert burnt, "bounty: burning failed"
    self._send(msg.sender, rewards & UINT128)


# --- views ---


@view
@external
def bounty_wei(challenger: address) -> uint256:
    return self._rewards[challenger] & UINT128


@view
@external
def unburnt_wei(challenger: address) -> uint256:
    return self._rewards[challenger] >> 128


# --- internal ---


@pure
@internal
def _bounty_of(amount_wei: uint256) -> uint256:
    return amount_wei // 2  # rounds down: the burnt half is never the smaller


@internal
def _share(amount_wei: uint256, bounty_to: address):
    """
    @notice Set a bounty aside, and the rest of what was slashed to be burnt.
    """
    bounty: uint256 = self._bounty_of(amount_wei)
    # The bounty is a part of the amount, and there is not so much coin that a half overflows.
    burnt: uint256 = unsafe_sub(amount_wei, bounty)
    self._rewards[bounty_to] = unsafe_add(
        self._rewards[bounty_to], unsafe_add(bounty, burnt << 128)
    )


@internal
def _send(to: address, amount_wei: uint256):
    sent: bool = raw_call(to, b"", value=amount_wei, revert_on_failure=False)
    assert sent, "withdraw: receiver refused"
