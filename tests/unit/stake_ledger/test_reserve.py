"""The reserve behind receipts: put in, called back, slashed whole."""

import ape

COIN = 10**18


def test_deposit_reserve__nothing__reverts(ledger, refused_to_outsiders):
    refused_to_outsiders(ledger.deposit_reserve, reason="reserve: nothing sent")


def test_deposit_reserve__more_later__keeps_its_beginning(ledger, operator, chain, pass_time):
    ledger.deposit_reserve(value=COIN, sender=operator)
    since = chain.blocks.head.timestamp
    pass_time(100)
    ledger.deposit_reserve(value=2 * COIN, sender=operator)
    assert ledger.reserve_wei(operator) == 3 * COIN
    assert ledger.reserve_since(operator) == since
    assert ledger.stake_wei(operator) == 0


def test_begin_unbonding_reserve__more_than_is_there__reverts(
    ledger, operator, refused_to_outsiders
):
    refused_to_outsiders(ledger.begin_unbonding_reserve, 1, reason="reserve: more than is there")
    ledger.deposit_reserve(value=COIN, sender=operator)
    for amount, reason in (
        (COIN + 1, "reserve: more than is there"),
        (0, "reserve: amount is zero"),
    ):
        with ape.reverts(reason):
            ledger.begin_unbonding_reserve(amount, sender=operator)


def test_withdraw_reserve__when_it_is_ready__pays_once(
    ledger, operator, refused_to_outsiders, chain, pass_time
):
    refused_to_outsiders(ledger.withdraw_reserve, reason="reserve: nothing unbonding")
    ledger.deposit_reserve(value=3 * COIN, sender=operator)
    ledger.begin_unbonding_reserve(COIN, sender=operator)
    assert ledger.reserve_wei(operator) == 2 * COIN
    assert ledger.reserve_unbonding_wei(operator) == COIN
    pass_time(ledger.unbonding_s() - 5)
    with ape.reverts("reserve: still unbonding"):
        ledger.withdraw_reserve(sender=operator)
    pass_time(5)
    assert chain.blocks.head.timestamp >= ledger.reserve_ready_at(operator)
    before = operator.balance
    receipt = ledger.withdraw_reserve(sender=operator)
    assert operator.balance == before + COIN - receipt.total_fees_paid
    with ape.reverts("reserve: nothing unbonding"):
        ledger.withdraw_reserve(sender=operator)


def test_slash_reserve__stranger__reverts(ledger, operator, stranger, refused_to_outsiders):
    ledger.deposit_reserve(value=COIN, sender=operator)
    refused_to_outsiders(
        ledger.slash_reserve, operator, stranger, reason="stake: caller is no judge"
    )


def test_slash_reserve__then_anew__begins_again(
    ledger, operator, judge, challenger, chain, pass_time
):
    ledger.deposit_reserve(value=COIN, sender=operator)
    pass_time(100)
    ledger.slash_reserve(operator, challenger, sender=judge)
    assert ledger.bounty_wei(challenger) == COIN // 2
    with ape.reverts("slash: no reserve"):
        ledger.slash_reserve(operator, challenger, sender=judge)
    ledger.deposit_reserve(value=COIN, sender=operator)
    assert ledger.reserve_since(operator) == chain.blocks.head.timestamp
