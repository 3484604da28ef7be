"""A hostile collector or token calls back into the channels: to have one payment counted for two
channels, or to be sent the same money twice.

Every function that moves money holds the one lock, and what is sent is booked before it is sent.
"""

from dataclasses import replace

import ape
import pytest

from tests.unit.payment_channels.conftest import (  # noqa: F401
    DEPOSIT,
    NOBODY,
    another,
    authorizer,
    channels,
    claim,
    config,
    hands,
    network,
    payer,
    receiver,
    struct,
    token,
    voucher,
)


@pytest.fixture
def thief(deployer, project):
    return deployer.deploy(project.Reentrant)


def test_deposit__collector_deposits_within__counts_nothing_twice(
    channels, token, config, thief, stranger
):  # fmt: skip
    token.mint(thief, DEPOSIT, sender=stranger)
    allow = token.approve.encode_input(channels, DEPOSIT)
    thief.forward(token, allow, sender=stranger)
    inner = channels.deposit.encode_input(struct(another(config)), DEPOSIT, NOBODY, b"")
    thief.arm(channels, inner, sender=stranger)
    with ape.reverts("deposit: less arrived"):
        channels.deposit(struct(config), DEPOSIT, thief, b"", sender=stranger)
    assert token.balanceOf(channels) == 0
    # By itself the inner call goes through.
    thief.forward(channels, inner, sender=stranger)
    assert token.balanceOf(channels) == DEPOSIT


@pytest.fixture
def hooked(channels, config, thief, deployer, project, stranger):
    """A channel in a token that calls its receiver first; thief is payer and receiver at once."""
    money = deployer.deploy(project.HookToken)
    made = replace(config, token=money.address, receiver=thief.address, payer=thief.address)
    thief.arm(money, money.mint.encode_input(channels, DEPOSIT), sender=stranger)
    channels.deposit(struct(made), DEPOSIT, thief, b"", sender=stranger)
    money.mint(channels, DEPOSIT, sender=stranger)  # somebody else's, in other channels
    return money, made


def test_settle__receiver_settles_within__is_sent_once(
    channels, hooked, voucher, claim, thief, stranger
):  # fmt: skip
    money, made = hooked
    claim(voucher(made, 500))
    settle = channels.settle.encode_input(thief, money)
    for call in (settle, channels.multicall.encode_input([settle])):
        snapshot = ape.chain.snapshot()
        tries = thief.tries()
        thief.arm(channels, call, sender=stranger)
        channels.settle(thief, money, sender=stranger)
        assert (thief.tries() - tries, thief.successes()) == (1, 1)  # the 1 is the deposit's
        assert money.balanceOf(thief) == 500
        ape.chain.restore(snapshot)


def test_refund__payer_refunds_within__has_it_once(
    channels, hooked, thief, stranger, hands, authorizer
):  # fmt: skip
    money, made = hooked
    refund = channels.refund.encode_input(struct(made), DEPOSIT)
    thief.arm(channels, refund, sender=stranger)
    channels.refund(struct(made), DEPOSIT, sender=hands(authorizer))
    assert thief.successes() == 1
    assert money.balanceOf(thief) == DEPOSIT == money.balanceOf(channels)
