# pragma version 0.4.3
# pragma nonreentrancy on
# pragma optimize gas
"""
@title TreesNarrow32: 32 pages of decision trees over one word of eight inputs
@license Apache-2.0
@notice A chunk of a published program. ProgramStore makes it; it holds trees and walks them.
@dev A page is two words: seven nodes, three levels of a tree, and where its eight exits lead. Page 0
     begins with the number of trees; their roots are the pages from 1 on.
     The top 32 bits of a word of nodes are the node at hand: its input's name, and a threshold, which
     is odd where inputs are even, so that what lies below decides nothing. To the right if the input
     is greater. From a node to its left child are 32 bits, and 96 more to its right one.
     The kernels of trees differ in their names, N_PAGES and where a node finds its input; a test
     holds them to it.
@custom:kill Cannot be stopped; it has no state.
"""


interface Store:
    def pending_words() -> uint256[2][N_PAGES]: view


N_PAGES: constant(uint256) = 32
MAX_DEEPER: constant(uint256) = 255
MAX_VISITS: constant(uint256) = 257
LEAF: constant(uint256) = 2**31  # set in an exit that is a leaf
LEAF_ZERO: constant(uint256) = 2**31 + 2**30  # a leaf of value 0

PAGES: immutable(uint256[2][N_PAGES])


@deploy
def __init__():
    PAGES = staticcall Store(msg.sender).pending_words()


@view
@external
@reentrant
def total(x: uint256, deeper: uint256) -> uint256:
    """
    @notice The sum of the leaves' values.
    @param x The keys of eight inputs, the first in the highest 32 bits.
    @param deeper Pages that a walk may visit past its second one; then its exit is taken for a leaf.
    """
    n_trees: uint256 = PAGES[0][0] % N_PAGES
    sum: uint256 = 0
    for tree: uint256 in range(1, n_trees + 1, bound=N_PAGES):
        # Written out twice: most trees end here, and a loop would cost a fifth more.
        page: uint256[2] = PAGES[tree]
        first: uint256 = convert((x << (page[0] >> 248)) > page[0], uint256)
        node: uint256 = page[0] << unsafe_add(32, unsafe_mul(96, first))
        second: uint256 = convert((x << (node >> 248)) > node, uint256)
        node = node << unsafe_add(32, unsafe_mul(32, second))
        at: uint256 = (
            page[1]
            << unsafe_add(
                unsafe_add(unsafe_mul(128, first), unsafe_mul(64, second)),
                unsafe_mul(32, convert((x << (node >> 248)) > node, uint256)),
            )
        ) >> 224
        if at < LEAF:
            page = PAGES[at % N_PAGES]
            first = convert((x << (page[0] >> 248)) > page[0], uint256)
            node = page[0] << unsafe_add(32, unsafe_mul(96, first))
            second = convert((x << (node >> 248)) > node, uint256)
            node = node << unsafe_add(32, unsafe_mul(32, second))
            at = (
                page[1]
                << unsafe_add(
                    unsafe_add(unsafe_mul(128, first), unsafe_mul(64, second)),
                    unsafe_mul(32, convert((x << (node >> 248)) > node, uint256)),
                )
            ) >> 224
            if at < LEAF:
                for _: uint256 in range(deeper, bound=MAX_DEEPER):
                    page = PAGES[at % N_PAGES]
                    first = convert((x << (page[0] >> 248)) > page[0], uint256)
                    node = page[0] << unsafe_add(32, unsafe_mul(96, first))
                    second = convert((x << (node >> 248)) > node, uint256)
                    node = node << unsafe_add(32, unsafe_mul(32, second))
                    at = (
                        page[1]
                        << unsafe_add(
                            unsafe_add(unsafe_mul(128, first), unsafe_mul(64, second)),
                            unsafe_mul(32, convert((x << (node >> 248)) > node, uint256)),
                        )
                    ) >> 224
                    if at >= LEAF:
                        break
        sum = unsafe_add(sum, at)
    return unsafe_sub(sum, unsafe_mul(n_trees, LEAF_ZERO))


@view
@external
@reentrant
def totals(x: uint256, deeper: uint256) -> (uint256, uint256):
    """
    @notice The sums of the words of the leaves' pages: for several scores in lanes.
    @param x The keys of eight inputs, the first in the highest 32 bits.
    @param deeper Pages that a walk may visit past its second one; then its exit is taken for a leaf.
    """
    n_trees: uint256 = PAGES[0][0] % N_PAGES
    low: uint256 = 0
    high: uint256 = 0
    for tree: uint256 in range(1, n_trees + 1, bound=N_PAGES):
        page: uint256[2] = PAGES[tree]
        at: uint256 = 0
        for _: uint256 in range(unsafe_add(deeper, 2), bound=MAX_VISITS):
            first: uint256 = convert((x << (page[0] >> 248)) > page[0], uint256)
            node: uint256 = page[0] << unsafe_add(32, unsafe_mul(96, first))
            second: uint256 = convert((x << (node >> 248)) > node, uint256)
            node = node << unsafe_add(32, unsafe_mul(32, second))
            at = (
                page[1]
                << unsafe_add(
                    unsafe_add(unsafe_mul(128, first), unsafe_mul(64, second)),
                    unsafe_mul(32, convert((x << (node >> 248)) > node, uint256)),
                )
            ) >> 224
            if at >= LEAF:
                break
            page = PAGES[at % N_PAGES]
        page = PAGES[unsafe_sub(at, LEAF) % N_PAGES]
        low = unsafe_add(low, page[0])
        high = unsafe_add(high, page[1])
    return low, high
