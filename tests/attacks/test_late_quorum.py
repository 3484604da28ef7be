"""A whale waits until the last second and votes a proposal through that nobody troubled to oppose.

A quorum that is reached late keeps the vote open for the extension: the others have time to answer.
"""

from tests.unit.governor.conftest import AGAINST, DEFEATED, EXTENSION_S, FOR


def test_vote__whale_in_the_last_second__can_still_be_outvoted(
    governor, propose, payment, founders, pass_time, chain
):
    propose(payment, founders[0])
    chain.pending_timestamp = governor.proposalDeadline(payment.id)
    late = governor.castVote(payment.id, FOR, sender=founders[0])
    assert governor.proposalDeadline(payment.id) == late.timestamp + EXTENSION_S
    pass_time(EXTENSION_S - 10)
    for founder in founders[1:]:
        governor.castVote(payment.id, AGAINST, sender=founder)
    pass_time(20)
    assert governor.state(payment.id) == DEFEATED
