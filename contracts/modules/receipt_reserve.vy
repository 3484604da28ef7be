# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title receipt_reserve: what stands behind an operator's receipts
@license Apache-2.0
@notice A receipt is signed off chain and locks nothing, so one sum stands behind all of an operator's
        receipts: his reserve, lost whole at the first lie. Who asks him for predictions looks at
        `reserve_wei`: what is on its way out is not in it, and stays to be lost for longer than a
        receipt signed before can be challenged.
@dev A part of StakeLedger, whose header has the invariants: here is STAKE-7. The pragma above locks the
     functions that the contract exports, all with its one lock.
"""

from ..interfaces import IStakeLedger
from . import burning

# Longer than a receipt's life (InferenceMarket: 7 days), twice over: whoever saw the reserve when his receipt
# was signed finds it there when he challenges.
UNBONDING_S: constant(uint256) = 14 * 86_400
UINT96: constant(uint256) = 2**96 - 1

# Operator -> reserve in wei u96, the part on its way out in wei u96 (not in the former), since when it is
# there in unix seconds u64, from the low end; the operator and judges write it. There is not so much coin
# that a part overflows.
_reserves: HashMap[address, uint256]
# Operator -> unix seconds from which the part on its way out may leave.
reserve_ready_at: public(HashMap[address, uint256])


# --- operators ---


@payable
@external
def deposit_reserve():
    """
    @notice Put the coin sent behind the receipts that the caller signs.
    """
    assert msg.value > 0, "reserve: nothing sent"
    reserves: uint256 = self._reserves[msg.sender]
    if reserves & (2**192 - 1) == 0:
        reserves = block.timestamp << 192
    reserves += msg.value
    self._reserves[msg.sender] = reserves
    log IStakeLedger.ReserveDeposited(
        operator=msg.sender, amount_wei=msg.value, reserve_wei=reserves & UINT96
    )


@external
def begin_unbonding_reserve(amount_wei: uint256):
    """
    @notice Take reserve out of service; it may leave after UNBONDING_S. A second call restarts the wait for
            all that is on its way out.
    """
    reserves: uint256 = self._reserves[msg.sender]
    assert amount_wei > 0, "reserve: amount is zero"
    assert amount_wei <= reserves & UINT96, "reserve: more than is there"
    ready_at: uint256 = block.timestamp + UNBONDING_S
    self._reserves[msg.sender] = reserves - amount_wei + (amount_wei << 96)
    self.reserve_ready_at[msg.sender] = ready_at
    log IStakeLedger.ReserveUnbondingStarted(
        operator=msg.sender, amount_wei=amount_wei, ready_at=ready_at
    )


@external
def withdraw_reserve():
    """
    @notice Take out the reserve that has finished unbonding.
    """
    reserves: uint256 = self._reserves[msg.sender]
    amount_wei: uint256 = (reserves >> 96) & UINT96
    assert amount_wei > 0, "reserve: nothing unbonding"
    assert block.timestamp >= self.reserve_ready_at[msg.sender], "reserve: still unbonding"
    self._reserves[msg.sender] = reserves - (amount_wei << 96)
    log IStakeLedger.ReserveWithdrawn(operator=msg.sender, amount_wei=amount_wei)
    burning._send(msg.sender, amount_wei)


# --- views ---


@view
@external
def reserve_wei(operator: address) -> uint256:
    return self._reserves[operator] & UINT96


@view
@external
def reserve_unbonding_wei(operator: address) -> uint256:
    return (self._reserves[operator] >> 96) & UINT96


@view
@external
def reserve_since(operator: address) -> uint256:
    return self._reserves[operator] >> 192


# --- internal ---


@internal
def _take_all(operator: address) -> uint256:
    """
    @dev What is deposited later stands behind later receipts: one that was proved wrong takes no other.
    """
    reserves: uint256 = self._reserves[operator]
    amount_wei: uint256 = (reserves & UINT96) + ((reserves >> 96) & UINT96)
    assert amount_wei > 0, "slash: no reserve"
    self._reserves[operator] = 0
    return amount_wei
