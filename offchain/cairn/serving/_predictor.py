"""Running a program on many rows: the port, and the fake that needs no program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

Row = tuple[int, ...]
"""Device integers of one row; MISSING for what was not measured."""


class Predictor(Protocol):
    """A decoded program. The same integers as the contract's, row by row; safe in threads."""

    @property
    def program_hash(self) -> bytes: ...

    @property
    def n_features(self) -> int: ...

    @property
    def n_outputs(self) -> int: ...

    @property
    def n_words(self) -> int:
        """How large the program is, in words of 32 bytes: what one row costs goes with it."""
        ...

    def warm_up(self) -> None:
        """Do now whatever would make the first prediction slower than the next."""
        ...

    def predict(self, rows: Sequence[Row]) -> list[Row | None]:
        """The outputs of each row; None for the outcome `invalid`."""
        ...


class FakePredictor:
    """Outputs the sum of a row's features and a bias; any MISSING feature makes it invalid."""

    n_outputs = 1

    def __init__(
        self,
        program_hash: bytes,
        n_features: int,
        bias: int = 0,
        before: Callable[[], None] = lambda: None,
        n_words: int = 1,
    ) -> None:
        self.program_hash = program_hash
        self.n_features = n_features
        self.n_words = n_words
        self.is_warm = False
        self._bias = bias
        self._before = before  # called first, so that a test can hold a request up

    def warm_up(self) -> None:
        self.is_warm = True

    def predict(self, rows: Sequence[Row]) -> list[Row | None]:
        self._before()
        return [None if -(2**31) in row else (sum(row) + self._bias,) for row in rows]
