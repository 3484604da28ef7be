"""An operator answers wrongly and takes his stake out before anyone has proved it.

The lock stays behind until the answer is settled or slashed; only what is free can leave.
"""

import ape

from tests.unit.inference_market.conftest import LOCK_WEI


def test_unbonding__while_a_lie_is_open__leaves_the_lock(
    market, model_id, lied, features, ledger, serving, challenger, pass_time
):
    ledger.begin_unbonding(LOCK_WEI, sender=serving)
    with ape.reverts("unbonding: more than is free"):
        ledger.begin_unbonding(1, sender=serving)
    ledger.opt_out(model_id, sender=serving)
    market.challenge(lied, features, sender=challenger)
    pass_time(ledger.unbonding_s())
    ledger.withdraw(sender=serving)
    assert ledger.stake_wei(serving) == 0
    assert ledger.bounty_wei(challenger) == LOCK_WEI // 2
