# pragma version 0.4.3
"""
@title losses: how wrong a program is on a row, in integers
@license Apache-2.0
@notice The loss of a program's outputs against the value that a row says is true. Squared error is in the
        square of the score's unit; the other two in parts of 2**32. docs/numerics.md is normative;
        cairn.domain.losses computes the same integers.
@dev Total: for every kind, outputs and target there is one loss. Nothing here reverts.
     Fixed point inside is in parts of 2**64. No product of two such numbers exceeds 2**192, so unchecked
     arithmetic cannot wrap; every division and shift rounds down.
"""

SQUARED: constant(uint256) = 1
ZERO_ONE: constant(uint256) = 2
CROSS_ENTROPY: constant(uint256) = 3

# One wrong answer, or one nat, in the loss.
LOSS_ONE: constant(uint256) = 2**32
# What `invalid` costs, and no row more. Above (2**32 - 1)**2, the most that two int32 differ by, squared.
MAX_SQUARED: constant(uint256) = 2**64 - 1
# The truth given a chance below e**-32 counts as that.
MAX_CROSS_ENTROPY: constant(uint256) = 32 * LOSS_ONE

ONE: constant(uint256) = 2**64
LN_2: constant(uint256) = 12_786_308_645_202_655_659  # floor(ln 2 * 2**64)
# Past it e**-x is below 2**-64.
MAX_X: constant(uint256) = 64 * ONE
# 10**29 > 2**96: with more decimals no two scores differ by a part of 2**64.
MAX_DECIMALS: constant(int256) = 28
EXP_TERMS: constant(uint256) = 16
LN_TERMS: constant(uint256) = 16
MAX_SCORES: constant(uint256) = 256

MODE_LABEL: constant(uint256) = 1
MODE_LABEL_AND_SCORES: constant(uint256) = 2


@pure
@internal
def _is_kind(kind: uint256) -> bool:
    return kind >= SQUARED and kind <= CROSS_ENTROPY


@pure
@internal
def _row_loss(kind: uint256, meta: uint256, outputs: Bytes[1024], target: int256) -> uint256:
    """
    @notice The loss of one row.
    @param kind 1 squared error, 2 zero-one, 3 cross-entropy.
    @param meta Word 0 of the program's header: its output mode and decimals.
    @param outputs What the program returned: packed int32; empty for `invalid`.
    @param target The truth: a value in the score's unit, or a class from 0.
    """
    mode: uint256 = (meta >> 208) & 255
    n_outputs: uint256 = len(outputs) // 4
    if kind == ZERO_ONE:
        if n_outputs == 0:
            return LOSS_ONE
        label: int256 = self._label(outputs, n_outputs) if mode == 0 else self._output(outputs, 0)
        return 0 if label == target else LOSS_ONE
    first: uint256 = 1 if mode == MODE_LABEL_AND_SCORES else 0
    if n_outputs <= first or mode == MODE_LABEL:
        return MAX_SQUARED if kind == SQUARED else MAX_CROSS_ENTROPY
    if kind == SQUARED:
        return self._squared(self._output(outputs, first), target)
    return self._cross_entropy(outputs, first, unsafe_sub(n_outputs, first), meta, target)


@pure
@internal
def _output(outputs: Bytes[1024], index: uint256) -> int256:
    raw: int256 = convert(convert(slice(outputs, unsafe_mul(4, index), 4), uint256), int256)
    return raw if raw < 2**31 else unsafe_sub(raw, 2**32)


@pure
@internal
def _label(scores: Bytes[1024], n_scores: uint256) -> int256:
    """
    @dev The label that docs/numerics.md gives to scores.
    """
    best: int256 = self._output(scores, 0)
    if n_scores == 1:
        return 1 if best > 0 else 0
    label: uint256 = 0
    for index: uint256 in range(1, n_scores, bound=MAX_SCORES):
        score: int256 = self._output(scores, index)
        if score > best:
            best = score
            label = index
    return convert(label, int256)


@pure
@internal
def _squared(score: int256, target: int256) -> uint256:
    """
    @dev A target beyond int32 is no row's truth, but has its loss, too: the largest.
    """
    if target < -(2**31) or target >= 2**31:
        return MAX_SQUARED
    difference: int256 = unsafe_sub(score, target)
    return convert(unsafe_mul(difference, difference), uint256)


