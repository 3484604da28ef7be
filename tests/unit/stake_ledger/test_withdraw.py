import ape


def test_withdraw__after_unbonding__pays_once(ledger, staked, pass_time):
    ledger.begin_unbonding(10**18, sender=staked)
    pass_time(ledger.unbonding_s())
    before = staked.balance
    receipt = ledger.withdraw(sender=staked)
    assert staked.balance == before + 10**18 - receipt.total_fees_paid
    with ape.reverts("withdraw: nothing unbonding"):
        ledger.withdraw(sender=staked)


def test_withdraw__too_early__reverts(ledger, staked, pass_time):
    ledger.begin_unbonding(10**18, sender=staked)
    pass_time(ledger.unbonding_s() - 10)
    with ape.reverts("withdraw: still unbonding"):
        ledger.withdraw(sender=staked)


def test_withdraw__second_unbonding__restarts_the_wait(ledger, staked, pass_time):
    ledger.begin_unbonding(10**18, sender=staked)
    pass_time(ledger.unbonding_s() - 10)
    ledger.begin_unbonding(1, sender=staked)
    pass_time(20)
    with ape.reverts("withdraw: still unbonding"):
        ledger.withdraw(sender=staked)


def test_withdraw__stranger__has_nothing(ledger, staked, pass_time, refused_to_outsiders):
    ledger.begin_unbonding(10**18, sender=staked)
    pass_time(ledger.unbonding_s())
    refused_to_outsiders(ledger.withdraw, reason="withdraw: nothing unbonding")


def test_withdraw__receiver_refuses__keeps_its_claim(ledger, caller, stranger, pass_time):
    caller.forward(ledger.address, ledger.deposit.encode_input(), value=10**18, sender=stranger)
    caller.forward(ledger.address, ledger.begin_unbonding.encode_input(10**18), sender=stranger)
    pass_time(ledger.unbonding_s())
    caller.set_refusing(True, sender=stranger)
    with ape.reverts("withdraw: receiver refused"):
        caller.forward(ledger.address, ledger.withdraw.encode_input(), sender=stranger)
    caller.set_refusing(False, sender=stranger)
    caller.forward(ledger.address, ledger.withdraw.encode_input(), sender=stranger)
    assert caller.balance == 10**18
