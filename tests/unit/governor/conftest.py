"""An alliance's governor, a treasury with coin, and a proposal's whole way."""

from dataclasses import dataclass

import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.unit.share_token.conftest import signed, signer  # noqa: F401

SHARE = 10**18
DELAY_S, PERIOD_S, EXTENSION_S, TIMELOCK_S = 3_600, 3 * 86_400, 86_400, 86_400
PENDING, ACTIVE, CANCELED, DEFEATED, SUCCEEDED, QUEUED, _EXPIRED, EXECUTED = range(8)
AGAINST, FOR, ABSTAIN = range(3)


@dataclass(frozen=True)
class Actions:
    """Calls from the timelock, and why; identified as by OpenZeppelin's hashProposal."""

    targets: list
    amounts: list
    calldatas: list
    description: str = "Pay the stranger"

    @property
    def args(self):
        return self.targets, self.amounts, self.calldatas, self.description

    @property
    def key(self):
        return self.targets, self.amounts, self.calldatas, keccak(text=self.description)

    @property
    def id(self):
        types = ["address[]", "uint256[]", "bytes[]", "bytes32"]
        return int.from_bytes(keccak(encode(types, self.key)), "big")


@pytest.fixture(scope="session")
def governor(alliance):
    return alliance.governor


@pytest.fixture(scope="session")
def token(alliance):
    return alliance.share_token


@pytest.fixture(scope="session")
def lock(alliance):
    return alliance.timelock


@pytest.fixture
def payment(lock, stranger, challenger):
    """To pay the stranger 5 wei of the treasury, which holds them."""
    challenger.transfer(lock, 5)
    return Actions([stranger.address], [5], [b""])


@pytest.fixture
def propose(governor, founders, pass_time):
    """Propose; by default wait until the vote is open."""

    def propose_(actions, proposer=founders[0], wait=True):
        pass_time(12)  # votes are counted as of a second that has passed
        receipt = governor.propose(*actions.args, sender=proposer)
        if wait:
            pass_time(DELAY_S + 1)
        return receipt

    return propose_


@pytest.fixture
def succeed(governor, founders, propose, pass_time):
    """Propose, vote for with all, and wait until the vote is over."""

    def succeed_(actions, proposer=founders[0]):
        propose(actions, proposer)
        for founder in founders:
            governor.castVote(actions.id, FOR, sender=founder)
        pass_time(PERIOD_S + 1)

    return succeed_


@pytest.fixture
def enqueue(governor, succeed, stranger):
    def enqueue_(actions, **options):
        succeed(actions, **options)
        return governor.queue(*actions.key, sender=stranger)

    return enqueue_


@pytest.fixture
def carry(governor, enqueue, stranger, pass_time):
    """A proposal's whole way to its execution; returns that transaction."""

    def carry_(actions, **options):
        enqueue(actions, **options)
        pass_time(TIMELOCK_S)
        return governor.execute(*actions.key, sender=stranger)

    return carry_
