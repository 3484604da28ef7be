"""Leaves of answers and their tree; that the contract has the same is tested with the market."""

import pytest

from cairn.domain.answers import GROUP, AnswerRoot, AnswerRootError, most_leaves
from cairn.domain.keccak import keccak256
from cairn.domain.merkle import leaf_hash, process_proof

OPERATOR = "0x" + "ab" * 20


def answers(n: int, size: int = 8) -> list[tuple[int, bytes]]:
    return [(7 + i, b"" if i % 5 == 3 else i.to_bytes(size, "big")) for i in range(n)]


@pytest.mark.parametrize("n", [1, 2, 16, 17, 33, 256])
def test_answer_root__packed_and_read__is_the_same(n):
    root = AnswerRoot.of(OPERATOR, 3, answers(n))
    assert root.answers == answers(n)
    assert (root.n_leaves, root.output_bytes) == (n, 8)


@pytest.mark.parametrize("n", [1, 16, 17, 50, 256])
def test_proof__of_each_leaf__leads_to_the_root(n):
    root = AnswerRoot.of(OPERATOR, 3, answers(n))
    words = bytes.fromhex("ab" * 20).rjust(32, b"\0") + (3).to_bytes(32, "big")
    for index in range(n):
        group = root.group(index)
        leaf = leaf_hash((index // GROUP).to_bytes(32, "big") + keccak256(group))
        top = process_proof(leaf, root.proof(index))
        assert keccak256(top + words + (8).to_bytes(32, "big")) == root.root_id


def test_root_id__anything_else__is_another():
    ids = {
        AnswerRoot.of(OPERATOR, 3, answers(20)).root_id,
        AnswerRoot.of(OPERATOR, 4, answers(20)).root_id,
        AnswerRoot.of("0x" + "ac" * 20, 3, answers(20)).root_id,
        AnswerRoot.of(OPERATOR, 3, answers(21)).root_id,
        AnswerRoot.of(OPERATOR, 3, answers(20, 4)).root_id,
    }
    assert len(ids) == 5


def test_answer_root__all_are_invalid__has_the_shortest_leaves():
    root = AnswerRoot.of(OPERATOR, 3, [(1, b""), (2, b"")])
    assert (root.output_bytes, root.answers) == (4, [(1, b""), (2, b"")])


@pytest.mark.parametrize(
    "leaves", [[], [(1, bytes(4)), (2, bytes(8))], [(1, bytes(132))], [(1, bytes(6))]]
)
def test_answer_root__not_what_the_market_takes__is_refused(leaves):
    with pytest.raises(AnswerRootError):
        AnswerRoot.of(OPERATOR, 3, leaves)


def test_most_leaves__is_what_fits():
    assert (most_leaves(4), most_leaves(128)) == (1_000, 24_576 // 136)
