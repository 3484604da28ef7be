"""Checking evidence: from a prediction back to the signatures of the sensors."""

from cairn.audit._fake import FakeLedger
from cairn.audit._findings import EXIT_CODES, Finding, State
from cairn.audit._ports import Absent, Ledger
from cairn.audit._receipts import wrong_row
from cairn.audit._walk import Auditor

__all__ = [
    "EXIT_CODES",
    "Absent",
    "Auditor",
    "FakeLedger",
    "Finding",
    "Ledger",
    "State",
    "wrong_row",
]
