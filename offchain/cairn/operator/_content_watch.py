"""Verifies what the registry names, and mends it, on a schedule and beside the worker's own work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from cairn.errors import CairnError
from cairn.storage import (
    CidSource,
    ContentStore,
    Finding,
    Limits,
    NamedCid,
    Repair,
    State,
    Verification,
    repair,
    verify,
)

_log = logging.getLogger(__name__)

_RETRY_S: Final = 300.0
"""After a check that could not be ended, such as for want of a node, at the latest."""
_MOST_NAMED: Final = 20
"""How many copies one line of the log names."""

Mends = Literal["none", "pinned", "all"]


@dataclass(frozen=True, slots=True)
class ContentReport:
    """What the checks so far found and did. Times are of a monotonic clock."""

    running: bool = False
    checks: int = 0
    failures: int = 0
    repaired: int = 0
    not_repaired: int = 0
    ended_at: float | None = None
    took_s: float = 0.0
    last: Verification = field(default_factory=lambda: Verification(()))


class ContentWatch:
    """Checks by itself, in a thread of its own: whoever calls `tick` never waits.

    A check reads every byte of what `source` names, in every store, no quicker than it is allowed
    to. `mends` says what it repairs: what one of the stores pins is what this operator means to
    keep; to keep all that anybody registers is to lend everybody one's disk.
    """

    def __init__(
        self,
        stores: Sequence[ContentStore],
        source: CidSource,
        *,
        interval_s: float,
        most_bytes: int = 1 << 30,
        bytes_per_s: float = 32e6,
        mends: Mends = "pinned",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stores = tuple(stores)
        self._source = source
        self._interval_s = interval_s
        self._limits = Limits(max_total_bytes=most_bytes)
        self._bytes_per_s = bytes_per_s
        self._mends = mends
        self._clock = clock
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._due_at = clock()
        self._report = ContentReport()

    @property
    def report(self) -> ContentReport:
        return self._report

    def tick(self) -> None:
        """Begin a check if one is due and none is under way."""
        if self._stopped.is_set() or self._clock() < self._due_at:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._change(running=True)
        # A daemon: a store that hangs must not hold up the end of the process. The stores lose
        # nothing when they are cut off.
        self._thread = threading.Thread(target=self._run, name="content-check", daemon=True)
        self._thread.start()

    def close(self, patience_s: float = 2.0) -> None:
        """Have a check under way end, and wait for it no longer than that."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(patience_s)
            if self._thread.is_alive():
                return  # it uses the stores; they go with the process
        for store in self._stores:
            store.close()

    def wait(self, seconds: float) -> bool:
        """For tests: whether the check under way ended in time."""
        if self._thread is not None:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        began = self._clock()
        try:
            found, mended = self._check()
        except _Stopped:
            self._change(running=False)
            return
        except Exception as error:  # noqa: BLE001 - the edge of a thread; the next check may do
            why = (
                str(error) if isinstance(error, CairnError) else f"{type(error).__name__}: {error}"
            )
            _say("content not checked", level=logging.WARNING, why=why)
            self._due_at = self._clock() + min(self._interval_s, _RETRY_S)
            self._change(running=False, failures=self._report.failures + 1)
            return
        now = self._clock()
        self._due_at = now + self._interval_s
        repaired = sum(one.repaired for one in mended)
        self._change(
            running=False,
            checks=self._report.checks + 1,
            repaired=self._report.repaired + repaired,
            not_repaired=self._report.not_repaired + len(mended) - repaired,
            ended_at=now,
            took_s=now - began,
            last=found,
        )
        _tell(found, mended, now - began)

    def _check(self) -> tuple[Verification, list[Repair]]:
        pace = _Pace(self._bytes_per_s, self._stopped, self._clock)
        named = list(self._unless_stopped(self._source.named_cids()))
        found = verify(
            self._stores, self._unless_stopped(named), limits=self._limits, progress=pace
        )
        wanted = self._to_mend(found)
        if not wanted:
            return found, []
        mended = repair(
            self._stores, self._unless_stopped(wanted), limits=self._limits, progress=pace
        )
        again = verify(
            self._stores, self._unless_stopped(wanted), limits=self._limits, progress=pace
        )
        fresh = {(one.cid, one.store): one for one in again.findings}
        findings = tuple(fresh.get((one.cid, one.store), one) for one in found.findings)
        return Verification(findings), mended

    def _to_mend(self, found: Verification) -> list[NamedCid]:
        if self._mends == "none":
            return []
        copies: dict[NamedCid, list[Finding]] = {}
        for one in found.findings:
            copies.setdefault(NamedCid(one.cid, one.label), []).append(one)
        return [
            named
            for named, findings in copies.items()
            if (self._mends == "all" or any(one.pinned for one in findings))
            and any(one.state is not State.INTACT or not one.pinned for one in findings)
        ]

    def _unless_stopped(self, named: Sequence[NamedCid] | Iterator[NamedCid]) -> Iterator[NamedCid]:
        for one in named:
            if self._stopped.is_set():
                raise _Stopped
            yield one

    def _change(self, **changes: Any) -> None:
        with self._lock:
            self._report = replace(self._report, **changes)


class _Stopped(Exception):
    """The process is about to end."""


class _Pace:
    """Called with the bytes just read; waits where that was too quick, ends where told to stop."""

    def __init__(
        self, bytes_per_s: float, stopped: threading.Event, clock: Callable[[], float]
    ) -> None:
        self._bytes_per_s = bytes_per_s
        self._stopped = stopped
        self._clock = clock
        self._free_at = clock()

    def __call__(self, done: int) -> None:
        now = self._clock()
        self._free_at = max(self._free_at, now) + done / self._bytes_per_s
        if self._stopped.wait(max(0.0, self._free_at - now)):
            raise _Stopped


def _tell(found: Verification, mended: Sequence[Repair], took_s: float) -> None:
    _say(
        "content checked",
        contents=len({one.cid for one in found.findings}),
        copies={
            str(state): count
            for state in State
            if (count := sum(one.state is state for one in found.findings))
        },
        lost=len(found.lost),
        repaired=sum(one.repaired for one in mended),
        took_s=round(took_s, 3),
    )
    for failed in [one for one in mended if not one.repaired][:_MOST_NAMED]:
        _say(
            "content not repaired",
            level=logging.WARNING,
            cid=str(failed.cid),
            store=failed.store,
            why=failed.detail,
        )
    for broken in found.broken[:_MOST_NAMED]:
        _say(
            "content broken",
            level=logging.ERROR,
            cid=str(broken.cid),
            what=broken.label,
            store=broken.store,
            why=broken.detail,
        )


def _say(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    _log.log(level, event, extra={"fields": fields})
