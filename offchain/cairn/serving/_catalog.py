"""What may be served: the port to the registry and the store, and a fake of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cairn.errors import CairnError


@dataclass(frozen=True)
class Offer:
    """What the registry says of a model now: the version that its terms in force name."""

    model_id: int
    name: str
    terms_id: int
    version: int
    program_hash: bytes  # 32 bytes
    program_cid: bytes  # binary CIDv1
    schema_hash: bytes  # keccak256 of the schema's canonical JSON
    schema_cid: bytes
    aliases: Mapping[str, int] = field(default_factory=dict)  # alias -> version


class ModelCatalog(Protocol):
    """The registry and the content store, as the server needs them.

    Every call may block and may raise `CairnError`; the server calls from threads, under time-outs.
    What `fetch_*` returns is not trusted: the server checks it against the offer's hashes.
    """

    @property
    def chain_id(self) -> int: ...

    def chain_time(self) -> int:
        """The newest block's time, unix seconds."""
        ...

    def model_ids(self) -> Sequence[int]:
        """The ids of all models of the registry."""
        ...

    def offer(self, model_id: int) -> Offer | None:
        """What is for sale of a model now; None if the registry names no terms for it."""
        ...

    def fetch_program(self, offer: Offer) -> bytes:
        """The bytes that the offer's program CID names."""
        ...

    def fetch_schema(self, offer: Offer) -> bytes:
        """The bytes that the offer's schema CID names: the schema's canonical JSON."""
        ...


class FakeCatalog:
    """A catalog in memory. `fail_with` makes every call raise; `content` may be tampered with."""

    def __init__(self, chain_id: int = 4690) -> None:
        self._chain_id = chain_id
        self.offers: dict[int, Offer | None] = {}
        self.content: dict[bytes, bytes] = {}
        self.fail_with: CairnError | None = None
        self.time = 1_700_000_000

    @property
    def chain_id(self) -> int:
        return self._chain_id

    def put(self, offer: Offer, program: bytes, schema: bytes) -> None:
        """Offer a version, and hold what its CIDs name."""
        self.offers[offer.model_id] = offer
        self.content[offer.program_cid] = program
        self.content[offer.schema_cid] = schema

    def chain_time(self) -> int:
        self._fail()
        return self.time

    def model_ids(self) -> Sequence[int]:
        self._fail()
        return sorted(self.offers)

    def offer(self, model_id: int) -> Offer | None:
        self._fail()
        return self.offers.get(model_id)

    def fetch_program(self, offer: Offer) -> bytes:
        self._fail()
        return self._get(offer.program_cid)

    def fetch_schema(self, offer: Offer) -> bytes:
        self._fail()
        return self._get(offer.schema_cid)

    def _fail(self) -> None:
        if self.fail_with is not None:
            raise self.fail_with

    def _get(self, cid: bytes) -> bytes:
        if cid not in self.content:
            raise CairnError(f"nobody holds {cid.hex()}; pin it and try again")
        return self.content[cid]
