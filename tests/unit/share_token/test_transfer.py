import ape

from tests.unit.share_token.conftest import SHARE

ZERO = "0x" + "00" * 20


def test_transfer__enough__moves_shares(token, founders, stranger):
    receipt = token.transfer(stranger, 30 * SHARE, sender=founders[0])
    [event] = receipt.decode_logs(token.Transfer)
    assert (event.sender, event.receiver, event.value) == (founders[0], stranger, 30 * SHARE)
    assert token.balanceOf(founders[0]) == 70 * SHARE
    assert token.balanceOf(stranger) == 30 * SHARE
    assert token.totalSupply() == 300 * SHARE


def test_transfer__to_oneself__changes_nothing(token, founders):
    token.transfer(founders[0], 30 * SHARE, sender=founders[0])
    assert token.balanceOf(founders[0]) == 100 * SHARE
    assert token.getVotes(founders[0]) == 100 * SHARE


def test_transfer__too_much__reverts(token, founders, stranger):
    with ape.reverts("share: balance too small"):
        token.transfer(stranger, 100 * SHARE + 1, sender=founders[0])


def test_transfer__to_who_cannot_hold__reverts(token, founders):
    for receiver in (ZERO, token):
        with ape.reverts("share: receiver cannot hold"):
            token.transfer(receiver, 1, sender=founders[0])


def test_transfer_from__allowed__spends_allowance(token, founders, stranger):
    token.approve(stranger, 5 * SHARE, sender=founders[0])
    token.transferFrom(founders[0], stranger, 2 * SHARE, sender=stranger)
    assert token.allowance(founders[0], stranger) == 3 * SHARE
    assert token.balanceOf(stranger) == 2 * SHARE
    with ape.reverts("share: allowance too small"):
        token.transferFrom(founders[0], stranger, 3 * SHARE + 1, sender=stranger)


def test_transfer_from__unlimited__keeps_allowance(token, founders, stranger):
    token.approve(stranger, 2**256 - 1, sender=founders[0])
    token.transferFrom(founders[0], stranger, 2 * SHARE, sender=stranger)
    assert token.allowance(founders[0], stranger) == 2**256 - 1


def test_transfer_from__stranger__reverts(token, founders, refused_to_outsiders):
    refused_to_outsiders(
        token.transferFrom, founders[0], founders[1], 1, reason="share: allowance too small"
    )
