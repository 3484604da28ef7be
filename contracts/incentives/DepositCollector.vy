# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title DepositCollector: deposits by signature
@license Apache-2.0
@notice Brings a payer's money into PaymentChannels by his EIP-3009 authorization, which anyone may
        submit: the payer needs no coin for gas. The authorization names the channel, by its nonce, so
        whoever submits it can bring the money nowhere else.
@dev CHAN-7: only the channels call, and what arrives here goes on to them in the same call.
@custom:kill Cannot be stopped: no owner, no upgrade, no balance.
"""

from ethereum.ercs import IERC20

from ..interfaces import IDepositCollector

implements: IDepositCollector


# EIP-3009, in the form that takes a signature of bytes: keys and contract wallets sign alike.
interface Authorizing:
    def receiveWithAuthorization(
        payer: address,
        to: address,
        amount: uint256,
        valid_after: uint256,
        valid_before: uint256,
        nonce: bytes32,
        signature: Bytes[640],
    ): nonpayable


# Where deposits go.
CHANNELS: public(immutable(address))


@deploy
def __init__(channels: address):
    """
    @param channels The PaymentChannels contract.
    """
    assert channels.is_contract, "collector: no channels"
    CHANNELS = channels


@external
def collect(
    payer: address,
    token: address,
    amount: uint256,
    channelId: bytes32,
    caller: address,
    collectorData: Bytes[1024],
):
    """
    @param collectorData abi.encode(uint256 validAfter, uint256 validBefore, uint256 salt, bytes signature).
    """
    assert msg.sender == CHANNELS, "collector: caller is not channels"
    valid_after: uint256 = 0
    valid_before: uint256 = 0
    salt: uint256 = 0
    signature: Bytes[640] = b""
    valid_after, valid_before, salt, signature = abi_decode(
        collectorData, (uint256, uint256, uint256, Bytes[640])
    )
    nonce: bytes32 = keccak256(abi_encode(channelId, salt))
    extcall Authorizing(token).receiveWithAuthorization(
        payer, self, amount, valid_after, valid_before, nonce, signature
    )
    assert extcall IERC20(token).transfer(
        CHANNELS, amount, default_return_value=True
    ), "collector: token refused"
