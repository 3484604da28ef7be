"""ProgramStore and Evaluator on titanoboa's chain, and programs published there."""

from functools import cache
from pathlib import Path
from typing import Any

import boa

from cairn.domain.programs import KERNELS, Program

COLD_ACCOUNT_GAS = 2_500  # EIP-2929: 2,600 instead of 100
CONTRACTS = Path(__file__).parents[2] / "contracts"


@cache
def deployer(path: str) -> Any:
    """Compiled once for all test modules."""
    return boa.load_partial(str(CONTRACTS / f"{path}.vy"))


class Chain:
    """The two contracts, deployed once."""

    def __init__(self) -> None:
        kernels = [
            deployer(f"inference/{kernel.name}").compiler_data.bytecode for kernel in KERNELS
        ]
        self.store: Any = deployer("models/ProgramStore").deploy(kernels)
        self.evaluator: Any = deployer("inference/Evaluator").deploy(self.store.address)

    def publish(self, program: Program) -> None:
        for function, arguments in program.publish_calls():
            getattr(self.store, function)(*arguments)
        assert self.store.is_published(program.hash)

    def evaluate(self, program: Program, features: bytes) -> bytes:
        result: bytes = self.evaluator.evaluate(program.hash, features)
        return result

    def gas(self, program: Program, features: bytes) -> int:
        """Execution gas of one evaluation if nothing was touched before: header and chunks cold."""
        self.evaluate(program, features)  # after it, all is warm
        self.evaluate(program, features)
        used: int = self.evaluator._computation.get_gas_used()
        return used + COLD_ACCOUNT_GAS * (1 + len(program.chunks))
