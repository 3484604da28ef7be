# pragma version 0.4.3
# pragma nonreentrancy on
# pragma optimize gas
"""
@title TreesWide352: 352 pages of decision trees over 128 inputs
@license Apache-2.0
@notice A chunk of a published program. ProgramStore makes it; it holds trees and walks them.
@dev A page is two words: seven nodes, three levels of a tree, and where its eight exits lead. Page 0
     begins with the number of trees; their roots are the pages from 1 on.
     The kernels of trees differ in PAGES and in where a node finds its input; a test holds them to
     it.
@custom:kill Cannot be stopped; it has no state.
"""


interface Store:
    def pending_words() -> uint256[2][N_PAGES]: view


N_PAGES: constant(uint256) = 352
MAX_VISITS: constant(uint256) = 65535
LEAF: constant(uint256) = 2**31  # set in an exit that is a leaf
LEAF_ZERO: constant(uint256) = 2**31 + 2**30  # a leaf of value 0

PAGES: immutable(uint256[2][N_PAGES])


@deploy
def __init__():
    PAGES = staticcall Store(msg.sender).pending_words()


@view
@external
@reentrant
def total(x: uint256[8][16], visits: uint256) -> uint256:
    """
    @notice The sum of the leaves' values.
    @param x The inputs' keys, each in the highest 32 bits of its word.
    @param visits At most so many pages are visited; a tree that is left then adds nothing.
    """
    n_trees: uint256 = PAGES[0][0] & MAX_VISITS
    tree: uint256 = 1
    at: uint256 = 1
    sum: uint256 = 0
    for _: uint256 in range(visits, bound=MAX_VISITS):
        page: uint256[2] = PAGES[at % N_PAGES]
        # The top 32 bits of a word are a node's: its input's name, and a threshold that is odd
        # where the input is even. What lies below decides nothing. To the right if greater.
        first: uint256 = convert(x[(page[0] >> 251) & 15][(page[0] >> 248) & 7] > page[0], uint256)
        # From a node to its left child is 32 bits, over three nodes to its right child 96 more.
        node: uint256 = page[0] << unsafe_add(32, unsafe_mul(96, first))
        second: uint256 = convert(x[(node >> 251) & 15][(node >> 248) & 7] > node, uint256)
        node = node << unsafe_add(32, unsafe_mul(32, second))
        third: uint256 = convert(x[(node >> 251) & 15][(node >> 248) & 7] > node, uint256)
        exit_: uint256 = unsafe_add(
            unsafe_add(unsafe_mul(128, first), unsafe_mul(64, second)), unsafe_mul(32, third)
        )
        at = (page[1] << exit_) >> 224
        if at >= LEAF:
            sum = unsafe_add(sum, at)
            tree = unsafe_add(tree, 1)
            if tree > n_trees:
                break
            at = tree
    return unsafe_sub(sum, unsafe_mul(unsafe_sub(tree, 1), LEAF_ZERO))


@view
@external
@reentrant
def totals(x: uint256[8][16], visits: uint256) -> (uint256, uint256):
    """
    @notice The sums of the words of the leaves' pages: for several classes in lanes.
    @param x The inputs' keys, each in the highest 32 bits of its word.
    @param visits At most so many pages are visited; a tree that is left then adds nothing.
    """
    n_trees: uint256 = PAGES[0][0] & MAX_VISITS
    tree: uint256 = 1
    at: uint256 = 1
    low: uint256 = 0
    high: uint256 = 0
    for _: uint256 in range(visits, bound=MAX_VISITS):
        page: uint256[2] = PAGES[at % N_PAGES]
        # The top 32 bits of a word are a node's: its input's name, and a threshold that is odd
        # where the input is even. What lies below decides nothing. To the right if greater.
        first: uint256 = convert(x[(page[0] >> 251) & 15][(page[0] >> 248) & 7] > page[0], uint256)
        # From a node to its left child is 32 bits, over three nodes to its right child 96 more.
        node: uint256 = page[0] << unsafe_add(32, unsafe_mul(96, first))
        second: uint256 = convert(x[(node >> 251) & 15][(node >> 248) & 7] > node, uint256)
        node = node << unsafe_add(32, unsafe_mul(32, second))
        third: uint256 = convert(x[(node >> 251) & 15][(node >> 248) & 7] > node, uint256)
        exit_: uint256 = unsafe_add(
            unsafe_add(unsafe_mul(128, first), unsafe_mul(64, second)), unsafe_mul(32, third)
        )
        at = (page[1] << exit_) >> 224
        if at >= LEAF:
            leaf: uint256[2] = PAGES[unsafe_sub(at, LEAF) % N_PAGES]
            low = unsafe_add(low, leaf[0])
            high = unsafe_add(high, leaf[1])
            tree = unsafe_add(tree, 1)
            if tree > n_trees:
                break
            at = tree
    return low, high
