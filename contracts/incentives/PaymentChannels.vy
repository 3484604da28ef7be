# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PaymentChannels: pay for many predictions with few transactions
@license Apache-2.0
@notice A payer puts money into a channel to a receiver once; with each prediction he signs a voucher for
        a higher sum, which replaces those before it. The receiver claims the last voucher of many
        channels at once, and has all of it sent in one transfer. What is not claimed goes back to the
        payer: at once if the receiver agrees, otherwise after a delay in which the receiver can still
        claim. Compatible with x402's batch-settlement scheme, to the ABI and the signing domain.
@dev CHAN-1: of each token the contract holds at least all that is in channels and not claimed, and all
             that is claimed and not sent.
     CHAN-2: what is claimed of a channel never falls, and never exceeds its highest voucher nor what was
             paid into it.
     CHAN-3: a voucher counts for its channel alone: its payer, receiver, token, chain and contract.
     CHAN-4: money leaves a channel only to its receiver, by vouchers, or to its payer.
     CHAN-5: the payer's withdrawal comes no earlier than the channel's delay after his notice.
     CHAN-6: a signed refund is used once.
@custom:kill Cannot be stopped: no owner, no upgrade. Payers can always withdraw what is not claimed.
"""

from ethereum.ercs import IERC20

from ..interfaces import IDepositCollector
from ..interfaces import IPaymentChannels
from ..modules import signatures

implements: IPaymentChannels
initializes: signatures
exports: signatures.eip712Domain

# As many as x402's servers send at once.
MAX_CLAIMS: constant(uint256) = 100
# A claim of 7 channels and its settlement, or its refund, fit; more memory would be dearer than a
# second transaction.
MAX_CALLS: constant(uint256) = 4
MAX_CALL: constant(uint256) = 4_096
# x402's bounds: a receiver is heard, and cannot keep a payer waiting for longer.
MIN_WITHDRAW_DELAY_S: constant(uint40) = 900
MAX_WITHDRAW_DELAY_S: constant(uint40) = 2_592_000
UINT128: constant(uint256) = 2**128 - 1
UINT40: constant(uint256) = 2**40 - 1
CHANNEL_TYPEHASH: constant(bytes32) = keccak256(
    "ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,uint40 withdrawDelay,bytes32 salt)"
)
VOUCHER_TYPEHASH: constant(bytes32) = keccak256(
    "Voucher(bytes32 channelId,uint128 maxClaimableAmount)"
)
REFUND_TYPEHASH: constant(bytes32) = keccak256(
    "Refund(bytes32 channelId,uint256 nonce,uint128 amount)"
)
CLAIM_ENTRY_TYPEHASH: constant(bytes32) = keccak256(
    "ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
)
CLAIM_BATCH_TYPEHASH: constant(bytes32) = keccak256(
    "ClaimBatch(ClaimEntry[] claims)ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
)

# Channel id -> balance (128 bits), claimed of it (128), from the low end; both in the token's unit.
# Payers, receivers and refunds write it.
_channels: HashMap[bytes32, uint256]
# Channel id -> amount (128 bits), unix seconds of the notice (40); payers and refunds write it.
_pending: HashMap[bytes32, uint256]
# Receiver -> token -> claimed in all channels (128 bits), sent of it (128); claims and settle write it.
_receivers: HashMap[address, HashMap[address, uint256]]
# Channel id -> how many refunds there were; refunds write it.
refundNonce: public(HashMap[bytes32, uint256])


@deploy
def __init__():
    signatures.__init__("x402 Batch Settlement")


# --- anyone ---


@external
def deposit(
    config: IPaymentChannels.ChannelConfig,
    amount: uint128,
    collector: address,
    collectorData: Bytes[1024],
):
    assert config.payer != empty(address), "deposit: no payer"
    assert config.receiver != empty(address), "deposit: no receiver"
    assert config.receiverAuthorizer != empty(address), "deposit: no receiver authorizer"
    assert config.token.is_contract, "deposit: no token"
    assert config.withdrawDelay >= MIN_WITHDRAW_DELAY_S, "deposit: delay too short"
    assert config.withdrawDelay <= MAX_WITHDRAW_DELAY_S, "deposit: delay too long"
    assert amount > 0, "deposit: nothing paid in"
    channel_id: bytes32 = self._channel_id(config, signatures._domain_separator())
    balance: uint256 = 0
    claimed: uint256 = 0
    balance, claimed = self._unpack(self._channels[channel_id])
    if balance == 0 and claimed == 0:
        log IPaymentChannels.ChannelCreated(channelId=channel_id, config=config)
    balance += convert(amount, uint256)
    self._set_channel(channel_id, balance, claimed)
    log IPaymentChannels.Deposited(
        channelId=channel_id,
        sender=msg.sender,
        amount=amount,
        balance=convert(balance, uint128),
    )

    # The lock is held: whatever is called here can only bring money, and what it brings is counted.
    token: IERC20 = IERC20(config.token)
    before: uint256 = staticcall token.balanceOf(self)
    if collector == empty(address):
        assert extcall token.transferFrom(
            msg.sender, self, convert(amount, uint256), default_return_value=True
        ), "deposit: token refused"
    else:
        extcall IDepositCollector(collector).collect(
            config.payer,
            config.token,
            convert(amount, uint256),
            channel_id,
            msg.sender,
            collectorData,
        )
    arrived: uint256 = staticcall token.balanceOf(self) - before
    assert arrived >= convert(amount, uint256), "deposit: less arrived"


@external
def claimWithSignature(
    voucherClaims: DynArray[IPaymentChannels.VoucherClaim, MAX_CLAIMS],
    authorizerSignature: Bytes[signatures.MAX_SIGNATURE],
):
    assert len(voucherClaims) > 0, "claim: nothing to claim"
    authorizer: address = voucherClaims[0].voucher.channel.receiverAuthorizer
    separator: bytes32 = signatures._domain_separator()
    ids: DynArray[bytes32, MAX_CLAIMS] = []
    entries: DynArray[bytes32, MAX_CLAIMS] = []
    for row: IPaymentChannels.VoucherClaim in voucherClaims:
        assert row.voucher.channel.receiverAuthorizer == authorizer, "claim: another authorizer"
        channel_id: bytes32 = self._channel_id(row.voucher.channel, separator)
        ids.append(channel_id)
        entries.append(self._entry_hash(row, channel_id))
    digest: bytes32 = self._batch_digest(entries, separator)
    is_signed: bool = signatures._is_signed(authorizer, digest, authorizerSignature)
    assert is_signed, "claim: not signed by the authorizer"
    for i: uint256 in range(len(voucherClaims), bound=MAX_CLAIMS):
        self._claim(voucherClaims[i], ids[i], separator)


@external
def settle(receiver: address, token: address):
    claimed: uint256 = 0
    settled: uint256 = 0
    claimed, settled = self._unpack(self._receivers[receiver][token])
    amount: uint256 = claimed - settled
    assert amount > 0, "settle: nothing to settle"
    self._receivers[receiver][token] = claimed | (claimed << 128)
    log IPaymentChannels.Settled(
        receiver=receiver,
        token=token,
        sender=msg.sender,
        amount=convert(amount, uint128),
    )
    self._send(token, receiver, amount)


@external
def refundWithSignature(
    config: IPaymentChannels.ChannelConfig,
    amount: uint128,
    nonce: uint256,
    receiverAuthorizerSignature: Bytes[signatures.MAX_SIGNATURE],
):
    separator: bytes32 = signatures._domain_separator()
    channel_id: bytes32 = self._channel_id(config, separator)
    assert nonce == self.refundNonce[channel_id], "refund: nonce is not the next"
    digest: bytes32 = self._digest(
        separator, keccak256(abi_encode(REFUND_TYPEHASH, channel_id, nonce, amount))
    )
    is_signed: bool = signatures._is_signed(
        config.receiverAuthorizer, digest, receiverAuthorizerSignature
    )
    assert is_signed, "refund: not signed by the authorizer"
    self._refund(config, channel_id, amount)


@external
@reentrant
def multicall(data: DynArray[Bytes[MAX_CALL], MAX_CALLS]) -> DynArray[Bytes[32], MAX_CALLS]:
    # Each call takes the lock by itself, and is made by the same caller: this gives nobody more rights.
    results: DynArray[Bytes[32], MAX_CALLS] = []
    for call: Bytes[MAX_CALL] in data:
        results.append(raw_call(self, call, max_outsize=32, is_delegate_call=True))
    return results


# --- receivers ---


@external
def claim(voucherClaims: DynArray[IPaymentChannels.VoucherClaim, MAX_CLAIMS]):
    separator: bytes32 = signatures._domain_separator()
    for row: IPaymentChannels.VoucherClaim in voucherClaims:
        self._check_receiver(row.voucher.channel)
        self._claim(row, self._channel_id(row.voucher.channel, separator), separator)


@external
def refund(config: IPaymentChannels.ChannelConfig, amount: uint128):
    self._check_receiver(config)
    channel_id: bytes32 = self._channel_id(config, signatures._domain_separator())
    self._refund(config, channel_id, amount)


# --- payers ---


@external
def initiateWithdraw(config: IPaymentChannels.ChannelConfig, amount: uint128):
    self._check_payer(config)
    channel_id: bytes32 = self._channel_id(config, signatures._domain_separator())
    assert amount > 0, "withdraw: amount is zero"
    left: uint256 = self._unclaimed(channel_id)
    assert convert(amount, uint256) <= left, "withdraw: more than is unclaimed"
    self._pending[channel_id] = convert(amount, uint256) | (block.timestamp << 128)
    log IPaymentChannels.WithdrawInitiated(
        channelId=channel_id,
        amount=amount,
        readyAt=convert(block.timestamp, uint40) + config.withdrawDelay,
    )


@external
def finalizeWithdraw(config: IPaymentChannels.ChannelConfig):
    self._check_payer(config)
    channel_id: bytes32 = self._channel_id(config, signatures._domain_separator())
    pending: uint256 = self._pending[channel_id]
    assert pending != 0, "withdraw: no notice was given"
    ready_at: uint256 = (pending >> 128) + convert(config.withdrawDelay, uint256)
    assert block.timestamp >= ready_at, "withdraw: delay is not over"
    amount: uint256 = min(pending & UINT128, self._unclaimed(channel_id))
    self._pending[channel_id] = 0
    log IPaymentChannels.WithdrawFinalized(
        channelId=channel_id, sender=msg.sender, amount=convert(amount, uint128)
    )
    self._give_back(config, channel_id, amount)


# --- views ---


@view
@external
def channels(channelId: bytes32) -> (uint128, uint128):
    return self._as_uint128(self._channels[channelId])


@view
@external
def pendingWithdrawals(channelId: bytes32) -> (uint128, uint40):
    pending: uint256 = self._pending[channelId]
    return convert(pending & UINT128, uint128), convert(pending >> 128, uint40)


@view
@external
def receivers(receiver: address, token: address) -> (uint128, uint128):
    return self._as_uint128(self._receivers[receiver][token])


@view
@external
def getChannelId(config: IPaymentChannels.ChannelConfig) -> bytes32:
    return self._channel_id(config, signatures._domain_separator())


@view
@external
def getVoucherDigest(channelId: bytes32, maxClaimableAmount: uint128) -> bytes32:
    return self._voucher_digest(channelId, maxClaimableAmount, signatures._domain_separator())


@view
@external
def getRefundDigest(channelId: bytes32, nonce: uint256, amount: uint128) -> bytes32:
    return signatures._digest(keccak256(abi_encode(REFUND_TYPEHASH, channelId, nonce, amount)))


@view
@external
def getClaimBatchDigest(
    voucherClaims: DynArray[IPaymentChannels.VoucherClaim, MAX_CLAIMS],
) -> bytes32:
    separator: bytes32 = signatures._domain_separator()
    entries: DynArray[bytes32, MAX_CLAIMS] = []
    for row: IPaymentChannels.VoucherClaim in voucherClaims:
        channel_id: bytes32 = self._channel_id(row.voucher.channel, separator)
        entries.append(self._entry_hash(row, channel_id))
    return self._batch_digest(entries, separator)


# --- internal ---


@view
@internal
def _check_receiver(config: IPaymentChannels.ChannelConfig):
    is_his: bool = msg.sender == config.receiver or msg.sender == config.receiverAuthorizer
    assert is_his, "channels: caller is not the receiver"


@view
@internal
def _check_payer(config: IPaymentChannels.ChannelConfig):
    # An empty authorizer is nobody's address.
    is_his: bool = msg.sender == config.payer or msg.sender == config.payerAuthorizer
    assert is_his, "channels: caller is not the payer"


@internal
def _claim(row: IPaymentChannels.VoucherClaim, channel_id: bytes32, separator: bytes32):
    config: IPaymentChannels.ChannelConfig = row.voucher.channel
    assert row.totalClaimed <= row.voucher.maxClaimableAmount, "claim: more than the voucher"
    digest: bytes32 = self._voucher_digest(channel_id, row.voucher.maxClaimableAmount, separator)
    is_signed: bool = False
    if config.payerAuthorizer == empty(address):
        is_signed = signatures._is_signed(config.payer, digest, row.signature)
    elif len(row.signature) == 65:
        signer: address = signatures._recover(
            digest,
            convert(slice(row.signature, 64, 1), uint256),
            extract32(row.signature, 0, output_type=uint256),
            extract32(row.signature, 32, output_type=uint256),
        )
        is_signed = signer == config.payerAuthorizer
    assert is_signed, "claim: voucher not signed by payer"

    balance: uint256 = 0
    claimed: uint256 = 0
    balance, claimed = self._unpack(self._channels[channel_id])
    # A payer who withdrew in time owes what is left unpaid outside of this contract; he cannot keep
    # the other rows from being claimed.
    total: uint256 = min(convert(row.totalClaimed, uint256), balance)
    if total <= claimed:
        return
    self._set_channel(channel_id, balance, total)
    amount: uint256 = total - claimed
    for_receiver: uint256 = self._receivers[config.receiver][config.token]
    assert (for_receiver & UINT128) + amount <= UINT128, "claim: token counts too high"
    self._receivers[config.receiver][config.token] = for_receiver + amount
    log IPaymentChannels.Claimed(
        channelId=channel_id,
        sender=msg.sender,
        amount=convert(amount, uint128),
        totalClaimed=convert(total, uint128),
    )


@internal
def _refund(config: IPaymentChannels.ChannelConfig, channel_id: bytes32, amount: uint128):
    assert amount > 0, "refund: amount is zero"
    # Counted first, and even if nothing is left: what was signed for this nonce is used up.
    self.refundNonce[channel_id] += 1
    refunded: uint256 = min(convert(amount, uint256), self._unclaimed(channel_id))
    if refunded == 0:
        return
    pending: uint256 = self._pending[channel_id]
    if pending != 0:
        # What came back at once need not be withdrawn any more.
        left: uint256 = (pending & UINT128) - min(pending & UINT128, refunded)
        self._pending[channel_id] = 0 if left == 0 else (pending >> 128 << 128) | left
    log IPaymentChannels.Refunded(
        channelId=channel_id, sender=msg.sender, amount=convert(refunded, uint128)
    )
    self._give_back(config, channel_id, refunded)


@internal
def _give_back(config: IPaymentChannels.ChannelConfig, channel_id: bytes32, amount: uint256):
    if amount == 0:
        return
    balance: uint256 = 0
    claimed: uint256 = 0
    balance, claimed = self._unpack(self._channels[channel_id])
    self._set_channel(channel_id, balance - amount, claimed)
    self._send(config.token, config.payer, amount)


@internal
def _send(token: address, to: address, amount: uint256):
    assert extcall IERC20(token).transfer(
        to, amount, default_return_value=True
    ), "channels: token did not pay"


@internal
def _set_channel(channel_id: bytes32, balance: uint256, claimed: uint256):
    assert balance <= UINT128, "channels: balance too large"
    self._channels[channel_id] = balance | (claimed << 128)


@view
@internal
def _unclaimed(channel_id: bytes32) -> uint256:
    balance: uint256 = 0
    claimed: uint256 = 0
    balance, claimed = self._unpack(self._channels[channel_id])
    return balance - claimed


@pure
@internal
def _unpack(word: uint256) -> (uint256, uint256):
    return word & UINT128, word >> 128


@pure
@internal
def _as_uint128(word: uint256) -> (uint128, uint128):
    return convert(word & UINT128, uint128), convert(word >> 128, uint128)


@pure
@internal
def _digest(separator: bytes32, struct_hash: bytes32) -> bytes32:
    return keccak256(concat(b"\x19\x01", separator, struct_hash))


@pure
@internal
def _channel_id(config: IPaymentChannels.ChannelConfig, separator: bytes32) -> bytes32:
    return self._digest(separator, keccak256(abi_encode(CHANNEL_TYPEHASH, config)))


@pure
@internal
def _voucher_digest(channel_id: bytes32, max_claimable: uint128, separator: bytes32) -> bytes32:
    return self._digest(
        separator, keccak256(abi_encode(VOUCHER_TYPEHASH, channel_id, max_claimable))
    )


@pure
@internal
def _entry_hash(row: IPaymentChannels.VoucherClaim, channel_id: bytes32) -> bytes32:
    return keccak256(
        abi_encode(
            CLAIM_ENTRY_TYPEHASH, channel_id, row.voucher.maxClaimableAmount, row.totalClaimed
        )
    )


@pure
@internal
def _batch_digest(entries: DynArray[bytes32, MAX_CLAIMS], separator: bytes32) -> bytes32:
    # An array's encoding by EIP-712 is its elements alone, without offset and length.
    packed: Bytes[32 * MAX_CLAIMS + 64] = abi_encode(entries)
    claims: bytes32 = keccak256(slice(packed, 64, 32 * len(entries)))
    return self._digest(separator, keccak256(abi_encode(CLAIM_BATCH_TYPEHASH, claims)))
