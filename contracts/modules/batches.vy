# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title batches: readings that count
@license Apache-2.0
@notice A batch is a Merkle root over the packets that one sensor signed. Its owner anchors it with
        a bond; it matures when the leaves that a later block draws have been opened, and the bond
        goes back. A batch never opened, or proved faulty by anyone, is void: a bond still held is
        burnt, less the bounty of who proved it.
@dev A part of DeviceRegistry, whose header has the invariants: here are BATCH-1 to BATCH-7, for the
     sensors of `devices`. The coin that the contract holds is this part's alone. The pragma above
     locks the functions that the contract exports, all with its one lock.
"""

from ..interfaces import IDeviceRegistry
from . import devices
from . import merkle

uses: devices

# Readings in a batch: a proof has at most 20 siblings, and an opening stays below 2 kB.
MAX_COUNT: constant(uint256) = 2**20
# Leaves opened by a spot check. One in each quarter of the batch, so that garbage in a fraction f
# of it passes with a chance of (1 - f)^4 at most.
N_DRAWN: constant(uint256) = 4
# Blocks between the anchor and the block that draws: its hash is nobody's to know at the anchor.
DRAW_DELAY_BLOCKS: constant(uint256) = 2
# Block hashes that the EVM remembers.
MEMORY_BLOCKS: constant(uint256) = 256
# How long a batch may wait for its openings.
OPENING_WINDOW_S: constant(uint256) = 86400
# Where burnt bonds go: nobody has its key.
BURN: constant(address) = 0x000000000000000000000000000000000000dEaD
UINT48: constant(uint256) = 2**48 - 1

# What an anchor costs while it is not mature, in wei.
BOND_WEI: immutable(uint256)

# Batch id -> device | first << 160 | last << 192 | count << 224. Written once, at the anchor.
_windows: HashMap[uint256, uint256]
# Batch id -> owner | anchored_at << 160 | draw_block << 208. Written at the anchor and the draw.
_anchors: HashMap[uint256, uint256]
# Batch id -> alliance | state << 160. Written at the anchor, when it matures, when it is voided.
_states: HashMap[uint256, uint256]
# Batch id -> what its draw comes from, if it was kept. Written by anyone who calls `draw`.
seed_of: public(HashMap[uint256, bytes32])
# Holder -> wei to withdraw: bonds given back and bounties. Written by the spot check.
credit_wei: public(HashMap[address, uint256])


@deploy
def __init__(bond_wei: uint256):
    """
    @param bond_wei The bond of a batch, in wei; not zero.
    """
    assert bond_wei != 0, "init: the bond is zero"
    BOND_WEI = bond_wei


########################################################################
# Anyone
########################################################################


@view
@external
def bond_wei() -> uint256:
    """
    @notice What `anchor_batch` must be sent, in wei.
    """
    return BOND_WEI


@view
@external
def batch(batch_id: uint256) -> IDeviceRegistry.Batch:
    return self._batch(batch_id)


@view
@external
def is_mature(batch_id: uint256) -> bool:
    return self._batch(batch_id).state == IDeviceRegistry.BatchState.MATURE


@view
@external
def drawn_leaves(batch_id: uint256) -> DynArray[uint256, N_DRAWN]:
    return self._drawn(batch_id, self._batch(batch_id))


@view
@external
def verify_reading(
    batch_id: uint256, index: uint256, packet: Bytes[512], proof: DynArray[bytes32, 20]
) -> (uint256, Bytes[64]):
    batch: IDeviceRegistry.Batch = self._batch(batch_id)
    self._check_exists(batch)
    assert index < batch.count, "reading: index beyond the batch"
    assert self._is_leaf(batch_id, batch.device, index, packet, proof), "reading: not in the batch"
    is_signed: bool = False
    timestamp: uint256 = 0
    readings: Bytes[64] = b""
    is_signed, timestamp, readings = devices._judge(batch.device, packet)
    assert is_signed, "reading: not signed by the device"
    return timestamp, readings


@payable
@external
def draw(batch_id: uint256):
    batch: IDeviceRegistry.Batch = self._batch(batch_id)
    self._check_open(batch)
    assert self.seed_of[batch_id] == empty(bytes32), "draw: drawn already"
    assert block.number > batch.draw_block, "draw: its block is still to come"

    if block.number - batch.draw_block <= MEMORY_BLOCKS:
        assert msg.value == 0, "draw: nothing to pay"
        seed: bytes32 = self._seed(batch_id, batch.draw_block)
        self.seed_of[batch_id] = seed
        log IDeviceRegistry.BatchDrawn(batch_id=batch_id, seed=seed, draw_block=batch.draw_block)
        return
    # Its block is forgotten. A draw that could be had again for nothing would be repeated until
    # it suits: so it costs as much as a batch that failed.
    assert msg.value == BOND_WEI, "draw: lapsed, pay another bond"
    draw_block: uint256 = block.number + DRAW_DELAY_BLOCKS
    self._anchors[batch_id] = self._pack_anchor(batch.owner, batch.anchored_at, draw_block)
    log IDeviceRegistry.BatchDrawn(batch_id=batch_id, seed=empty(bytes32), draw_block=draw_block)
    self._burn(msg.value)


@external
def mature_batch(batch_id: uint256, openings: DynArray[IDeviceRegistry.Opening, N_DRAWN]):
    batch: IDeviceRegistry.Batch = self._batch(batch_id)
    self._check_open(batch)
    indexes: DynArray[uint256, N_DRAWN] = self._drawn(batch_id, batch)
    assert len(openings) == len(indexes), "mature: not the drawn number"
    period_s: uint256 = devices._device(batch.device).period_s

    previous: uint256 = 0
    for k: uint256 in range(len(indexes), bound=N_DRAWN):
        assert self._is_leaf(
            batch_id, batch.device, indexes[k], openings[k].packet, openings[k].proof
        ), "mature: not the drawn leaf"
        is_signed: bool = False
        timestamp: uint256 = 0
        readings: Bytes[64] = b""
        is_signed, timestamp, readings = devices._judge(batch.device, openings[k].packet)
        assert is_signed, "mature: not signed by the device"
        assert self._is_in_place(batch, period_s, indexes[k], timestamp), "mature: out of place"
        if k != 0:
            # Safe: indexes ascend.
            assert timestamp >= previous + (indexes[k] - indexes[k - 1]) * period_s, (
                "mature: closer than a period"
            )
        previous = timestamp

    self._set_state(batch_id, batch.alliance, IDeviceRegistry.BatchState.MATURE)
    self.credit_wei[batch.owner] += BOND_WEI
    log IDeviceRegistry.BatchMatured(batch_id=batch_id)


@external
def void_unopened(batch_id: uint256):
    batch: IDeviceRegistry.Batch = self._batch(batch_id)
    self._check_exists(batch)
    assert batch.state == IDeviceRegistry.BatchState.OPEN, "void: not an open batch"
    assert block.timestamp > batch.anchored_at + OPENING_WINDOW_S, "void: may still be opened"
    # No bounty: who withholds might be who calls.
    self._void(batch_id, batch, False)


@external
def void_faulty(batch_id: uint256, index: uint256, opening: IDeviceRegistry.Opening):
    batch: IDeviceRegistry.Batch = self._batch(batch_id)
    self._check_standing(batch)
    assert self._is_leaf(
        batch_id, batch.device, index, opening.packet, opening.proof
    ), "void: not a leaf of the batch"
    is_fine: bool = False
    timestamp: uint256 = 0
    readings: Bytes[64] = b""
    is_fine, timestamp, readings = devices._judge(batch.device, opening.packet)
    if is_fine:
        period_s: uint256 = devices._device(batch.device).period_s
        is_fine = self._is_in_place(batch, period_s, index, timestamp)
    assert not is_fine, "void: the leaf has no fault"
    self._void(batch_id, batch, True)


@external
def void_unordered(
    batch_id: uint256,
    index: uint256,
    opening: IDeviceRegistry.Opening,
    other_index: uint256,
    other_opening: IDeviceRegistry.Opening,
):
    batch: IDeviceRegistry.Batch = self._batch(batch_id)
    self._check_standing(batch)
    assert index <= other_index and other_index < batch.count, "void: indexes out of order"
    assert self._is_leaf(
        batch_id, batch.device, index, opening.packet, opening.proof
    ), "void: the first is not a leaf"
    assert self._is_leaf(
        batch_id, batch.device, other_index, other_opening.packet, other_opening.proof
    ), "void: the second is not a leaf"

    if index == other_index:
        assert opening.packet != other_opening.packet, "void: the same leaf twice"
    else:
        is_signed: bool = False
        timestamp: uint256 = 0
        other_timestamp: uint256 = 0
        readings: Bytes[64] = b""
        is_signed, timestamp, readings = devices._judge(batch.device, opening.packet)
        assert is_signed, "void: the first is bad by itself"
        is_signed, other_timestamp, readings = devices._judge(batch.device, other_opening.packet)
        assert is_signed, "void: the second is bad by itself"
        period_s: uint256 = devices._device(batch.device).period_s
        assert other_timestamp < timestamp + (other_index - index) * period_s, (
            "void: the leaves are in order"
        )
    self._void(batch_id, batch, True)


@external
def withdraw() -> uint256:
    amount_wei: uint256 = self.credit_wei[msg.sender]
    assert amount_wei != 0, "withdraw: nothing to withdraw"
    self.credit_wei[msg.sender] = 0
    log IDeviceRegistry.BondWithdrawn(holder=msg.sender, amount_wei=amount_wei)
    raw_call(msg.sender, b"", value=amount_wei)
    return amount_wei


########################################################################
# Owners of sensors
########################################################################


@payable
@external
def anchor_batch(
    alliance: address,
    device: address,
    root: bytes32,
    count: uint256,
    first_timestamp: uint256,
    last_timestamp: uint256,
    cid: Bytes[36],
) -> uint256:
    record: IDeviceRegistry.Device = devices._check_owner(device)
    assert not record.is_revoked, "anchor: device is revoked"
    is_admitted: bool = False
    last_anchored: uint256 = 0
    is_admitted, last_anchored = devices._seat(alliance, device)
    assert is_admitted, "anchor: device is not admitted"
    assert msg.value == BOND_WEI, "anchor: send exactly the bond"
    assert root != empty(bytes32), "anchor: root is zero"
    assert count != 0 and count <= MAX_COUNT, "anchor: count is zero or too large"
    assert first_timestamp != 0, "anchor: first timestamp is zero"
    assert first_timestamp <= last_timestamp, "anchor: window ends before it begins"
    assert (
        last_timestamp <= block.timestamp + devices.MAX_AHEAD_S and last_timestamp <= devices.UINT32
    ), "anchor: window ends in the future"
    assert first_timestamp > last_anchored, "anchor: window overlaps an earlier one"
    # Safe: the window does not end before it begins. The owner gets the benefit of the remainder
    # of nothing: rounded down.
    assert count <= (last_timestamp - first_timestamp) // record.period_s + 1, (
        "anchor: more than one a period"
    )
    batch_id: uint256 = convert(keccak256(abi_encode(device, root)), uint256)
    assert self._windows[batch_id] == 0, "anchor: root is anchored already"

    devices._set_last_anchored(alliance, device, last_timestamp)
    self._windows[batch_id] = (
        convert(device, uint256)
        | (first_timestamp << 160)
        | (last_timestamp << 192)
        | (count << 224)
    )
    self._anchors[batch_id] = self._pack_anchor(
        msg.sender, block.timestamp, block.number + DRAW_DELAY_BLOCKS
    )
    self._set_state(batch_id, alliance, IDeviceRegistry.BatchState.OPEN)
    log IDeviceRegistry.BatchAnchored(
        batch_id=batch_id,
        alliance=alliance,
        device=device,
        root=root,
        count=count,
        first_timestamp=first_timestamp,
        last_timestamp=last_timestamp,
        cid=cid,
    )
    return batch_id


########################################################################
# Internal
########################################################################


@pure
@internal
def _pack_anchor(owner: address, anchored_at: uint256, draw_block: uint256) -> uint256:
    assert anchored_at <= UINT48 and draw_block <= UINT48, "anchor: beyond 48 bits"
    return convert(owner, uint256) | (anchored_at << 160) | (draw_block << 208)


@internal
def _set_state(batch_id: uint256, alliance: address, state: IDeviceRegistry.BatchState):
    self._states[batch_id] = convert(alliance, uint256) | (convert(state, uint256) << 160)


@view
@internal
def _batch(batch_id: uint256) -> IDeviceRegistry.Batch:
    window: uint256 = self._windows[batch_id]
    anchor: uint256 = self._anchors[batch_id]
    state: uint256 = self._states[batch_id]
    return IDeviceRegistry.Batch(
        alliance=devices._address(state),
        device=devices._address(window),
        owner=devices._address(anchor),
        count=window >> 224,
        first_timestamp=(window >> 160) & devices.UINT32,
        last_timestamp=(window >> 192) & devices.UINT32,
        anchored_at=(anchor >> 160) & UINT48,
        draw_block=anchor >> 208,
        state=convert(state >> 160, IDeviceRegistry.BatchState),
    )


@pure
@internal
def _check_exists(batch: IDeviceRegistry.Batch):
    assert batch.device != empty(address), "batch: there is none of this id"


@view
@internal
def _check_open(batch: IDeviceRegistry.Batch):
    self._check_exists(batch)
    assert batch.state == IDeviceRegistry.BatchState.OPEN, "batch: is not open"
    assert block.timestamp <= batch.anchored_at + OPENING_WINDOW_S, "batch: its time is over"


@view
@internal
def _check_standing(batch: IDeviceRegistry.Batch):
    self._check_exists(batch)
    assert batch.state != IDeviceRegistry.BatchState.VOID, "batch: is void already"


@view
@internal
def _seed(batch_id: uint256, draw_block: uint256) -> bytes32:
    return keccak256(abi_encode(blockhash(draw_block), batch_id))


@view
@internal
def _drawn(batch_id: uint256, batch: IDeviceRegistry.Batch) -> DynArray[uint256, N_DRAWN]:
    """
    @notice The leaves to open: one in each quarter; all of them in a batch of four or fewer.
    """
    self._check_exists(batch)
    seed: bytes32 = self.seed_of[batch_id]
    if seed == empty(bytes32):
        assert block.number > batch.draw_block, "drawn: its block is still to come"
        assert block.number - batch.draw_block <= MEMORY_BLOCKS, "drawn: the draw has lapsed"
        seed = self._seed(batch_id, batch.draw_block)
    indexes: DynArray[uint256, N_DRAWN] = []
    n: uint256 = min(batch.count, N_DRAWN)
    for k: uint256 in range(n, bound=N_DRAWN):
        low: uint256 = k * batch.count // n
        high: uint256 = (k + 1) * batch.count // n
        # The bias of the remainder is below 2^-230.
        chance: uint256 = convert(keccak256(abi_encode(seed, k)), uint256)
        indexes.append(low + chance % (high - low))
    return indexes


@pure
@internal
def _is_leaf(
    batch_id: uint256,
    device: address,
    index: uint256,
    packet: Bytes[512],
    proof: DynArray[bytes32, 20],
) -> bool:
    """
    @notice Whether a packet is a leaf of the batch: the id commits to the device and the root.
    """
    leaf: bytes32 = keccak256(keccak256(abi_encode(index, device, packet)))
    root: bytes32 = merkle._root_of(leaf, proof)
    return convert(keccak256(abi_encode(device, root)), uint256) == batch_id


@pure
@internal
def _is_in_place(
    batch: IDeviceRegistry.Batch, period_s: uint256, index: uint256, timestamp: uint256
) -> bool:
    """
    @notice Whether a leaf may have a timestamp: all leaves before and after it, a period apart
            each, must still find room in the window, which begins and ends with a reading.
    """
    if index >= batch.count:
        return False
    after: uint256 = batch.count - 1 - index
    if index == 0 and timestamp != batch.first_timestamp:
        return False
    if after == 0 and timestamp != batch.last_timestamp:
        return False
    return (
        timestamp >= batch.first_timestamp + index * period_s
        and timestamp + after * period_s <= batch.last_timestamp
    )


@internal
def _void(batch_id: uint256, batch: IDeviceRegistry.Batch, has_bounty: bool):
    self._set_state(batch_id, batch.alliance, IDeviceRegistry.BatchState.VOID)
    bounty_wei: uint256 = 0
    burnt_wei: uint256 = 0
    if batch.state == IDeviceRegistry.BatchState.OPEN:
        # Rounded down: at least half is burnt, so that nobody profits from proving his own fault.
        bounty_wei = BOND_WEI // 2 if has_bounty else 0
        burnt_wei = BOND_WEI - bounty_wei
    if bounty_wei != 0:
        self.credit_wei[msg.sender] += bounty_wei
    log IDeviceRegistry.BatchVoided(
        batch_id=batch_id, prover=msg.sender, bounty_wei=bounty_wei, burnt_wei=burnt_wei
    )
    if burnt_wei != 0:
        self._burn(burnt_wei)


@internal
def _burn(amount_wei: uint256):
    raw_call(BURN, b"", value=amount_wei)
