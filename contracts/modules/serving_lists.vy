# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title serving_lists: who serves which model
@license Apache-2.0
@notice A list for each model, so that a turn can be drawn among its operators; and the stake that its
        alliance asks of each, within bounds that bind the alliance.
@dev A part of StakeLedger, whose header has the invariants: here is STAKE-6.
"""

from ..interfaces import IStakeLedger

# Less could not back a single answer under any terms.
LEAST_MIN_STAKE_WEI: constant(uint256) = 10**18
# More would let an alliance shut everybody out but its friends: what locks a thousand answers at the least.
MOST_MIN_STAKE_WEI: constant(uint256) = 1_000 * 10**18
# Operators shown at once.
MAX_SHOWN: constant(uint256) = 100

# Model id -> the stake that serving it takes, wei; 0 for the least. Its alliance writes it.
_min_stakes: HashMap[uint256, uint256]
# Model id -> how many operators opted in; opting in and out write it.
n_serving: public(HashMap[uint256, uint256])
# Model id -> place from 0 -> operator; a gap is filled by the last.
_operators: HashMap[uint256, HashMap[uint256, address]]
# Operator -> model id -> his place, from 1; 0 if he is not on the list.
_places: HashMap[address, HashMap[uint256, uint256]]


# --- views ---


@view
@external
def min_stake_wei(model_id: uint256) -> uint256:
    return self._min_stake_wei(model_id)


@view
@external
def serving(model_id: uint256, first: uint256, count: uint256) -> DynArray[address, MAX_SHOWN]:
    operators: DynArray[address, MAX_SHOWN] = []
    n: uint256 = self.n_serving[model_id]
    for i: uint256 in range(min(count, MAX_SHOWN), bound=MAX_SHOWN):
        if first + i >= n:
            break
        operators.append(self._operators[model_id][first + i])
    return operators


# --- internal ---


@view
@internal
def _min_stake_wei(model_id: uint256) -> uint256:
    return max(self._min_stakes[model_id], LEAST_MIN_STAKE_WEI)


@internal
def _set_min_stake(model_id: uint256, amount_wei: uint256):
    assert amount_wei >= LEAST_MIN_STAKE_WEI, "min_stake: too small"
    assert amount_wei <= MOST_MIN_STAKE_WEI, "min_stake: too large"
    self._min_stakes[model_id] = amount_wei
    log IStakeLedger.MinStakeSet(model_id=model_id, amount_wei=amount_wei)


@view
@internal
def _is_listed(operator: address, model_id: uint256) -> bool:
    return self._places[operator][model_id] != 0


@view
@internal
def _is_serving(operator: address, model_id: uint256, stake_wei: uint256) -> bool:
    return self._is_listed(operator, model_id) and stake_wei >= self._min_stake_wei(model_id)


@view
@internal
def _drawn(model_id: uint256, seed: uint256) -> address:
    n: uint256 = self.n_serving[model_id]
    if n == 0:
        return empty(address)
    drawn: uint256 = convert(keccak256(abi_encode(model_id, seed)), uint256) % n
    return self._operators[model_id][drawn]


@internal
def _append(operator: address, model_id: uint256):
    n: uint256 = self.n_serving[model_id]
    self._operators[model_id][n] = operator
    self._places[operator][model_id] = n + 1
    self.n_serving[model_id] = n + 1


@internal
def _remove(operator: address, model_id: uint256):
    """
    @dev The last on the list takes the place that becomes free.
    """
    place: uint256 = self._places[operator][model_id]
    n: uint256 = self.n_serving[model_id]
    last: address = self._operators[model_id][n - 1]
    self._operators[model_id][place - 1] = last
    self._places[last][model_id] = place
    self._places[operator][model_id] = 0
    self._operators[model_id][n - 1] = empty(address)
    self.n_serving[model_id] = n - 1
