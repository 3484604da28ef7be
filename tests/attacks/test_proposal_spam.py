"""A holder floods the board with proposals, so that voters miss the one that matters.

A proposer has one open proposal at most, and needs votes of a second that has passed: a hundred
addresses with nothing propose nothing, and shares split among several are below the threshold in
each. Shares passed on to a second address do propose once more; every such proposal costs its gas,
and dies if nobody votes for it.
"""

import ape
import pytest

from tests.unit.governor.conftest import DEFEATED, PERIOD_S, SHARE, Actions
from tests.unit.share_token.conftest import delegate


@pytest.fixture
def spam(stranger):
    return [Actions([stranger.address], [1], [b""], f"Look here {n}") for n in range(4)]


def test_propose__again_and_again__one_is_open(governor, propose, spam, founders):
    propose(spam[0], wait=False)
    for more in spam[1:]:
        with ape.reverts("propose: an earlier one is open"):
            propose(more, wait=False)
    # To withdraw one makes room for one.
    governor.cancel(*spam[0].key, sender=founders[0])
    propose(spam[1], wait=False)
    with ape.reverts("propose: an earlier one is open"):
        propose(spam[2], wait=False)


def test_propose__shares_split_below_the_threshold__none_is_made(
    token, propose, spam, founders, stranger, challenger, requester, pass_time
):
    puppets = [stranger, challenger, requester]
    for puppet in puppets:
        delegate(token, puppet, sender=puppet)
        token.transfer(puppet, SHARE - 1, sender=founders[0])
    pass_time(12)
    for puppet, actions in zip(puppets, spam, strict=False):
        with ape.reverts("propose: votes below the threshold"):
            propose(actions, puppet, wait=False)


def test_propose__same_shares_passed_on_in_a_second__make_one(
    governor, token, propose, spam, founders, stranger, chain
):
    delegate(token, stranger, sender=stranger)
    propose(spam[0], wait=False)
    moved = token.transfer(stranger, 100 * SHARE, sender=founders[0]).timestamp
    # In the second in which they came: what a block of two transactions would do.
    chain.pending_timestamp = moved
    with ape.reverts("propose: votes below the threshold"):
        governor.propose(*spam[1].args, sender=stranger)


def test_propose__spam_that_nobody_votes_for__is_defeated(
    governor, token, propose, spam, founders, stranger, pass_time
):
    propose(spam[0])
    delegate(token, stranger, sender=stranger)
    token.transfer(stranger, 100 * SHARE, sender=founders[0])
    propose(spam[1], stranger)
    pass_time(PERIOD_S + 1)
    for actions in spam[:2]:
        assert governor.state(actions.id) == DEFEATED
        with ape.reverts("queue: proposal has not succeeded"):
            governor.queue(*actions.key, sender=stranger)
