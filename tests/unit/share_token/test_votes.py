import ape
import pytest

from tests.unit.share_token.conftest import SHARE, delegate

ZERO = "0x" + "00" * 20
FIELDS = [("address", "delegatee"), ("uint256", "nonce"), ("uint256", "expiry")]


def test_delegates__founder__votes_for_itself_from_the_start(token, founders):
    for founder in founders:
        assert token.delegates(founder) == founder
        assert token.getVotes(founder) == 100 * SHARE


def test_clock__is_the_block_s_time_in_seconds(token, chain):
    assert token.clock() == chain.blocks.head.timestamp
    assert token.CLOCK_MODE() == "mode=timestamp"


def test_delegate__to_another__moves_votes(token, founders):
    receipt = delegate(token, founders[1], sender=founders[0])
    [changed] = receipt.decode_logs(token.DelegateChanged)
    assert (changed.delegator, changed.fromDelegate, changed.toDelegate) == (
        founders[0], founders[0], founders[1],
    )  # fmt: skip
    lost, won = receipt.decode_logs(token.DelegateVotesChanged)
    assert (lost.delegate, lost.previousVotes, lost.newVotes) == (founders[0], 100 * SHARE, 0)
    assert (won.delegate, won.previousVotes, won.newVotes) == (
        founders[1], 100 * SHARE, 200 * SHARE,
    )  # fmt: skip
    assert token.delegates(founders[0]) == founders[1]


def test_delegate__back_and_to_nobody__votes_follow(token, founders):
    delegate(token, founders[1], sender=founders[0])
    delegate(token, founders[0], sender=founders[0])
    assert (token.getVotes(founders[0]), token.getVotes(founders[1])) == (100 * SHARE, 100 * SHARE)
    delegate(token, ZERO, sender=founders[0])
    assert token.delegates(founders[0]) == ZERO
    assert (token.getVotes(founders[0]), token.getVotes(ZERO)) == (0, 0)
    assert token.balanceOf(founders[0]) == 100 * SHARE


def test_delegate__before_holding__counts_once_shares_arrive(token, founders, stranger):
    delegate(token, stranger, sender=stranger)
    token.transfer(stranger, SHARE, sender=founders[0])
    assert token.getVotes(stranger) == SHARE
    assert token.getVotes(founders[0]) == 99 * SHARE


def test_transfer__to_who_has_not_delegated__votes_lie_idle(token, founders, stranger):
    receipt = token.transfer(stranger, SHARE, sender=founders[0])
    assert len(receipt.decode_logs(token.DelegateVotesChanged)) == 1
    assert token.getVotes(stranger) == 0
    assert token.getVotes(founders[0]) == 99 * SHARE


def test_transfer__within_one_delegate__moves_no_votes(token, founders):
    delegate(token, founders[1], sender=founders[0])
    receipt = token.transfer(founders[1], SHARE, sender=founders[0])
    assert receipt.decode_logs(token.DelegateVotesChanged) == []
    assert token.getVotes(founders[1]) == 200 * SHARE


def test_get_past_votes__many_changes__each_second_is_remembered(token, founders, chain, pass_time):
    start = chain.blocks.head.timestamp
    timeline = []
    for amount in range(1, 10):
        pass_time(7 * amount)
        receipt = token.transfer(founders[1], amount * SHARE, sender=founders[0])
        timeline.append((receipt.timestamp, token.getVotes(founders[0])))
    pass_time(10)
    for i, (when, votes) in enumerate(timeline):
        before = timeline[i - 1][1] if i else 100 * SHARE
        assert token.getPastVotes(founders[0], when - 1) == before
        assert token.getPastVotes(founders[0], when) == votes
        assert token.getPastVotes(founders[0], when + 1) == votes
    assert token.getPastVotes(founders[0], start - 10**6) == 0
    assert token.numCheckpoints(founders[0]) == 10
    assert [tuple(token.checkpoints(founders[0], i)) for i in range(1, 10)] == timeline


def test_checkpoints__beyond_the_last__reverts(token, founders, stranger):
    with ape.reverts("checkpoints: no such position"):
        token.checkpoints(founders[0], 1)
    with ape.reverts("checkpoints: no such position"):
        token.checkpoints(stranger, 0)


def test_get_past_votes__now_or_later__reverts(token, founders, chain):
    now = chain.blocks.head.timestamp
    with ape.reverts("share: votes of the future"):
        token.getPastVotes(founders[0], now + 1_000)
    with ape.reverts("share: supply of the future"):
        token.getPastTotalSupply(now + 1_000)


def test_get_past_total_supply__after_a_mint__knows_before_and_after(
    token, founders, timelock, pass_time
):
    pass_time(10)
    receipt = token.mint(founders[0], SHARE, sender=timelock)
    pass_time(10)
    assert token.getPastTotalSupply(receipt.timestamp - 1) == 300 * SHARE
    assert token.getPastTotalSupply(receipt.timestamp) == 301 * SHARE


@pytest.fixture
def delegation(token, signer, chain, signed):
    """The arguments of a delegation that the signer gives."""

    def delegation_(delegatee, nonce=0, expiry=None):
        expiry = chain.blocks.head.timestamp + 100 if expiry is None else expiry
        message = {"delegatee": delegatee.address, "nonce": nonce, "expiry": expiry}
        signature = signed(signer.key, token, "Delegation", FIELDS, message)
        return [
            delegatee.address,
            nonce,
            expiry,
            signature.v,
            signature.r.to_bytes(32, "big"),
            signature.s.to_bytes(32, "big"),
        ]

    return delegation_


def test_delegate_by_sig__signed__delegates_once(token, founders, signer, stranger, delegation):
    token.transfer(signer.address, SHARE, sender=founders[0])
    args = delegation(founders[1])
    token.delegateBySig(*args, sender=stranger)
    assert token.delegates(signer.address) == founders[1]
    assert token.getVotes(founders[1]) == 101 * SHARE
    with ape.reverts("share: nonce already used"):
        token.delegateBySig(*args, sender=stranger)


def test_delegate_by_sig__expired_or_malformed__reverts(
    token, founders, stranger, delegation, chain
):
    with ape.reverts("share: delegation has expired"):
        token.delegateBySig(
            *delegation(founders[1], expiry=chain.blocks.head.timestamp - 1), sender=stranger
        )
    args = delegation(founders[1])
    args[3] = 30
    with ape.reverts("share: delegation not signed"):
        token.delegateBySig(*args, sender=stranger)
