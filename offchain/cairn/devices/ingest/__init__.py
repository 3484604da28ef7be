"""Taking in what devices send: checked, kept before it is acknowledged, batched and anchored.

docs/spec/ingest.md has the answers to every packet, and what survives which crash.
"""

from cairn.devices.ingest._anchoring import Anchorer, BatchState, Registry
from cairn.devices.ingest._answers import Answer
from cairn.devices.ingest._app import create_app
from cairn.devices.ingest._intake import Intake, Limits
from cairn.devices.ingest._metrics import Metrics
from cairn.devices.ingest._mqtt import Subscriber
from cairn.devices.ingest._roster import KnownDevice, Roster
from cairn.devices.ingest._settings import IngestError, IngestSettings
from cairn.devices.ingest._store import Arrival, PacketStore, Place

__all__ = [
    "Anchorer",
    "Answer",
    "Arrival",
    "BatchState",
    "IngestError",
    "IngestSettings",
    "Intake",
    "KnownDevice",
    "Limits",
    "Metrics",
    "PacketStore",
    "Place",
    "Registry",
    "Roster",
    "Subscriber",
    "create_app",
]
