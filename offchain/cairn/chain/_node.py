"""The port to a chain's node, and its adapter over web3.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import requests
from eth_utils.address import to_checksum_address
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.exceptions import (
    BlockNotFound,
    ContractLogicError,
    TransactionNotFound,
    Web3Exception,
    Web3RPCError,
)
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import FilterParams, TxParams

from cairn.chain._errors import NodeRefused, NodeUnreachable, Reverted, WrongNetwork
from cairn.chain._network import Network
from cairn.chain._reverts import reason_in
from cairn.chain._types import Call, Fees, Head, Log, Receipt


class Node(Protocol):
    """What cursor, outbox and clients want of a chain. Every method may raise `NodeUnreachable`."""

    def head(self) -> Head:
        """The newest block."""
        ...

    def block_hash(self, number: int) -> bytes | None:
        """The hash of a block, or None if the chain is shorter."""
        ...

    def block_time(self, number: int) -> int | None:
        """When a block was made, unix seconds, or None if the chain is shorter."""
        ...

    def logs(
        self, addresses: Sequence[str], topics: Sequence[bytes], first: int, last: int
    ) -> list[Log]:
        """The logs of some contracts with one of some first topics, both blocks included."""
        ...

    def read(self, call: Call, sender: str | None = None) -> bytes:
        """The bytes that a call returns on the newest block. Raises `Reverted`."""
        ...

    def estimate_gas(self, sender: str, call: Call) -> int:
        """Gas that a transaction would take. Raises `Reverted`."""
        ...

    def nonce(self, account: str, *, pending: bool = False) -> int:
        """Transactions of an account in blocks; with `pending`, the waiting ones too."""
        ...

    def balance_wei(self, account: str) -> int: ...

    def tip_wei(self) -> int:
        """The priority fee for each gas that gets a transaction in soon."""
        ...

    def broadcast(self, raw: bytes) -> None:
        """Hand a signed transaction to the node. Raises `NodeRefused`; twice is no error."""
        ...

    def receipt(self, tx_hash: bytes) -> Receipt | None: ...

    def knows(self, tx_hash: bytes) -> bool:
        """Whether the node has a transaction, in a block or waiting."""
        ...

    def client_version(self) -> str: ...


_KNOWN_ALREADY = ("already known", "already imported", "known transaction", "alreadyknown")


@contextmanager
def _translated(method: str, label: str = "") -> Iterator[None]:
    """Turn what web3.py and requests raise into this package's errors."""
    try:
        yield
    except (TransactionNotFound, BlockNotFound):
        raise  # before the others: web3.py derives them from Web3RPCError
    except ContractLogicError as error:
        raise Reverted(reason_in(error.data, error.message), label) from error
    except Web3RPCError as error:
        answer = cast(dict[str, Any], error.rpc_response or {})
        fault = answer.get("error")
        fault = fault if isinstance(fault, dict) else {"message": str(fault or error.message)}
        message = str(fault.get("message", ""))
        if "revert" in message.lower():
            raise Reverted(reason_in(fault.get("data"), message), label) from error
        code = fault.get("code")
        raise NodeRefused(method, message, code if isinstance(code, int) else None) from error
    except requests.HTTPError as error:
        raise NodeRefused(method, str(error)) from error
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        raise NodeUnreachable(
            f"the node did not answer {method}: {type(error).__name__}; check the RPC endpoint"
        ) from error
    except (Web3Exception, ValueError) as error:
        raise NodeRefused(method, f"an answer that makes no sense: {error}") from error


