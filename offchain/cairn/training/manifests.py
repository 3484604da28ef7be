"""What a member says beside his update: who trained it, and how it was guarded.

Canonical JSON, as plans are. It is the member's word, but for what anyone recomputes: the root, the
bound on the norm, and the epsilon of the noise that he says he added.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from cairn.training.errors import PrivacyError, UpdateError
from cairn.training.plans import Plan
from cairn.training.privacy import PrivacyStatement
from cairn.training.updates import Update

__all__ = ["UpdateManifest"]

_FORMAT = "cairn-update/1"
_FIELDS = frozenset({"format", "plan_hash", "privacy", "root", "trainer", "weight"})
_HASH = re.compile(r"0x[0-9a-f]{64}")


@dataclass(frozen=True)
class UpdateManifest:
    """plan_hash, root: 32 bytes. weight: readings. trainer: the plan's estimator, or the name of the
    member's own. privacy: None where no noise was added.
    """

    plan_hash: bytes
    root: bytes
    weight: int
    trainer: str
    privacy: PrivacyStatement | None = None

    @classmethod
    def of(
        cls,
        plan: Plan,
        update: Update,
        privacy: PrivacyStatement | None = None,
        trainer: str | None = None,
    ) -> "UpdateManifest":
        name = trainer or plan.estimator.name
        return cls(plan.hash, update.root, update.weight, name, privacy)

    def to_json(self) -> bytes:
        """The canonical bytes: sorted keys, no spaces, ASCII."""
        fields = {
            "format": _FORMAT,
            "plan_hash": "0x" + self.plan_hash.hex(),
            "root": "0x" + self.root.hex(),
            "weight": self.weight,
            "trainer": self.trainer,
            "privacy": None if self.privacy is None else self.privacy.to_fields(),
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii")

    @classmethod
    def from_json(cls, data: bytes) -> "UpdateManifest":
        """Raises UpdateError if the bytes are no manifest, or not in their canonical form."""
        try:
            fields: Any = json.loads(data)
        except (ValueError, RecursionError):
            raise UpdateError("the manifest is not JSON: fetch it again") from None
        if not isinstance(fields, dict) or set(fields) != _FIELDS or fields["format"] != _FORMAT:
            raise UpdateError(f"not an update's manifest of format {_FORMAT}")
        hashes = [fields["plan_hash"], fields["root"]]
        if not all(isinstance(text, str) and _HASH.fullmatch(text) for text in hashes):
            raise UpdateError("the manifest: plan_hash and root are 0x and 64 hex digits")
        weight, trainer = fields["weight"], fields["trainer"]
        if not isinstance(weight, int) or weight < 1 or not isinstance(trainer, str):
            raise UpdateError("the manifest: weight is a number of readings, trainer a name")
        try:
            told = fields["privacy"]
            privacy = None if told is None else PrivacyStatement.from_fields(told)
        except PrivacyError as error:
            raise UpdateError(f"the manifest: privacy: {error}") from None
        plan_hash, root = (bytes.fromhex(text[2:]) for text in hashes)
        manifest = cls(plan_hash, root, weight, trainer, privacy)
        if manifest.to_json() != data:
            raise UpdateError(
                "the manifest is not in canonical JSON: sort its keys, as to_json does"
            )
        return manifest

    def faults(self, plan: Plan, update: Update) -> tuple[str, ...]:
        """What of this is not so, as far as anyone can tell; empty if nothing is.

        That the noise was added at all cannot be seen from outside. Raises PrivacyError if there is
        an epsilon to recompute and dp-accounting is not installed.
        """
        found = []
        if self.plan_hash != plan.hash:
            found.append(f"it is for plan 0x{self.plan_hash.hex()}, not for 0x{plan.hash.hex()}")
        if self.root != update.root:
            found.append("its root is not the update's")
        if self.privacy is not None:
            if self.privacy.clip > plan.clip:
                found.append(
                    f"it says that norms were held to {self.privacy.clip}, the plan to {plan.clip}"
                )
            fault = self.privacy.fault()
            if fault:
                found.append(fault)
        return tuple(found)
