# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Timelock: the hands and the treasury of an alliance
@license Apache-2.0
@notice This contract owns what the alliance owns, and its address is the alliance's name everywhere
        else. It does what the alliance's vote decided, after a delay in which whoever disagrees can
        leave. Its governor schedules, executes and cancels; nobody else does, there is no
        administrator, and no role can ever be granted.
@dev The ABI, ids and events are those of OpenZeppelin's TimelockController; bounds are 10 calls of
     1,024 bytes.
     LOCK-1: every call made from here was scheduled by the governor, at least the delay of that
     time ago.
     LOCK-2: an operation is done once, whole or not at all, and after its predecessor.
     LOCK-3: the roles are those of the construction: the governor's, and no other account's.
     LOCK-4: the delay stays within its bounds and changes only by an operation.
     Functions that the timelock's own operations reach while one runs are @reentrant.
@custom:kill Cannot be stopped: no owner, no upgrade. The governor can cancel what is scheduled.
"""

from ..interfaces import ITimelock

implements: ITimelock

MAX_ACTIONS: constant(uint256) = 10
# Room for the longest call that the named actions need; larger bounds cost every call gas.
MAX_DATA: constant(uint256) = 1_024
# A minute serves test networks; a month is the longest that a treasury can wait.
LEAST_DELAY_S: constant(uint256) = 60
LONGEST_DELAY_S: constant(uint256) = 30 * 86_400
_DONE: constant(uint256) = 1

DEFAULT_ADMIN_ROLE: public(constant(bytes32)) = empty(bytes32)
PROPOSER_ROLE: public(constant(bytes32)) = keccak256("PROPOSER_ROLE")
EXECUTOR_ROLE: public(constant(bytes32)) = keccak256("EXECUTOR_ROLE")
CANCELLER_ROLE: public(constant(bytes32)) = keccak256("CANCELLER_ROLE")

governor: public(immutable(address))

# Operation id -> unix seconds from which it may be executed; 1 once done. Scheduling, executing,
# cancelling write it.
_ready_at: HashMap[bytes32, uint256]
# Seconds that must pass between scheduling and execution; updateDelay writes it.
_min_delay_s: uint256


@deploy
def __init__(min_delay_s: uint256, governor_: address):
    """
    @param min_delay_s Seconds between scheduling and execution.
    @param governor_ The governor, deployed or predicted: proposer, executor and canceller for good.
    """
    assert governor_ != empty(address), "timelock: governor is zero"
    governor = governor_
    for role: bytes32 in [PROPOSER_ROLE, EXECUTOR_ROLE, CANCELLER_ROLE]:
        log ITimelock.RoleGranted(role=role, account=governor_, sender=msg.sender)
    self._set_delay(min_delay_s)


# --- anyone: send coin and collectibles ---


@payable
@external
@reentrant
def __default__():
    """
    @notice The treasury takes native coin from anyone; a call of an unknown function fails.
    """
    assert len(msg.data) == 0, "timelock: unknown function"


@external
@reentrant
def onERC721Received(
    operator: address, sender: address, id: uint256, data: Bytes[MAX_DATA]
) -> bytes4:
    return method_id("onERC721Received(address,address,uint256,bytes)", output_type=bytes4)


@external
@reentrant
def onERC1155Received(
    operator: address, sender: address, id: uint256, amount: uint256, data: Bytes[MAX_DATA]
) -> bytes4:
    return method_id("onERC1155Received(address,address,uint256,uint256,bytes)", output_type=bytes4)


@external
@reentrant
def onERC1155BatchReceived(
    operator: address,
    sender: address,
    ids: DynArray[uint256, 64],
    amounts: DynArray[uint256, 64],
    data: Bytes[MAX_DATA],
) -> bytes4:
    return method_id(
        "onERC1155BatchReceived(address,address,uint256[],uint256[],bytes)", output_type=bytes4
    )


# --- the governor ---


@external
def schedule(
    target: address,
    amount: uint256,
    data: Bytes[MAX_DATA],
    predecessor: bytes32,
    salt: bytes32,
    delay: uint256,
):
    self._check_governor()
    id: bytes32 = keccak256(abi_encode(target, amount, data, predecessor, salt))
    self._schedule(id, delay)
    log ITimelock.CallScheduled(
        id=id,
        index=0,
        target=target,
        value=amount,
        data=data,
        predecessor=predecessor,
        delay=delay,
    )
    if salt != empty(bytes32):
        log ITimelock.CallSalt(id=id, salt=salt)


@external
def scheduleBatch(
    targets: DynArray[address, MAX_ACTIONS],
    amounts: DynArray[uint256, MAX_ACTIONS],
    payloads: DynArray[Bytes[MAX_DATA], MAX_ACTIONS],
    predecessor: bytes32,
    salt: bytes32,
    delay: uint256,
):
    self._check_governor()
    self._check_lengths(len(targets), len(amounts), len(payloads))
    id: bytes32 = keccak256(abi_encode(targets, amounts, payloads, predecessor, salt))
    self._schedule(id, delay)
    for i: uint256 in range(len(targets), bound=MAX_ACTIONS):
        log ITimelock.CallScheduled(
            id=id,
            index=i,
            target=targets[i],
            value=amounts[i],
            data=payloads[i],
            predecessor=predecessor,
            delay=delay,
        )
    if salt != empty(bytes32):
        log ITimelock.CallSalt(id=id, salt=salt)


@external
@reentrant
def cancel(id: bytes32):
    self._check_governor()
    assert self._ready_at[id] > _DONE, "timelock: nothing to cancel"
    self._ready_at[id] = 0
    log ITimelock.Cancelled(id=id)


@payable
@external
def execute(
    target: address,
    amount: uint256,
    payload: Bytes[MAX_DATA],
    predecessor: bytes32,
    salt: bytes32,
):
    self._check_governor()
    id: bytes32 = keccak256(abi_encode(target, amount, payload, predecessor, salt))
    self._finish(id, predecessor)
    raw_call(target, payload, value=amount)
    log ITimelock.CallExecuted(id=id, index=0, target=target, value=amount, data=payload)


@payable
@external
def executeBatch(
    targets: DynArray[address, MAX_ACTIONS],
    amounts: DynArray[uint256, MAX_ACTIONS],
    payloads: DynArray[Bytes[MAX_DATA], MAX_ACTIONS],
    predecessor: bytes32,
    salt: bytes32,
):
    self._check_governor()
    self._check_lengths(len(targets), len(amounts), len(payloads))
    id: bytes32 = keccak256(abi_encode(targets, amounts, payloads, predecessor, salt))
    self._finish(id, predecessor)
    for i: uint256 in range(len(targets), bound=MAX_ACTIONS):
        raw_call(targets[i], payloads[i], value=amounts[i])
        log ITimelock.CallExecuted(
            id=id, index=i, target=targets[i], value=amounts[i], data=payloads[i]
        )


# --- the timelock itself, by an operation ---


@external
@reentrant
def updateDelay(new_delay: uint256):
    assert msg.sender == self, "timelock: only by an operation"
    self._set_delay(new_delay)


# --- views ---


@view
@external
@reentrant
def hasRole(role: bytes32, account: address) -> bool:
    return account == governor and role in [PROPOSER_ROLE, EXECUTOR_ROLE, CANCELLER_ROLE]


@pure
@external
@reentrant
def getRoleAdmin(role: bytes32) -> bytes32:
    """
    @notice The role that could grant a role: the default admin's, which nobody holds.
    """
    return DEFAULT_ADMIN_ROLE


@pure
@external
@reentrant
def supportsInterface(interface_id: bytes4) -> bool:
    return interface_id in [
        0x01ffc9a7,  # ERC-165
        0x7965db0b,  # IAccessControl
        0x150b7a02,  # IERC721Receiver
        0x4e2312e0,  # IERC1155Receiver
    ]


@view
@external
@reentrant
def getMinDelay() -> uint256:
    return self._min_delay_s


@view
@external
@reentrant
def getTimestamp(id: bytes32) -> uint256:
    return self._ready_at[id]


@view
@external
@reentrant
def getOperationState(id: bytes32) -> uint8:
    return self._state(id)


@view
@external
@reentrant
def isOperation(id: bytes32) -> bool:
    return self._state(id) != 0


@view
@external
@reentrant
def isOperationPending(id: bytes32) -> bool:
    return self._state(id) in [convert(1, uint8), convert(2, uint8)]


@view
@external
@reentrant
def isOperationReady(id: bytes32) -> bool:
    return self._state(id) == 2


@view
@external
@reentrant
def isOperationDone(id: bytes32) -> bool:
    return self._state(id) == 3


@pure
@external
@reentrant
def hashOperation(
    target: address, amount: uint256, data: Bytes[MAX_DATA], predecessor: bytes32, salt: bytes32
) -> bytes32:
    return keccak256(abi_encode(target, amount, data, predecessor, salt))


@pure
@external
@reentrant
def hashOperationBatch(
    targets: DynArray[address, MAX_ACTIONS],
    amounts: DynArray[uint256, MAX_ACTIONS],
    payloads: DynArray[Bytes[MAX_DATA], MAX_ACTIONS],
    predecessor: bytes32,
    salt: bytes32,
) -> bytes32:
    return keccak256(abi_encode(targets, amounts, payloads, predecessor, salt))


# --- internal ---


@view
@internal
def _check_governor():
    assert msg.sender == governor, "timelock: caller is not the governor"


@pure
@internal
def _check_lengths(n_targets: uint256, n_amounts: uint256, n_payloads: uint256):
    assert n_targets == n_amounts and n_targets == n_payloads, "timelock: lists unlike in length"


@internal
def _set_delay(delay_s: uint256):
    assert LEAST_DELAY_S <= delay_s, "timelock: delay too short"
    assert delay_s <= LONGEST_DELAY_S, "timelock: delay too long"
    log ITimelock.MinDelayChange(oldDuration=self._min_delay_s, newDuration=delay_s)
    self._min_delay_s = delay_s


@view
@internal
def _state(id: bytes32) -> uint8:
    ready_at: uint256 = self._ready_at[id]
    if ready_at == 0:
        return 0
    if ready_at == _DONE:
        return 3
    return 1 if block.timestamp < ready_at else 2


@internal
def _schedule(id: bytes32, delay_s: uint256):
    assert self._ready_at[id] == 0, "timelock: already scheduled"
    assert delay_s >= self._min_delay_s, "timelock: below the minimal delay"
    assert delay_s <= LONGEST_DELAY_S, "timelock: above the longest delay"
    self._ready_at[id] = block.timestamp + delay_s


@internal
def _finish(id: bytes32, predecessor: bytes32):
    """
    @notice Mark an operation as done, before its calls: a failing call undoes it, a nested one
            finds it done.
    """
    assert self._state(id) == 2, "timelock: operation is not ready"
    assert (
        predecessor == empty(bytes32) or self._ready_at[predecessor] == _DONE
    ), "timelock: predecessor is not done"
    self._ready_at[id] = _DONE
