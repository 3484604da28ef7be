"""From bytes to an answer: judged at once, on disk before it is acknowledged.

One thread writes. It takes all that wait, many in one transaction, and only then answers each:
what was acknowledged is on disk, whatever happens next, and what was not is the sender's to send
again. The queue before it has a bound, so that a flood is turned away instead of filling memory.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from cairn.devices._messages import MAX_MESSAGE_BYTES, MessageError, decode_message
from cairn.devices.ingest._answers import Answer
from cairn.devices.ingest._metrics import Metrics
from cairn.devices.ingest._roster import Roster
from cairn.devices.ingest._store import Arrival, PacketStore
from cairn.domain.packets import (
    MAX_PACKET_BYTES,
    Fault,
    PacketError,
    PacketVerifier,
    decode_packet,
    recover_devices,
)

_log = logging.getLogger(__name__)

_MOST_IN_ONE_WRITE = 512

_ANSWER_OF = {
    Fault.MALFORMED: Answer.MALFORMED,
    Fault.NOT_A_READING: Answer.MALFORMED,
    Fault.OLD_FORMAT: Answer.OLD_FORMAT,
    Fault.SIGNATURE: Answer.SIGNATURE,
    Fault.DEVICE: Answer.SIGNATURE,
}


@dataclass(frozen=True)
class Limits:
    max_ahead_s: int = 600
    queue_size: int = 4_096
    burst: int = 2_000
    packets_per_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Refusal:
    answer: Answer
    detail: str


class _Bucket:
    """A device's allowance: `burst` at once, then `rate` a second."""

    __slots__ = ("at", "tokens")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at


