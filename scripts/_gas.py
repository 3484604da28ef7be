"""What transactions cost, on Ethereum's schedule and by IoTeX's formula."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ape.api import ReceiptAPI


@dataclass(frozen=True)
class Cost:
    """Gas of one transaction."""

    operation: str
    ethereum: int  # what the local chain charged: Ethereum's schedule, Cancun rules
    iotex: int  # the same execution by IoTeX's formula


def intrinsic_gas(data: bytes, creates: bool) -> int:
    """What Ethereum charges before the first instruction (EIP-2028; EIP-3860 for creations)."""
    zeros = data.count(0)
    gas = 21_000 + 4 * zeros + 16 * (len(data) - zeros)
    if creates:
        gas += 32_000 + 2 * ((len(data) + 31) // 32)
    return gas


def iotex_gas(execution: int, calldata_bytes: int) -> int:
    """IoTeX: 10,000 + 100 a byte + execution, with the floor of 10,000 + 250 a byte (EIP-7623
    there).
    """
    return max(10_000 + 100 * calldata_bytes + execution, 10_000 + 250 * calldata_bytes)


def cost_of(operation: str, receipt: ReceiptAPI) -> Cost:
    """The cost of a mined transaction; its refunds count as execution."""
    data = bytes(receipt.transaction.data)
    creates = not receipt.transaction.receiver
    execution = receipt.gas_used - intrinsic_gas(data, creates)
    # Storing the code of a created contract is execution on both; the creation itself is charged
    # alike.
    return Cost(operation, receipt.gas_used, iotex_gas(execution + 32_000 * creates, len(data)))


@dataclass
class GasMeter:
    """Collects the cost of named operations; of one that is noted again, the dearest stays."""

    costs: dict[str, Cost] = field(default_factory=dict)

    def note(self, operation: str, receipt: ReceiptAPI) -> ReceiptAPI:
        cost = cost_of(operation, receipt)
        known = self.costs.get(operation)
        if known is None or cost.ethereum > known.ethereum:
            self.costs[operation] = cost
        return receipt

    def __iter__(self) -> Iterator[Cost]:
        return iter(self.costs.values())
