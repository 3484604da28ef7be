"""An operator computes every row's loss rightly, and lets a node high up in the tree hold a smaller sum than its
children have, so that the total meets the threshold. No row's loss is wrong.

The proof of any row below that node shows what the node holds beside what it should hold.
"""

import ape

from cairn.domain.rows import LossProof, SumStep, loss_leaf, set_root, sum_node
from tests.unit.evaluations.conftest import LOCK_WEI, N_ROWS, VOID, arguments


def forged_tree(losses, liar):
    """The nodes of a tree in which one node is taken to sum to nothing."""
    nodes = [(loss_leaf(i, loss), loss) for i, loss in enumerate(losses.of_rows)]
    for k in range(N_ROWS - 1):
        (left, left_sum), (right, right_sum) = nodes[2 * k], nodes[2 * k + 1]
        total = 0 if len(nodes) == liar else left_sum + right_sum
        nodes.append((sum_node(left, left_sum, right, right_sum), total))
    return nodes


def proof_in(nodes, index, loss):
    steps, number = [], index
    while number != 2 * N_ROWS - 2:
        sibling, sibling_sum = nodes[number ^ 1]
        steps.append(SumStep(sibling, nodes[number][1], sibling_sum))
        number = N_ROWS + number // 2
    return LossProof(loss, tuple(steps))


def test_challenge_row__below_a_false_sum__falls(
    evaluations, version, rows, losses, ledger, staked, challenger
):
    liar = 2 * N_ROWS - 3  # a child of the top
    nodes = forged_tree(losses, liar)
    top, total = nodes[-1]
    assert total < losses.total
    args = arguments(version, rows, losses, total_loss=total, losses_top=top)
    evaluations.post(*args, sender=staked)
    evaluation_id = evaluations.n_evaluations()
    below = next(i for i in range(N_ROWS) if liar in path(i))
    beside = next(i for i in range(N_ROWS) if liar not in path(i))
    with ape.reverts("challenge_row: the row is right"):
        posted = proof_in(nodes, beside, losses.of_rows[beside])
        evaluations.challenge_row(
            evaluation_id,
            rows.proof(beside).as_argument(),
            posted.as_argument(),
            sender=challenger,
        )
    posted = proof_in(nodes, below, losses.of_rows[below])
    evaluations.challenge_row(
        evaluation_id, rows.proof(below).as_argument(), posted.as_argument(), sender=challenger
    )
    assert evaluations.evaluation(evaluation_id).state == VOID
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2


def path(index):
    number, numbers = index, []
    while number != 2 * N_ROWS - 2:
        numbers.append(number)
        number = N_ROWS + number // 2
    return numbers


def test_post__fewer_rows_than_the_set_has__is_about_another_set(
    evaluations, version, rows, losses, staked
):
    """Leaving out the worst rows: the set that is named is then not the alliance's."""
    args = arguments(version, rows, losses, n_rows=N_ROWS - 1)
    evaluations.post(*args, sender=staked)
    posted = evaluations.evaluation(evaluations.n_evaluations())
    assert bytes(posted.validation_root) == set_root(N_ROWS - 1, rows.top) != rows.root
