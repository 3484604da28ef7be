"""What a prediction paid by voucher costs in the end; the bars are what the project promises."""

from x402.mechanisms.evm.batch_settlement.facilitator.claim import build_voucher_claim_args

from tests.unit.payment_channels.conftest import another

N_CHANNELS = 50
N_PREDICTIONS = 1_000


def test_gas__batch_of_fifty_channels__stays_below_the_bar(config, pay_in, voucher, claim):
    channels = [another(config, number) for number in range(1, N_CHANNELS + 1)]
    for channel in channels:
        pay_in(channel, 2_000)
    claim(*(voucher(channel, 500) for channel in channels))
    # The second time nothing is new: what every later batch costs.
    receipt = claim(*(voucher(channel, 1_000) for channel in channels))
    print(f"claim_gas_per_channel_batch_50 = {receipt.gas_used // N_CHANNELS}")
    assert receipt.gas_used // N_CHANNELS <= 30_000


def test_gas__thousand_predictions_a_claim__stay_below_the_bar(
    channels, token, opened, voucher, receiver
):
    def claim_and_pay(total):
        rows = build_voucher_claim_args([voucher(opened, total)])
        calls = [channels.claim.encode_input(rows), channels.settle.encode_input(receiver, token)]
        return channels.multicall(calls, sender=receiver)

    claim_and_pay(1_000)
    receipt = claim_and_pay(2_000)
    assert token.balanceOf(receiver) == 2_000
    print(f"gas_per_prediction_1000_a_claim = {receipt.gas_used / N_PREDICTIONS}")
    assert receipt.gas_used <= 80 * N_PREDICTIONS
