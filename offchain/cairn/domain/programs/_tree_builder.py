"""Builder of trees programs: binary trees cut into pages, pages gathered into chunks."""

from collections.abc import Sequence
from dataclasses import dataclass

from cairn.domain.programs._builders import scaled_range
from cairn.domain.programs._chunks import NARROW_KERNELS, WIDE_KERNELS, Chunk
from cairn.domain.programs._features import FeatureRule, feature_words
from cairn.domain.programs._format import (
    INT256_MAX,
    LANES,
    MAX_CHUNKS,
    MAX_HEADER_WORDS,
    META_WORDS,
    Kind,
    OutputMode,
    ProgramError,
    meta_word,
    to_word,
)
from cairn.domain.programs._program import Program
from cairn.domain.programs._trees import (
    LEAF,
    LEAF_ZERO,
    MAX_CLASSES,
    MAX_DEEPER,
    MAX_LEAF,
    MAX_TREE_FEATURES,
    THRESHOLD_BITS,
    Ensemble,
    ensemble_words,
)

Page = tuple[int, int]


@dataclass(frozen=True)
class Tree:
    """A binary tree as arrays over its nodes, node 0 the root.

    At an inner node the walk goes left if input <= threshold, else right. A node whose left is
    negative is a leaf, and its value is a whole number, or one for each score.
    """

    feature: Sequence[int]
    threshold: Sequence[int]
    left: Sequence[int]
    right: Sequence[int]
    values: Sequence[int] | Sequence[Sequence[int]]
    place: int = 0
    """The score that the tree's leaves add to, if they are whole numbers."""