class Web3Node:
    """`Node` over JSON-RPC. Every request has a time-out and is made once: callers retry."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.web3 = Web3(
            HTTPProvider(
                network.rpc_url,
                request_kwargs={"timeout": network.request_timeout_s},
                exception_retry_configuration=None,
            )
        )
        self.web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)

    def check(self) -> None:
        """Refuse a node of another chain. Raises `WrongNetwork`."""
        with _translated("eth_chainId"):
            found = self.web3.eth.chain_id
        if found != self.network.chain_id:
            raise WrongNetwork(
                f"{self.network.rpc_url} is on chain {found}, the deployment on chain "
                f"{self.network.chain_id}; name the right endpoint or deployment"
            )

    def head(self) -> Head:
        with _translated("eth_getBlockByNumber"):
            block = self.web3.eth.get_block("latest")
        return Head(block["number"], block["timestamp"], block.get("baseFeePerGas") or 0)

    def block_hash(self, number: int) -> bytes | None:
        try:
            with _translated("eth_getBlockByNumber"):
                return bytes(self.web3.eth.get_block(number)["hash"])
        except BlockNotFound:
            return None

    def block_time(self, number: int) -> int | None:
        try:
            with _translated("eth_getBlockByNumber"):
                return int(self.web3.eth.get_block(number)["timestamp"])
        except BlockNotFound:
            return None

    def logs(
        self, addresses: Sequence[str], topics: Sequence[bytes], first: int, last: int
    ) -> list[Log]:
        wanted: FilterParams = {
            "address": [to_checksum_address(address) for address in addresses],
            "fromBlock": first,
            "toBlock": last,
        }
        if topics:
            wanted["topics"] = [[HexBytes(topic) for topic in topics]]
        with _translated("eth_getLogs"):
            return [_log(entry) for entry in self.web3.eth.get_logs(wanted)]

    def _params(self, sender: str | None, call: Call) -> TxParams:
        params: TxParams = {
            "to": to_checksum_address(call.to),
            "data": HexBytes(call.data),
            "value": call.value,  # type: ignore[typeddict-item]
        }
        if sender is not None:
            params["from"] = to_checksum_address(sender)
        return params

    def read(self, call: Call, sender: str | None = None) -> bytes:
        with _translated("eth_call", call.label):
            return bytes(self.web3.eth.call(self._params(sender, call)))

    def estimate_gas(self, sender: str, call: Call) -> int:
        with _translated("eth_estimateGas", call.label):
            return int(self.web3.eth.estimate_gas(self._params(sender, call)))

    def nonce(self, account: str, *, pending: bool = False) -> int:
        with _translated("eth_getTransactionCount"):
            return int(
                self.web3.eth.get_transaction_count(
                    to_checksum_address(account), "pending" if pending else "latest"
                )
            )

    def balance_wei(self, account: str) -> int:
        with _translated("eth_getBalance"):
            return int(self.web3.eth.get_balance(to_checksum_address(account)))

    def tip_wei(self) -> int:
        with _translated("eth_maxPriorityFeePerGas"):
            return int(self.web3.eth.max_priority_fee)

    def broadcast(self, raw: bytes) -> None:
        try:
            with _translated("eth_sendRawTransaction"):
                self.web3.eth.send_raw_transaction(raw)
        except NodeRefused as error:
            if not any(words in error.message.lower() for words in _KNOWN_ALREADY):
                raise

    def receipt(self, tx_hash: bytes) -> Receipt | None:
        try:
            with _translated("eth_getTransactionReceipt"):
                found = self.web3.eth.get_transaction_receipt(HexBytes(tx_hash))
        except TransactionNotFound:
            return None
        if found["blockNumber"] is None:
            return None
        return Receipt(
            tx_hash=bytes(found["transactionHash"]),
            block_number=found["blockNumber"],
            succeeded=found["status"] == 1,
            gas_used=found["gasUsed"],
            effective_gas_price_wei=int(found.get("effectiveGasPrice") or 0),
            logs=tuple(_log(entry) for entry in found["logs"]),
        )

    def knows(self, tx_hash: bytes) -> bool:
        try:
            with _translated("eth_getTransactionByHash"):
                self.web3.eth.get_transaction(HexBytes(tx_hash))
        except TransactionNotFound:
            return False
        return True

    def client_version(self) -> str:
        with _translated("web3_clientVersion"):
            return str(self.web3.client_version)


def _log(entry: Any) -> Log:
    return Log(
        address=str(entry["address"]),
        topics=tuple(bytes(topic) for topic in entry["topics"]),
        data=bytes(entry["data"]),
        block_number=int(entry["blockNumber"]),
        log_index=int(entry["logIndex"]),
        tx_hash=bytes(entry["transactionHash"]),
    )


def offer(node: Node, head: Head, *, least_tip_wei: int = 0, cap_wei: int | None = None) -> Fees:
    """What to offer now: room for the base fee to double, and the tip that the node suggests."""
    try:
        tip = node.tip_wei()
    except NodeRefused:  # not every client has the method
        tip = 0
    tip = max(tip, least_tip_wei)
    most = 2 * head.base_fee_wei + tip
    if cap_wei is not None:
        most = min(most, cap_wei)
    return Fees(max_fee_wei=most, tip_wei=min(tip, most))
