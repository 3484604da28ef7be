import ape

from tests.unit.payment_channels.conftest import DELAY_S, DEPOSIT, struct

REFUSED = "channels: caller is not the payer"


def test_initiate_withdraw__stranger__reverts(channels, opened, refused_to_outsiders):
    refused_to_outsiders(channels.initiateWithdraw, struct(opened), 1, reason=REFUSED)


def test_finalize_withdraw__stranger__reverts(channels, opened, refused_to_outsiders):
    refused_to_outsiders(channels.finalizeWithdraw, struct(opened), reason=REFUSED)


def test_withdraw__after_the_delay__gives_back_what_is_left(
    channels, token, opened, payer, hands, chain, channel_id, voucher, claim
):
    own = hands(payer)
    receipt = channels.initiateWithdraw(struct(opened), DEPOSIT, sender=own)
    at = receipt.timestamp
    assert tuple(channels.pendingWithdrawals(channel_id)) == (DEPOSIT, at)
    chain.pending_timestamp = at + DELAY_S - 1
    with ape.reverts("withdraw: delay is not over"):
        channels.finalizeWithdraw(struct(opened), sender=own)
    claim(voucher(opened, 300))  # in the delay the receiver is still heard
    chain.pending_timestamp = at + DELAY_S
    channels.finalizeWithdraw(struct(opened), sender=own)
    assert token.balanceOf(payer.address) == DEPOSIT - 300
    assert tuple(channels.channels(channel_id)) == (300, 300)
    with ape.reverts("withdraw: no notice was given"):
        channels.finalizeWithdraw(struct(opened), sender=own)


def test_initiate_withdraw__again__begins_anew(channels, opened, payer, hands, chain, channel_id):
    own = hands(payer)
    first = channels.initiateWithdraw(struct(opened), 5, sender=own).timestamp
    chain.pending_timestamp = first + DELAY_S - 10
    second = channels.initiateWithdraw(struct(opened), 7, sender=own).timestamp
    assert tuple(channels.pendingWithdrawals(channel_id)) == (7, second)
    chain.pending_timestamp = first + DELAY_S
    with ape.reverts("withdraw: delay is not over"):
        channels.finalizeWithdraw(struct(opened), sender=own)


def test_initiate_withdraw__out_of_bounds__reverts(channels, opened, payer, hands, voucher, claim):
    claim(voucher(opened, 300))
    own = hands(payer)
    with ape.reverts("withdraw: amount is zero"):
        channels.initiateWithdraw(struct(opened), 0, sender=own)
    with ape.reverts("withdraw: more than is unclaimed"):
        channels.initiateWithdraw(struct(opened), DEPOSIT - 299, sender=own)
