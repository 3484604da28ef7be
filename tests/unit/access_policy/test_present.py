import ape
import pytest

from cairn.chain import Mode
from tests.unit.access_policy.conftest import FAR


@pytest.fixture
def policy_id(policy, issuer):
    return policy(mode=Mode.BEARERS, authority=issuer.address)


def test_present__by_a_stranger__counts_for_the_subject(
    access, timelock, policy_id, credential, issuer, buyer, stranger
):
    assert access.reason(policy_id, buyer) == "policy: no credential was shown"
    access.present(*credential(serial=5), sender=stranger)
    assert access.reason(policy_id, buyer) == ""
    assert access.reason(policy_id, stranger) == "policy: no credential was shown"
    assert tuple(access.credential(issuer.address, timelock, buyer)) == (5, FAR, 0)


def test_present__at_its_expiry__counts_no_longer(
    access, policy_id, credential, buyer, stranger, chain
):
    now = chain.blocks.head.timestamp
    access.present(*credential(expires_at=now + 100), sender=buyer)
    chain.pending_timestamp = now + 99
    chain.mine()
    assert access.reason(policy_id, buyer) == ""
    chain.mine(timestamp=now + 100)
    assert access.reason(policy_id, buyer) == "policy: credential has expired"
    with ape.reverts("present: credential has expired"):
        access.present(*credential(serial=2, expires_at=now + 100), sender=buyer)
    # One renewed admits again.
    access.present(*credential(serial=2, expires_at=now + 1_000), sender=buyer)
    assert access.reason(policy_id, buyer) == ""


def test_present__by_another_issuer__is_not_the_policy_s(
    access, policy_id, credential, buyer, stranger
):
    from eth_account import Account

    other = Account.from_key("0x" + "16" * 32)
    access.present(*credential(signer=other, issuer=other.address), sender=buyer)
    assert access.reason(policy_id, buyer) == "policy: no credential was shown"


def test_present__issuer_is_a_contract__is_asked(
    access, policy, credential, buyer, deployer, project, issuer
):
    desk = deployer.deploy(project.Wallet, issuer.address)
    policy_id = policy(mode=Mode.BEARERS, authority=desk.address)
    access.present(*credential(issuer=desk.address), sender=buyer)
    assert access.reason(policy_id, buyer) == ""


def test_present__out_of_bounds__reverts(access, credential, buyer):
    for changes in ({"serial": 2**64}, {"expires_at": 2**64}):
        with ape.reverts("present: number too large"):
            access.present(*credential(**changes), sender=buyer)
    with ape.reverts("present: credential is revoked"):
        access.present(*credential(serial=0), sender=buyer)


def test_revoke__stranger__revokes_nothing_of_the_issuer_s(
    access, timelock, policy_id, credential, buyer, stranger, caller
):
    """Whoever calls revokes what he himself signed, and nothing else."""
    access.present(*credential(), sender=buyer)
    access.revoke(timelock, buyer, 1, sender=stranger)
    data = access.revoke.encode_input(timelock, buyer, 1)
    caller.forward(access, data, sender=stranger)
    assert access.reason(policy_id, buyer) == ""


def test_revoke__out_of_bounds__reverts(access, timelock, buyer, stranger):
    with ape.reverts("revoke: serial too large"):
        access.revoke(timelock, buyer, 2**64, sender=stranger)
    for serial in (0, 3, 2):
        if serial == 3:
            access.revoke(timelock, buyer, 3, sender=stranger)
            continue
        with ape.reverts("revoke: serial is revoked already"):
            access.revoke(timelock, buyer, serial, sender=stranger)


def test_revoke__up_to_a_serial__leaves_newer_ones(
    access, timelock, policy, credential, buyer, accounts
):
    desk = accounts[8]
    signs = _Signer(desk)
    policy_id = policy(mode=Mode.BEARERS, authority=desk.address)
    access.present(*credential(signer=signs, issuer=desk.address, serial=4), sender=buyer)
    access.revoke(timelock, buyer, 4, sender=desk)
    assert access.reason(policy_id, buyer) == "policy: credential is revoked"
    access.present(*credential(signer=signs, issuer=desk.address, serial=5), sender=buyer)
    assert access.reason(policy_id, buyer) == ""
    assert tuple(access.credential(desk, timelock, buyer)) == (5, FAR, 4)


class _Signer:
    """An Ape account where eth-account's is expected."""

    def __init__(self, account):
        self.address = account.address
        self._account = account

    def sign_message(self, message):
        self.signature = self._account.sign_message(message).encode_rsv()
        return self
