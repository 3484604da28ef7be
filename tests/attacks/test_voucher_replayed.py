"""A receiver shows a voucher twice, in another channel, or on another chain or contract, to be paid
more than was promised.

A voucher is a sum in all, for one channel, and the channel's id binds payer, receiver, token, chain and
contract: shown again it adds nothing, shown elsewhere it was never signed.
"""

from dataclasses import replace

import ape
import pytest
from x402.mechanisms.evm.batch_settlement.client.voucher import sign_voucher
from x402.mechanisms.evm.batch_settlement.facilitator.claim import build_voucher_claim_args
from x402.mechanisms.evm.batch_settlement.utils import compute_channel_id
from x402.mechanisms.evm.signers import EthAccountSigner

from tests.unit.payment_channels.conftest import (  # noqa: F401
    another,
    authorizer,
    channel_id,
    channels,
    claim,
    config,
    network,
    opened,
    pay_in,
    payer,
    receiver,
    struct,
    token,
    voucher,
)

FORGED = "claim: voucher not signed by payer"


def test_voucher__claimed_twice__pays_once(
    channels, token, opened, voucher, claim, receiver, stranger
):  # fmt: skip
    row = voucher(opened, 100)
    claim(row, row, row)
    claim(row)
    channels.settle(receiver, token, sender=stranger)
    with ape.reverts("settle: nothing to settle"):
        channels.settle(receiver, token, sender=stranger)
    assert token.balanceOf(receiver) == 100


def test_voucher__of_one_channel_in_another__is_refused(
    opened, voucher, claim, pay_in, stranger
):  # fmt: skip
    row = voucher(opened, 100)
    for other in (
        another(opened),
        replace(opened, receiver=stranger.address),
        replace(opened, receiver_authorizer=opened.receiver_authorizer, withdraw_delay=901),
    ):
        pay_in(other)
        with ape.reverts(FORGED):
            claim(replace(row, channel=other))


@pytest.mark.parametrize("chain_id", [1, 4689])
def test_voucher__of_another_chain__is_refused(
    opened, voucher, claim, payer, chain_id
):  # fmt: skip
    """The same channel's id there, or the id here signed for there: neither counts."""
    there = f"eip155:{chain_id}"
    for channel in (compute_channel_id(opened, there), compute_channel_id(opened, "eip155:31337")):
        signed = sign_voucher(EthAccountSigner(payer), channel, 100, there)
        with ape.reverts(FORGED):
            claim(replace(voucher(opened, 100), signature=signed.signature))


def test_voucher__at_another_contract__is_refused(
    system, opened, voucher, receiver, token, deployer
):  # fmt: skip
    """The channels that the system deployed are another contract than x402's, with another domain."""
    elsewhere = system.payment_channels
    token.mint(deployer, 1_000, sender=deployer)
    token.approve(elsewhere, 1_000, sender=deployer)
    elsewhere.deposit(struct(opened), 1_000, "0x" + "00" * 20, b"", sender=deployer)
    with ape.reverts(FORGED):
        elsewhere.claim(build_voucher_claim_args([voucher(opened, 100)]), sender=receiver)
    assert tuple(elsewhere.receivers(receiver, token)) == (0, 0)
