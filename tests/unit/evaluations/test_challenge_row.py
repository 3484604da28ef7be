import ape
import pytest

from cairn.domain.losses import LossKind
from cairn.domain.rows import evaluate
from tests.unit.evaluations.conftest import (
    LOCK_WEI,
    N_ROWS,
    STANDS,
    VOID,
    WINDOW_S,
    some_rows,
    with_loss,
)


def test_challenge_row__wrong_by_one__costs_the_lock(
    evaluations, wrong, lie, losses, opening, ledger, staked, challenger
):
    receipt = evaluations.challenge_row(wrong, *opening(lie, 5), sender=challenger)
    [event] = receipt.decode_logs(evaluations.EvaluationVoided)
    assert (event.index, event.bounty_to, event.loss) == (5, challenger, losses.of_rows[5])
    assert evaluations.evaluation(wrong).state == VOID
    assert ledger.stake_wei(staked) == LOCK_WEI
    assert ledger.locked_wei(staked) == 0
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2


def test_challenge_row__by_a_contract__is_as_good(
    evaluations, wrong, lie, opening, caller, stranger
):
    data = evaluations.challenge_row.encode_input(wrong, *opening(lie, 5))
    caller.forward(evaluations.address, data, sender=stranger)
    assert evaluations.evaluation(wrong).state == VOID


def test_challenge_row__of_a_right_row__reverts(
    evaluations, right, losses, wrong, lie, opening, challenger
):
    for index in range(N_ROWS):
        with ape.reverts("challenge_row: the row is right"):
            evaluations.challenge_row(right, *opening(losses, index), sender=challenger)
    with ape.reverts("challenge_row: the row is right"):
        evaluations.challenge_row(wrong, *opening(lie, 4), sender=challenger)


@pytest.mark.parametrize("kind", LossKind)
def test_challenge_row__each_kind_of_loss__is_judged(
    evaluations, post_losses, published_program, rows, opening, challenger, kind
):
    losses = evaluate(published_program, rows, kind)
    right = post_losses(losses)
    with ape.reverts("challenge_row: the row is right"):
        evaluations.challenge_row(right, *opening(losses, 20), sender=challenger)
    lie = with_loss(losses, 20, losses.of_rows[20] ^ 1)
    evaluations.challenge_row(post_losses(lie), *opening(lie, 20), sender=challenger)


def test_challenge_row__total_that_is_not_the_sum__falls_by_any_row(
    evaluations, post_losses, losses, opening, challenger
):
    evaluation_id = post_losses(losses, total_loss=losses.total - 1)
    evaluations.challenge_row(evaluation_id, *opening(losses, 0), sender=challenger)
    assert evaluations.evaluation(evaluation_id).state == VOID


def test_challenge_row__row_altered__reverts(evaluations, wrong, lie, opening, challenger):
    (index, target, features, proof), posted = opening(lie, 5)
    other = bytes([features[0] ^ 1]) + features[1:]
    for row, reason in [
        ((index, target + 1, features, proof), "row: not in the validation set"),
        ((index, target, other, proof), "row: not in the validation set"),
        ((index, target, features, [bytes(32), *proof[1:]]), "row: not in the validation set"),
        ((index, target, features, proof[:-1]), "row: proof of another place"),
        ((index, target, features, [*proof, bytes(32)]), "row: proof of another place"),
        ((N_ROWS, target, features, proof), "row: proof of another place"),
    ]:
        with ape.reverts(reason):
            evaluations.challenge_row(wrong, row, posted, sender=challenger)


def test_challenge_row__loss_altered__reverts(evaluations, right, losses, opening, challenger):
    row, (loss, steps) = opening(losses, 5)
    sibling, sums = steps[0]
    for posted, reason in [
        ((loss + 1, steps), "loss: not what was posted"),
        ((loss, [(sibling, sums + 1), *steps[1:]]), "loss: not what was posted"),
        ((loss, [(bytes(32), sums), *steps[1:]]), "loss: not what was posted"),
        ((loss, steps[:-1]), "loss: proof of another place"),
        ((loss, [*steps, (bytes(32), 0)]), "loss: proof of another place"),
    ]:
        with ape.reverts(reason):
            evaluations.challenge_row(right, row, posted, sender=challenger)
    with ape.reverts("loss: not what was posted"):
        evaluations.challenge_row(right, row, opening(losses, 6)[1], sender=challenger)


def test_challenge_row__one_row_set__needs_no_siblings(
    evaluations, version, staked, published_program, challenger
):
    from tests.unit.evaluations.conftest import arguments

    rows = some_rows(1)
    losses = with_loss(evaluate(published_program, rows, LossKind.SQUARED), 0, 3)
    evaluations.post(*arguments(version, rows, losses), sender=staked)
    evaluation_id = evaluations.n_evaluations()
    row, posted = rows.proof(0).as_argument(), losses.proof(0).as_argument()
    assert (row[3], posted[1]) == ([], [])
    evaluations.challenge_row(evaluation_id, row, posted, sender=challenger)
    assert evaluations.evaluation(evaluation_id).state == VOID


def test_challenge_row__features_of_another_number__cost_the_most(
    evaluations, version, staked, published_program, challenger
):
    from tests.unit.evaluations.conftest import arguments

    rows = some_rows(3, n_features=5)
    losses = evaluate(published_program, rows, LossKind.SQUARED)
    assert losses.of_rows == (2**64 - 1,) * 3
    evaluations.post(*arguments(version, rows, losses), sender=staked)
    row, posted = rows.proof(1).as_argument(), losses.proof(1).as_argument()
    with ape.reverts("challenge_row: the row is right"):
        evaluations.challenge_row(evaluations.n_evaluations(), row, posted, sender=challenger)


def test_challenge_row__at_the_last_second__counts(
    evaluations, wrong, lie, opening, challenger, chain
):
    chain.pending_timestamp = evaluations.evaluation(wrong).posted_at + WINDOW_S
    evaluations.challenge_row(wrong, *opening(lie, 5), sender=challenger)


def test_challenge_row__after_the_window__reverts(
    evaluations, wrong, lie, opening, challenger, pass_time
):
    pass_time(WINDOW_S + 1)
    with ape.reverts("challenge_row: window is over"):
        evaluations.challenge_row(wrong, *opening(lie, 5), sender=challenger)


def test_challenge_row__twice__reverts(evaluations, wrong, lie, opening, challenger):
    evaluations.challenge_row(wrong, *opening(lie, 5), sender=challenger)
    with ape.reverts("evaluations: it has ended"):
        evaluations.challenge_row(wrong, *opening(lie, 5), sender=challenger)


def test_settle__in_the_window__reverts(evaluations, right, stranger):
    with ape.reverts("settle: may still be challenged"):
        evaluations.settle(right, sender=stranger)


def test_settle__after_the_window__frees_the_stake_once(
    evaluations, right, ledger, staked, stranger, pass_time
):
    pass_time(WINDOW_S + 1)
    assert evaluations.stands(right)
    evaluations.settle(right, sender=stranger)
    assert evaluations.evaluation(right).state == STANDS
    assert evaluations.stands(right)
    assert (ledger.locked_wei(staked), ledger.stake_wei(staked)) == (0, 2 * LOCK_WEI)
    with ape.reverts("evaluations: it has ended"):
        evaluations.settle(right, sender=stranger)
