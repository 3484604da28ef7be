"""An operator posts a loss that he made up, with roots of nothing, and publishes neither the set nor the
losses: there is nothing that anyone could show in a challenge.

Or he has the losses and withholds them, to live off the bonds of whoever searches the row that is wrong.

A row that is demanded must be shown in time. He cannot show it, so the evaluation falls, and its version
is never promoted.
Nor can he gain by demanding from himself, nor by showing rows of what falls: their bonds go back.
"""

import ape
import pytest
from eth_utils import keccak

from tests.conftest import PRODUCTION
from tests.unit.evaluations.conftest import (
    LOCK_WEI,
    STANDS,
    VOID,
    WINDOW_S,
    arguments,
    with_loss,
)

BOND_WEI = 10**18


@pytest.fixture
def made_up(evaluations, version, rows, losses, staked):
    args = arguments(
        version,
        rows,
        losses,
        validation_top=keccak(text="no set"),
        losses_top=keccak(text="no losses"),
        total_loss=1,
    )
    evaluations.post(*args, sender=staked)
    return evaluations.n_evaluations()


def test_demand__of_what_nobody_has__lets_the_evaluation_fall(
    evaluations, made_up, rows, losses, opening, registry, version, timelock, ledger, staked,
    challenger, pass_time,
):  # fmt: skip
    root = evaluations.evaluation(made_up).validation_root
    rule = (True, root, 1, 2**64, WINDOW_S, LOCK_WEI)
    registry.set_evaluation_rule(version[0], rule, sender=timelock)
    evaluations.demand(made_up, 0, value=BOND_WEI, sender=challenger)
    with ape.reverts("row: not in the validation set"):
        evaluations.show(made_up, *opening(losses, 0), sender=staked)
    pass_time(20 * WINDOW_S)
    with ape.reverts("qualify: evaluation does not stand"):
        registry.qualify(made_up, sender=staked)
    with ape.reverts("settle: may still be challenged"):
        evaluations.settle(made_up, sender=staked)
    evaluations.void_unshown(made_up, 0, sender=challenger)
    assert evaluations.evaluation(made_up).state == VOID
    with ape.reverts("qualify: evaluation does not stand"):
        registry.qualify(made_up, sender=staked)
    with ape.reverts("set_alias: no evaluation lets it in"):
        registry.set_alias(version[0], PRODUCTION, version[1], sender=timelock)
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2


def test_demand__from_himself__burns_half(
    evaluations, made_up, ledger, staked, accounts, pass_time
):
    puppet = accounts[8]
    before = ledger.stake_wei(staked)
    evaluations.demand(made_up, 0, value=BOND_WEI, sender=puppet)
    pass_time(WINDOW_S + 1)
    evaluations.void_unshown(made_up, 0, sender=puppet)
    back = ledger.bounty_wei(puppet) + evaluations.credit_wei(puppet) - BOND_WEI
    assert before - ledger.stake_wei(staked) - back == LOCK_WEI - LOCK_WEI // 2


def test_demand__of_every_row_of_an_honest_one__pays_for_its_showing(
    evaluations, right, rows, losses, opening, staked, stranger, ledger, pass_time
):
    """Griefing an honest operator with demands: his evaluation stands in the end, and he earns every bond."""
    for index in range(6):
        evaluations.demand(right, index, value=BOND_WEI, sender=stranger)
    for index in range(6):
        evaluations.show(right, *opening(losses, index), sender=staked)
    pass_time(8 * WINDOW_S)
    evaluations.settle(right, sender=staked)
    for index in range(6):
        evaluations.reclaim(right, index, sender=staked)
    assert evaluations.credit_wei(staked) == 6 * BOND_WEI
    assert evaluations.evaluation(right).state == STANDS
    assert ledger.locked_wei(staked) == 0


def test_show__rows_of_a_lie__costs_the_searcher_no_bond_and_pays_the_liar_none(
    evaluations, post_losses, losses, opening, staked, challenger, ledger
):
    """A search among withheld losses: the liar shows all that is demanded, down to the row that is wrong."""
    lie = with_loss(losses, 5, losses.of_rows[5] - 1)
    evaluation_id = post_losses(lie)
    searched = (20, 10, 4, 7, 5)
    for index in searched:
        evaluations.demand(evaluation_id, index, value=BOND_WEI, sender=challenger)
        evaluations.show(evaluation_id, *opening(lie, index), sender=staked)
    evaluations.challenge_row(evaluation_id, *opening(lie, 5), sender=challenger)
    for index in searched:
        evaluations.reclaim(evaluation_id, index, sender=staked)
    assert evaluations.credit_wei(challenger) == len(searched) * BOND_WEI
    assert evaluations.credit_wei(staked) == 0
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2
