import ape

from tests.unit.payment_channels.conftest import DEPOSIT, another, struct

NOT_SIGNED = "refund: not signed by the authorizer"
NONCE = "refund: nonce is not the next"


def test_refund__stranger__reverts(channels, opened, refused_to_outsiders):
    refused_to_outsiders(
        channels.refund, struct(opened), 1, reason="channels: caller is not the receiver"
    )


def test_refund__by_the_receiver__gives_back_what_is_unclaimed(
    channels, token, opened, payer, receiver, channel_id, voucher, claim
):
    claim(voucher(opened, 300))
    channels.refund(struct(opened), 100, sender=receiver)
    assert token.balanceOf(payer.address) == 100
    channels.refund(struct(opened), DEPOSIT, sender=receiver)  # at most what is left
    assert token.balanceOf(payer.address) == DEPOSIT - 300
    assert tuple(channels.channels(channel_id)) == (300, 300)
    assert channels.refundNonce(channel_id) == 2


def test_refund__nothing_left__uses_up_the_nonce_only(
    channels, token, opened, receiver, channel_id, voucher, claim, signed_refund, stranger, pay_in
):
    claim(voucher(opened, DEPOSIT))
    signed = signed_refund(opened, 50)
    receipt = channels.refund(struct(opened), 1, sender=receiver)
    assert not receipt.decode_logs(channels.Refunded)
    assert channels.refundNonce(channel_id) == 1
    pay_in(opened, 50)
    with ape.reverts(NONCE):
        channels.refundWithSignature(*signed, sender=stranger)
    with ape.reverts("refund: amount is zero"):
        channels.refund(struct(opened), 0, sender=receiver)


def test_refund_with_signature__once__pays_the_payer(
    channels, token, opened, payer, signed_refund, stranger
):
    signed = signed_refund(opened, 100)
    channels.refundWithSignature(*signed, sender=stranger)
    assert token.balanceOf(payer.address) == 100
    with ape.reverts(NONCE):
        channels.refundWithSignature(*signed, sender=stranger)


def test_refund_with_signature__anything_else_than_signed__reverts(
    channels, opened, payer, signed_refund, stranger, pay_in
):
    pay_in(another(opened))
    good = signed_refund(opened, 100)
    for changed in (
        [struct(another(opened)), *good[1:]],
        [good[0], 101, *good[2:]],
        signed_refund(opened, 100, signer=payer),
    ):
        with ape.reverts(NOT_SIGNED):
            channels.refundWithSignature(*changed, sender=stranger)
    with ape.reverts(NONCE):
        channels.refundWithSignature(good[0], 100, 1, good[3], sender=stranger)


def test_refund__while_a_withdrawal_waits__is_taken_off_it(
    channels, opened, payer, receiver, hands, channel_id
):
    own = hands(payer)
    at = channels.initiateWithdraw(struct(opened), 1_000, sender=own).timestamp
    channels.refund(struct(opened), 400, sender=receiver)
    assert tuple(channels.pendingWithdrawals(channel_id)) == (600, at)
    channels.refund(struct(opened), 600, sender=receiver)
    assert tuple(channels.pendingWithdrawals(channel_id)) == (0, 0)
    with ape.reverts("withdraw: no notice was given"):
        channels.finalizeWithdraw(struct(opened), sender=own)
