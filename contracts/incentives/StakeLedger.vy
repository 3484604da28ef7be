# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title StakeLedger: what an operator loses when he lies
@license Apache-2.0
@notice Operators stake the chain's native coin and say which models they serve. For each statement that an
        operator makes, the contract that will judge it locks a part of his stake here, and either releases
        or slashes it. Receipts signed off chain lock nothing: a separate reserve stands behind all of
        them, and is lost whole at the first lie. At least half of a slash is burnt, the rest is the bounty
        of whoever proved the lie.
@dev STAKE-1: the contract's balance covers all stake, all unbonding, all reserves, all bounties and what is
              yet to be burnt.
     STAKE-2: an operator's locked stake never exceeds his stake.
     STAKE-3: locked stake is the sum of the locks of his open statements; only a judge changes it.
     STAKE-4: of a slash, the bounty is at most half: nobody gains by challenging himself.
     STAKE-5: stake leaves only by a slash or after UNBONDING_S.
     STAKE-6: an operator is on a model's list once or not at all; he is taken for serving only while he has
              the stake that the model asks for.
     STAKE-7: reserve leaves only by a slash or UNBONDING_S after it was called back, until when it is slashed
              with the rest.
@custom:kill Cannot be stopped: no owner, no upgrade. Stake can always be unbonded once nothing locks it.
"""

from ..interfaces import IModelRegistry
from ..interfaces import IStakeLedger
from ..modules import burning
from ..modules import receipt_reserve
from ..modules import serving_lists

implements: IStakeLedger
initializes: burning
initializes: receipt_reserve
initializes: serving_lists

# Reserves behind receipts: their owners', and what anyone may read.
exports: (
    receipt_reserve.deposit_reserve,
    receipt_reserve.begin_unbonding_reserve,
    receipt_reserve.withdraw_reserve,
    receipt_reserve.reserve_wei,
    receipt_reserve.reserve_unbonding_wei,
    receipt_reserve.reserve_ready_at,
    receipt_reserve.reserve_since,
)
exports: (burning.bounty_wei, burning.unburnt_wei, burning.withdraw_bounty)
exports: (serving_lists.min_stake_wei, serving_lists.n_serving, serving_lists.serving)

# Longer than the longest window that terms and plans may set (7 days), twice over.
UNBONDING_S: constant(uint256) = 14 * 86_400
# Rounds, markets and evaluations, and room for the judges of later deployments' kinds of statement.
MAX_JUDGES: constant(uint256) = 6
UINT128: constant(uint256) = 2**128 - 1

# The contracts that lock, release and slash.
_judges: immutable(DynArray[address, MAX_JUDGES])
# Who the alliances of models are.
REGISTRY: public(immutable(IModelRegistry))

# Operator -> stake in wei, unbonding excluded (lower half), the part of it behind open statements (upper
# half); deposit, begin_unbonding and judges write it. No half overflows: there is not so much coin.
_stakes: HashMap[address, uint256]
# Operator -> coin on its way out, wei; begin_unbonding and withdraw write it.
unbonding_wei: public(HashMap[address, uint256])
# Operator -> unix seconds from which the unbonding coin may leave.
unbonding_ready_at: public(HashMap[address, uint256])


@deploy
def __init__(judges: DynArray[address, MAX_JUDGES], registry: IModelRegistry):
    """
    @param judges The contracts that judge statements. Fixed for good.
    @param registry Where models' alliances are named.
    """
    assert len(judges) > 0, "stake: no judge"
    for judge: address in judges:
        assert judge != empty(address), "stake: judge is zero"
    assert registry.address != empty(address), "stake: registry is zero"
    _judges = judges
    REGISTRY = registry


# --- anyone ---


@external
def strike(operator: address, model_id: uint256):
    assert serving_lists._is_listed(operator, model_id), "strike: not opted in"
    stake_wei: uint256 = self._stakes[operator] & UINT128
    enough: bool = stake_wei >= serving_lists._min_stake_wei(model_id)
    assert not enough, "strike: stake suffices"
    serving_lists._remove(operator, model_id)
    log IStakeLedger.OptedOut(operator=operator, model_id=model_id)


# --- operators ---


@payable
@external
def deposit():
    """
    @notice Stake the coin sent.
    """
    assert msg.value > 0, "deposit: nothing sent"
    stakes: uint256 = self._stakes[msg.sender] + msg.value
    self._stakes[msg.sender] = stakes
    log IStakeLedger.Staked(operator=msg.sender, amount_wei=msg.value, stake_wei=stakes & UINT128)


@external
def opt_in(model_id: uint256):
    """
    @notice Serve a model, and be bound by the terms and plans that its alliance sets.
    """
    assert model_id != 0, "opt_in: model is zero"
    assert not serving_lists._is_listed(msg.sender, model_id), "opt_in: opted in already"
    stake_wei: uint256 = self._stakes[msg.sender] & UINT128
    enough: bool = stake_wei >= serving_lists._min_stake_wei(model_id)
    assert enough, "opt_in: stake below the least"
    serving_lists._append(msg.sender, model_id)
    log IStakeLedger.OptedIn(operator=msg.sender, model_id=model_id)


@external
def opt_out(model_id: uint256):
    """
    @notice Stop serving a model. Statements already made stay judged.
    """
    assert serving_lists._is_listed(msg.sender, model_id), "opt_out: not opted in"
    serving_lists._remove(msg.sender, model_id)
    log IStakeLedger.OptedOut(operator=msg.sender, model_id=model_id)


@external
def begin_unbonding(amount_wei: uint256):
    """
    @notice Take free stake out of service; it may leave after UNBONDING_S. A second call restarts the wait
            for all that is unbonding.
    """
    assert amount_wei > 0, "unbonding: amount is zero"
    assert amount_wei <= self._free_wei(msg.sender), "unbonding: more than is free"
    ready_at: uint256 = block.timestamp + UNBONDING_S
    self._stakes[msg.sender] -= amount_wei
    self.unbonding_wei[msg.sender] += amount_wei
    self.unbonding_ready_at[msg.sender] = ready_at
    log IStakeLedger.UnbondingStarted(operator=msg.sender, amount_wei=amount_wei, ready_at=ready_at)


@external
def withdraw():
    """
    @notice Take out what has finished unbonding.
    """
    amount_wei: uint256 = self.unbonding_wei[msg.sender]
    assert amount_wei > 0, "withdraw: nothing unbonding"
    assert block.timestamp >= self.unbonding_ready_at[msg.sender], "withdraw: still unbonding"
    self.unbonding_wei[msg.sender] = 0
    log IStakeLedger.Withdrawn(operator=msg.sender, amount_wei=amount_wei)
    burning._send(msg.sender, amount_wei)


# --- alliances ---


@external
def set_min_stake(model_id: uint256, amount_wei: uint256):
    alliance: address = staticcall REGISTRY.alliance_of(model_id)
    assert msg.sender == alliance, "min_stake: caller is not alliance"
    serving_lists._set_min_stake(model_id, amount_wei)


# --- judges ---


@external
def lock(operator: address, amount_wei: uint256):
    """
    @notice Put a part of an operator's free stake behind a statement, or several.
    """
    self._check_judge()
    self._lock(operator, amount_wei, self._stakes[operator])


@external
def lock_serving(operator: address, model_id: uint256, amount_wei: uint256):
    """
    @notice The same, for an operator who must serve the model.
    """
    self._check_judge()
    stakes: uint256 = self._stakes[operator]
    serves: bool = serving_lists._is_serving(operator, model_id, stakes & UINT128)
    assert serves, "lock: operator does not serve"
    self._lock(operator, amount_wei, stakes)


@external
def release(operator: address, amount_wei: uint256):
    """
    @notice The statement stood, or lapsed: its stake is free again.
    """
    self._check_judge()
    stakes: uint256 = self._stakes[operator]
    assert amount_wei <= stakes >> 128, "release: more than is locked"
    stakes -= amount_wei << 128
    self._stakes[operator] = stakes
    log IStakeLedger.Released(
        operator=operator, judge=msg.sender, amount_wei=amount_wei, locked_wei=stakes >> 128
    )


@external
def slash(operator: address, amount_wei: uint256, bounty_to: address):
    """
    @notice The statement fell: burn its stake but for the bounty.
    """
    self._check_judge()
    stakes: uint256 = self._stakes[operator]
    assert amount_wei <= stakes >> 128, "slash: more than is locked"
    # What is locked is of the stake: neither half can be less than the amount.
    self._stakes[operator] = unsafe_sub(stakes, unsafe_add(amount_wei << 128, amount_wei))
    bounty: uint256 = burning._bounty_of(amount_wei)
    log IStakeLedger.Slashed(
        operator=operator,
        judge=msg.sender,
        amount_wei=amount_wei,
        bounty_to=bounty_to,
        bounty_wei=bounty,
    )
    burning._share(amount_wei, bounty_to)


@external
def slash_reserve(operator: address, bounty_to: address) -> uint256:
    """
    @notice A receipt was wrong: all of the reserve is lost, what is on its way out too.
    @return amount_wei How much it was, the bounty included.
    """
    self._check_judge()
    amount_wei: uint256 = receipt_reserve._take_all(operator)
    log IStakeLedger.ReserveSlashed(
        operator=operator,
        judge=msg.sender,
        amount_wei=amount_wei,
        bounty_to=bounty_to,
        bounty_wei=burning._bounty_of(amount_wei),
    )
    burning._share(amount_wei, bounty_to)
    return amount_wei


# --- views ---


@view
@external
def judges() -> DynArray[address, MAX_JUDGES]:
    return _judges


@view
@external
def is_judge(account: address) -> bool:
    return account in _judges


@view
@external
def stake_wei(operator: address) -> uint256:
    return self._stakes[operator] & UINT128


@view
@external
def locked_wei(operator: address) -> uint256:
    return self._stakes[operator] >> 128


@view
@external
def free_wei(operator: address) -> uint256:
    return self._free_wei(operator)


@view
@external
def is_serving(operator: address, model_id: uint256) -> bool:
    return serving_lists._is_serving(operator, model_id, self._stakes[operator] & UINT128)


@view
@external
def turn_of(model_id: uint256, seed: uint256, asked_at: uint256) -> address:
    operator: address = serving_lists._drawn(model_id, seed, asked_at)
    stake_wei: uint256 = self._stakes[operator] & UINT128
    if operator == empty(address) or stake_wei < serving_lists._min_stake_wei(model_id):
        return empty(address)
    return operator


@pure
@external
def unbonding_s() -> uint256:
    """
    @notice How long unbonding takes, seconds; of stake, and of reserve.
    """
    return UNBONDING_S


# --- internal ---


@view
@internal
def _check_judge():
    assert msg.sender in _judges, "stake: caller is no judge"


@view
@internal
def _free_wei(operator: address) -> uint256:
    stakes: uint256 = self._stakes[operator]
    return (stakes & UINT128) - (stakes >> 128)


@internal
def _lock(operator: address, amount_wei: uint256, stakes: uint256):
    locked: uint256 = stakes >> 128
    assert amount_wei <= (stakes & UINT128) - locked, "lock: too little free stake"
    locked += amount_wei
    self._stakes[operator] = (locked << 128) | (stakes & UINT128)
    log IStakeLedger.Locked(
        operator=operator, judge=msg.sender, amount_wei=amount_wei, locked_wei=locked
    )
