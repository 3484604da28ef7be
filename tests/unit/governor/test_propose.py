import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from tests.unit.governor.conftest import (
    ACTIVE,
    CANCELED,
    DELAY_S,
    PENDING,
    PERIOD_S,
    Actions,
)

ZERO = "0x" + "00" * 20


def test_propose__stranger__reverts(governor, payment, refused_to_outsiders):
    refused_to_outsiders(
        governor.propose, *payment.args, reason="propose: votes below the threshold"
    )


def test_propose__enough_votes__is_pending_then_active(
    governor, payment, propose, founders, pass_time
):
    receipt = propose(payment, wait=False)
    assert governor.state(payment.id) == PENDING
    snapshot = receipt.timestamp + DELAY_S
    assert governor.proposalSnapshot(payment.id) == snapshot
    assert governor.proposalDeadline(payment.id) == snapshot + PERIOD_S
    assert governor.proposalProposer(payment.id) == founders[0]
    assert governor.proposalEta(payment.id) == 0
    assert governor.proposalNeedsQueuing(payment.id)
    assert governor.open_until(founders[0]) == snapshot + PERIOD_S
    pass_time(DELAY_S)
    assert governor.state(payment.id) == PENDING
    pass_time(1)
    assert governor.state(payment.id) == ACTIVE


def test_propose__log__as_openzeppelin_s(governor, propose, founders, stranger, lock):
    actions = Actions([stranger.address, lock.address], [5, 0], [b"", b"\1\2"], "Why\nnot?")
    receipt = propose(actions, wait=False)
    [log] = receipt.logs
    assert [topic.hex() for topic in log["topics"]] == [
        keccak(
            text="ProposalCreated(uint256,address,address[],uint256[],string[],bytes[],"
            "uint256,uint256,string)"
        ).hex()
    ]
    start = receipt.timestamp + DELAY_S
    types = [
        "uint256", "address", "address[]", "uint256[]", "string[]", "bytes[]",
        "uint256", "uint256", "string",
    ]  # fmt: skip
    assert bytes(log["data"]) == encode(
        types,
        [
            actions.id, founders[0].address, actions.targets, actions.amounts, ["", ""],
            actions.calldatas, start, start + PERIOD_S, actions.description,
        ],
    )  # fmt: skip
    assert governor.hashProposal(*actions.key) == actions.id
    assert governor.getProposalId(*actions.key) == actions.id


def test_propose__ten_long_calls__go_through(governor, propose, stranger):
    actions = Actions([stranger.address] * 10, [0] * 10, [bytes(range(256)) * 4] * 10, "x" * 4_096)
    receipt = propose(actions, wait=False)
    [event] = receipt.decode_logs(governor.ProposalCreated)
    assert event.proposalId == actions.id
    assert [bytes(data) for data in event.calldatas] == actions.calldatas
    with ape.reverts():
        propose(Actions([stranger.address] * 11, [0] * 11, [b""] * 11), wait=False)


@pytest.mark.parametrize(
    ("targets", "amounts", "calldatas", "reason"),
    [
        ([], [], [], "propose: no action"),
        ([ZERO], [1, 2], [b""], "propose: values unlike targets"),
        ([ZERO], [1], [], "propose: calldatas unlike targets"),
    ],
)
def test_propose__malformed__reverts(propose, targets, amounts, calldatas, reason):
    with ape.reverts(reason):
        propose(Actions(targets, amounts, calldatas), wait=False)


def test_propose__the_same_again__reverts(propose, payment, founders):
    propose(payment)
    with ape.reverts("propose: already proposed"):
        propose(payment, founders[1])


def test_propose__while_an_earlier_one_is_open__reverts(
    governor, propose, payment, founders, stranger, pass_time
):
    propose(payment)
    another = Actions([stranger.address], [1], [b""])
    with ape.reverts("propose: an earlier one is open"):
        propose(another, wait=False)
    propose(another, founders[1], wait=False)
    pass_time(governor.proposalDeadline(payment.id) - governor.clock() + 1)
    propose(Actions([stranger.address], [2], [b""]), wait=False)


@pytest.mark.parametrize("letters", [str, str.lower, lambda text: "0x" + text[2:].upper()])
def test_propose__meant_for_a_proposer__is_refused_to_others(propose, founders, stranger, letters):
    suffix = "#proposer=" + letters(founders[0].address)
    actions = Actions([stranger.address], [5], [b""], f"Pay {suffix}")
    with ape.reverts("propose: meant for another proposer"):
        propose(actions, founders[1], wait=False)
    propose(actions, wait=False)


@pytest.mark.parametrize(
    "suffix",
    [
        "#proposer=0x" + "g" * 40,
        "#proposer=0x" + "1" * 39,
        "#proposer=0x" + "1" * 40 + " ",
        "#proposer=1x" + "1" * 40,
        "#proposes=0x" + "1" * 40,
        "",
    ],
)
def test_propose__malformed_suffix__means_nobody(propose, stranger, suffix):
    propose(Actions([stranger.address], [5], [b""], suffix), wait=False)


def test_cancel__stranger__reverts(governor, propose, payment, refused_to_outsiders, founders):
    propose(payment, wait=False)
    refused_to_outsiders(governor.cancel, *payment.key, reason="cancel: caller is not the proposer")
    with ape.reverts("cancel: caller is not the proposer"):
        governor.cancel(*payment.key, sender=founders[1])


def test_cancel__by_the_proposer__while_pending_only(
    governor, propose, payment, founders, stranger, pass_time
):
    propose(payment, wait=False)
    receipt = governor.cancel(*payment.key, sender=founders[0])
    [event] = receipt.decode_logs(governor.ProposalCanceled)
    assert event.proposalId == payment.id
    assert governor.state(payment.id) == CANCELED
    with ape.reverts("cancel: the vote has opened"):
        governor.cancel(*payment.key, sender=founders[0])
    with ape.reverts("propose: already proposed"):
        propose(payment, wait=False)
    # The proposer is free to propose something else at once.
    another = Actions([stranger.address], [1], [b""])
    propose(another)
    with ape.reverts("cancel: the vote has opened"):
        governor.cancel(*another.key, sender=founders[0])
    with ape.reverts("vote: not open"):
        governor.castVote(payment.id, 1, sender=founders[0])


def test_state__unknown__reverts(governor):
    with ape.reverts("governor: unknown proposal"):
        governor.state(1)
