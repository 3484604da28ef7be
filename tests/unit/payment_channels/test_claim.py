from dataclasses import replace

import ape
import pytest
from x402.mechanisms.evm.batch_settlement.authorizer_signer import LocalAuthorizerSigner
from x402.mechanisms.evm.batch_settlement.facilitator.claim import (
    build_voucher_claim_args,
    execute_claim_with_signature,
)
from x402.mechanisms.evm.batch_settlement.facilitator.settle import execute_settle
from x402.mechanisms.evm.batch_settlement.types import ClaimPayload, SettlePayload
from x402.mechanisms.evm.signers import FacilitatorWeb3Signer
from x402.schemas import PaymentRequirements

from tests.unit.payment_channels.conftest import DEPOSIT, NOBODY, account, another


def args(*rows):
    return build_voucher_claim_args(list(rows))


def test_claim__stranger__reverts(channels, opened, voucher, refused_to_outsiders):
    refused_to_outsiders(
        channels.claim,
        args(voucher(opened, 100)),
        reason="channels: caller is not the receiver",
    )


def test_claim__by_the_receiver__counts_and_sends_nothing_yet(
    channels, token, opened, voucher, receiver, channel_id
):
    channels.claim(args(voucher(opened, 100, claimed=60)), sender=receiver)
    assert tuple(channels.channels(channel_id)) == (DEPOSIT, 60)
    assert tuple(channels.receivers(receiver, token)) == (60, 0)
    assert token.balanceOf(receiver) == 0


def test_claim__by_his_authorizer__counts(channels, opened, voucher, authorizer, hands, channel_id):
    channels.claim(args(voucher(opened, 100)), sender=hands(authorizer))
    assert tuple(channels.channels(channel_id)) == (DEPOSIT, 100)


def test_claim_with_signature__brought_by_a_stranger__claims_many_channels(
    channels, token, opened, voucher, claim, receiver, pay_in
):
    second = another(opened)
    pay_in(second, 500)
    claim(voucher(opened, 100), voucher(second, 400))
    assert tuple(channels.receivers(receiver, token)) == (500, 0)


def test_claim_with_signature__by_anyone_else_s__reverts(opened, voucher, claim, payer):
    with ape.reverts("claim: not signed by the authorizer"):
        claim(voucher(opened, 100), signer=payer)


def test_claim_with_signature__rows_changed_after_signing__reverts(
    channels, opened, voucher, authorizer, network, stranger
):
    from x402.mechanisms.evm.batch_settlement.authorizer_signer import sign_claim_batch

    signed = voucher(opened, 100, claimed=60)
    signature = sign_claim_batch(LocalAuthorizerSigner(authorizer), [signed], network)
    for rows in ([voucher(opened, 100, claimed=61)], [signed, signed]):
        with ape.reverts("claim: not signed by the authorizer"):
            channels.claimWithSignature(args(*rows), bytes.fromhex(signature[2:]), sender=stranger)


def test_claim_with_signature__two_authorizers__reverts(opened, voucher, claim):
    other = replace(opened, receiver_authorizer=account(5).address)
    with ape.reverts("claim: another authorizer"):
        claim(voucher(opened, 100), voucher(other, 100))


def test_claim_with_signature__no_rows__reverts(channels, stranger):
    with ape.reverts("claim: nothing to claim"):
        channels.claimWithSignature([], b"", sender=stranger)


def test_claim__more_than_the_voucher_or_forged__reverts(channels, opened, voucher, receiver):
    with ape.reverts("claim: more than the voucher"):
        channels.claim(args(voucher(opened, 100, claimed=101)), sender=receiver)
    for forged in (
        voucher(opened, 100, signer=account(7)),
        replace(voucher(opened, 100), max_claimable_amount="101"),
        replace(voucher(opened, 100), signature="0x"),
    ):
        with ape.reverts("claim: voucher not signed by payer"):
            channels.claim(args(forged), sender=receiver)


