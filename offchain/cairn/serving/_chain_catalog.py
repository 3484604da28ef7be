"""The catalog of a real registry: the chain says what is for sale, the store holds it."""

from __future__ import annotations

from collections.abc import Sequence

from cairn.chain import System
from cairn.domain.cid import Cid
from cairn.serving._catalog import Offer
from cairn.storage import ContentStore

MAX_PROGRAM_BYTES = 64 << 20
MAX_SCHEMA_BYTES = 1 << 20
"""What a hostile CID may cost: no real program or schema comes near."""


class ChainCatalog:
    """A `ModelCatalog` over the contracts and a content store. Each call has their time-outs."""

    def __init__(self, system: System, store: ContentStore) -> None:
        self._system = system
        self._store = store
        # Terms, versions and models never change, so what was read once is right for good.
        self._offers: dict[int, Offer] = {}

    @property
    def chain_id(self) -> int:
        return self._system.network.chain_id

    def chain_time(self) -> int:
        return self._system.node.head().timestamp

    def model_ids(self) -> Sequence[int]:
        return range(1, self._system.models.n_models() + 1)

    def offer(self, model_id: int) -> Offer | None:
        """One call of the chain, unless the terms have changed."""
        models = self._system.models
        terms_id = models.current_terms(model_id)
        if terms_id == 0:
            return None
        known = self._offers.get(model_id)
        if known is not None and known.terms_id == terms_id:
            return known
        terms = models.terms(terms_id)
        model = models.model(model_id)
        version = models.version(model_id, terms.version)
        offer = Offer(
            model_id=model_id,
            name=model.name,
            terms_id=terms_id,
            version=terms.version,
            program_hash=version.program_hash,
            program_cid=version.program_cid,
            schema_hash=model.schema_hash,
            schema_cid=model.schema_cid,
            # The registry's MODEL-2: the terms in force name the production version.
            aliases={"production": terms.version},
        )
        self._offers[model_id] = offer
        return offer

    def fetch_program(self, offer: Offer) -> bytes:
        return self._store.fetch(Cid.from_bytes(offer.program_cid), max_bytes=MAX_PROGRAM_BYTES)

    def fetch_schema(self, offer: Offer) -> bytes:
        return self._store.fetch(Cid.from_bytes(offer.schema_cid), max_bytes=MAX_SCHEMA_BYTES)
