"""An operator dates a receipt back, so that it is too old to be judged, or ahead, so that it is not
yet; withdraws his reserve before the receipt is shown. A slanderer replays a receipt that was signed
for another market or another chain, or an old lie against a reserve put there anew.

A client refuses a receipt that is not dated about now, and the judge every one out of its time and
place; the reserve stays for longer than a receipt lives.
"""

from dataclasses import replace

import ape
import pytest

from cairn.domain.receipts import SigningDomain
from tests.unit.receipt_judge.conftest import (  # noqa: F401
    RESERVE_WEI,
    domain,
    judge,
    key,
    reserve,
    serve,
)

DAY_S = 86_400


def test_receipt__from_the_future__waits_for_its_time(
    judge,
    serve,
    wrong,
    reserve,
    ledger,
    challenger,
    chain,
    pass_time,
):
    served = serve(wrong, issued_at=chain.blocks.head.timestamp + 1_000)
    with ape.reverts("receipt: from the future"):
        judge.challenge_receipt(*served.args, sender=challenger)
    pass_time(1_001)
    judge.challenge_receipt(*served.args, sender=challenger)
    assert ledger.reserve_wei(reserve) == 0


def test_receipt__back_dated__is_refused_by_the_judge_and_so_by_clients(
    judge,
    serve,
    wrong,
    reserve,
    challenger,
    chain,
    pass_time,
):
    pass_time(30 * DAY_S)
    served = serve(wrong, issued_at=chain.blocks.head.timestamp - judge.receipt_life_s() - 1)
    with ape.reverts("receipt: too old"):
        judge.challenge_receipt(*served.args, sender=challenger)


def test_receipt__for_another_judge_or_chain__counts_nothing_here(
    judge,
    serve,
    wrong,
    key,
    domain,
    reserve,
    challenger,
):
    served = serve(wrong)
    for other in (
        SigningDomain(domain.chain_id + 1, domain.judge),
        SigningDomain(domain.chain_id, bytes(20)),
    ):
        elsewhere = replace(served, signature=served.receipt.sign(key, other))
        with ape.reverts("receipt: operator did not sign it"):
            judge.challenge_receipt(*elsewhere.args, sender=challenger)


def test_reserve__called_back_after_the_lie__is_there_for_as_long_as_the_receipt_lives(
    judge,
    serve,
    wrong,
    reserve,
    ledger,
    challenger,
    pass_time,
):
    served = serve(wrong)
    ledger.begin_unbonding_reserve(RESERVE_WEI, sender=reserve)
    pass_time(judge.receipt_life_s() - 60)
    with ape.reverts("reserve: still unbonding"):
        ledger.withdraw_reserve(sender=reserve)
    judge.challenge_receipt(*served.args, sender=challenger)
    assert ledger.bounty_wei(challenger) == RESERVE_WEI // 2


@pytest.mark.parametrize("again", ["the same lie", "an older lie"])
def test_reserve__put_there_anew__is_not_lost_to_what_was_signed_before(
    judge,
    serve,
    wrong,
    reserve,
    ledger,
    challenger,
    chain,
    pass_time,
    again,
):
    older = serve(wrong, issued_at=chain.blocks.head.timestamp - 2)
    pass_time(20)
    lie = serve(wrong)
    judge.challenge_receipt(*lie.args, sender=challenger)
    ledger.deposit_reserve(value=RESERVE_WEI, sender=reserve)
    shown = lie if again == "the same lie" else older
    with ape.reverts("receipt: older than the reserve"):
        judge.challenge_receipt(*shown.args, sender=challenger)
    pass_time(10)
    judge.challenge_receipt(*serve(wrong).args, sender=challenger)  # a new one it is
    assert ledger.reserve_wei(reserve) == 0
