"""A timelock whose governor is an account, and operations for it."""

from dataclasses import dataclass

import pytest
from eth_abi import encode
from eth_utils import keccak

DELAY_S = 86_400
NONE = bytes(32)


@dataclass(frozen=True)
class Operation:
    targets: list
    amounts: list
    payloads: list
    predecessor: bytes = NONE
    salt: bytes = NONE

    @property
    def args(self):
        return self.targets, self.amounts, self.payloads, self.predecessor, self.salt

    @property
    def id(self):
        """As OpenZeppelin's hashOperationBatch."""
        types = ["address[]", "uint256[]", "bytes[]", "bytes32", "bytes32"]
        return keccak(encode(types, self.args))


@pytest.fixture(scope="session")
def governor(accounts):
    return accounts[1]


@pytest.fixture
def lock(deployer, project, governor):
    return deployer.deploy(project.Timelock, DELAY_S, governor)


@pytest.fixture
def payment(lock, stranger, payer):
    """An operation that pays the stranger 5 wei, which the timelock holds."""
    payer.transfer(lock, 5)
    return Operation([stranger.address], [5], [b""])


@pytest.fixture(scope="session")
def payer(accounts):
    return accounts[7]


@pytest.fixture
def schedule(lock, governor):
    def schedule_(operation, delay=DELAY_S):
        return lock.scheduleBatch(*operation.args, delay, sender=governor)

    return schedule_
