import ape
import pytest

from tests.unit.evaluations.conftest import LOCK_WEI, N_ROWS, STANDS, VOID, WINDOW_S

BOND_WEI = 10**18


@pytest.fixture
def demanded(evaluations, right, challenger):
    """A right evaluation of which row 7 was demanded."""
    evaluations.demand(right, 7, value=BOND_WEI, sender=challenger)
    return right


def test_demand__a_row__puts_off_the_end(evaluations, right, challenger, chain):
    closes_at = evaluations.evaluation(right).closes_at
    receipt = evaluations.demand(right, 7, value=BOND_WEI, sender=challenger)
    now = chain.blocks.head.timestamp
    [event] = receipt.decode_logs(evaluations.RowDemanded)
    assert (event.index, event.demander, event.due_at) == (7, challenger, now + WINDOW_S)
    evaluation = evaluations.evaluation(right)
    assert evaluation.closes_at == now + 2 * WINDOW_S > closes_at
    assert evaluation.n_open_demands == 1
    assert tuple(evaluations.demand_of(right, 7)) == (challenger, now + WINDOW_S)


def test_demand__not_possible__reverts(evaluations, demanded, challenger, pass_time):
    for index, value, reason in [
        (8, BOND_WEI - 1, "demand: not the bond"),
        (8, BOND_WEI + 1, "demand: not the bond"),
        (N_ROWS, BOND_WEI, "demand: no such row"),
        (7, BOND_WEI, "demand: demanded already"),
    ]:
        with ape.reverts(reason):
            evaluations.demand(demanded, index, value=value, sender=challenger)
    pass_time(2 * WINDOW_S + 1)
    with ape.reverts("demand: window is over"):
        evaluations.demand(demanded, 8, value=BOND_WEI, sender=challenger)


def test_demand__again_and_again__ends_after_eight_windows(
    evaluations, right, losses, opening, challenger, operator, pass_time
):
    posted_at = evaluations.evaluation(right).posted_at
    for index in range(N_ROWS):
        try:
            evaluations.demand(right, index, value=BOND_WEI, sender=challenger)
        except ape.exceptions.ContractLogicError as error:
            assert error.revert_message == "demand: too late to be answered"
            break
        evaluations.show(right, *opening(losses, index), sender=operator)
        pass_time(WINDOW_S)
    else:
        raise AssertionError("demands put the end off for ever")
    assert evaluations.evaluation(right).closes_at <= posted_at + 8 * WINDOW_S


def test_demand__of_a_row_that_was_shown__reverts(
    evaluations, demanded, losses, opening, operator, challenger
):
    evaluations.show(demanded, *opening(losses, 7), sender=operator)
    with ape.reverts("demand: demanded already"):
        evaluations.demand(demanded, 7, value=BOND_WEI, sender=challenger)
    for call in (evaluations.demand_of, evaluations.void_unshown):
        with ape.reverts("evaluations: row is not demanded"):
            call(demanded, 7, **({} if call is evaluations.demand_of else {"sender": challenger}))


def test_show__a_demanded_row__earns_the_bond_once_the_evaluation_stands(
    evaluations, demanded, losses, rows, opening, stranger, challenger, pass_time
):
    receipt = evaluations.show(demanded, *opening(losses, 7), sender=stranger)
    [event] = receipt.decode_logs(evaluations.RowShown)
    assert (event.index, event.shown_by, event.target) == (7, stranger, rows.rows[7].target)
    assert bytes(event.features) == rows.proof(7).features
    assert event.loss == losses.of_rows[7]
    assert evaluations.credit_wei(stranger) == 0
    assert evaluations.evaluation(demanded).n_open_demands == 0
    with ape.reverts("reclaim: evaluation has not ended"):
        evaluations.reclaim(demanded, 7, sender=stranger)
    pass_time(2 * WINDOW_S + 1)
    evaluations.settle(demanded, sender=challenger)
    evaluations.reclaim(demanded, 7, sender=challenger)
    assert (evaluations.credit_wei(stranger), evaluations.credit_wei(challenger)) == (BOND_WEI, 0)
    assert evaluations.evaluation(demanded).state == STANDS
    with ape.reverts("reclaim: no bond lies for the row"):
        evaluations.reclaim(demanded, 7, sender=stranger)
    before = stranger.balance
    receipt = evaluations.withdraw(sender=stranger)
    assert stranger.balance == before + BOND_WEI - receipt.total_fees_paid
    with ape.reverts("evaluations: nothing to withdraw"):
        evaluations.withdraw(sender=stranger)


