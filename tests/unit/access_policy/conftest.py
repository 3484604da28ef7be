"""Policies, and the people who meet at the door."""

import pytest
from eth_account import Account

from cairn.devices import simulate_fleet
from cairn.domain.policy import Acceptance, Credential, Limit

PERIOD_S = 300
TERMS_HASH = bytes([7]) * 32
TERMS_CID = bytes([1, 0x55, 0x12, 0x20]) + bytes(range(32))
A_LIMIT = Limit(capacity=3, refill=2, period_s=100)
FAR = 2**40


@pytest.fixture(scope="session")
def access(system):
    return system.access_policy


@pytest.fixture
def as_market(system, accounts):
    """The market's hands, with coin for gas: what it does as it sells."""
    market = accounts[system.inference_market.address]
    market.balance += 10**18
    return market


@pytest.fixture(scope="session")
def buyer(accounts):
    return accounts[7]


@pytest.fixture(scope="session")
def issuer():
    """Signs credentials; holds no coin and sends nothing."""
    return Account.from_key("0x" + "15" * 32)


@pytest.fixture
def credential(access, alliance, issuer, buyer, chain):
    """A credential and the arguments that present it, some fields changed; signed by its issuer or by
    another.
    """

    def make(signer=issuer, **changes):
        written = Credential(
            **{
                "issuer": issuer.address,
                "alliance": alliance.timelock.address,
                "subject": buyer.address,
                "serial": 1,
                "expires_at": FAR,
            }
            | changes
        )
        signature = signer.sign_message(written.message(chain.chain_id, access.address)).signature
        return [
            written.issuer,
            written.alliance,
            written.subject,
            written.serial,
            written.expires_at,
            bytes(signature),
        ]

    return make


@pytest.fixture
def acceptance(access, alliance, chain):
    """The arguments by which anyone brings a caller's signed acceptance."""

    def make(signer, terms_hash=TERMS_HASH, caller=None, contract=None):
        written = Acceptance(alliance.timelock.address, terms_hash, caller or signer.address)
        message = written.message(chain.chain_id, contract or access.address)
        signature = bytes(signer.sign_message(message).signature)
        return [written.alliance, terms_hash, written.caller, signature]

    return make


@pytest.fixture
def device(system, timelock, buyer, chain):
    """A sensor of the buyer's, admitted by the alliance."""
    [sensor] = simulate_fleet(seed=815, count=1, period_s=PERIOD_S)
    consent = sensor.confirm(bytes.fromhex(buyer.address[2:]), chain.blocks.head.timestamp)
    system.device_registry.register(
        sensor.address,
        1,
        PERIOD_S,
        consent.timestamp,
        consent.signature[:32],
        consent.signature[32:],
        sender=buyer,
    )
    system.device_registry.admit([sensor.address], sender=timelock)
    return sensor
