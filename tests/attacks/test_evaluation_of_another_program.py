"""An operator evaluates a program that does well, and posts its losses as those of a version that does not, to
have that one promoted.

The contract runs the version's own program: the first row on which the two differ costs him his lock.
"""

from cairn.domain.losses import LossKind
from cairn.domain.programs import FeatureRule, linear_program
from cairn.domain.rows import evaluate, first_wrong_row
from tests.unit.evaluations.conftest import LOCK_WEI, VOID


def test_post__losses_of_a_better_program__falls_by_any_row(
    evaluations, post_losses, rows, losses, opening, ledger, staked, challenger
):
    better = linear_program([FeatureRule(-1, 1, 0, 0, 0)] * 4, bias=1_000_100, shift=0)
    flattering = evaluate(better, rows, LossKind.SQUARED)
    assert flattering.total < losses.total
    before = ledger.stake_wei(staked)
    evaluation_id = post_losses(flattering)
    row = first_wrong_row(flattering, losses)
    evaluations.challenge_row(evaluation_id, *opening(flattering, row), sender=challenger)
    assert evaluations.evaluation(evaluation_id).state == VOID
    assert before - ledger.stake_wei(staked) == LOCK_WEI
