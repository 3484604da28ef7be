"""PaymentChannels where x402's package looks for it, driven by that package's own signing code."""

from dataclasses import replace

import pytest
from eth_account import Account
from x402.mechanisms.evm.batch_settlement.authorizer_signer import (
    LocalAuthorizerSigner,
    sign_claim_batch,
    sign_refund,
)
from x402.mechanisms.evm.batch_settlement.client.voucher import sign_voucher
from x402.mechanisms.evm.batch_settlement.constants import (
    BATCH_SETTLEMENT_ADDRESS,
    ERC3009_DEPOSIT_COLLECTOR_ADDRESS,
)
from x402.mechanisms.evm.batch_settlement.facilitator.claim import build_voucher_claim_args
from x402.mechanisms.evm.batch_settlement.facilitator.utils import to_contract_channel_config
from x402.mechanisms.evm.batch_settlement.types import ChannelConfig, VoucherClaim
from x402.mechanisms.evm.batch_settlement.utils import compute_channel_id
from x402.mechanisms.evm.signers import EthAccountSigner

NOBODY = "0x" + "00" * 20
DELAY_S = 900
DEPOSIT = 10_000_000


def account(number):
    """Somebody with a key that signs, and no coin."""
    return Account.from_key(number.to_bytes(32, "big"))


@pytest.fixture(scope="session")
def payer():
    return account(0xA11)


@pytest.fixture(scope="session")
def authorizer():
    """Says what is claimed for the receiver."""
    return account(0xA22)


@pytest.fixture(scope="session")
def receiver(accounts):
    return accounts[8]


@pytest.fixture
def hands(accounts):
    """What a key's owner would send, with coin for gas."""

    def hands_(signer):
        owner = accounts[signer.address]
        owner.balance += 10**18
        return owner

    return hands_


@pytest.fixture
def token(deployer, project):
    return deployer.deploy(project.AuthorizedToken)


@pytest.fixture
def channels(system, project, chain):
    """At x402's own address: the same code, which knows where it is."""
    code = chain.provider.get_code(system.payment_channels.address)
    chain.provider.set_code(BATCH_SETTLEMENT_ADDRESS, code)
    return project.PaymentChannels.at(BATCH_SETTLEMENT_ADDRESS)


@pytest.fixture
def collector(deployer, project, channels, chain):
    """At x402's own address, bringing deposits to the channels at theirs."""
    made = deployer.deploy(project.DepositCollector, channels)
    code = chain.provider.get_code(made.address)
    chain.provider.set_code(ERC3009_DEPOSIT_COLLECTOR_ADDRESS, code)
    return project.DepositCollector.at(ERC3009_DEPOSIT_COLLECTOR_ADDRESS)


@pytest.fixture
def network(chain):
    return f"eip155:{chain.chain_id}"


@pytest.fixture
def config(payer, authorizer, receiver, token):
    return ChannelConfig(
        payer=payer.address,
        payer_authorizer=payer.address,
        receiver=receiver.address,
        receiver_authorizer=authorizer.address,
        token=token.address,
        withdraw_delay=DELAY_S,
        salt="0x" + "00" * 32,
    )


def struct(config):
    """A channel's configuration as the contract takes it."""
    return to_contract_channel_config(config)


@pytest.fixture
def channel_id(config, network):
    return bytes.fromhex(compute_channel_id(config, network)[2:])


@pytest.fixture
def pay_in(channels, token, deployer):
    """Pay into a channel out of an allowance: anyone may."""

    def pay_in_(config, amount=DEPOSIT):
        token.mint(deployer, amount, sender=deployer)
        token.approve(channels, amount, sender=deployer)
        return channels.deposit(struct(config), amount, NOBODY, b"", sender=deployer)

    return pay_in_


@pytest.fixture
def opened(config, pay_in):
    pay_in(config)
    return config


@pytest.fixture
def voucher(payer, network):
    """A row of a claim: x402's client signs the voucher; what is claimed of it may be less."""

    def voucher_(config, most, claimed=None, signer=payer):
        fields = sign_voucher(
            EthAccountSigner(signer), compute_channel_id(config, network), most, network
        )
        return VoucherClaim(
            channel=config,
            max_claimable_amount=str(most),
            signature=fields.signature,
            total_claimed=str(most if claimed is None else claimed),
        )

    return voucher_


@pytest.fixture
def claim(channels, authorizer, network, stranger):
    """Rows claimed by x402's server's signature, brought by a stranger."""

    def claim_(*rows, signer=authorizer):
        signature = sign_claim_batch(LocalAuthorizerSigner(signer), list(rows), network)
        return channels.claimWithSignature(
            build_voucher_claim_args(list(rows)), bytes.fromhex(signature[2:]), sender=stranger
        )

    return claim_


@pytest.fixture
def signed_refund(authorizer, network):
    """The arguments of a refund that x402's server signed."""

    def signed(config, amount, nonce=0, signer=authorizer):
        channel = compute_channel_id(config, network)
        signature = sign_refund(LocalAuthorizerSigner(signer), channel, amount, nonce, network)
        return [struct(config), amount, nonce, bytes.fromhex(signature[2:])]

    return signed


def another(config, number=1):
    """A channel that differs by its salt."""
    return replace(config, salt="0x" + number.to_bytes(32, "big").hex())
