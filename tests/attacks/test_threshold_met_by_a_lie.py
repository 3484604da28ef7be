"""An operator wants a bad version promoted: he posts a loss of nothing, lets a puppet of his challenge
it at once so that it is over and done with, and shows the void evaluation to the registry.

Only an evaluation that outlived its window lets a version in, and the puppet returns no more than half
of the lock.
"""

import ape

from cairn.domain.rows import Losses
from tests.conftest import PRODUCTION
from tests.unit.evaluations.conftest import LOCK_WEI, N_ROWS, WINDOW_S


def test_qualify__by_an_evaluation_that_was_voided__reverts(
    evaluations, registry, version, post_losses, rows, losses, opening, timelock, ledger, staked,
    accounts, pass_time,
):  # fmt: skip
    puppet = accounts[8]
    rule = (True, rows.root, 1, 1, WINDOW_S, LOCK_WEI)
    registry.set_evaluation_rule(version[0], rule, sender=timelock)
    perfect = Losses(losses.kind, (0,) * N_ROWS)
    before = ledger.stake_wei(staked)
    evaluation_id = post_losses(perfect)
    with ape.reverts("qualify: evaluation does not stand"):
        registry.qualify(evaluation_id, sender=staked)
    evaluations.challenge_row(evaluation_id, *opening(perfect, 0), sender=puppet)
    pass_time(WINDOW_S + 1)
    with ape.reverts("qualify: evaluation does not stand"):
        registry.qualify(evaluation_id, sender=staked)
    with ape.reverts("set_alias: no evaluation lets it in"):
        registry.set_alias(version[0], PRODUCTION, version[1], sender=timelock)
    lost = before - ledger.stake_wei(staked) - ledger.bounty_wei(puppet)
    assert lost == LOCK_WEI - LOCK_WEI // 2
