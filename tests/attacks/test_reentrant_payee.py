"""A contract that is owed coin calls `pay` again while it is being paid, to be paid twice.

The second call meets the lock; the thief has exactly what it was owed.
"""

from tests.unit.inference_market.conftest import PRICE


def test_pay__called_again_by_the_payee__pays_once(
    market, model_id, features, requester, stranger, deployer, project, alliance
):
    currency = alliance.share_token.currency()
    thief = deployer.deploy(project.Reentrant)
    bought = market.predict.encode_input(model_id, features, PRICE)
    thief.forward(market, bought, value=PRICE + 7, sender=requester)
    market.predict(model_id, features, PRICE, value=PRICE, sender=requester)
    thief.arm(market, market.pay.encode_input(thief, currency), sender=stranger)

    market.pay(thief, currency, sender=stranger)

    assert (thief.tries(), thief.successes()) == (1, 0)
    assert thief.balance == 7
    assert market.owed(thief, currency) == 0
    assert market.balance == 2 * PRICE


def test_withdraw__called_again_by_the_operator__pays_once(
    ledger, requester, stranger, deployer, project, operator, pass_time
):
    ledger.deposit(value=10**18, sender=operator)
    thief = deployer.deploy(project.Reentrant)
    thief.forward(ledger, ledger.deposit.encode_input(), value=10**18, sender=requester)
    thief.forward(ledger, ledger.begin_unbonding.encode_input(10**18), sender=requester)
    pass_time(ledger.unbonding_s())
    thief.arm(ledger, ledger.withdraw.encode_input(), sender=stranger)

    thief.forward(ledger, ledger.withdraw.encode_input(), sender=requester)

    assert (thief.tries(), thief.successes()) == (1, 0)
    assert thief.balance == 10**18
    assert ledger.balance == 10**18
