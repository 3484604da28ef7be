"""What transactions cost, on Ethereum's schedule and by IoTeX's formula."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ape.api import ReceiptAPI

# What IoTeX takes of one transaction, and of a block.
IOTEX_CALLDATA_BYTES = 48 * 1024
IOTEX_BLOCK_GAS = 25_000_000


@dataclass(frozen=True)
class Cost:
    """Gas of one transaction."""

    operation: str
    ethereum: int  # what the local chain charged: Ethereum's schedule, Cancun rules
    iotex: int  # the same execution by IoTeX's formula
    calldata_bytes: int = 0

    @property
    def fits_iotex(self) -> bool:
        """Whether IoTeX takes a transaction of this size at all."""
        return self.calldata_bytes <= IOTEX_CALLDATA_BYTES and self.iotex <= IOTEX_BLOCK_GAS


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
    """The cost of a mined transaction.

    Execution is what was charged beyond the intrinsic gas, less the refund that the local chain
    gave; both chains cap a refund at a fifth of the whole, which differs a little where the cap
    bites. Of a creation, storing the code is execution; for being one, and for the words of its
    code, Ethereum charges in the intrinsic gas and IoTeX, whose intrinsic gas knows only bytes,
    nothing.
    """
    data = bytes(receipt.transaction.data)
    creates = not receipt.transaction.receiver
    execution = receipt.gas_used - intrinsic_gas(data, creates)
    return Cost(operation, receipt.gas_used, iotex_gas(execution, len(data)), len(data))


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
