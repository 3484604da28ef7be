# pragma version 0.4.3
"""
@title judging: what it costs to prove a statement about a program wrong
@license Apache-2.0
@notice A statement is worth stake only if somebody can judge it, and is paid for it: its program is on chain,
        running it fits a transaction, and half of the lock, the bounty, pays the gas.
"""

from ..interfaces import IProgramStore

# What a challenge runs again must fit a transaction on every chain, or a statement is beyond judging.
MAX_PROGRAM_GAS: constant(uint256) = 10_000_000
# What a feature adds to a challenge: four bytes at the dearest on IoTeX.
GAS_A_FEATURE: constant(uint256) = 1_000
# The least that IoTeX's nodes take.
LEAST_GAS_PRICE_WEI: constant(uint256) = 10**12


@view
@internal
def _cost(
    store: IProgramStore, program_hash: bytes32, base_gas: uint256
) -> (bool, uint256, uint256):
    """
    @notice What it takes to judge statements about a published program.
    @param base_gas What a challenge takes without the program and what its features add.
    @return fits Whether whoever challenges can run it at all.
    @return least_lock_wei The smallest lock of which the half pays a challenge.
    @return n_features How many features the program takes.
    """
    n_features: uint256 = staticcall store.n_features(program_hash)
    gas_bound: uint256 = staticcall store.gas_bound(program_hash)
    gas: uint256 = gas_bound + base_gas + GAS_A_FEATURE * n_features
    return gas_bound <= MAX_PROGRAM_GAS, 2 * LEAST_GAS_PRICE_WEI * gas, n_features
