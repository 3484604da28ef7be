"""A thief borrows most shares for one transaction, to propose or to decide a vote, and gives them
back.

Votes are read at a second that has passed: what is borrowed now weighs nothing, there and then or
later.
"""

import ape
import pytest

from tests.unit.governor.conftest import FOR, SHARE, Actions


@pytest.fixture
def thief(deployer, project, token, founders):
    """May borrow a founder's 100 shares of 300, five times the quorum's third."""
    thief = deployer.deploy(project.FlashVoter)
    token.approve(thief, 100 * SHARE, sender=founders[0])
    return thief


def borrow_and_call(thief, token, lender, contract, data, stranger):
    return thief.run(token, lender, 100 * SHARE, contract, data, sender=stranger)


def test_vote__with_borrowed_shares__weighs_nothing(
    thief, token, governor, propose, payment, founders, stranger
):
    propose(payment, founders[1])
    vote = governor.castVote.encode_input(payment.id, FOR)
    success, weight = borrow_and_call(
        thief, token, founders[0], governor, vote, stranger
    ).return_value
    assert success and int.from_bytes(weight, "big") == 0
    assert tuple(governor.proposalVotes(payment.id)) == (0, 0, 0)
    assert token.balanceOf(founders[0]) == 100 * SHARE
    # The lender's own vote is not lost by the loan.
    assert governor.castVote(payment.id, FOR, sender=founders[0]).return_value == 100 * SHARE


def test_propose__with_borrowed_shares__is_refused(thief, token, governor, founders, stranger):
    plunder = Actions([stranger.address], [1], [b""], "Plunder")
    data = governor.propose.encode_input(*plunder.args)
    success, _ = borrow_and_call(thief, token, founders[0], governor, data, stranger).return_value
    assert not success
    with ape.reverts("governor: unknown proposal"):
        governor.state(plunder.id)


def test_vote__borrowed_before_and_returned_in_the_snapshot_s_second__weighs_nothing(
    thief, token, governor, propose, payment, founders, stranger, chain, pass_time
):
    propose(payment, founders[1], wait=False)
    chain.pending_timestamp = governor.proposalSnapshot(payment.id)
    vote = governor.castVote.encode_input(payment.id, FOR)
    receipt = borrow_and_call(thief, token, founders[0], governor, vote, stranger)
    assert receipt.timestamp == governor.proposalSnapshot(payment.id)
    assert not receipt.return_value[0]  # the vote is not open yet
    pass_time(2)
    assert governor.getVotes(thief, receipt.timestamp) == 0
    assert governor.getVotes(founders[0], receipt.timestamp) == 100 * SHARE
