import ape
import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak

from tests.unit.governor.conftest import (
    ABSTAIN,
    AGAINST,
    DEFEATED,
    DELAY_S,
    EXTENSION_S,
    FOR,
    PERIOD_S,
    SHARE,
    SUCCEEDED,
)
from tests.unit.share_token.conftest import delegate

BALLOT = [
    ("uint256", "proposalId"),
    ("uint8", "support"),
    ("address", "voter"),
    ("uint256", "nonce"),
]
EXTENDED = [*BALLOT, ("string", "reason"), ("bytes", "params")]


def votes(governor, actions):
    return [part // SHARE for part in governor.proposalVotes(actions.id)]


def test_cast_vote__each_choice__is_counted_once(governor, propose, payment, founders):
    propose(payment)
    for founder, support in zip(founders, (AGAINST, FOR, ABSTAIN), strict=True):
        assert not governor.hasVoted(payment.id, founder)
        receipt = governor.castVote(payment.id, support, sender=founder)
        assert receipt.return_value == 100 * SHARE
        assert governor.hasVoted(payment.id, founder)
    assert votes(governor, payment) == [100, 100, 100]
    with ape.reverts("vote: already cast"):
        governor.castVote(payment.id, FOR, sender=founders[0])


def test_cast_vote__logs__as_openzeppelin_s(governor, propose, payment, founders):
    propose(payment)
    plain = governor.castVote(payment.id, FOR, sender=founders[0])
    reasoned = governor.castVoteWithReason(payment.id, AGAINST, "no", sender=founders[1])
    params = governor.castVoteWithReasonAndParams(payment.id, 2, "well", b"\7", sender=founders[2])
    expected = [
        ("VoteCast(address,uint256,uint8,uint256,string)", (FOR, 100 * SHARE, "")),
        ("VoteCast(address,uint256,uint8,uint256,string)", (AGAINST, 100 * SHARE, "no")),
        (
            "VoteCastWithParams(address,uint256,uint8,uint256,string,bytes)",
            (ABSTAIN, 100 * SHARE, "well", b"\7"),
        ),
    ]
    for founder, receipt, (signature, values) in zip(
        founders, (plain, reasoned, params), expected, strict=True
    ):
        [log] = receipt.logs
        assert [topic.hex() for topic in log["topics"]] == [
            keccak(text=signature).hex(),
            "0" * 24 + founder.address[2:].lower(),
        ]
        types = ["uint256", "uint8", "uint256", "string", "bytes"][: len(values) + 1]
        assert bytes(log["data"]) == encode(types, [payment.id, *values])


def test_cast_vote__stranger__weighs_nothing(governor, propose, payment, stranger):
    propose(payment)
    assert governor.castVote(payment.id, FOR, sender=stranger).return_value == 0
    assert votes(governor, payment) == [0, 0, 0]


def test_cast_vote__before_and_after__reverts(governor, propose, payment, founders, pass_time):
    propose(payment, wait=False)
    with ape.reverts("vote: not open"):
        governor.castVote(payment.id, FOR, sender=founders[0])
    pass_time(DELAY_S + PERIOD_S + 2)
    with ape.reverts("vote: not open"):
        governor.castVote(payment.id, FOR, sender=founders[0])


def test_cast_vote__unknown_choice_or_proposal__reverts(governor, propose, payment, founders):
    propose(payment)
    with ape.reverts("vote: no such choice"):
        governor.castVote(payment.id, 3, sender=founders[0])
    with ape.reverts("governor: unknown proposal"):
        governor.castVote(payment.id + 1, FOR, sender=founders[0])


def test_cast_vote__shares_moved_after_the_snapshot__still_count(
    governor, token, propose, payment, founders, stranger
):
    propose(payment)
    token.transfer(stranger, 100 * SHARE, sender=founders[0])
    delegate(token, stranger, sender=stranger)
    assert governor.castVote(payment.id, FOR, sender=founders[0]).return_value == 100 * SHARE
    assert governor.castVote(payment.id, FOR, sender=stranger).return_value == 0
    snapshot = governor.proposalSnapshot(payment.id)
    assert governor.getVotes(founders[0], snapshot) == 100 * SHARE
    assert governor.getVotesWithParams(founders[0], snapshot, b"") == 100 * SHARE


@pytest.fixture
def electorate(token, founders, stranger):
    """Three voters with 150, 100 and 50 shares, of 300."""
    token.transfer(founders[0], 50 * SHARE, sender=founders[2])
    return founders


@pytest.mark.parametrize(
    ("choices", "state"),
    [
        ((None, None, None), DEFEATED),
        ((None, None, FOR), DEFEATED),  # 50 of the 60 that a quorum needs
        ((None, None, ABSTAIN), DEFEATED),
        ((None, FOR, None), SUCCEEDED),
        ((None, AGAINST, FOR), DEFEATED),
        ((None, ABSTAIN, FOR), SUCCEEDED),  # abstaining counts for the quorum
        ((FOR, AGAINST, None), SUCCEEDED),
        ((FOR, AGAINST, AGAINST), DEFEATED),  # a tie
        ((ABSTAIN, None, None), DEFEATED),
    ],
)
def test_state__after_the_vote__follows_the_tallies(
    governor, propose, payment, electorate, pass_time, choices, state
):
    propose(payment)
    for voter, choice in zip(electorate, choices, strict=True):
        if choice is not None:
            governor.castVote(payment.id, choice, sender=voter)
    pass_time(PERIOD_S + 1)
    assert governor.state(payment.id) == state


def test_quorum__at_its_snapshot__ignores_later_mints_and_rules(
    governor, token, propose, payment, stranger, timelock, pass_time
):
    propose(payment)
    snapshot = governor.proposalSnapshot(payment.id)
    assert governor.quorum(snapshot) == 60 * SHARE
    token.mint(stranger, 300 * SHARE, sender=timelock)
    governor.updateQuorumNumerator(50, sender=timelock)
    now = governor.clock()
    pass_time(10)
    assert governor.quorum(snapshot) == 60 * SHARE
    assert governor.quorum(now) == 300 * SHARE
    assert governor.quorumNumerator(snapshot) == 20
    assert governor.quorumNumerator() == 50


def test_cast_vote__quorum_reached_late__extends_once(
    governor, propose, payment, founders, pass_time
):
    propose(payment)
    deadline = governor.proposalDeadline(payment.id)
    pass_time(deadline - governor.clock() - 100)
    late = governor.castVote(payment.id, ABSTAIN, sender=founders[0])
    [event] = late.decode_logs(governor.ProposalExtended)
    assert (event.proposalId, event.extendedDeadline) == (
        payment.id, late.timestamp + EXTENSION_S,
    )  # fmt: skip
    assert governor.proposalDeadline(payment.id) == late.timestamp + EXTENSION_S
    assert governor.open_until(founders[0]) == late.timestamp + EXTENSION_S
    pass_time(EXTENSION_S - 100)
    for founder in founders[1:]:
        again = governor.castVote(payment.id, FOR, sender=founder)
        assert again.decode_logs(governor.ProposalExtended) == []
    pass_time(200)
    assert governor.state(payment.id) == SUCCEEDED
    assert governor.proposalDeadline(payment.id) == late.timestamp + EXTENSION_S


def test_cast_vote__quorum_reached_in_time__extends_nothing(
    governor, propose, payment, founders, pass_time
):
    propose(payment)
    deadline = governor.proposalDeadline(payment.id)
    governor.castVote(payment.id, FOR, sender=founders[0])
    pass_time(deadline - governor.clock() - 100)
    for founder, support in zip(founders[1:], (FOR, AGAINST), strict=True):
        governor.castVote(payment.id, support, sender=founder)
    assert governor.proposalDeadline(payment.id) == deadline


def test_cast_vote__late_against__extends_nothing(governor, propose, payment, founders, pass_time):
    propose(payment)
    deadline = governor.proposalDeadline(payment.id)
    pass_time(deadline - governor.clock() - 100)
    governor.castVote(payment.id, AGAINST, sender=founders[0])
    assert governor.proposalDeadline(payment.id) == deadline


@pytest.fixture
def wallet(deployer, project, signer):
    """A contract for which the signer signs (ERC-1271)."""
    return deployer.deploy(project.Wallet, signer.address)


def ballot(actions, voter, support=FOR, nonce=0):
    return {"proposalId": actions.id, "support": support, "voter": voter, "nonce": nonce}


def test_cast_vote_by_sig__signed_by_a_key__counts_once(
    governor, token, propose, payment, founders, signer, stranger, signed
):
    delegate(token, signer.address, sender=founders[1])
    propose(payment)
    message = ballot(payment, signer.address)
    signature = signed(signer.key, governor, "Ballot", BALLOT, message).signature
    args = (payment.id, FOR, signer.address, signature)
    receipt = governor.castVoteBySig(*args, sender=stranger)
    assert receipt.return_value == 100 * SHARE
    assert governor.hasVoted(payment.id, signer.address)
    assert governor.nonces(signer.address) == 1
    with ape.reverts("vote: not signed by the voter"):
        governor.castVoteBySig(*args, sender=stranger)


def test_cast_vote_by_sig__anything_else_than_signed__reverts(
    governor, propose, payment, signer, stranger, signed
):
    propose(payment)
    signature = signed(
        signer.key, governor, "Ballot", BALLOT, ballot(payment, signer.address)
    ).signature
    other = Account.from_key("0x" + "52" * 32)
    forged = signed(
        other.key, governor, "Ballot", BALLOT, ballot(payment, signer.address)
    ).signature
    for support, voter, proof in (
        (AGAINST, signer.address, signature),
        (FOR, stranger.address, signature),
        (FOR, signer.address, forged),
        (FOR, signer.address, signature[:64]),
        (FOR, signer.address, b""),
        (FOR, "0x" + "00" * 20, bytes(65)),
    ):
        with ape.reverts("vote: not signed by the voter"):
            governor.castVoteBySig(payment.id, support, voter, proof, sender=stranger)


def test_cast_vote_by_sig__signed_for_a_contract__counts(
    governor, token, propose, payment, founders, wallet, signer, stranger, signed
):
    delegate(token, wallet, sender=founders[1])
    propose(payment)
    message = ballot(payment, wallet.address)
    signature = signed(signer.key, governor, "Ballot", BALLOT, message).signature
    with ape.reverts("vote: not signed by the voter"):
        governor.castVoteBySig(payment.id, AGAINST, wallet, signature, sender=stranger)
    receipt = governor.castVoteBySig(payment.id, FOR, wallet, signature, sender=stranger)
    assert receipt.return_value == 100 * SHARE


def test_cast_vote_by_sig__for_a_contract_that_cannot_sign__reverts(
    governor, token, propose, payment, stranger
):
    propose(payment)
    for contract in (token, governor):
        with ape.reverts("vote: not signed by the voter"):
            governor.castVoteBySig(payment.id, FOR, contract, bytes(65), sender=stranger)


def test_cast_vote_with_reason_and_params_by_sig__signed__counts_once(
    governor, token, propose, payment, founders, signer, stranger, signed
):
    delegate(token, signer.address, sender=founders[1])
    propose(payment)
    message = ballot(payment, signer.address) | {"reason": "because", "params": b"\1\2"}
    signature = signed(signer.key, governor, "ExtendedBallot", EXTENDED, message).signature
    args = [payment.id, FOR, signer.address, "because", b"\1\2", signature]
    changed = [*args[:3], "for no reason", *args[4:]]
    with ape.reverts("vote: reason not signed by the voter"):
        governor.castVoteWithReasonAndParamsBySig(*changed, sender=stranger)
    receipt = governor.castVoteWithReasonAndParamsBySig(*args, sender=stranger)
    [event] = receipt.decode_logs(governor.VoteCastWithParams)
    assert (event.voter, event.weight, event.reason) == (signer.address, 100 * SHARE, "because")
    with ape.reverts("vote: reason not signed by the voter"):
        governor.castVoteWithReasonAndParamsBySig(*args, sender=stranger)
