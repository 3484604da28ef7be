"""A challenger wants an honest operator's stake: he shows a row of another set, or the right row at another
index, on which the program's loss is of course another.

Nothing that is not in the evaluation's own set, at its own place, is judged at all.
"""

import ape

from tests.unit.evaluations.conftest import LOCK_WEI, OPEN, some_rows


def test_challenge_row__a_row_of_another_set__is_not_judged(
    evaluations, right, rows, losses, opening, ledger, staked, challenger
):
    posted = opening(losses, 5)[1]
    others = some_rows(seed=8)
    with ape.reverts("row: not in the validation set"):
        evaluations.challenge_row(right, others.proof(5).as_argument(), posted, sender=challenger)
    index, target, features, proof = rows.proof(5).as_argument()
    for elsewhere in (4, 6, 7, 20):
        with ape.reverts():
            evaluations.challenge_row(
                right, (elsewhere, target, features, proof), posted, sender=challenger
            )
        with ape.reverts():
            evaluations.challenge_row(
                right,
                rows.proof(elsewhere).as_argument(),
                posted,
                sender=challenger,
            )
    assert evaluations.evaluation(right).state == OPEN
    assert ledger.locked_wei(staked) == LOCK_WEI
    assert index == 5


def test_challenge_row__an_inner_node_for_a_row__is_not_judged(
    evaluations, right, rows, losses, opening, challenger
):
    """The tree's own node, offered as what a row hashes to, with a shorter proof."""
    index, target, features, proof = rows.proof(5).as_argument()
    posted = opening(losses, 5)[1]
    with ape.reverts("row: proof of another place"):
        evaluations.challenge_row(
            right, (index, target, features, proof[1:]), posted, sender=challenger
        )
