import ape

from cairn.chain import Mode


def test_set_listed__stranger__reverts(access, policy, stranger, refused_to_outsiders):
    refused_to_outsiders(
        access.set_listed,
        policy(mode=Mode.LISTED),
        [stranger],
        True,
        reason="set_listed: caller is not alliance",
    )


def test_set_listed__by_its_alliance__admits_and_shuts_out(
    access, policy, timelock, buyer, stranger
):
    policy_id, other = policy(mode=Mode.LISTED), policy(mode=Mode.LISTED)
    assert access.reason(policy_id, buyer) == "policy: caller is not on the list"
    access.set_listed(policy_id, [buyer, stranger], True, sender=timelock)
    assert access.reason(policy_id, buyer) == access.reason(policy_id, stranger) == ""
    assert access.reason(other, buyer) == "policy: caller is not on the list"
    access.set_listed(policy_id, [buyer], False, sender=timelock)
    assert access.reason(policy_id, buyer) == "policy: caller is not on the list"
    assert access.reason(policy_id, stranger) == ""


def test_set_listed__of_another_or_of_none__reverts(access, policy, timelock, stranger, buyer):
    for policy_id in (policy(creator=stranger, mode=Mode.LISTED), access.n_policies() + 1, 0):
        with ape.reverts("set_listed: caller is not alliance"):
            access.set_listed(policy_id, [buyer], True, sender=timelock)


def test_set_listed__policy_without_a_list__reverts(access, policy, timelock, buyer):
    with ape.reverts("set_listed: no list"):
        access.set_listed(policy(), [buyer], True, sender=timelock)
