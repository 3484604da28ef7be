# pragma version 0.4.3
"""
@title Revenue: income streamed over all shares
@license Apache-2.0
@notice What the contract holds of the currency above what it has accounted for is income.
        Recognised income flows to the shares evenly over a period, whoever holds them in each
        second.
@dev Everything is one growing number, the *index*: what one smallest part of a share has earned
     since the beginning, times 2**104. Between two changes of the stream it is a straight line in
     time, so transfers and claims read two words and write none. What a division leaves over is
     carried into the next stream.
     REV-1: the index never falls. REV-2: the index times the supply never exceeds the income
     recognised.
     REV-3: an amount streams over the period from its recognition; merging streams weighs the time
     left by amount, so what is added can move the end by no more than its share of what flows.
"""

# One unit of the currency, in the index's fixed point. With 2**94 parts of shares at most, what
# rounding the index leaves to one holder is below a thousandth of a unit.
SCALE_BITS: constant(uint256) = 104
# All the income of a lifetime, units of the currency; more is left unrecognised. With a supply of
# 10**18 or more the index stays below 2**157.
MAX_INCOME: constant(uint256) = 2**112 - 1
_INDEX_BITS: constant(uint256) = 160
_TIME_MASK: constant(uint256) = 2**40 - 1
_REST_BITS: constant(uint256) = 96
_REST_MASK: constant(uint256) = 2**96 - 1

# Index at the stream's start << 80 | start << 40 | end, unix seconds; _restream writes it.
_line: uint256
# What the index gains from start to end << 96 | what the last division left over, scaled; _restream
# writes it.
_gain: uint256
# Income recognised and not yet claimed, units of the currency; _recognise and _pay_out write it.
_accounted: uint256
# Income recognised ever, units of the currency; _recognise writes it.
_income: uint256


@view
@internal
def _index() -> uint256:
    line: uint256 = self._line
    index: uint256 = line >> 80
    gain: uint256 = self._gain >> _REST_BITS
    if gain == 0:
        return index
    end: uint256 = line & _TIME_MASK
    if block.timestamp >= end:
        return unsafe_add(index, gain)  # both below 2**158
    start: uint256 = (line >> 40) & _TIME_MASK
    # Rounds down, against the holders until the end; the products stay below 2**198.
    return unsafe_add(
        index, unsafe_mul(gain, unsafe_sub(block.timestamp, start)) // unsafe_sub(end, start)
    )


@internal
def _recognise(held: uint256, supply: uint256, period_s: uint256) -> uint256:
    """
    @notice Start streaming what the contract holds above what is accounted for.
    @return The income recognised now.
    """
    accounted: uint256 = self._accounted
    if held <= accounted:
        return 0
    income: uint256 = self._income
    amount: uint256 = min(held - accounted, MAX_INCOME - income)
    if amount == 0:
        return 0
    self._accounted = accounted + amount
    self._income = income + amount
    self._restream(amount << SCALE_BITS, supply, supply, period_s)
    return amount


@internal
def _restream(added: uint256, supply_before: uint256, supply_after: uint256, period_s: uint256):
    """
    @notice Spread what has not yet flowed, and what is added, over the shares after a change.
    @param added New income, scaled.
    """
    line: uint256 = self._line
    rest: uint256 = self._gain & _REST_MASK
    index: uint256 = self._index()
    # Scaled amounts stay below 2**217, times at most 2**24 seconds.
    left: uint256 = ((line >> 80) + (self._gain >> _REST_BITS) - index) * supply_before
    end: uint256 = line & _TIME_MASK
    left_s: uint256 = 0 if end <= block.timestamp else end - block.timestamp
    if added != 0:
        # Rounds down, yet never below left_s, which is at most period_s.
        left_s = (left * left_s + added * period_s) // (left + added)
    rest += left + added
    self._line = (index << 80) | (block.timestamp << 40) | (block.timestamp + left_s)
    self._gain = ((rest // supply_after) << _REST_BITS) | (rest % supply_after)


@internal
def _pay_out(amount: uint256):
    self._accounted -= amount


@view
@internal
def _unflowed(supply: uint256) -> uint256:
    """
    @return Units of the currency that have yet to flow, rounded down.
    """
    left: uint256 = (self._line >> 80) + (self._gain >> _REST_BITS) - self._index()
    return (left * supply) >> SCALE_BITS


@view
@internal
def _ends_at() -> uint256:
    return self._line & _TIME_MASK
