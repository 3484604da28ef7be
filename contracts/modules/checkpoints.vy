# pragma version 0.4.3
"""
@title Checkpoints: what a number was at any past second
@license Apache-2.0
@notice For each account one number below 2**94 and its whole history, searchable by timestamp.
@dev The newest checkpoint lies in a word of its own together with the count of the older ones, so
     that reading it, or anything since, costs one storage read. Older ones lie two to a word: every
     second change of a number pays for a fresh word only. CHECK-1: timestamps of an account's
     checkpoints strictly increase.
"""

# A checkpoint is time << 94 | value. 34 bits of seconds end in the year 2514.
VALUE_BITS: constant(uint256) = 94
ENTRY_BITS: constant(uint256) = 128
MAX_VALUE: constant(uint256) = 2**94 - 1
_ENTRY_MASK: constant(uint256) = 2**128 - 1

# Account -> count of older checkpoints << 128 | newest checkpoint; _push writes it.
_heads: HashMap[address, uint256]
# Account -> n -> older checkpoints 2n (low half) and 2n + 1 (high half); _push writes it.
_older: HashMap[address, HashMap[uint256, uint256]]


@internal
def _push(account: address, number: uint256):
    """
    @notice Set an account's number. Two changes in the same second leave one checkpoint.
    @param number Below 2**94: the caller has checked it.
    """
    head: uint256 = self._heads[account]
    count: uint256 = head >> ENTRY_BITS
    entry: uint256 = head & _ENTRY_MASK
    if entry != 0 and (entry >> VALUE_BITS) != block.timestamp:
        n: uint256 = count >> 1
        if count & 1 == 0:
            self._older[account][n] = entry
        else:
            self._older[account][n] |= entry << ENTRY_BITS
        count = unsafe_add(count, 1)  # one a block: 2**128 is out of reach
    self._heads[account] = (count << ENTRY_BITS) | (block.timestamp << VALUE_BITS) | number


@view
@internal
def _latest(account: address) -> uint256:
    return self._heads[account] & MAX_VALUE


@view
@internal
def _at(account: address, timepoint: uint256) -> uint256:
    """
    @notice The number at the end of second `timepoint`, which must have passed; 0 before the first
            checkpoint.
    @dev Looks back from the newest in doubling steps, then bisects: cheap for the recent past,
         logarithmic for all.
    """
    head: uint256 = self._heads[account]
    if ((head & _ENTRY_MASK) >> VALUE_BITS) <= timepoint:
        return head & MAX_VALUE
    # Checkpoints from `high` on are later than the timepoint, those below `low` are not.
    low: uint256 = 0
    high: uint256 = head >> ENTRY_BITS
    step: uint256 = 1
    for _: uint256 in range(128):
        if step > high:
            break
        probe: uint256 = unsafe_sub(high, step)
        if (self._entry(account, probe) >> VALUE_BITS) <= timepoint:
            low = unsafe_add(probe, 1)
            break
        high = probe
        step <<= 1
    for _: uint256 in range(128):
        if low >= high:
            break
        middle: uint256 = unsafe_add(low, high) >> 1
        if (self._entry(account, middle) >> VALUE_BITS) <= timepoint:
            low = unsafe_add(middle, 1)
        else:
            high = middle
    return 0 if low == 0 else self._entry(account, unsafe_sub(low, 1)) & MAX_VALUE


@view
@internal
def _count(account: address) -> uint256:
    head: uint256 = self._heads[account]
    return 0 if head == 0 else (head >> ENTRY_BITS) + 1


@view
@internal
def _checkpoint(account: address, position: uint256) -> (uint256, uint256):
    """
    @return (timestamp, value) of the checkpoint at a position, the oldest being 0.
    """
    head: uint256 = self._heads[account]
    count: uint256 = head >> ENTRY_BITS
    assert head != 0 and position <= count, "checkpoints: no such position"
    entry: uint256 = (head & _ENTRY_MASK if position == count else self._entry(account, position))
    return entry >> VALUE_BITS, entry & MAX_VALUE


@view
@internal
def _entry(account: address, position: uint256) -> uint256:
    word: uint256 = self._older[account][position >> 1]
    return word & _ENTRY_MASK if position & 1 == 0 else word >> ENTRY_BITS
