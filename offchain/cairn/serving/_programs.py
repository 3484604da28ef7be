"""Cairn's own interpreters behind the `Predictor` port."""

from __future__ import annotations

from collections.abc import Sequence

from cairn.domain.programs import Program
from cairn.models import predict
from cairn.serving._predictor import Predictor, Row

FEW_ROWS = 4
"""Up to so many rows the reference interpreter is quicker than setting numpy up."""


class ProgramPredictor:
    """A program: the reference interpreter for a few rows, numpy for many; the same integers."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.program_hash = program.hash
        self.n_features = program.n_features
        self.n_outputs = program.n_outputs
        self.n_words = len(program.header) + len(program.chunk_words)

    def warm_up(self) -> None:
        """Decode for both interpreters: the words are parsed, and numpy's arrays made, only once."""
        row = (0,) * self.n_features
        self.predict([row])
        self.predict([row] * (FEW_ROWS + 1))

    def predict(self, rows: Sequence[Row]) -> list[Row | None]:
        if len(rows) <= FEW_ROWS:
            return [self._program.run(row) for row in rows]
        outputs, valid = predict(self._program, rows)
        return [
            tuple(row) if is_valid else None
            for row, is_valid in zip(outputs.tolist(), valid.tolist(), strict=True)
        ]


def decode_program(data: bytes) -> Predictor:
    """What runs a program, from its bytes; raises ProgramError for bytes that are no program."""
    return ProgramPredictor(Program.from_bytes(data))
