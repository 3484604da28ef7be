"""Fetching in the background, so that what hangs holds up nobody but who wants it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import Generic, TypeVar

from cairn.operator._ports import OperatorError

_T = TypeVar("_T")


class StillFetching(OperatorError):
    """What is wanted is on its way; ask again."""


class Fetches(Generic[_T]):
    """What is being fetched, by key. One thread asks; a few threads fetch.

    Only who has just begun a fetch waits for it, and a step for all that it began no longer than
    `patience_s`: what takes longer is there, or has failed, at a later step. A failure is told to
    whoever asks in that step, and tried again when it is asked for after it.
    """

    def __init__(
        self,
        n_threads: int,
        *,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience_s = self._patience_left_s = patience_s
        self._clock = clock
        self._coming: dict[Hashable, Future[_T]] = {}
        self._fresh: set[Hashable] = set()
        self._told: set[Hashable] = set()
        self._threads = ThreadPoolExecutor(n_threads, thread_name_prefix="fetch")

    def new_step(self) -> None:
        """Be patient again; forget the failures that were told."""
        self._patience_left_s = self._patience_s
        for key in self._told:
            self._coming.pop(key, None)
        self._told.clear()

    def begin(self, key: Hashable, fetch: Callable[[], _T]) -> None:
        """Fetch, unless that is under way or done."""
        if key not in self._coming:
            self._coming[key] = self._threads.submit(fetch)
            self._fresh.add(key)

    def get(self, key: Hashable) -> _T:
        """What was begun. Raises `StillFetching`, or whatever the fetch did."""
        future = self._coming[key]
        began = self._clock()
        try:
            found = future.result(max(0.0, self._patience_left_s) if key in self._fresh else 0)
        except NotYet:
            if not future.done():
                raise StillFetching("it is still being fetched") from None
            self._told.add(key)  # the fetch itself timed out
            raise
        except BaseException:
            self._told.add(key)
            raise
        finally:
            self._fresh.discard(key)
            self._patience_left_s -= self._clock() - began
        return found

    def drop(self, key: Hashable) -> None:
        """Keep it no longer."""
        self._coming.pop(key, None)
        self._fresh.discard(key)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
