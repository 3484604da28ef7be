"""A payer buys with vouchers that his own key signs, and then gives his account code (EIP-7702) that denies
all of them, to take back the money that he promised.

His key signed, and that counts whatever code his account has since: the receiver is paid.
"""

from dataclasses import replace

import pytest

from tests.unit.payment_channels.conftest import (  # noqa: F401
    NOBODY,
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


@pytest.fixture
def config_of_own_key(config):
    return replace(config, payer_authorizer=NOBODY)


def test_claim__payer_delegated_since__is_paid(
    channels, token, config_of_own_key, pay_in, voucher, claim, payer, receiver, stranger, system, chain
):  # fmt: skip
    pay_in(config_of_own_key)
    row = voucher(config_of_own_key, 100)
    # EIP-7702's designator, to code that knows nothing of ERC-1271.
    to = bytes.fromhex(system.stake_ledger.address[2:])
    chain.provider.set_code(payer.address, b"\xef\x01\x00" + to)
    claim(row)
    channels.settle(receiver, token, sender=stranger)
    assert token.balanceOf(receiver) == 100
