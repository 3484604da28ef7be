import pytest

STAKE_WEI = 5 * 10**18
MODEL_ID = 7


@pytest.fixture(scope="session")
def ledger(system):
    return system.stake_ledger


@pytest.fixture
def judge(system, accounts):
    """The market's own account, in whose name the test calls."""
    account = accounts[system.inference_market.address]
    account.balance += 10**20
    return account


@pytest.fixture
def staked(ledger, operator):
    """The operator, with 5 coin staked."""
    ledger.deposit(value=STAKE_WEI, sender=operator)
    return operator
