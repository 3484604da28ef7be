# pragma version 0.4.3
# pragma nonreentrancy on
# pragma optimize gas
"""
@title Evaluator: the judge
@license Apache-2.0
@notice Runs a published program on packed features. Whoever asks gets the same integers, and the
        Python interpreter gets them too. No money, no state, no owner.
@dev Arithmetic is modulo 2**256, read as two's complement; shifts to the right round down.
     docs/numerics.md is normative, section by section.
     EVAL-1: for a published program every features string has exactly one outcome: the outputs, or
             `invalid` (empty bytes). Evaluation reverts only for want of gas.
     EVAL-2: an unpublished program reverts: there is nothing to judge yet.
     EVAL-3: the outcome depends on the program's bytes and the features, and on nothing else.
     Four feature lanes of 64 bits are handled at once: 32 bits of value, one bit to borrow from.
     Variables are few and late on purpose: memory that stays untouched costs nothing.
@custom:kill Cannot be stopped; nothing to stop.
"""

from ..interfaces import IEvaluator

implements: IEvaluator


# 1,600 bytes of a header, from any offset. In the first block two words of meta stand first, so the
# feature groups of every block but the first are read from 64 bytes before them.
struct Block:
    meta: int256
    bias: int256
    groups: int256[12][4]


interface Header:
    def block(offset: uint256) -> Block: view


PROGRAM_STORE: public(immutable(address))

READER_BYTES: constant(uint256) = 13  # of code before the header: see ProgramStore
BLOCK_GROUPS: constant(uint256) = 4
BLOCK_BYTES: constant(uint256) = 1536  # of feature groups: what the next block begins after
LANES: constant(uint256) = 8
MAX_GROUPS: constant(uint256) = 128  # of 8 features in 32 bytes: 4,096 bytes of features

KIND_LINEAR: constant(int256) = 1
MODE_SCORES: constant(int256) = 0
MODE_LABEL: constant(int256) = 1

INT32_MAX: constant(int256) = 2**31 - 1
MASK8: constant(int256) = 2**8 - 1
MASK16: constant(int256) = 2**16 - 1
MASK32: constant(int256) = 2**32 - 1
MASK33: constant(int256) = 2**33 - 1
LANE: constant(int256) = 2**32  # the bit above a lane's value
ONES: constant(int256) = 2**192 + 2**128 + 2**64 + 1  # 1 in each of four lanes of 64 bits
VALUES: constant(int256) = ONES * (2**32 - 1)
BORROWS: constant(int256) = ONES * 2**32
# The sign bit of each of eight int32: flipped, they compare as unsigned numbers do.
SIGNS: constant(int256) = (
    min_value(int256) + 2**223 + 2**191 + 2**159 + 2**127 + 2**95 + 2**63 + 2**31
)
ADDRESS_MASK: constant(uint256) = 2**160 - 1


@deploy
def __init__(program_store: address):
    """
    @param program_store Where programs are published; fixed for ever.
    """
    PROGRAM_STORE = program_store


# Anyone


