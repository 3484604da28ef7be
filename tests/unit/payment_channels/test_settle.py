import ape


def test_settle__by_a_stranger__pays_the_receiver_once(
    channels, token, opened, voucher, claim, receiver, stranger
):
    claim(voucher(opened, 100))
    receipt = channels.settle(receiver, token, sender=stranger)
    assert token.balanceOf(receiver) == 100
    [event] = receipt.decode_logs(channels.Settled)
    assert (event.receiver, event.token, event.sender, event.amount) == (
        receiver,
        token,
        stranger,
        100,
    )
    with ape.reverts("settle: nothing to settle"):
        channels.settle(receiver, token, sender=stranger)
    claim(voucher(opened, 130))
    channels.settle(receiver, token, sender=stranger)
    assert token.balanceOf(receiver) == 130


def test_settle__nothing_claimed__reverts(channels, token, opened, stranger, receiver):
    for who in (stranger, receiver):
        with ape.reverts("settle: nothing to settle"):
            channels.settle(who, token, sender=stranger)


def test_multicall__claim_and_settle__pays_in_one_transaction(
    channels, token, opened, voucher, receiver
):
    from x402.mechanisms.evm.batch_settlement.facilitator.claim import build_voucher_claim_args

    rows = build_voucher_claim_args([voucher(opened, 100)])
    calls = [channels.claim.encode_input(rows), channels.settle.encode_input(receiver, token)]
    channels.multicall(calls, sender=receiver)
    assert token.balanceOf(receiver) == 100


def test_multicall__one_reverts__nothing_is_done(
    channels, token, opened, voucher, receiver, stranger
):
    from x402.mechanisms.evm.batch_settlement.facilitator.claim import build_voucher_claim_args

    rows = build_voucher_claim_args([voucher(opened, 100)])
    calls = [channels.claim.encode_input(rows), channels.settle.encode_input(receiver, token)]
    with ape.reverts("channels: caller is not the receiver"):
        channels.multicall(calls, sender=stranger)  # he has no more rights than without it
    with ape.reverts("settle: nothing to settle"):
        channels.multicall([*calls, calls[1]], sender=receiver)
    assert token.balanceOf(receiver) == 0
