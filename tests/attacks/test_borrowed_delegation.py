"""A holder votes, passes the shares to a second account of his, and votes again with it; or has a
delegation made by his signature played back after he took it back.
"""

import ape

from tests.unit.governor.conftest import FOR, SHARE
from tests.unit.share_token.conftest import delegate

FIELDS = [("address", "delegatee"), ("uint256", "nonce"), ("uint256", "expiry")]


def test_vote__shares_passed_on__count_once(
    governor, token, propose, payment, founders, stranger, pass_time
):
    propose(payment)
    governor.castVote(payment.id, FOR, sender=founders[0])
    delegate(token, stranger, sender=stranger)
    token.transfer(stranger, 100 * SHARE, sender=founders[0])
    pass_time(10)
    assert governor.castVote(payment.id, FOR, sender=stranger).return_value == 0
    assert governor.proposalVotes(payment.id)[1] == 100 * SHARE


def test_delegate_by_sig__played_back__is_refused(token, founders, signer, stranger, signed, chain):
    token.transfer(signer.address, 10 * SHARE, sender=founders[0])
    expiry = chain.blocks.head.timestamp + 10**6

    def by_sig(delegatee, nonce):
        message = {"delegatee": delegatee.address, "nonce": nonce, "expiry": expiry}
        signature = signed(signer.key, token, "Delegation", FIELDS, message)
        r, s = (part.to_bytes(32, "big") for part in (signature.r, signature.s))
        token.delegateBySig(delegatee, nonce, expiry, signature.v, r, s, sender=stranger)

    by_sig(stranger, 0)
    by_sig(founders[1], 1)
    with ape.reverts("share: nonce already used"):
        by_sig(stranger, 0)
    assert token.getVotes(stranger) == 0
    assert token.getVotes(founders[1]) == 110 * SHARE
