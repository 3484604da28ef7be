# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title TrainingRounds: one collaborative training step
@license Apache-2.0
@notice An alliance opens a round by vote. Members hand in updates that they trained on batches of their own
        devices; a staked operator posts the weighted mean of all of them and the program made from it; after
        a window anyone finalizes: the version is registered, and each member's shares, by weight, can be
        minted.
@dev ROUND-1: a member has at most one update in a round.
     ROUND-2: an update's weight is the sum of the counts of matured batches that its member anchored for the
     round's alliance, no batch twice, capped by the plan; a sensor's readings count for one member.
     ROUND-3: a round ends once: finalized or cancelled.
     ROUND-4: a round mints at most its share pool, to each member once, only when it is finalized, and
     nothing for an update of which a batch was proved false by then.
     An aggregate cannot be challenged on chain yet: whoever recomputes it (`cairn audit`) sees a false one,
     and governance need not promote it.
@custom:kill Cannot be stopped: no owner, no upgrade. A round that nobody completes is cancelled by anyone, one
             that is not finalized yet by its alliance.
"""

from ..interfaces import IDeviceRegistry
from ..interfaces import IModelRegistry
from ..interfaces import IShareToken
from ..interfaces import IStakeLedger
from ..interfaces import ITrainingRounds

implements: ITrainingRounds


# Finalizing reads each update's data root: 64 cold words, far below a block.
MAX_UPDATES: constant(uint256) = 64
MAX_BATCHES: constant(uint256) = 32
# Members train on slow machines; a round is not to lie open for ever.
MAX_PHASE_S: constant(uint256) = 30 * 86_400
MIN_WINDOW_S: constant(uint256) = 600
# Shorter than unbonding, so that stake never leaves before a window closes.
MAX_WINDOW_S: constant(uint256) = 7 * 86_400
# As for an answer: half of it pays a challenger's gas at IoTeX's least gas price.
MIN_LOCK_WEI: constant(uint256) = 10**18
# Keeps pool times weight far from overflow.
MAX_POOL: constant(uint256) = 2**128 - 1

DEVICES: public(immutable(IDeviceRegistry))
REGISTRY: public(immutable(IModelRegistry))
LEDGER: public(immutable(IStakeLedger))

# How many rounds were opened; open writes it.
n_rounds: public(uint256)
# Round id -> its plan; open writes it.
_plans: HashMap[uint256, ITrainingRounds.Plan]
# Round id -> its phase; open, aggregate, finalize and cancel write it.
_phases: HashMap[uint256, ITrainingRounds.Phase]
# Round id -> how many updates it has; submit writes it.
_n_updates: HashMap[uint256, uint256]
# Round id -> index -> update; submit writes it.
_updates: HashMap[uint256, HashMap[uint256, ITrainingRounds.Update]]
# Round id -> member -> whether he handed in; submit writes it.
_has_submitted: HashMap[uint256, HashMap[address, bool]]
# Round id -> sensor -> the member for whom its readings count; submit writes it.
_member_of: HashMap[uint256, HashMap[address, address]]
# Round id -> readings behind all its updates; submit writes it.
_total_weight: HashMap[uint256, uint256]
# Round id -> index of an update -> whether its shares are minted; mint_shares writes it.
_is_minted: HashMap[uint256, HashMap[uint256, bool]]
# Round id -> its aggregate; aggregate writes it.
_aggregates: HashMap[uint256, ITrainingRounds.Aggregate]


@deploy
def __init__(devices: IDeviceRegistry, registry: IModelRegistry, ledger: IStakeLedger):
    """
    @param devices Where batches are anchored.
    @param registry Where versions are registered; it must have been told of this contract.
    @param ledger Where operators' stake lies; it must have been told of this contract.
    """
    assert devices.address.is_contract, "rounds: no device registry"
    assert registry.address != empty(address), "rounds: registry is zero"
    assert staticcall ledger.is_judge(self), "rounds: ledger does not know it"
    DEVICES = devices
    REGISTRY = registry
    LEDGER = ledger


# --- alliances ---


@external
def open(plan: ITrainingRounds.Plan) -> uint256:
    alliance: address = staticcall REGISTRY.alliance_of(plan.model_id)
    assert alliance != empty(address), "open: unknown model"
    assert msg.sender == alliance, "open: caller is not the alliance"
    versions: uint256 = staticcall REGISTRY.latest_version(plan.model_id)
    assert plan.base_version <= versions, "open: unknown base version"
    assert plan.plan_hash != empty(bytes32), "open: no plan hash"
    assert len(plan.plan_cid) > 0, "open: no plan cid"
    assert plan.share_pool <= MAX_POOL, "open: share pool too large"
    assert plan.weight_cap > 0, "open: weight cap is zero"
    assert plan.submit_until > block.timestamp, "open: submission is over"
    assert plan.submit_until <= block.timestamp + MAX_PHASE_S, "open: submission too long"
    assert plan.aggregate_until > plan.submit_until, "open: no time to aggregate"
    in_bounds: bool = plan.aggregate_until <= plan.submit_until + MAX_PHASE_S
    assert in_bounds, "open: aggregation too long"
    assert plan.window_s >= MIN_WINDOW_S, "open: window too short"
    assert plan.window_s <= MAX_WINDOW_S, "open: window too long"
    assert plan.lock_wei >= MIN_LOCK_WEI, "open: lock too small"

    round_id: uint256 = self.n_rounds + 1
    self.n_rounds = round_id
    self._plans[round_id] = plan
    self._phases[round_id] = ITrainingRounds.Phase.OPEN
    log ITrainingRounds.RoundOpened(
        round_id=round_id,
        model_id=plan.model_id,
        alliance=alliance,
        base_version=plan.base_version,
        plan_hash=plan.plan_hash,
        plan_cid=plan.plan_cid,
        share_pool=plan.share_pool,
        weight_cap=plan.weight_cap,
        submit_until=plan.submit_until,
        aggregate_until=plan.aggregate_until,
        window_s=plan.window_s,
        lock_wei=plan.lock_wei,
    )
    return round_id


# --- members ---


@external
def submit(
    round_id: uint256,
    root: bytes32,
    cid: Bytes[36],
    batch_ids: DynArray[uint256, MAX_BATCHES],
):
    assert self._phases[round_id] == ITrainingRounds.Phase.OPEN, "submit: round is not open"
    assert block.timestamp <= self._plans[round_id].submit_until, "submit: submission is over"
    assert root != empty(bytes32), "submit: no root"
    assert len(cid) > 0, "submit: no cid"
    assert not self._has_submitted[round_id][msg.sender], "submit: already handed in"
    index: uint256 = self._n_updates[round_id]
    assert index < MAX_UPDATES, "submit: round is full"

    alliance: address = staticcall REGISTRY.alliance_of(self._plans[round_id].model_id)
    weight: uint256 = min(
        self._count_readings(round_id, alliance, batch_ids), self._plans[round_id].weight_cap
    )

    self._n_updates[round_id] = index + 1
    self._total_weight[round_id] += weight
    self._has_submitted[round_id][msg.sender] = True
    self._updates[round_id][index] = ITrainingRounds.Update(
        member=msg.sender,
        root=root,
        cid=cid,
        weight=weight,
        data_root=self._hash_ids(batch_ids),
    )
    log ITrainingRounds.UpdateSubmitted(
        round_id=round_id,
        member=msg.sender,
        root=root,
        cid=cid,
        weight=weight,
        batch_ids=batch_ids,
    )


# --- operators ---


@external
def aggregate(
    round_id: uint256,
    root: bytes32,
    cid: Bytes[36],
    program_hash: bytes32,
    program_cid: Bytes[36],
    card_cid: Bytes[36],
):
    assert self._phases[round_id] == ITrainingRounds.Phase.OPEN, "aggregate: round is not open"
    model_id: uint256 = self._plans[round_id].model_id
    serving: bool = staticcall LEDGER.is_serving(msg.sender, model_id)
    assert serving, "aggregate: caller does not serve it"
    submitted: bool = block.timestamp > self._plans[round_id].submit_until
    assert submitted, "aggregate: submission is open"
    in_time: bool = block.timestamp <= self._plans[round_id].aggregate_until
    assert in_time, "aggregate: too late"
    assert self._n_updates[round_id] > 0, "aggregate: no updates"
    assert root != empty(bytes32), "aggregate: no root"
    assert len(cid) > 0, "aggregate: no cid"
    assert program_hash != empty(bytes32), "aggregate: no program hash"
    assert len(program_cid) > 0, "aggregate: no program cid"
    assert len(card_cid) > 0, "aggregate: no card cid"

    self._phases[round_id] = ITrainingRounds.Phase.AGGREGATED
    self._aggregates[round_id] = ITrainingRounds.Aggregate(
        operator=msg.sender,
        root=root,
        cid=cid,
        program_hash=program_hash,
        program_cid=program_cid,
        card_cid=card_cid,
        posted_at=block.timestamp,
        total_weight=self._total_weight[round_id],
    )
    log ITrainingRounds.AggregatePosted(
        round_id=round_id,
        operator=msg.sender,
        root=root,
        cid=cid,
        program_hash=program_hash,
        program_cid=program_cid,
        card_cid=card_cid,
    )
    extcall LEDGER.lock(msg.sender, self._plans[round_id].lock_wei)


# --- anyone ---


@external
def finalize(round_id: uint256) -> uint256:
    aggregated: bool = self._phases[round_id] == ITrainingRounds.Phase.AGGREGATED
    assert aggregated, "finalize: no aggregate stands"
    plan: ITrainingRounds.Plan = self._plans[round_id]
    aggregate: ITrainingRounds.Aggregate = self._aggregates[round_id]
    over: bool = block.timestamp > aggregate.posted_at + plan.window_s
    assert over, "finalize: window is open"

    self._phases[round_id] = ITrainingRounds.Phase.FINALIZED
    version: uint256 = extcall REGISTRY.register_version(
        plan.model_id,
        aggregate.program_hash,
        aggregate.program_cid,
        aggregate.root,
        self._data_root(round_id),
        aggregate.card_cid,
        plan.base_version,
        round_id,
    )
    log ITrainingRounds.RoundFinalized(round_id=round_id, model_id=plan.model_id, version=version)
    extcall LEDGER.release(aggregate.operator, plan.lock_wei)
    return version


@external
def mint_shares(
    round_id: uint256, index: uint256, batch_ids: DynArray[uint256, MAX_BATCHES]
) -> uint256:
    """
    @dev Apart from finalize, so that a token that refuses holds up neither the version nor the operator's
         stake. Rounds down: what is left of the pool is never minted.
    """
    finalized: bool = self._phases[round_id] == ITrainingRounds.Phase.FINALIZED
    assert finalized, "mint_shares: round not finalized"
    assert index < self._n_updates[round_id], "mint_shares: unknown index"
    assert not self._is_minted[round_id][index], "mint_shares: already minted"
    data_root: bytes32 = self._updates[round_id][index].data_root
    assert self._hash_ids(batch_ids) == data_root, "mint_shares: other batches"

    member: address = self._updates[round_id][index].member
    for batch_id: uint256 in batch_ids:
        batch: IDeviceRegistry.Batch = staticcall DEVICES.batch(batch_id)
        if batch.state != IDeviceRegistry.BatchState.MATURE:
            self._is_minted[round_id][index] = True
            log ITrainingRounds.SharesForfeited(round_id=round_id, member=member, batch_id=batch_id)
            return 0
    shares: uint256 = (
        self._plans[round_id].share_pool
        * self._updates[round_id][index].weight // self._aggregates[round_id].total_weight
    )
    assert shares > 0, "mint_shares: part is zero"
    self._is_minted[round_id][index] = True
    log ITrainingRounds.SharesMinted(round_id=round_id, member=member, shares=shares)
    currency: address = empty(address)
    share_token: address = empty(address)
    treasury: address = empty(address)
    currency, share_token, treasury = staticcall REGISTRY.payees(self._plans[round_id].model_id)
    extcall IShareToken(share_token).mint(member, shares)
    return shares


@external
def cancel(round_id: uint256):
    phase: ITrainingRounds.Phase = self._phases[round_id]
    plan: ITrainingRounds.Plan = self._plans[round_id]
    if phase == ITrainingRounds.Phase.AGGREGATED:
        # Until aggregates are judged, this is how the members stop a false one.
        alliance: address = staticcall REGISTRY.alliance_of(plan.model_id)
        assert msg.sender == alliance, "cancel: an aggregate stands"
    else:
        assert phase == ITrainingRounds.Phase.OPEN, "cancel: round is not open"
        no_updates: bool = self._n_updates[round_id] == 0
        empty_handed: bool = no_updates and block.timestamp > plan.submit_until
        assert empty_handed or block.timestamp > plan.aggregate_until, "cancel: still in time"
    self._phases[round_id] = ITrainingRounds.Phase.CANCELLED
    log ITrainingRounds.RoundCancelled(round_id=round_id)
    if phase == ITrainingRounds.Phase.AGGREGATED:
        extcall LEDGER.release(self._aggregates[round_id].operator, plan.lock_wei)


# --- views ---


@view
@external
def plan(round_id: uint256) -> ITrainingRounds.Plan:
    self._check_round(round_id)
    return self._plans[round_id]


@view
@external
def phase(round_id: uint256) -> ITrainingRounds.Phase:
    self._check_round(round_id)
    return self._phases[round_id]


@view
@external
def n_updates(round_id: uint256) -> uint256:
    return self._n_updates[round_id]


@view
@external
def update(round_id: uint256, index: uint256) -> ITrainingRounds.Update:
    assert index < self._n_updates[round_id], "update: unknown index"
    return self._updates[round_id][index]


@view
@external
def aggregate_of(round_id: uint256) -> ITrainingRounds.Aggregate:
    """
    @notice A round's aggregate; all zero while there is none.
    """
    self._check_round(round_id)
    return self._aggregates[round_id]


# --- internal ---


@view
@internal
def _check_round(round_id: uint256):
    assert round_id != 0 and round_id <= self.n_rounds, "rounds: unknown round"


@internal
def _count_readings(
    round_id: uint256, alliance: address, batch_ids: DynArray[uint256, MAX_BATCHES]
) -> uint256:
    """
    @dev The caller's batches, in ascending order of id: so none counts twice. A sensor that changes
         hands during the round does not count again, past the cap, for its next owner.
    """
    assert len(batch_ids) > 0, "submit: no batches"
    count: uint256 = 0
    last_id: uint256 = 0
    for batch_id: uint256 in batch_ids:
        assert batch_id > last_id, "submit: batch ids not ascending"
        last_id = batch_id
        batch: IDeviceRegistry.Batch = staticcall DEVICES.batch(batch_id)
        assert batch.owner == msg.sender, "submit: batch of another owner"
        assert batch.alliance == alliance, "submit: batch of another alliance"
        mature: bool = batch.state == IDeviceRegistry.BatchState.MATURE
        assert mature, "submit: batch is not mature"
        admitted: bool = staticcall DEVICES.is_admitted(alliance, batch.device)
        assert admitted, "submit: device is not admitted"
        member: address = self._member_of[round_id][batch.device]
        if member == empty(address):
            self._member_of[round_id][batch.device] = msg.sender
        else:
            assert member == msg.sender, "submit: device counted for another"
        count += batch.count
    return count


@pure
@internal
def _hash_ids(batch_ids: DynArray[uint256, MAX_BATCHES]) -> bytes32:
    """
    @dev keccak256 over the ids, one word each: the encoding without its head (offset and length).
    """
    encoded: Bytes[64 + 32 * MAX_BATCHES] = abi_encode(batch_ids)
    return keccak256(slice(encoded, 64, 32 * len(batch_ids)))


@view
@internal
def _data_root(round_id: uint256) -> bytes32:
    """
    @dev keccak256 over the updates' data roots, one word each, in their order.
    """
    data_roots: DynArray[bytes32, MAX_UPDATES] = []
    for index: uint256 in range(self._n_updates[round_id], bound=MAX_UPDATES):
        data_roots.append(self._updates[round_id][index].data_root)
    encoded: Bytes[64 + 32 * MAX_UPDATES] = abi_encode(data_roots)
    return keccak256(slice(encoded, 64, 32 * len(data_roots)))
