"""An alliance with native currency, and one that earns in an ERC-20."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from scripts.deploy import AllianceSettings, launch_alliance

DAY_S = 86_400
PERIOD_S = 7 * DAY_S
SHARE = 10**18


def delegate(token, delegatee, sender):
    """The token's `delegate`: that name is Ape's own on a contract instance."""
    return token.invoke_transaction("delegate", delegatee, sender=sender)


@pytest.fixture(scope="session")
def token(alliance):
    return alliance.share_token


@pytest.fixture
def rounds(token, accounts):
    """The second minter, in whose name a test can call."""
    account = accounts[token.rounds()]
    account.balance += 10**20
    return account


@pytest.fixture(scope="session")
def payer(accounts):
    """Whoever sends income."""
    return accounts[7]


@pytest.fixture
def currency(deployer, project):
    return deployer.deploy(project.FeeToken, 0)


@pytest.fixture
def token_in_erc20(deployer, system, founders, currency):
    """A share token that earns in an ERC-20."""
    settings = AllianceSettings(
        name="Settlers",
        symbol="SET",
        currency=currency.address,
        holders={founder.address: 100 * SHARE for founder in founders},
    )
    return launch_alliance(deployer, system, settings).share_token


@pytest.fixture
def earn(token, payer):
    """Send income in the native coin, and recognise it."""

    def earn_(amount):
        payer.transfer(token, amount)
        return token.sync(sender=payer)

    return earn_


@pytest.fixture
def signed(chain):
    """Sign a struct in a contract's domain with a key; returns the signature."""

    def sign(key, contract, primary, fields, message):
        domain = contract.eip712Domain()
        typed = {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                primary: [{"name": name, "type": type_} for type_, name in fields],
            },
            "primaryType": primary,
            "domain": {
                "name": domain.name if hasattr(domain, "name") else domain[1],
                "version": "1",
                "chainId": chain.chain_id,
                "verifyingContract": contract.address,
            },
            "message": message,
        }
        return Account.sign_message(encode_typed_data(full_message=typed), key)

    return sign


@pytest.fixture(scope="session")
def signer():
    """Somebody with a key and no coin for gas."""
    return Account.from_key("0x" + "51" * 32)
