"""The worker: answers requests, aggregates rounds, watches others; loses nothing when killed."""

from cairn.operator._content_watch import ContentReport, ContentWatch
from cairn.operator._health import Health
from cairn.operator._ports import (
    AggregateFiles,
    AggregateRound,
    Content,
    Contracts,
    OperatorError,
    ParseProgram,
    ProgramRunner,
    VersionFile,
)
from cairn.operator._programs import Programs
from cairn.operator._settings import Settings
from cairn.operator._status import OperatorStatus, read_status
from cairn.operator._worker import Worker

__all__ = [
    "AggregateFiles",
    "AggregateRound",
    "Content",
    "ContentReport",
    "ContentWatch",
    "Contracts",
    "Health",
    "OperatorError",
    "OperatorStatus",
    "ParseProgram",
    "ProgramRunner",
    "Programs",
    "Settings",
    "VersionFile",
    "Worker",
    "read_status",
]
