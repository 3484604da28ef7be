"""PaymentChannels under arbitrary sequences of calls; invariants as docs/spec/payments.md names them.

x402's package signs, so the contract is where that package expects it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boa
from eth_account import Account
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from x402.mechanisms.evm.batch_settlement.authorizer_signer import (
    LocalAuthorizerSigner,
    sign_claim_batch,
    sign_refund,
)
from x402.mechanisms.evm.batch_settlement.client.voucher import sign_voucher
from x402.mechanisms.evm.batch_settlement.constants import BATCH_SETTLEMENT_ADDRESS
from x402.mechanisms.evm.batch_settlement.facilitator.claim import build_voucher_claim_args
from x402.mechanisms.evm.batch_settlement.facilitator.utils import to_contract_channel_config
from x402.mechanisms.evm.batch_settlement.types import ChannelConfig, VoucherClaim
from x402.mechanisms.evm.batch_settlement.utils import compute_channel_id
from x402.mechanisms.evm.signers import EthAccountSigner

from tests.stateful._boa_system import load

NOBODY = "0x" + "00" * 20
DELAYS_S = (900, 2_000)
PAYERS = [Account.from_key((0xA11 + i).to_bytes(32, "big")) for i in range(2)]
AUTHORIZER = Account.from_key((0xB22).to_bytes(32, "big"))
CHANNEL = st.integers(0, 3)
AMOUNT = st.integers(1, 1_000)


@dataclass
class Channel:
    """What must be so of one channel, tracked apart from the contract."""

    config: ChannelConfig
    payer: Any
    paid_in: int = 0
    back: int = 0
    claimed: int = 0
    signed: int = 0  # the highest voucher
    notice: tuple[int, int] | None = None  # amount, time
    nonce: int = 0
    rows: list[VoucherClaim] = field(default_factory=list)

    @property
    def struct(self) -> Any:
        return to_contract_channel_config(self.config)

    @property
    def unclaimed(self) -> int:
        return self.paid_in - self.back - self.claimed


class Channels(RuleBasedStateMachine):
    """Two payers with two channels each to two receivers, who claim any voucher at any time."""

    @initialize()
    def deploy(self) -> None:
        self.contract = load("PaymentChannels").deploy(override_address=BATCH_SETTLEMENT_ADDRESS)
        self.token = load("AuthorizedToken").deploy()
        self.receivers = [boa.env.generate_address(f"receiver {i}") for i in range(2)]
        self.bank = boa.env.generate_address("bank")
        self.token.approve(self.contract, 2**255, sender=self.bank)
        self.network = f"eip155:{boa.env.evm.patch.chain_id}"
        self.channels = [
            Channel(
                ChannelConfig(
                    payer=PAYERS[i % 2].address,
                    payer_authorizer=PAYERS[i % 2].address,
                    receiver=str(self.receivers[i // 2]),
                    receiver_authorizer=AUTHORIZER.address,
                    token=str(self.token.address),
                    withdraw_delay=DELAYS_S[i % 2],
                    salt="0x" + "00" * 32,
                ),
                PAYERS[i % 2],
            )
            for i in range(4)
        ]
        self.settled = [0, 0]

    def _id(self, channel: Channel) -> str:
        return compute_channel_id(channel.config, self.network)

    @rule(which=CHANNEL, amount=AMOUNT)
    def deposit(self, which: int, amount: int) -> None:
        channel = self.channels[which]
        self.token.mint(self.bank, amount)
        self.contract.deposit(channel.struct, amount, NOBODY, b"", sender=self.bank)
        channel.paid_in += amount

    @rule(which=CHANNEL, more=AMOUNT, part=st.integers(0, 1_000))
    def sign(self, which: int, more: int, part: int) -> None:
        channel = self.channels[which]
        channel.signed += more
        fields = sign_voucher(
            EthAccountSigner(channel.payer), self._id(channel), channel.signed, self.network
        )
        channel.rows.append(
            VoucherClaim(
                channel=channel.config,
                max_claimable_amount=str(channel.signed),
                signature=fields.signature,
                total_claimed=str(max(0, channel.signed - part)),
            )
        )

    @rule(picks=st.lists(st.tuples(CHANNEL, st.integers(0, 10)), min_size=1, max_size=5))
    def claim(self, picks: list[tuple[int, int]]) -> None:
        rows = []
        for which, place in picks:
            if self.channels[which].rows:
                rows.append(
                    (which, self.channels[which].rows[-1 - place % len(self.channels[which].rows)])
                )
        if not rows:
            return
        batch = [row for _, row in rows]
        signature = sign_claim_batch(LocalAuthorizerSigner(AUTHORIZER), batch, self.network)
        self.contract.claimWithSignature(
            build_voucher_claim_args(batch), bytes.fromhex(signature[2:]), sender=self.bank
        )
        for which, row in rows:
            channel = self.channels[which]
            total = min(int(row.total_claimed), channel.paid_in - channel.back)
            channel.claimed = max(channel.claimed, total)

    @rule(which=st.integers(0, 1))
    def settle(self, which: int) -> None:
        due = self._claimed(which) - self.settled[which]
        if due == 0:
            with boa.reverts("settle: nothing to settle"):
                self.contract.settle(self.receivers[which], self.token, sender=self.bank)
        else:
            self.contract.settle(self.receivers[which], self.token, sender=self.bank)
            self.settled[which] += due

    @rule(which=CHANNEL, amount=AMOUNT)
    def give_notice(self, which: int, amount: int) -> None:
        channel = self.channels[which]
        payer = channel.payer.address
        if amount > channel.unclaimed:
            with boa.reverts("withdraw: more than is unclaimed"):
                self.contract.initiateWithdraw(channel.struct, amount, sender=payer)
        else:
            self.contract.initiateWithdraw(channel.struct, amount, sender=payer)
            channel.notice = (amount, boa.env.timestamp)

    @rule(which=CHANNEL)
    def withdraw(self, which: int) -> None:
        """CHAN-5: no earlier than the delay."""
        channel = self.channels[which]
        payer = channel.payer.address
        if channel.notice is None:
            with boa.reverts("withdraw: no notice was given"):
                self.contract.finalizeWithdraw(channel.struct, sender=payer)
        elif boa.env.timestamp < channel.notice[1] + channel.config.withdraw_delay:
            with boa.reverts("withdraw: delay is not over"):
                self.contract.finalizeWithdraw(channel.struct, sender=payer)
        else:
            self.contract.finalizeWithdraw(channel.struct, sender=payer)
            channel.back += min(channel.notice[0], channel.unclaimed)
            channel.notice = None

    @rule(which=CHANNEL, amount=AMOUNT, late=st.booleans())
    def refund(self, which: int, amount: int, late: bool) -> None:
        """CHAN-6: with any other nonce than the next it is refused."""
        channel = self.channels[which]
        nonce = channel.nonce + (1 if late else 0)
        signature = sign_refund(
            LocalAuthorizerSigner(AUTHORIZER), self._id(channel), amount, nonce, self.network
        )
        args = (channel.struct, amount, nonce, bytes.fromhex(signature[2:]))
        if late:
            with boa.reverts("refund: nonce is not the next"):
                self.contract.refundWithSignature(*args, sender=self.bank)
            return
        self.contract.refundWithSignature(*args, sender=self.bank)
        with boa.reverts("refund: nonce is not the next"):
            self.contract.refundWithSignature(*args, sender=self.bank)
        refunded = min(amount, channel.unclaimed)
        channel.nonce += 1
        channel.back += refunded
        if channel.notice is not None and refunded:
            left = channel.notice[0] - refunded
            channel.notice = (left, channel.notice[1]) if left > 0 else None

    @rule(seconds=st.integers(1, 1_500))
    def wait(self, seconds: int) -> None:
        boa.env.time_travel(seconds=seconds)

    def _claimed(self, which: int) -> int:
        return sum(channel.claimed for channel in self.channels[2 * which : 2 * which + 2])

    @invariant()
    def chan_1(self) -> None:
        """Every unit is a payer's still, or claimed and not sent."""
        unsent = sum(self._claimed(which) - self.settled[which] for which in range(2))
        due = sum(channel.unclaimed for channel in self.channels) + unsent
        assert self.token.balanceOf(self.contract) == due

    @invariant()
    def chan_2(self) -> None:
        """What is claimed is promised, and was paid in."""
        for channel in self.channels:
            balance, claimed = self.contract.channels(bytes.fromhex(self._id(channel)[2:]))
            assert (balance, claimed) == (channel.paid_in - channel.back, channel.claimed)
            assert claimed <= channel.signed and claimed <= balance

    @invariant()
    def chan_4(self) -> None:
        """Receivers have what was settled, payers what came back, nobody anything else."""
        for which, receiver in enumerate(self.receivers):
            assert self.token.balanceOf(receiver) == self.settled[which]
        for payer in PAYERS:
            back = sum(c.back for c in self.channels if c.payer is payer)
            assert self.token.balanceOf(payer.address) == back
        assert self.token.balanceOf(self.bank) == 0


TestChannels = Channels.TestCase
TestChannels.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
