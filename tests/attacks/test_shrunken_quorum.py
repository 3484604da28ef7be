"""A minority makes the quorum small enough for itself: it takes shares out of the supply, or has the
quorum lowered and comes back to a vote that had failed for the lack of it.

The supply never falls, and a proposal's quorum is that of its snapshot, whatever is decided later.
"""

import ape

from tests.unit.governor.conftest import DEFEATED, DELAY_S, FOR, PERIOD_S, SHARE, Actions

ZERO = "0x" + "00" * 20


def test_supply__cannot_be_shrunk(token, governor, founders, timelock, chain, pass_time):
    names = {abi.name for abi in token.contract_type.mutable_methods}
    assert not {name for name in names if "burn" in name.lower()}
    for nowhere in (ZERO, token):
        with ape.reverts("share: receiver cannot hold"):
            token.transfer(nowhere, SHARE, sender=founders[0])
    token.set_cap(token.totalSupply(), sender=timelock)
    with ape.reverts("share: cap below the supply"):
        token.set_cap(token.totalSupply() - 1, sender=timelock)
    # Votes that are delegated to nobody are still part of what the quorum is counted from.
    token.invoke_transaction("delegate", ZERO, sender=founders[0])
    pass_time(5)
    assert governor.quorum(chain.blocks.head.timestamp - 1) == 60 * SHARE


def test_quorum__lowered_after_a_defeat__revives_nothing(
    governor, token, propose, payment, founders, timelock, stranger, pass_time
):
    token.transfer(founders[1], 50 * SHARE, sender=founders[2])
    propose(payment, founders[2])
    governor.castVote(payment.id, FOR, sender=founders[2])  # 50 of the 60 that it takes
    governor.updateQuorumNumerator(1, sender=timelock)
    pass_time(PERIOD_S + 1)
    assert governor.state(payment.id) == DEFEATED
    with ape.reverts("queue: proposal has not succeeded"):
        governor.queue(*payment.key, sender=stranger)


def test_quorum__lowered_in_the_second_of_the_snapshot__is_the_lower_one_for_all(
    governor, propose, payment, founders, timelock, chain, pass_time
):
    """What counts is the end of that second, for the numerator as for the supply."""
    propose(payment, founders[0], wait=False)
    snapshot = governor.proposalSnapshot(payment.id)
    chain.pending_timestamp = snapshot
    governor.updateQuorumNumerator(1, sender=timelock)
    pass_time(2)
    assert governor.quorum(snapshot) == 3 * SHARE
    assert governor.quorum(snapshot - 1) == 60 * SHARE


def test_quorum__minting_under_way__needs_the_supply_of_the_snapshot(
    governor, token, propose, founders, timelock, stranger, pass_time
):
    """Nor can it be made too large: who mints to himself during a vote blocks nothing."""
    actions = Actions([stranger.address], [0], [b""], "Nothing to pay")
    propose(actions)
    token.mint(stranger, token.cap() - token.totalSupply(), sender=timelock)
    governor.castVote(actions.id, FOR, sender=founders[0])
    pass_time(PERIOD_S + 1)
    assert governor.quorum(governor.proposalSnapshot(actions.id)) == 60 * SHARE
    governor.queue(*actions.key, sender=stranger)
    assert governor.votingDelay() == DELAY_S