def test_show__not_demanded_or_false__reverts(
    evaluations, demanded, losses, opening, stranger, pass_time
):
    with ape.reverts("evaluations: row is not demanded"):
        evaluations.show(demanded, *opening(losses, 8), sender=stranger)
    row, (loss, steps) = opening(losses, 7)
    with ape.reverts("loss: not what was posted"):
        evaluations.show(demanded, row, (loss + 1, steps), sender=stranger)
    with ape.reverts("row: not in the validation set"):
        evaluations.show(demanded, (7, row[1] + 1, *row[2:]), (loss, steps), sender=stranger)
    pass_time(WINDOW_S + 1)
    with ape.reverts("show: too late"):
        evaluations.show(demanded, *opening(losses, 7), sender=stranger)


def test_show__total_that_is_not_the_sum__reverts(
    evaluations, post_losses, losses, opening, challenger, operator
):
    evaluation_id = post_losses(losses, total_loss=losses.total + 1)
    evaluations.demand(evaluation_id, 7, value=BOND_WEI, sender=challenger)
    with ape.reverts("show: the sums do not add up"):
        evaluations.show(evaluation_id, *opening(losses, 7), sender=operator)


def test_show__a_wrong_row__can_be_challenged_with_what_was_shown(
    evaluations, wrong, lie, opening, challenger, operator, pass_time
):
    evaluations.demand(wrong, 5, value=BOND_WEI, sender=challenger)
    pass_time(WINDOW_S - 1)
    evaluations.show(wrong, *opening(lie, 5), sender=operator)
    pass_time(WINDOW_S - 10)  # past the first end
    evaluations.challenge_row(wrong, *opening(lie, 5), sender=challenger)
    assert evaluations.evaluation(wrong).state == VOID


def test_void_unshown__in_time__reverts(evaluations, demanded, stranger):
    with ape.reverts("void_unshown: still in time"):
        evaluations.void_unshown(demanded, 7, sender=stranger)
    with ape.reverts("evaluations: row is not demanded"):
        evaluations.void_unshown(demanded, 8, sender=stranger)


def test_void_unshown__not_shown__bond_and_bounty_go_to_the_demander(
    evaluations, demanded, ledger, challenger, stranger, operator, pass_time
):
    pass_time(WINDOW_S + 1)
    receipt = evaluations.void_unshown(demanded, 7, sender=stranger)
    [event] = receipt.decode_logs(evaluations.EvaluationVoided)
    assert (event.index, event.bounty_to, event.loss) == (7, challenger, 0)
    assert evaluations.evaluation(demanded).state == VOID
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2
    assert ledger.bounty_wei(stranger) == 0
    assert evaluations.credit_wei(challenger) == BOND_WEI
    assert ledger.stake_wei(operator) == LOCK_WEI


def test_settle__while_a_row_is_not_shown__reverts(evaluations, demanded, stranger, pass_time):
    pass_time(20 * WINDOW_S)
    assert not evaluations.stands(demanded)
    with ape.reverts("settle: may still be challenged"):
        evaluations.settle(demanded, sender=stranger)
    evaluations.void_unshown(demanded, 7, sender=stranger)


def test_reclaim__of_a_void_evaluation__gives_the_bond_back_once(
    evaluations, wrong, lie, opening, challenger, stranger
):
    evaluations.demand(wrong, 7, value=BOND_WEI, sender=stranger)
    with ape.reverts("reclaim: evaluation has not ended"):
        evaluations.reclaim(wrong, 7, sender=stranger)
    evaluations.challenge_row(wrong, *opening(lie, 5), sender=challenger)
    with ape.reverts("evaluations: it has ended"):
        evaluations.show(wrong, *opening(lie, 7), sender=challenger)
    evaluations.reclaim(wrong, 7, sender=challenger)
    assert (evaluations.credit_wei(stranger), evaluations.credit_wei(challenger)) == (BOND_WEI, 0)
    with ape.reverts("reclaim: no bond lies for the row"):
        evaluations.reclaim(wrong, 7, sender=challenger)


def test_demand__by_a_contract__is_as_good(evaluations, right, caller, stranger):
    data = evaluations.demand.encode_input(right, 3)
    caller.forward(evaluations.address, data, value=BOND_WEI, sender=stranger)
    assert evaluations.demand_of(right, 3)[0] == caller.address