@pure
@internal
def _cross_entropy(
    outputs: Bytes[1024], first: uint256, n_scores: uint256, meta: uint256, target: int256
) -> uint256:
    """
    @dev ln(sum of e**score) - score of the target, over scores times 10**-decimals. One score s stands for
         the two scores 0 and s.
    """
    n_classes: uint256 = max(n_scores, 2)
    if target < 0 or target >= convert(n_classes, int256):
        return MAX_CROSS_ENTROPY
    scores: int256[MAX_SCORES] = empty(int256[MAX_SCORES])
    # Where there is one score it is that of class 1; class 0 keeps its zero.
    offset: uint256 = 1 if n_scores == 1 else 0
    greatest: int256 = -(2**31)
    for index: uint256 in range(n_scores, bound=MAX_SCORES):
        score: int256 = self._output(outputs, unsafe_add(first, index))
        scores[unsafe_add(index, offset)] = score
        greatest = max(greatest, score)
    if n_scores == 1:
        greatest = max(greatest, 0)

    decimals: int256 = convert((meta >> 136) & 255, int256)
    if decimals > 127:
        decimals = unsafe_sub(decimals, 256)
    total: uint256 = 0
    for index: uint256 in range(n_classes, bound=MAX_SCORES):
        below: uint256 = convert(unsafe_sub(greatest, scores[index]), uint256)
        total = unsafe_add(total, self._exp_minus(self._in_nats(below, decimals)))
    short: uint256 = convert(unsafe_sub(greatest, scores[convert(target, uint256)]), uint256)
    loss: uint256 = unsafe_add(self._in_nats(short, decimals), self._ln(total)) >> 32
    return min(loss, MAX_CROSS_ENTROPY)


@pure
@internal
def _in_nats(difference: uint256, decimals: int256) -> uint256:
    """
    @dev difference * 10**-decimals in parts of 2**64, at most MAX_X. The difference is below 2**32.
    """
    if decimals > MAX_DECIMALS:
        return 0
    if decimals >= 0:
        # 10**28 < 2**94
        return min((difference << 64) // 10**convert(decimals, uint256), MAX_X)
    # Ten and more are shown as they are; from 10**2 on every difference is past MAX_X.
    factor: uint256 = 10 if decimals == -1 else 100
    return min(unsafe_mul(difference, factor) << 64, MAX_X)


@pure
@internal
def _exp_minus(x: uint256) -> uint256:
    """
    @dev e**-x in parts of 2**64, for x of at most MAX_X: 2**-k times a Taylor sum, r below ln 2.
    """
    k: uint256 = x // LN_2
    if k >= 64:
        return 0
    r: uint256 = unsafe_sub(x, unsafe_mul(k, LN_2))
    value: uint256 = ONE
    for i: uint256 in range(EXP_TERMS):
        # r * value / n is below ln 2, so nothing goes below zero.
        n: uint256 = unsafe_sub(EXP_TERMS, i)
        value = unsafe_sub(ONE, (unsafe_mul(r, value) // n) >> 64)
    return value >> k


@pure
@internal
def _ln(y: uint256) -> uint256:
    """
    @dev ln y in parts of 2**64, for y from 1 to 256: k ln 2 + 2 atanh((m - 1) / (m + 1)), m below 2.
    """
    k: uint256 = 0
    m: uint256 = y
    for _: uint256 in range(8):
        if m < 2 * ONE:
            break
        m = m >> 1
        k = unsafe_add(k, 1)
    t: uint256 = (unsafe_sub(m, ONE) << 64) // unsafe_add(m, ONE)
    square: uint256 = unsafe_mul(t, t) >> 64
    series: uint256 = 0
    for i: uint256 in range(LN_TERMS):
        d: uint256 = unsafe_sub(2 * LN_TERMS - 1, unsafe_mul(2, i))
        series = unsafe_add(ONE // d, unsafe_mul(square, series) >> 64)
    return unsafe_add(unsafe_mul(k, LN_2), unsafe_mul(2, unsafe_mul(t, series)) >> 64)
