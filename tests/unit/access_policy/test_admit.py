import ape
import pytest

from cairn.chain import Mode
from tests.unit.access_policy.conftest import A_LIMIT

NO_LIMIT = 2**256 - 1
OF_CALLER = "policy: limit of the caller is reached"
OF_ALL = "policy: limit of all is reached"


def test_admit__stranger__reverts(access, policy, stranger, refused_to_outsiders):
    refused_to_outsiders(access.admit, policy(), stranger, reason="admit: caller is not the market")


def test_admit__alliance_itself__reverts(access, policy, timelock, buyer):
    with ape.reverts("admit: caller is not the market"):
        access.admit(policy(in_all=A_LIMIT), buyer, sender=timelock)


def test_admit__open_and_unlimited__always(access, policy, as_market, buyer):
    for policy_id in (0, policy()):
        assert tuple(access.left(policy_id, buyer)) == (NO_LIMIT, NO_LIMIT)
        assert access.retry_after_s(policy_id, buyer) == 0
        access.admit(policy_id, buyer, sender=as_market)


def test_admit__unknown_policy__reverts(access, policy, as_market, buyer):
    unknown = policy() + 1
    assert access.reason(unknown, buyer) == "policy: unknown policy"
    with ape.reverts("policy: unknown policy"):
        access.admit(unknown, buyer, sender=as_market)


def test_admit__not_entitled__reverts_and_counts_nothing(
    access, policy, as_market, buyer, timelock
):
    policy_id = policy(mode=Mode.LISTED, in_all=A_LIMIT)
    with ape.reverts("policy: caller is not on the list"):
        access.admit(policy_id, buyer, sender=as_market)
    access.set_listed(policy_id, [buyer], True, sender=timelock)
    assert tuple(access.left(policy_id, buyer)) == (NO_LIMIT, 3)


@pytest.mark.parametrize(("limited", "said"), [("per_caller", OF_CALLER), ("in_all", OF_ALL)])
def test_admit__bucket_empty__reverts_until_a_token_is_back(
    access, policy, as_market, buyer, chain, limited, said
):
    """Three at once, then one each fifty seconds."""
    policy_id = policy(**{limited: A_LIMIT})
    start = chain.blocks.head.timestamp + 1_000
    for _ in range(3):
        chain.pending_timestamp = start
        assert access.reason(policy_id, buyer) == ""
        access.admit(policy_id, buyer, sender=as_market)
        start += 1
    last = start - 1
    # The three seconds above brought 3 x 2 of a token's 100 parts back; 2 of them counted.
    chain.mine(timestamp=last + 1)
    assert access.reason(policy_id, buyer) == said
    assert access.standing(policy_id, buyer) == ""
    assert min(access.left(policy_id, buyer)) == 0
    with ape.reverts(said):
        access.admit(policy_id, buyer, sender=as_market)
    wait_s = access.retry_after_s(policy_id, buyer)
    back_at = chain.blocks.head.timestamp + wait_s
    assert back_at == last + 48  # ceil((100 - 4) / 2)
    chain.mine(timestamp=back_at - 1)
    assert access.reason(policy_id, buyer) == said
    chain.mine(timestamp=back_at)
    assert access.reason(policy_id, buyer) == ""
    assert min(access.left(policy_id, buyer)) == 1


def test_admit__limit_per_caller__is_each_caller_s_own(access, policy, as_market, buyer, stranger):
    policy_id = policy(per_caller={"capacity": 1, "refill": 1, "period_s": 86_400})
    access.admit(policy_id, buyer, sender=as_market)
    assert access.reason(policy_id, buyer) == OF_CALLER
    access.admit(policy_id, stranger, sender=as_market)


def test_admit__limit_of_all__is_one_for_all_and_for_its_policy(
    access, policy, as_market, buyer, stranger
):
    once = {"capacity": 1, "refill": 1, "period_s": 86_400}
    policy_id, other = policy(in_all=once), policy(in_all=once)
    access.admit(policy_id, buyer, sender=as_market)
    assert access.reason(policy_id, stranger) == OF_ALL
    assert access.reason(other, stranger) == ""


def test_admit__refused_by_the_limit_of_all__takes_nothing_of_the_caller_s(
    access, policy, as_market, buyer, stranger
):
    once = {"capacity": 1, "refill": 1, "period_s": 86_400}
    policy_id = policy(per_caller=A_LIMIT, in_all=once)
    access.admit(policy_id, stranger, sender=as_market)
    with ape.reverts(OF_ALL):
        access.admit(policy_id, buyer, sender=as_market)
    assert tuple(access.left(policy_id, buyer)) == (3, 0)
