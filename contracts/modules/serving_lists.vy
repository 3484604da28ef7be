# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title serving_lists: who serves which model
@license Apache-2.0
@notice A list for each model, so that a turn can be drawn among its operators; and the stake that its
        alliance asks of each, within bounds that bind the alliance. A turn is drawn from the list as it was
        when the minute began in which the request was made: who sees a request comes too late to choose
        whose turn it is, by joining or leaving, by others who do so for him, or by having somebody struck.
@dev A part of StakeLedger, whose header has the invariants: here is STAKE-6.
"""

from ..interfaces import IStakeLedger

# Less could not back a single answer under any terms.
LEAST_MIN_STAKE_WEI: constant(uint256) = 10**18
# More would let an alliance shut everybody out but its friends: what locks a thousand answers at the least.
MOST_MIN_STAKE_WEI: constant(uint256) = 1_000 * 10**18
# Operators shown at once.
MAX_SHOWN: constant(uint256) = 100
# Unix time is counted in these: longer than a turn (InferenceMarket: 15 s), so that one lies in two at the most.
EPOCH_S: constant(uint256) = 60
UINT40: constant(uint256) = 2**40 - 1
UINT48: constant(uint256) = 2**48 - 1
UINT88: constant(uint256) = 2**88 - 1
UINT160: constant(uint256) = 2**160 - 1

# Model id -> the stake that serving it takes, wei; 0 for the least. Its alliance writes it.
_min_stakes: HashMap[uint256, uint256]
# Model id -> how many operators opted in u48; then, of the last epoch in which that changed, its number u40 and
# how many there were when it began u48; then the same of the one before; from the low end. Opting in and out
# write it.
_sizes: HashMap[uint256, uint256]
# Model id -> place from 0 -> operator u160, in which epoch he came there u40, from the low end; a gap is filled
# by the last.
_operators: HashMap[uint256, HashMap[uint256, uint256]]
# Operator -> model id -> his place, from 1; 0 if he is not on the list.
_places: HashMap[address, HashMap[uint256, uint256]]


# --- views ---


@view
@external
def min_stake_wei(model_id: uint256) -> uint256:
    return self._min_stake_wei(model_id)


@view
@external
def n_serving(model_id: uint256) -> uint256:
    return self._n_serving(model_id)


@view
@external
def serving(model_id: uint256, first: uint256, count: uint256) -> DynArray[address, MAX_SHOWN]:
    operators: DynArray[address, MAX_SHOWN] = []
    n: uint256 = self._n_serving(model_id)
    for i: uint256 in range(min(count, MAX_SHOWN), bound=MAX_SHOWN):
        if first + i >= n:
            break
        operators.append(self._operator(self._operators[model_id][first + i]))
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
def _n_serving(model_id: uint256) -> uint256:
    return self._sizes[model_id] & UINT48


@pure
@internal
def _operator(held: uint256) -> address:
    return convert(held & UINT160, address)


@view
@internal
def _drawn(model_id: uint256, seed: uint256, asked_at: uint256) -> address:
    """
    @dev Exact for a minute at the least after `asked_at`. A place that somebody left, or came to, since then is
         nobody's.
    """
    epoch: uint256 = asked_at // EPOCH_S
    sizes: uint256 = self._sizes[model_id]
    n: uint256 = sizes & UINT48
    if epoch <= (sizes >> 48) & UINT40:
        n = (sizes >> 88) & UINT48
        if epoch <= (sizes >> 136) & UINT40:
            n = (sizes >> 176) & UINT48
    if n == 0:
        return empty(address)
    drawn: uint256 = convert(keccak256(abi_encode(model_id, seed)), uint256) % n
    held: uint256 = self._operators[model_id][drawn]
    if held >> 160 >= epoch:
        return empty(address)
    return self._operator(held)


@internal
def _resize(model_id: uint256, sizes: uint256, n: uint256):
    epoch: uint256 = block.timestamp // EPOCH_S
    past: uint256 = (sizes >> 48) << 48
    if epoch > (sizes >> 48) & UINT40:
        past = (epoch << 48) | ((sizes & UINT48) << 88) | (((sizes >> 48) & UINT88) << 136)
    self._sizes[model_id] = past | n


@internal
def _append(operator: address, model_id: uint256):
    sizes: uint256 = self._sizes[model_id]
    n: uint256 = sizes & UINT48
    self._operators[model_id][n] = self._placed(operator)
    self._places[operator][model_id] = n + 1
    self._resize(model_id, sizes, n + 1)


@internal
def _remove(operator: address, model_id: uint256):
    """
    @dev The last on the list takes the place that becomes free.
    """
    place: uint256 = self._places[operator][model_id]
    sizes: uint256 = self._sizes[model_id]
    n: uint256 = sizes & UINT48
    last: address = self._operator(self._operators[model_id][n - 1])
    self._operators[model_id][place - 1] = self._placed(last)
    self._places[last][model_id] = place
    self._places[operator][model_id] = 0
    self._operators[model_id][n - 1] = 0
    self._resize(model_id, sizes, n - 1)


@view
@internal
def _placed(operator: address) -> uint256:
    return convert(operator, uint256) | ((block.timestamp // EPOCH_S) << 160)
