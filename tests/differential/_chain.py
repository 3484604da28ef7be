"""ProgramStore and Evaluator on titanoboa's chain, and programs published there."""

from pathlib import Path
from typing import Any

import boa

from cairn.domain.programs import KERNELS, Program

CONTRACTS = Path(__file__).parents[2] / "contracts"


class Chain:
    """The two contracts, deployed once."""

    def __init__(self) -> None:
        self.store: Any = boa.load(
            str(CONTRACTS / "models/ProgramStore.vy"),
            [
                boa.load_partial(
                    str(CONTRACTS / f"inference/{kernel.name}.vy")
                ).compiler_data.bytecode
                for kernel in KERNELS
            ],
        )
        self.evaluator: Any = boa.load(
            str(CONTRACTS / "inference/Evaluator.vy"), self.store.address
        )

    def publish(self, program: Program) -> None:
        for function, arguments in program.publish_calls():
            getattr(self.store, function)(*arguments)
        assert self.store.is_published(program.hash)

    def evaluate(self, program: Program, features: bytes) -> bytes:
        result: bytes = self.evaluator.evaluate(program.hash, features)
        return result

    def gas(self, program: Program, features: bytes) -> int:
        """Execution gas of one evaluation, every account cold."""
        boa.env.evm.reset_access_counters()
        self.evaluate(program, features)
        used: int = self.evaluator._computation.get_gas_used()
        return used
