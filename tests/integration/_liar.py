"""An operator who lies at random: `cairn operator run` with an executor that adds one to some outputs.

The product has no such switch. What keeps an honest operator from posting a wrong answer (it asks the
Evaluator first, and stops after one was proved wrong) is taken out here, in this process alone.
"""

from __future__ import annotations

import asyncio
import os
import random
from dataclasses import dataclass
from typing import Any

from cairn.domain.integers import pack_features
from cairn.domain.programs import parse_program
from cairn.logs import configure_logs
from cairn.operator import ProgramRunner, Settings
from cairn.operator._answering import Answering
from cairn.operator._noting import Noting
from cairn.operator._wiring import Parts
from cairn.operator.service import run


@dataclass(frozen=True)
class LyingProgram:
    program: ProgramRunner
    dice: random.Random
    share: float

    @property
    def hash(self) -> bytes:
        return self.program.hash

    def run_packed(self, features: bytes) -> bytes:
        right = self.program.run_packed(features)
        if self.dice.random() >= self.share:
            return right
        return right[:-1] + bytes([right[-1] ^ 1]) if right else pack_features([1])


def main() -> None:
    share = float(os.environ.pop("LIAR_SHARE"))
    dice = random.Random(int(os.environ.pop("LIAR_SEED")))

    def parse(data: bytes) -> Any:
        return LyingProgram(parse_program(data), dice, share)

    Answering._check_with_judge = lambda *_: None  # type: ignore[method-assign]
    Noting._suspend = staticmethod(lambda *_: None)  # type: ignore[method-assign]
    settings = Settings()  # type: ignore[call-arg]
    settings = settings.on(settings.load_deployment())
    configure_logs(settings.log_level)
    asyncio.run(run(settings, Parts(parse_program=parse)))


if __name__ == "__main__":
    main()
