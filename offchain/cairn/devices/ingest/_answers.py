"""Every answer that a packet can get. docs/spec/ingest.md says the same to those who send."""

from __future__ import annotations

from enum import StrEnum


class Answer(StrEnum):
    STORED = "stored"
    """Checked and on disk."""
    KNOWN = "known"
    """The same bytes were stored before: a replay changes nothing."""
    CONFLICT = "conflict"
    """Another packet of this device and second is stored; the first one stays."""
    MALFORMED = "malformed"
    OVERSIZED = "oversized"
    OLD_FORMAT = "old_format"
    """JSON from before mid 2021, whose signatures cannot be checked."""
    SIGNATURE = "signature"
    """The outer signature is not the device's, or the inner one is nobody's here."""
    UNKNOWN_DEVICE = "unknown_device"
    """Not a registered device of this owner, or revoked."""
    FUTURE = "future"
    """By a clock that is more than ten minutes ahead of ours: the chain would refuse it too."""
    FLOOD = "flood"
    """More than a device may send; come again later."""
    BUSY = "busy"
    """The queue is full, or the database cannot be written; come again later."""

    @property
    def status(self) -> int:
        """The answer's HTTP status."""
        return _STATUS[self]

    @property
    def is_kept(self) -> bool:
        """Whether the packet is on disk: it need not be sent again."""
        return self in (Answer.STORED, Answer.KNOWN)

    @property
    def may_come_again(self) -> bool:
        """Whether the same packet may get another answer later."""
        return self in (Answer.FLOOD, Answer.BUSY, Answer.UNKNOWN_DEVICE, Answer.FUTURE)


_STATUS = {
    Answer.STORED: 200,
    Answer.KNOWN: 200,
    Answer.CONFLICT: 409,
    Answer.MALFORMED: 400,
    Answer.OVERSIZED: 413,
    Answer.OLD_FORMAT: 400,
    Answer.SIGNATURE: 401,
    Answer.UNKNOWN_DEVICE: 403,
    Answer.FUTURE: 422,
    Answer.FLOOD: 429,
    Answer.BUSY: 503,
}
