import ape
import pytest

from tests.unit.access_policy.conftest import A_LIMIT, TERMS_CID, TERMS_HASH

NOT_ACCEPTED = "policy: terms are not accepted"


@pytest.fixture
def policy_id(policy):
    return policy(terms_hash=TERMS_HASH, terms_cid=TERMS_CID)


def test_accept_terms__by_the_caller__counts_for_him_alone(
    access, timelock, policy_id, policy, buyer, stranger
):
    assert access.reason(policy_id, buyer) == NOT_ACCEPTED
    receipt = access.accept_terms(timelock, TERMS_HASH, sender=buyer)
    assert access.reason(policy_id, buyer) == ""
    assert access.accepted_at(timelock, TERMS_HASH, buyer) == receipt.timestamp
    assert access.reason(policy_id, stranger) == NOT_ACCEPTED
    # The same text under other limits asks nobody again; another text, or another's, does.
    relaxed = policy(terms_hash=TERMS_HASH, terms_cid=TERMS_CID, in_all=A_LIMIT)
    assert access.reason(relaxed, buyer) == ""
    rewritten = policy(terms_hash=bytes([8]) * 32, terms_cid=TERMS_CID)
    assert access.reason(rewritten, buyer) == NOT_ACCEPTED
    of_another = policy(creator=stranger, terms_hash=TERMS_HASH, terms_cid=TERMS_CID)
    assert access.reason(of_another, buyer) == NOT_ACCEPTED


def test_accept_terms__twice_or_none__reverts(access, timelock, buyer):
    with ape.reverts("accept: no terms"):
        access.accept_terms(timelock, bytes(32), sender=buyer)
    access.accept_terms(timelock, TERMS_HASH, sender=buyer)
    with ape.reverts("accept: accepted already"):
        access.accept_terms(timelock, TERMS_HASH, sender=buyer)


def test_accept_by_signature__brought_by_a_stranger__counts_for_the_signer(
    access, policy_id, issuer, acceptance, stranger
):
    access.accept_terms_by_signature(*acceptance(issuer), sender=stranger)
    assert access.reason(policy_id, issuer.address) == ""
    assert access.reason(policy_id, stranger) == NOT_ACCEPTED


def test_accept_by_signature__of_a_contract_s_owner__counts_for_the_contract(
    access, policy_id, issuer, acceptance, stranger, deployer, project
):
    wallet = deployer.deploy(project.Wallet, issuer.address)
    args = acceptance(issuer, caller=wallet.address)
    access.accept_terms_by_signature(*args, sender=stranger)
    assert access.reason(policy_id, wallet) == ""
    assert access.reason(policy_id, issuer.address) == NOT_ACCEPTED


def test_accept_by_signature__anything_else_than_signed__reverts(
    access, policy_id, issuer, acceptance, stranger, system
):
    good = acceptance(issuer)
    changed = [
        [stranger.address, *good[1:]],
        [good[0], bytes([8]) * 32, *good[2:]],
        [*good[:2], stranger.address, good[3]],
        [*good[:3], good[3][:-1] + bytes([good[3][-1] ^ 1])],
        [*good[:3], b""],
        acceptance(issuer, contract=system.inference_market.address),
    ]
    for args in changed:
        with ape.reverts("accept: not signed by the caller"):
            access.accept_terms_by_signature(*args, sender=stranger)
    access.accept_terms_by_signature(*good, sender=stranger)
