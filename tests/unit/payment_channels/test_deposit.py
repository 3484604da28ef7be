import ape
from x402.mechanisms.evm.batch_settlement.client.eip3009 import (
    create_batch_settlement_eip3009_deposit_payload,
)
from x402.mechanisms.evm.batch_settlement.facilitator.deposit_eip3009 import (
    build_eip3009_deposit_collector_data,
)
from x402.mechanisms.evm.signers import EthAccountSigner
from x402.schemas import PaymentRequirements

from tests.unit.payment_channels.conftest import DEPOSIT, NOBODY, another, struct

# The client counts the life of an authorization by the wall's clock: longer than any test runs ahead.
LONG_S = 10**9


def authorized(payer, config, network, amount):
    """What x402's client sends to open a channel, and the collector data of x402's facilitator."""
    requirements = PaymentRequirements(
        scheme="batch-settlement",
        network=network,
        asset=config.token,
        amount="1000",
        pay_to=config.receiver,
        max_timeout_seconds=LONG_S,
        extra={"name": "Dollar", "version": "1"},
    )
    payload = create_batch_settlement_eip3009_deposit_payload(
        EthAccountSigner(payer), requirements, config, amount, 1_000
    )
    return build_eip3009_deposit_collector_data(payload)


def test_deposit__by_authorization__opens_the_channel_for_a_payer_without_coin(
    channels, collector, token, config, channel_id, payer, network, stranger, deployer
):
    token.mint(payer.address, DEPOSIT, sender=deployer)
    data = authorized(payer, config, network, DEPOSIT)
    receipt = channels.deposit(struct(config), DEPOSIT, collector, data, sender=stranger)
    assert channels.getChannelId(struct(config)) == channel_id
    assert tuple(channels.channels(channel_id)) == (DEPOSIT, 0)
    assert token.balanceOf(channels) == DEPOSIT and token.balanceOf(payer.address) == 0
    [event] = receipt.decode_logs(channels.ChannelCreated)
    assert event.channelId == channel_id
    with ape.reverts("dollar: used"):
        channels.deposit(struct(config), DEPOSIT, collector, data, sender=stranger)


def test_deposit__authorization_of_another_channel__reverts(
    channels, collector, token, config, payer, network, stranger, deployer
):
    token.mint(payer.address, DEPOSIT, sender=deployer)
    data = authorized(payer, config, network, DEPOSIT)
    with ape.reverts("dollar: signature"):
        channels.deposit(struct(another(config)), DEPOSIT, collector, data, sender=stranger)


def test_collect__stranger__reverts(
    collector, config, channel_id, payer, network, token, refused_to_outsiders
):
    data = authorized(payer, config, network, DEPOSIT)
    refused_to_outsiders(
        collector.collect,
        payer.address,
        token,
        DEPOSIT,
        channel_id,
        payer.address,
        data,
        reason="collector: caller is not channels",
    )


def test_deposit__by_allowance__adds_up(channels, config, channel_id, pay_in):
    pay_in(config)
    receipt = pay_in(config, 5)
    assert tuple(channels.channels(channel_id)) == (DEPOSIT + 5, 0)
    assert not receipt.decode_logs(channels.ChannelCreated)
    assert tuple(channels.pendingWithdrawals(channel_id)) == (0, 0)
    assert channels.refundNonce(channel_id) == 0


def test_deposit__out_of_bounds__reverts(channels, config, stranger):
    good = list(struct(config))
    for place, value, reason in [
        (0, NOBODY, "deposit: no payer"),
        (2, NOBODY, "deposit: no receiver"),
        (3, NOBODY, "deposit: no receiver authorizer"),
        (4, NOBODY, "deposit: no token"),
        (4, config.payer, "deposit: no token"),
        (5, 899, "deposit: delay too short"),
        (5, 2_592_001, "deposit: delay too long"),
    ]:
        changed = [*good[:place], value, *good[place + 1 :]]
        with ape.reverts(reason):
            channels.deposit(tuple(changed), 1, NOBODY, b"", sender=stranger)
    with ape.reverts("deposit: nothing paid in"):
        channels.deposit(tuple(good), 0, NOBODY, b"", sender=stranger)


def test_deposit__token_that_keeps_a_fee__reverts(channels, config, deployer, project):
    token = deployer.deploy(project.FeeToken, 1)
    token.mint(deployer, 10**6, sender=deployer)
    token.approve(channels, 10**6, sender=deployer)
    changed = (*struct(config)[:4], token.address, *struct(config)[5:])
    with ape.reverts("deposit: less arrived"):
        channels.deposit(changed, 10**6, NOBODY, b"", sender=deployer)


def test_deposit__collector_that_brings_nothing__reverts(channels, config, stranger, caller):
    """The mock takes any call without data or not at all; either way nothing is counted."""
    with ape.reverts():
        channels.deposit(struct(config), 1, caller, b"", sender=stranger)