class Intake:
    """Judges packets and keeps the good ones. Safe to use from several threads.

    `clock` gives unix seconds, `monotonic` seconds of a clock that never goes back.
    """

    def __init__(
        self,
        store: PacketStore,
        roster: Roster,
        metrics: Metrics,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._roster = roster
        self._metrics = metrics
        self._limits = limits or Limits()
        self._clock = clock
        self._monotonic = monotonic
        self._buckets: dict[bytes, _Bucket] = {}
        self._lock = threading.Lock()
        self._queue: queue.Queue[tuple[Arrival, Future[Answer]] | None] = queue.Queue(
            self._limits.queue_size
        )
        self._is_open = True
        self._writer = threading.Thread(target=self._write, name="ingest-writer", daemon=True)
        self._writer.start()

    # --- judging ----------------------------------------------------------------------------

    def judge_message(self, body: bytes) -> Arrival | Refusal:
        """An HTTP message: the outer signature and the inner one."""
        if len(body) > MAX_MESSAGE_BYTES:
            return Refusal(Answer.OVERSIZED, f"a body has {MAX_MESSAGE_BYTES} bytes at most")
        try:
            device, raw, signature, digest = decode_message(body)
        except MessageError as error:
            return Refusal(Answer.MALFORMED, str(error))
        if len(raw) > MAX_PACKET_BYTES:
            return _oversized()
        verifier = self._roster.verifier(device)
        if verifier is None:
            return _unknown(device)
        arrival = self._judge(raw, verifier)
        # The inner signature has told the device's key, so that the outer one is a single check.
        if isinstance(arrival, Arrival) and not verifier.has_signed(signature, digest):
            return Refusal(
                Answer.SIGNATURE,
                "the outer signature is not the device's: it is over SHA-256 of the JSON of "
                "deviceID and payload, in this order, with no blanks",
            )
        return self._within_allowance(arrival)

    def judge_packet(self, raw: bytes, device: bytes | None = None) -> Arrival | Refusal:
        """A packet by itself, as MQTT brings it. `device`: who sent the last of this topic."""
        if len(raw) > MAX_PACKET_BYTES:
            return _oversized()
        verifier = None if device is None else self._roster.verifier(device)
        if verifier is not None:
            arrival = self._judge(raw, verifier)
            if isinstance(arrival, Arrival) or arrival.answer != Answer.SIGNATURE:
                return self._within_allowance(arrival)
        try:
            signers = recover_devices(decode_packet(raw))
        except PacketError as error:
            return Refusal(_ANSWER_OF[error.fault], str(error))
        if not signers:
            return Refusal(Answer.SIGNATURE, "the signature is not a low-s secp256k1 signature")
        for signer in signers:
            verifier = self._roster.verifier(signer)
            if verifier is not None:
                return self._within_allowance(self._judge(raw, verifier))
        return Refusal(
            Answer.UNKNOWN_DEVICE,
            "no device of this owner signed the packet: it was changed, or its device is not "
            "registered, or revoked",
        )

    def _judge(self, raw: bytes, verifier: PacketVerifier) -> Arrival | Refusal:
        try:
            packet, _ = verifier.verify(raw)
        except PacketError as error:
            return Refusal(_ANSWER_OF[error.fault], str(error))
        now = int(self._clock())
        if packet.timestamp > now + self._limits.max_ahead_s:
            return Refusal(
                Answer.FUTURE,
                f"the reading is {packet.timestamp - now} s ahead of this clock: set the device's",
            )
        return Arrival(verifier.device, packet.timestamp, raw, now)

    def _within_allowance(self, found: Arrival | Refusal) -> Arrival | Refusal:
        """After the signature, so that nobody can use up another device's allowance."""
        if isinstance(found, Refusal):
            return found
        at, limits = self._monotonic(), self._limits
        with self._lock:
            bucket = self._buckets.setdefault(found.device, _Bucket(limits.burst, at))
            bucket.tokens = min(
                limits.burst, bucket.tokens + (at - bucket.at) * limits.packets_per_s
            )
            bucket.at = at
            if bucket.tokens < 1:
                return Refusal(
                    Answer.FLOOD,
                    f"more than {limits.burst} packets at once, or {limits.packets_per_s:g} a "
                    "second: come again later",
                )
            bucket.tokens -= 1
        return found

    # --- keeping ----------------------------------------------------------------------------

    def submit(self, arrival: Arrival, *, wait: bool = False) -> Future[Answer]:
        """Have a packet written. The future's answer comes once it is on disk; it never fails.

        A full queue answers BUSY, or is waited for with `wait`.
        """
        done: Future[Answer] = Future()
        # A request that is given up must not cancel it: the packet is written all the same.
        done.set_running_or_notify_cancel()
        try:
            if not self._is_open:
                raise queue.Full
            self._queue.put((arrival, done), block=wait)
        except queue.Full:
            done.set_result(Answer.BUSY)
        self._metrics.queued.set(self._queue.qsize())
        return done

    def close(self) -> None:
        """Write what was taken in, and end."""
        self._is_open = False
        self._queue.put(None)
        self._writer.join()

    def _write(self) -> None:
        ended = False
        while not ended:
            taken = [self._queue.get()]
            while len(taken) < _MOST_IN_ONE_WRITE:
                try:
                    taken.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            ended = None in taken
            work = [one for one in taken if one is not None]
            if work:
                self._write_one(work)

    def _write_one(self, work: list[tuple[Arrival, Future[Answer]]]) -> None:
        try:
            with self._metrics.commit_s.time():
                answers = self._store.keep([arrival for arrival, _ in work])
        except SQLAlchemyError as error:
            _log.error("cannot write", extra={"fields": {"why": str(error), "packets": len(work)}})
            answers = [Answer.BUSY] * len(work)
        self._metrics.queued.set(self._queue.qsize())
        for (_, done), answer in zip(work, answers, strict=True):
            done.set_result(answer)


def _oversized() -> Refusal:
    return Refusal(Answer.OVERSIZED, f"a packet has {MAX_PACKET_BYTES} bytes at most")


def _unknown(device: bytes) -> Refusal:
    return Refusal(
        Answer.UNKNOWN_DEVICE,
        f"0x{device.hex()} is not a device of this owner: register it, or it was revoked",
    )