def test_claim__payer_is_a_contract__asks_it(
    channels, config, voucher, receiver, pay_in, deployer, project, payer
):
    wallet = deployer.deploy(project.Wallet, payer.address)
    owned = replace(config, payer=wallet.address, payer_authorizer=NOBODY)
    pay_in(owned, 100)
    with ape.reverts("claim: voucher not signed by payer"):
        channels.claim(args(voucher(owned, 90, signer=account(7))), sender=receiver)
    channels.claim(args(voucher(owned, 90)), sender=receiver)
    assert tuple(channels.receivers(receiver, config.token)) == (90, 0)


def test_claim__above_the_deposit__claims_what_is_there_and_the_rest_after_a_top_up(
    channels, config, voucher, receiver, pay_in, channel_id
):
    pay_in(config, 50)
    row = voucher(config, 80)
    channels.claim(args(row), sender=receiver)
    assert tuple(channels.channels(channel_id)) == (50, 50)
    pay_in(config, 100)
    channels.claim(args(row), sender=receiver)
    assert tuple(channels.channels(channel_id)) == (150, 80)


def test_digests__of_the_contract__are_the_package_s(
    channels, config, voucher, channel_id, authorizer, network
):
    from eth_account.messages import encode_typed_data
    from eth_utils import keccak
    from x402.mechanisms.evm.batch_settlement.constants import (
        CLAIM_BATCH_TYPES,
        REFUND_TYPES,
        VOUCHER_TYPES,
    )
    from x402.mechanisms.evm.batch_settlement.utils import get_batch_settlement_eip712_domain

    def digest(types, message):
        domain = get_batch_settlement_eip712_domain(int(network.split(":")[1]))
        signable = encode_typed_data(domain, types, message)
        return keccak(b"\x19\x01" + signable.header + signable.body)

    fields = {"channelId": channel_id, "maxClaimableAmount": 7}
    assert channels.getVoucherDigest(channel_id, 7) == digest(VOUCHER_TYPES, fields)
    refund = {"channelId": channel_id, "nonce": 3, "amount": 5}
    assert channels.getRefundDigest(channel_id, 3, 5) == digest(REFUND_TYPES, refund)
    for n_rows in (0, 1, 3):
        rows = [voucher(config, 7, claimed=5)] * n_rows
        batch = {"claims": [fields | {"totalClaimed": 5}] * n_rows}
        assert channels.getClaimBatchDigest(args(*rows)) == digest(CLAIM_BATCH_TYPES, batch)


def test_facilitator__of_the_package__claims_and_settles(
    channels, token, opened, voucher, authorizer, receiver, network, chain, deployer
):
    """x402's own facilitator, over the node's RPC: its ABI, its calls, its reading of our event."""
    signer = FacilitatorWeb3Signer(deployer.private_key, chain.provider.http_uri)
    requirements = PaymentRequirements(
        scheme="batch-settlement",
        network=network,
        asset=token.address,
        amount="100",
        pay_to=receiver.address,
        max_timeout_seconds=60,
        extra={},
    )
    claimed = execute_claim_with_signature(
        signer,
        ClaimPayload(claims=[voucher(opened, 100)]),
        requirements,
        LocalAuthorizerSigner(authorizer),
    )
    assert claimed.success, claimed.error_message
    settled = execute_settle(
        signer, SettlePayload(receiver=receiver.address, token=token.address), requirements
    )
    assert settled.success, settled.error_message
    assert token.balanceOf(receiver) == 100
    assert tuple(channels.receivers(receiver, token)) == (100, 100)


@pytest.mark.parametrize("total", [99, 100])
def test_claim__no_more_than_before__is_passed_over(
    channels, opened, voucher, claim, channel_id, total, receiver, pay_in
):
    second = another(opened)
    pay_in(second)
    claim(voucher(opened, 100))
    receipt = claim(voucher(opened, 100, claimed=total), voucher(second, 30))
    assert tuple(channels.channels(channel_id)) == (DEPOSIT, 100)
    [event] = receipt.decode_logs(channels.Claimed)
    assert event.amount == 30
