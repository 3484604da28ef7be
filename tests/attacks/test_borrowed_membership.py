"""A thief borrows shares for one call, to ask as a holder what only holders may ask.

By votes a second ago, as a policy can say, what is borrowed counts for nothing. By the balance of the
moment it counts: the specification says so, and a policy that minds asks for votes.
"""

from eth_abi import decode

from cairn.chain import Mode
from tests.unit.access_policy.conftest import access  # noqa: F401

SHARE = 10**18


def test_reason__with_borrowed_shares__counts_no_votes(
    access, alliance, policy, deployer, project, founders, stranger
):  # fmt: skip
    token = alliance.share_token
    thief = deployer.deploy(project.FlashVoter)
    token.approve(thief, 200 * SHARE, sender=founders[0])

    def said(mode):
        policy_id = policy(mode=mode, authority=token.address, threshold=100 * SHARE)
        data = access.reason.encode_input(policy_id, thief)
        success, answer = thief.run(
            token, founders[0], 100 * SHARE, access, data, sender=stranger
        ).return_value
        assert success
        return decode(["string"], answer)[0]

    assert said(Mode.VOTERS) == "policy: caller holds too little"
    assert said(Mode.HOLDERS) == ""
    assert token.balanceOf(founders[0]) == 100 * SHARE
