"""What channels, their payee and those who use them cost in gas."""

from __future__ import annotations

from typing import Any

from ape import chain, project
from eth_abi import encode as abi_encode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from scripts._bench import COIN, Bench
from scripts._system import ZERO


def pay_by_voucher(bench: Bench, model_id: int) -> None:
    """Channels and their payee, in a token of the bench's own."""
    stage, channels = bench.stage, bench.system.payment_channels
    deployer, anyone, authorizer = stage.accounts[0], bench.buyer, bench.members[0]
    token = deployer.deploy(project.AuthorizedToken)
    # As the one deployed with the system, where the coin has a wrapped form.
    maker = deployer.deploy(project.RevenueSplitter, bench.system.model_registry, token)
    payee = maker.splitter_of(model_id, bench.operator)
    # The bench's accounts are the development mnemonic's, whose keys are known.
    payer = bench.members[2]
    key = Account.from_key(payer.private_key)
    token.deposit(value=COIN // 100, sender=anyone)
    for holder in (key.address, anyone.address):
        token.mint(holder, 10**9, sender=anyone)
    token.approve(channels, 10**9, sender=anyone)

    def channel(number: int) -> tuple[Any, ...]:
        parts = (key.address, key.address, payee, authorizer.address, token.address)
        return (*parts, 900, number.to_bytes(32, "big"))

    def row(config: tuple[Any, ...], total: int) -> tuple[Any, ...]:
        digest = channels.getVoucherDigest(channels.getChannelId(config), total)
        signature = Account.unsafe_sign_hash(digest, key.key).signature
        return (config, total), bytes(signature), total

    def signed(digest: bytes) -> bytes:
        return bytes(Account.unsafe_sign_hash(digest, authorizer.private_key).signature)

    first = channel(1)
    nonce = keccak(abi_encode(["bytes32", "uint256"], [channels.getChannelId(first), 1]))
    collector = bench.system.deposit_collector.address
    authorization = {
        "from": key.address,
        "to": collector,
        "value": 10**6,
        "validAfter": 0,
        "validBefore": 2**40,
        "nonce": nonce,
    }
    domain = {
        "name": "Dollar",
        "version": "1",
        "chainId": chain.chain_id,
        "verifyingContract": token.address,
    }
    kinds = ("address", "address", "uint256", "uint256", "uint256", "bytes32")
    fields = [{"name": name, "type": kind} for name, kind in zip(authorization, kinds, strict=True)]
    message = encode_typed_data(domain, {"ReceiveWithAuthorization": fields}, authorization)
    signature = bytes(key.sign_message(message).signature)
    data = abi_encode(["uint256", "uint256", "uint256", "bytes"], [0, 2**40, 1, signature])
    detail = "by authorization"
    bench.send(channels, "deposit", first, 10**6, collector, data, detail=detail, sender=anyone)
    rest = [channel(number) for number in range(2, 51)]
    for config in rest:
        paid = (config, 10**6, ZERO, b"")
        bench.send(channels, "deposit", *paid, detail="by allowance", sender=anyone)
    for total in (1_000, 2_000):
        rows = [row(config, total) for config in (first, *rest)]
        signature = signed(channels.getClaimBatchDigest(rows))
        detail = "50 channels" if total > 1_000 else "50 channels, the first time"
        bench.send(channels, "claimWithSignature", rows, signature, detail=detail, sender=anyone)
    detail = "1 channel"
    bench.send(channels, "claim", [row(first, 3_000)], detail=detail, sender=authorizer)
    bench.send(channels, "settle", payee, token, detail="the first time", sender=anyone)
    calls = [
        channels.claim.encode_input([row(first, 4_000)]),
        channels.settle.encode_input(payee, token),
    ]
    detail = "claim of 1 channel and settle"
    bench.send(channels, "multicall", calls, detail=detail, sender=authorizer)
    bench.send(channels, "refund", first, 1_000, sender=authorizer)
    digest = channels.getRefundDigest(channels.getChannelId(first), 1, 1_000)
    refund = (first, 1_000, 1, signed(digest))
    bench.send(channels, "refundWithSignature", *refund, sender=anyone)
    bench.send(channels, "initiateWithdraw", first, 1_000, sender=payer)
    stage.advance(901, "the delay is over")
    bench.send(channels, "finalizeWithdraw", first, sender=payer)

    bench.send(maker, "create", model_id, bench.operator, sender=anyone)
    splitter = project.RevenueSplitter.at(payee)
    bench.send(splitter, "split", detail="of wrapped coin", sender=anyone)
    bench.send(splitter, "release", bench.operator, sender=anyone)
