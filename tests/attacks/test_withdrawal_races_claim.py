"""A payer takes predictions, then withdraws before his vouchers are claimed; or spoils the batch in which
they are, so that other payers' vouchers are not claimed either.

His notice leaves the receiver the delay, in which a claim still counts. A receiver who sleeps through it
loses that channel's vouchers, and no other's.
"""

from tests.unit.payment_channels.conftest import (  # noqa: F401
    DELAY_S,
    DEPOSIT,
    another,
    authorizer,
    channel_id,
    channels,
    claim,
    config,
    hands,
    network,
    opened,
    pay_in,
    payer,
    receiver,
    struct,
    token,
    voucher,
)


def test_withdrawal__claimed_in_the_delay__leaves_what_is_owed(
    channels, token, opened, payer, hands, voucher, claim, chain, receiver, stranger
):  # fmt: skip
    own = hands(payer)
    at = channels.initiateWithdraw(struct(opened), DEPOSIT, sender=own).timestamp
    chain.pending_timestamp = at + DELAY_S - 1
    claim(voucher(opened, 700))
    chain.pending_timestamp = at + DELAY_S
    channels.finalizeWithdraw(struct(opened), sender=own)
    channels.settle(receiver, token, sender=stranger)
    assert token.balanceOf(receiver) == 700
    assert token.balanceOf(payer.address) == DEPOSIT - 700


def test_withdrawal__in_front_of_a_batch__spoils_no_other_row(
    channels, token, opened, payer, hands, voucher, claim, chain, receiver, pay_in, channel_id
):  # fmt: skip
    honest = another(opened)
    pay_in(honest)
    own = hands(payer)
    at = channels.initiateWithdraw(struct(opened), DEPOSIT, sender=own).timestamp
    rows = voucher(opened, 700), voucher(honest, 300)
    chain.pending_timestamp = at + DELAY_S
    channels.finalizeWithdraw(struct(opened), sender=own)
    claim(*rows)
    assert tuple(channels.receivers(receiver, token)) == (300, 0)
    assert tuple(channels.channels(channel_id)) == (0, 0)
