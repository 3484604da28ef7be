# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title StakeLedger: what an operator loses when he lies
@license Apache-2.0
@notice Operators stake the chain's native coin and say which models they serve. For each statement that an
        operator makes, the contract that will judge it locks a part of his stake here, and either releases
        or slashes it. At least half of a slash is burnt, the rest is the bounty of whoever proved the lie.
@dev STAKE-1: the contract's balance covers all stake, all unbonding and all bounties.
     STAKE-2: an operator's locked stake never exceeds his stake.
     STAKE-3: locked stake is the sum of the locks of his open statements; only a judge changes it.
     STAKE-4: of a slash, the bounty is at most half: nobody gains by challenging himself.
     STAKE-5: stake leaves only by a slash or after UNBONDING_S.
@custom:kill Cannot be stopped: no owner, no upgrade. Stake can always be unbonded once nothing locks it.
"""

from ..interfaces import IStakeLedger

implements: IStakeLedger


# Longer than the longest window that terms and plans may set (7 days), twice over.
UNBONDING_S: constant(uint256) = 14 * 86_400
# Markets and rounds, and room for the judges of later deployments' kinds of statement.
MAX_JUDGES: constant(uint256) = 4
# Slashed coin goes where nobody holds a key.
BURNT: constant(address) = 0x000000000000000000000000000000000000dEaD

# The contracts that lock, release and slash.
_judges: immutable(DynArray[address, MAX_JUDGES])

# Operator -> coin staked, unbonding excluded, wei; deposit, begin_unbonding and slash write it.
stake_wei: public(HashMap[address, uint256])
# Operator -> part of the stake behind open statements, wei; judges write it.
locked_wei: public(HashMap[address, uint256])
# Operator -> coin on its way out, wei; begin_unbonding and withdraw write it.
unbonding_wei: public(HashMap[address, uint256])
# Operator -> unix seconds from which the unbonding coin may leave.
unbonding_ready_at: public(HashMap[address, uint256])
# Challenger -> bounties not yet withdrawn, wei; slash and withdraw_bounty write it.
bounty_wei: public(HashMap[address, uint256])
# Operator -> model id -> whether he serves it, under its terms; the operator writes it.
_serves: HashMap[address, HashMap[uint256, bool]]


@deploy
def __init__(judges: DynArray[address, MAX_JUDGES]):
    """
    @param judges The contracts that judge statements. Fixed for good.
    """
    assert len(judges) > 0, "stake: no judge"
    for judge: address in judges:
        assert judge != empty(address), "stake: judge is zero"
    _judges = judges


# --- operators ---


@payable
@external
def deposit():
    """
    @notice Stake the coin sent.
    """
    assert msg.value > 0, "deposit: nothing sent"
    stake: uint256 = self.stake_wei[msg.sender] + msg.value
    self.stake_wei[msg.sender] = stake
    log IStakeLedger.Staked(operator=msg.sender, amount_wei=msg.value, stake_wei=stake)


@external
def opt_in(model_id: uint256):
    """
    @notice Serve a model, and be bound by the terms and plans that its alliance sets.
    """
    assert model_id != 0, "opt_in: model is zero"
    self._serves[msg.sender][model_id] = True
    log IStakeLedger.OptedIn(operator=msg.sender, model_id=model_id)


@external
def opt_out(model_id: uint256):
    """
    @notice Stop serving a model. Statements already made stay judged.
    """
    assert self._serves[msg.sender][model_id], "opt_out: not opted in"
    self._serves[msg.sender][model_id] = False
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
    self.stake_wei[msg.sender] -= amount_wei
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
    self._send(msg.sender, amount_wei)


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


# --- judges ---


@external
def lock(operator: address, amount_wei: uint256):
    """
    @notice Put a part of an operator's free stake behind a statement.
    """
    self._check_judge()
    assert amount_wei <= self._free_wei(operator), "lock: too little free stake"
    locked: uint256 = self.locked_wei[operator] + amount_wei
    self.locked_wei[operator] = locked
    log IStakeLedger.Locked(
        operator=operator, judge=msg.sender, amount_wei=amount_wei, locked_wei=locked
    )


@external
def release(operator: address, amount_wei: uint256):
    """
    @notice The statement stood: its stake is free again.
    """
    self._check_judge()
    assert amount_wei <= self.locked_wei[operator], "release: more than is locked"
    locked: uint256 = self.locked_wei[operator] - amount_wei
    self.locked_wei[operator] = locked
    log IStakeLedger.Released(
        operator=operator, judge=msg.sender, amount_wei=amount_wei, locked_wei=locked
    )


@external
def slash(operator: address, amount_wei: uint256, bounty_to: address):
    """
    @notice The statement fell: burn its stake but for the bounty.
    """
    self._check_judge()
    assert amount_wei <= self.locked_wei[operator], "slash: more than is locked"
    self.locked_wei[operator] -= amount_wei
    self.stake_wei[operator] -= amount_wei
    bounty: uint256 = amount_wei // 2  # rounds down: the burnt half is never the smaller
    self.bounty_wei[bounty_to] += bounty
    log IStakeLedger.Slashed(
        operator=operator,
        judge=msg.sender,
        amount_wei=amount_wei,
        bounty_to=bounty_to,
        bounty_wei=bounty,
    )
    burnt: bool = raw_call(BURNT, b"", value=amount_wei - bounty, revert_on_failure=False)
    assert burnt, "slash: burning failed"


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
def is_serving(operator: address, model_id: uint256) -> bool:
    return self._serves[operator][model_id]


@view
@external
def free_wei(operator: address) -> uint256:
    return self._free_wei(operator)


@pure
@external
def unbonding_s() -> uint256:
    """
    @notice How long unbonding takes, seconds.
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
    return self.stake_wei[operator] - self.locked_wei[operator]


@internal
def _send(to: address, amount_wei: uint256):
    sent: bool = raw_call(to, b"", value=amount_wei, revert_on_failure=False)
    assert sent, "withdraw: receiver refused"
