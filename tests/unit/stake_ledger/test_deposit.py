import ape


def test_deposit__coin__is_staked_and_free(ledger, operator):
    receipt = ledger.deposit(value=3, sender=operator)
    assert list(receipt.decode_logs(ledger.Staked)) == [
        ledger.Staked(operator=operator, amount_wei=3, stake_wei=3)
    ]
    ledger.deposit(value=4, sender=operator)
    assert ledger.stake_wei(operator) == ledger.free_wei(operator) == 7
    assert ledger.balance == 7


def test_deposit__nothing__reverts(ledger, operator):
    with ape.reverts("deposit: nothing sent"):
        ledger.deposit(sender=operator)