@view
@external
@reentrant
def evaluate(program_hash: bytes32, features: Bytes[4096]) -> Bytes[1024]:
    """
    @notice Run a program. Total: malformed features have one right outcome, `invalid`.
    @param program_hash The hash of the program's header; must be published.
    @param features Packed big-endian int32, one for each feature; -2**31 means missing.
    @return outputs Packed big-endian int32, one for each output; empty bytes mean `invalid`.
    """
    header: Header = Header(self._header_of(program_hash))
    # Its code answers every call in the same way, so that it is there is all that need be known.
    assert header.address.is_contract, "evaluator: program unpublished"
    block_: Block = staticcall header.block(READER_BYTES, skip_contract_check=True)
    meta: int256 = block_.meta
    size: uint256 = len(features)
    if size != convert((meta >> 192) & MASK16, uint256) * 4:
        return b""

    accumulator: int256 = block_.bias
    offset: uint256 = READER_BYTES
    at: uint256 = 0
    index: uint256 = 0
    for _: uint256 in range(MAX_GROUPS):
        if at >= size:
            break
        if index == BLOCK_GROUPS:
            index = 0
            offset = unsafe_add(offset, BLOCK_BYTES)
            block_ = staticcall header.block(offset, skip_contract_check=True)
        group: int256[12] = block_.groups[index]
        index = unsafe_add(index, 1)

        # Eight features; what lies beyond the last one reads as zero.
        lanes: int256 = 0
        end: uint256 = unsafe_add(at, 32)
        if end <= size:
            lanes = extract32(features, at, output_type=int256)
        elif size >= 32:
            lanes = extract32(features, unsafe_sub(size, 32), output_type=int256) << unsafe_mul(
                8, unsafe_sub(end, size)
            )
        else:
            lanes = extract32(concat(features, empty(bytes32)), 0, output_type=int256)
        at = end
        lanes ^= SIGNS
        odd: int256 = (lanes & VALUES) | BORROWS
        even: int256 = ((lanes >> 32) & VALUES) | BORROWS

        # A lane keeps its borrow bit if nothing was taken from it: low <= x, x <= high.
        if (
            unsafe_sub(odd, group[0] & VALUES)
            & unsafe_sub(even, (group[0] >> 32) & VALUES)
            & unsafe_sub((group[1] & VALUES) | BORROWS, odd ^ BORROWS)
            & unsafe_sub(((group[1] >> 32) & VALUES) | BORROWS, even ^ BORROWS)
            & BORROWS
        ) != BORROWS:
            valid: bool = False
            valid, lanes = self._bring_in(lanes, group[0], group[1], group[2])
            if not valid:
                return b""
            odd = (lanes & VALUES) | BORROWS
            even = ((lanes >> 32) & VALUES) | BORROWS
        # x - centre + 2**32 in each lane: positive, so that no lane borrows from the next.
        odd = unsafe_sub(odd, group[3] & VALUES)
        even = unsafe_sub(even, (group[3] >> 32) & VALUES)
        accumulator = unsafe_add(
            accumulator,
            unsafe_add(
                unsafe_add(
                    unsafe_add(
                        unsafe_mul(group[4], unsafe_sub((even >> 192) & MASK33, LANE)),
                        unsafe_mul(group[5], unsafe_sub((odd >> 192) & MASK33, LANE)),
                    ),
                    unsafe_add(
                        unsafe_mul(group[6], unsafe_sub((even >> 128) & MASK33, LANE)),
                        unsafe_mul(group[7], unsafe_sub((odd >> 128) & MASK33, LANE)),
                    ),
                ),
                unsafe_add(
                    unsafe_add(
                        unsafe_mul(group[8], unsafe_sub((even >> 64) & MASK33, LANE)),
                        unsafe_mul(group[9], unsafe_sub((odd >> 64) & MASK33, LANE)),
                    ),
                    unsafe_add(
                        unsafe_mul(group[10], unsafe_sub(even & MASK33, LANE)),
                        unsafe_mul(group[11], unsafe_sub(odd & MASK33, LANE)),
                    ),
                ),
            ),
        )

    score: int256 = max(
        min(accumulator >> convert((meta >> 128) & MASK8, uint256), INT32_MAX), -INT32_MAX
    )
    mode: int256 = (meta >> 208) & MASK8
    if mode == MODE_SCORES:
        return slice(convert(score, bytes32), 28, 4)
    label: int256 = 1 if score > 0 else 0
    if mode == MODE_LABEL:
        return slice(convert(label, bytes32), 28, 4)
    return slice(convert((label << 32) | (score & MASK32), bytes32), 24, 8)


# Internal


@pure
@internal
def _bring_in(lanes: int256, low: int256, high: int256, imputed: int256) -> (bool, int256):
    """
    @dev Impute and clamp eight lanes, one by one. False if a value is missing and has no stand-in.
    """
    result: int256 = 0
    for lane: uint256 in range(LANES):
        place: uint256 = unsafe_mul(32, lane)
        x: int256 = (lanes >> place) & MASK32
        least: int256 = (low >> place) & MASK32
        if x < least:
            if x == 0:
                x = (imputed >> place) & MASK32
                if x == 0:
                    return False, 0
            else:
                x = least
        elif x > (high >> place) & MASK32:
            x = (high >> place) & MASK32
        result |= x << place
    return True, result


@view
@internal
def _header_of(program_hash: bytes32) -> address:
    # The store makes headers by CREATE2 with salt zero, and the program hash is the creation code's.
    preimage: bytes32 = keccak256(
        concat(0xff, convert(PROGRAM_STORE, bytes20), empty(bytes32), program_hash)
    )
    return convert(convert(preimage, uint256) & ADDRESS_MASK, address)
