# pragma version 0.4.3
# pragma nonreentrancy on
# pragma optimize gas
"""
@title DenseRows4: 4 rows of weights, and the sums that they make
@license Apache-2.0
@notice A chunk of a published program. ProgramStore makes it; it holds numbers and adds them up.
@dev A row is 32 words, one for each input; a word holds the weights of several units side by side,
     so that one multiplication serves them all. Arithmetic is modulo 2**256.
     The sizes of this kernel differ in ROWS alone; a test holds them to it.
@custom:kill Cannot be stopped; it has no state.
"""


interface Store:
    def pending_words() -> int256[INPUTS][ROWS]: view


ROWS: constant(uint256) = 4
INPUTS: constant(uint256) = 32
MAX_ROWS: constant(uint256) = 22  # of the largest size: all sizes return alike

WORDS: immutable(int256[INPUTS][ROWS])


@deploy
def __init__():
    WORDS = staticcall Store(msg.sender).pending_words()


@view
@external
@reentrant
def sums(first: uint256, count: uint256, x: int256[8][INPUTS // 8]) -> int256[MAX_ROWS]:
    """
    @notice Multiply rows with inputs and add up.
    @param first The first row.
    @param count How many rows; past the last one it reverts.
    @param x The inputs, by eight.
    @return sums One word for each row, zero past `count`.
    """
    result: int256[MAX_ROWS] = empty(int256[MAX_ROWS])
    for i: uint256 in range(count, bound=ROWS):
        # One copy of 32 words from code, then unrolled: an index in a loop would cost more than
        # the multiplication.
        row: int256[INPUTS] = WORDS[unsafe_add(first, i)]
        result[i] = unsafe_add(
            unsafe_add(
                unsafe_add(
                    unsafe_add(
                        unsafe_add(unsafe_mul(row[0], x[0][0]), unsafe_mul(row[1], x[0][1])),
                        unsafe_add(unsafe_mul(row[2], x[0][2]), unsafe_mul(row[3], x[0][3])),
                    ),
                    unsafe_add(
                        unsafe_add(unsafe_mul(row[4], x[0][4]), unsafe_mul(row[5], x[0][5])),
                        unsafe_add(unsafe_mul(row[6], x[0][6]), unsafe_mul(row[7], x[0][7])),
                    ),
                ),
                unsafe_add(
                    unsafe_add(
                        unsafe_add(unsafe_mul(row[8], x[1][0]), unsafe_mul(row[9], x[1][1])),
                        unsafe_add(unsafe_mul(row[10], x[1][2]), unsafe_mul(row[11], x[1][3])),
                    ),
                    unsafe_add(
                        unsafe_add(unsafe_mul(row[12], x[1][4]), unsafe_mul(row[13], x[1][5])),
                        unsafe_add(unsafe_mul(row[14], x[1][6]), unsafe_mul(row[15], x[1][7])),
                    ),
                ),
            ),
            unsafe_add(
                unsafe_add(
                    unsafe_add(
                        unsafe_add(unsafe_mul(row[16], x[2][0]), unsafe_mul(row[17], x[2][1])),
                        unsafe_add(unsafe_mul(row[18], x[2][2]), unsafe_mul(row[19], x[2][3])),
                    ),
                    unsafe_add(
                        unsafe_add(unsafe_mul(row[20], x[2][4]), unsafe_mul(row[21], x[2][5])),
                        unsafe_add(unsafe_mul(row[22], x[2][6]), unsafe_mul(row[23], x[2][7])),
                    ),
                ),
                unsafe_add(
                    unsafe_add(
                        unsafe_add(unsafe_mul(row[24], x[3][0]), unsafe_mul(row[25], x[3][1])),
                        unsafe_add(unsafe_mul(row[26], x[3][2]), unsafe_mul(row[27], x[3][3])),
                    ),
                    unsafe_add(
                        unsafe_add(unsafe_mul(row[28], x[3][4]), unsafe_mul(row[29], x[3][5])),
                        unsafe_add(unsafe_mul(row[30], x[3][6]), unsafe_mul(row[31], x[3][7])),
                    ),
                ),
            ),
        )
    return result
