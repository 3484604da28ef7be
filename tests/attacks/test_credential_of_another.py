"""A thief without a credential shows somebody else's, one made for another place, or one that its
issuer has taken back.

What the issuer signed names its subject, its alliance, its chain and contract, and a serial that only
moves forward: shown anywhere else, by anyone, at any later time, it opens nothing.
"""

import ape
import pytest
from eth_account import Account

from cairn.chain import Mode
from cairn.domain.policy import Credential
from tests.unit.access_policy.conftest import FAR, access, buyer, credential, issuer  # noqa: F401

NONE_SHOWN = "policy: no credential was shown"
NOT_SIGNED = "present: not signed by the issuer"


@pytest.fixture
def policy_id(policy, issuer):
    return policy(mode=Mode.BEARERS, authority=issuer.address)


def test_credential__shown_by_a_thief__opens_for_its_subject_only(
    access, policy_id, credential, buyer, stranger
):  # fmt: skip
    access.present(*credential(), sender=stranger)
    assert access.reason(policy_id, stranger) == NONE_SHOWN
    assert access.reason(policy_id, buyer) == ""


def test_credential__rewritten_for_the_thief__is_refused(
    access, policy_id, credential, stranger, timelock
):  # fmt: skip
    good = credential()
    for changed in (
        [*good[:2], stranger.address, *good[3:]],  # another subject
        [good[0], stranger.address, *good[2:]],  # another alliance
        [*good[:3], 2, *good[4:]],  # a later serial
        [*good[:4], FAR + 1, good[5]],  # a longer life
        credential(signer=Account.from_key("0x" + "16" * 32), subject=stranger.address),
    ):
        with ape.reverts(NOT_SIGNED):
            access.present(*changed, sender=stranger)
    assert access.reason(policy_id, stranger) == NONE_SHOWN


def test_credential__made_for_another_chain_or_contract__is_refused(
    access, policy_id, credential, issuer, buyer, stranger, chain, system
):  # fmt: skip
    good = credential()
    written = Credential(*good[:5])
    for where in (
        (chain.chain_id + 1, access.address),
        (chain.chain_id, system.inference_market.address),
    ):
        signature = bytes(issuer.sign_message(written.message(*where)).signature)
        with ape.reverts(NOT_SIGNED):
            access.present(*good[:5], signature, sender=stranger)
    assert access.reason(policy_id, buyer) == NONE_SHOWN


def test_credential__revoked__is_not_brought_back_by_showing_it_again(
    access, policy, credential, buyer, timelock, accounts
):  # fmt: skip
    desk = accounts[8]
    policy_id = policy(mode=Mode.BEARERS, authority=desk.address)

    def signed(serial):
        written = Credential(desk.address, timelock.address, buyer.address, serial, FAR)
        signature = desk.sign_message(written.message(ape.chain.chain_id, access.address))
        return [*credential(serial=serial, issuer=desk.address)[:5], signature.encode_rsv()]

    access.present(*signed(1), sender=buyer)
    access.revoke(timelock, buyer, 2, sender=desk)
    for serial in (1, 2):  # the second was never shown before
        with ape.reverts("present: credential is revoked"):
            access.present(*signed(serial), sender=buyer)
    assert access.reason(policy_id, buyer) == "policy: credential is revoked"


def test_credential__longer_one_replaced_by_its_issuer__is_not_brought_back(
    access, policy_id, credential, buyer, chain
):  # fmt: skip
    long, short = credential(serial=1), chain.blocks.head.timestamp + 100
    access.present(*long, sender=buyer)
    access.present(*credential(serial=2, expires_at=short), sender=buyer)
    with ape.reverts("present: not newer than the last"):
        access.present(*long, sender=buyer)
    chain.mine(timestamp=short)
    assert access.reason(policy_id, buyer) == "policy: credential has expired"