def trees_program(
    rules: Sequence[FeatureRule],
    trees: Sequence[Tree],
    biases: Sequence[int],
    *,
    multiplier: int = 1,
    output_shift: int = 0,
    vectors: bool = False,
    rounding: int = 0,
    shift: int = 0,
    mode: OutputMode = OutputMode.SCORES,
    decimals: int = 0,
) -> Program:
    """A trees program: score_k = (multiplier * sum of its leaves + biases[k]) >> output_shift.

    Its inputs are (rounding + multiplier * (feature - centre)) >> shift, each from 0 to 2**23 - 1.
    Raises ProgramError that names the feature, tree or limit.
    """
    n_features, n_scores = len(rules), len(biases)
    if not 1 <= n_features <= MAX_TREE_FEATURES:
        raise ProgramError(f"{n_features} features: trees take 1 to {MAX_TREE_FEATURES}")
    if not 1 <= n_scores <= MAX_CLASSES:
        raise ProgramError(f"{n_scores} scores: trees have 1 to {MAX_CLASSES}")
    if not 0 < multiplier < 2**64:
        raise ProgramError(f"multiplier {multiplier}: give one from 1 to 2**64 - 1")
    for position, rule in enumerate(rules):
        low, high = scaled_range(rule, rounding, shift, position)
        if low < 0 or high >= 1 << THRESHOLD_BITS:
            raise ProgramError(
                f"feature {position} is scaled to [{low}, {high}]: trees want 0 to "
                f"{(1 << THRESHOLD_BITS) - 1}; use a coarser scale"
            )
    narrow = n_features <= LANES
    kernels = NARROW_KERNELS if narrow else WIDE_KERNELS
    chunks: list[Chunk] = []
    classes: list[int] = []
    deeper = 0
    for place in range(1 if vectors else n_scores):
        members = [(i, tree) for i, tree in enumerate(trees) if vectors or tree.place == place]
        while members:
            gathered = _Gathering(kernels[-1].n_words // 2, narrow, vectors)
            while members and gathered.add(members[0][1]):
                members.pop(0)
            if not gathered.n_trees:
                raise ProgramError(
                    f"tree {members[0][0]} has more nodes than one chunk holds: limit max_depth or "
                    "max_leaf_nodes"
                )
            pages = gathered.pages()
            kernel = next(kernel for kernel in kernels if kernel.n_words >= 2 * len(pages))
            words = [word for page in pages for word in page]
            words += [0] * (kernel.n_words - len(words))
            chunks.append(Chunk(kernel.number, tuple(words)))
            classes.append(place)
            deeper = max(deeper, gathered.depth - 2)
    if not chunks:
        raise ProgramError("there are no trees: fit at least one")
    if deeper > MAX_DEEPER:
        raise ProgramError(f"a tree has {3 * (deeper + 2)} levels: limit max_depth")
    reach = [
        sum(_largest(tree) for tree in trees if vectors or tree.place == k) for k in range(n_scores)
    ]
    for place, bias in enumerate(biases):
        if multiplier * reach[place] + abs(bias) > INT256_MAX or (
            vectors and reach[place] >= 2**32
        ):
            raise ProgramError(f"score {place} can sum up to {reach[place]}: use coarser scales")
    ensemble = Ensemble(
        n_features=n_features,
        n_scores=n_scores,
        shift=output_shift,
        vectors=vectors,
        multiplier=multiplier,
        deeper=deeper,
        biases=tuple(biases),
        classes=tuple(classes),
    )
    groups = feature_words(rules)
    middle = ensemble_words(ensemble)
    n_words = META_WORDS + len(groups) + len(middle) + len(chunks)
    if len(chunks) > MAX_CHUNKS or n_words > MAX_HEADER_WORDS:
        raise ProgramError(
            f"the trees take {len(chunks)} chunks: at most {MAX_CHUNKS}; use fewer or smaller trees"
        )
    meta = meta_word(
        kind=Kind.TREES,
        mode=mode,
        n_features=n_features,
        n_outputs=1 if mode is OutputMode.LABEL else n_scores + mode // 2,
        n_words=n_words,
        n_chunks=len(chunks),
        decimals=decimals,
        shift=shift,
    )
    ids = [int.from_bytes(chunk.id, "big") for chunk in chunks]
    header = (meta, to_word(rounding), *groups, *middle, *ids)
    # Parsing it checks what else there is to check.
    return Program.from_bytes(Program(header, tuple(chunks)).to_bytes())


def _largest(tree: Tree) -> int:
    largest = 0
    for place, left in enumerate(tree.left):
        if left < 0:
            value = tree.values[place]
            numbers = (value,) if isinstance(value, int) else value
            largest = max(largest, *(abs(number) for number in numbers))
    return largest


class _Gathering:
    """Pages of one chunk: page 0, the roots, then all others in the order in which they came."""

    def __init__(self, n_pages: int, narrow: bool, vectors: bool) -> None:
        self.capacity = n_pages
        self.narrow = narrow
        self.vectors = vectors
        self.roots: list[list[int]] = []
        # Exits hold negative numbers, -1 - i for the inner page i, until the roots are counted.
        self.inner: list[list[int]] = []
        self.leaf_pages: dict[Page, int] = {}
        self.depth = 0  # pages that the deepest walk visits

    @property
    def n_trees(self) -> int:
        return len(self.roots)

    def add(self, tree: Tree) -> bool:
        """Take a tree in if it fits; else change nothing."""
        kept = len(self.inner), dict(self.leaf_pages)
        root, depth = self._page(tree, 0)
        size = 2 + len(self.roots) + len(self.inner) + len(self.leaf_pages)
        if size > self.capacity:
            del self.inner[kept[0] :]
            self.leaf_pages = kept[1]
            return False
        self.roots.append(root)
        self.depth = max(self.depth, depth)
        return True

    def pages(self) -> list[Page]:
        first_inner = 1 + len(self.roots)
        first_leaf = first_inner + len(self.inner)

        def resolve(page: list[int]) -> Page:
            exits = 0
            for exit_ in page[1:]:
                if exit_ < 0:
                    exit_ = first_inner - 1 - exit_
                elif self.vectors:
                    exit_ = LEAF + first_leaf + exit_
                exits = exits << 32 | exit_
            return page[0], exits

        return [
            (len(self.roots), 0),
            *(resolve(page) for page in self.roots),
            *(resolve(page) for page in self.inner),
            *self.leaf_pages,
        ]

    def _page(self, tree: Tree, root: int) -> tuple[list[int], int]:
        """[word of nodes, eight exits] below a node, and how many pages the deepest walk visits."""
        nodes: list[int] = []
        exits: list[int] = []
        depth = 0

        def descend(node: int, level: int) -> None:
            nonlocal depth
            if level == 3:
                exit_, below = self._exit(tree, node)
                exits.append(exit_)
                depth = max(depth, below)
                return
            nodes.append(self._node(tree, node))
            is_leaf = tree.left[node] < 0
            descend(node if is_leaf else tree.left[node], level + 1)
            descend(node if is_leaf else tree.right[node], level + 1)

        descend(root, 0)
        word = 0
        for node in nodes:
            word = word << 32 | node
        return [word << 32, *exits], 1 + depth

    def _node(self, tree: Tree, node: int) -> int:
        if tree.left[node] < 0:
            return 0xFFFFFF  # input 0 is never greater: to the left
        feature, threshold = tree.feature[node], tree.threshold[node]
        if threshold < 0:
            # Every input is greater: the same as an odd number below all even ones.
            raise ProgramError(f"node {node} splits at {threshold}, below every input")
        threshold = min(threshold, (1 << THRESHOLD_BITS) - 1)
        return (32 * feature if self.narrow else feature) << 24 | 2 * threshold + 1

    def _exit(self, tree: Tree, node: int) -> tuple[int, int]:
        if tree.left[node] >= 0:
            page, depth = self._page(tree, node)
            self.inner.append(page)
            return -len(self.inner), depth
        value = tree.values[node]
        if self.vectors:
            assert not isinstance(value, int)
            if not all(0 <= number < 2**32 for number in value):
                raise ProgramError(f"a leaf holds {list(value)}: give numbers from 0 to 2**32 - 1")
            low = sum(number << 32 * lane for lane, number in enumerate(value[:LANES]))
            high = sum(number << 32 * lane for lane, number in enumerate(value[LANES:]))
            return self.leaf_pages.setdefault((low, high), len(self.leaf_pages)), 0
        assert isinstance(value, int)
        if abs(value) > MAX_LEAF:
            raise ProgramError(f"a leaf is worth {value}: at most {MAX_LEAF}; use a coarser scale")
        return LEAF_ZERO + value, 0
