import pytest

from cairn.chain import Mode
from tests.unit.access_policy.conftest import TERMS_CID, TERMS_HASH

SHARE = 10**18
TOO_LITTLE = "policy: caller holds too little"


def test_reason__holders__by_the_balance_of_now(access, alliance, policy, founders, stranger):
    token = alliance.share_token
    policy_id = policy(mode=Mode.HOLDERS, authority=token.address, threshold=SHARE)
    assert access.reason(policy_id, founders[0]) == ""
    assert access.reason(policy_id, stranger) == TOO_LITTLE
    token.transfer(stranger, SHARE - 1, sender=founders[0])
    assert access.reason(policy_id, stranger) == TOO_LITTLE
    token.transfer(stranger, 1, sender=founders[0])
    assert access.reason(policy_id, stranger) == ""


def test_reason__voters__by_the_votes_a_second_ago(
    access, alliance, policy, founders, stranger, chain
):
    token = alliance.share_token
    policy_id = policy(mode=Mode.VOTERS, authority=token.address, threshold=SHARE)
    token.transfer(stranger, SHARE, sender=founders[0])
    receipt = token.invoke_transaction("delegate", stranger, sender=stranger)
    at = receipt.timestamp
    assert token.getVotes(stranger) == SHARE
    assert access.reason(policy_id, stranger, block_id=receipt.block_number) == TOO_LITTLE
    chain.mine(timestamp=at + 1)
    assert access.reason(policy_id, stranger) == ""


@pytest.mark.parametrize("contract", ["inference_market", "stake_ledger"])
def test_reason__token_that_is_none__counts_for_nothing(access, system, policy, buyer, contract):
    """A contract without `balanceOf` reverts; the answer is a reason all the same."""
    authority = getattr(system, contract).address
    policy_id = policy(mode=Mode.HOLDERS, authority=authority, threshold=1)
    assert access.reason(policy_id, buyer) == TOO_LITTLE


def test_reason__several__the_mode_s_comes_first(access, policy, timelock, buyer):
    policy_id = policy(mode=Mode.LISTED, terms_hash=TERMS_HASH, terms_cid=TERMS_CID)
    assert access.reason(policy_id, buyer) == "policy: caller is not on the list"
    access.set_listed(policy_id, [buyer], True, sender=timelock)
    assert access.reason(policy_id, buyer) == "policy: terms are not accepted"


def test_market__at_construction__is_the_one_deployed(access, system):
    assert access.MARKET() == system.inference_market
    assert access.DEVICES() == system.device_registry
    assert system.model_registry.ACCESS_POLICY() == access
