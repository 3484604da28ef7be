"""From an offer to a model that can answer: fetch, check every hash, decode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cairn.domain.keccak import keccak256
from cairn.domain.schema import Schema
from cairn.serving._catalog import ModelCatalog, Offer
from cairn.serving._errors import ProgramRejected
from cairn.serving._predictor import Predictor

Decoder = Callable[[bytes], Predictor]
"""From a program's bytes to what runs it; raises CairnError for bytes that are no program."""


@dataclass(frozen=True)
class LoadedModel:
    """A version in memory: what the registry says of it, and what runs it."""

    offer: Offer
    schema: Schema
    predictor: Predictor

    def under(self, offer: Offer) -> LoadedModel:
        """The same program under newer terms."""
        return replace(self, offer=offer)


def load(catalog: ModelCatalog, offer: Offer, decode: Decoder) -> LoadedModel:
    """Fetch what an offer names, check it, and make it ready to answer.

    Raises CairnError, ProgramRejected for a forgery.
    """
    what = f"version {offer.version} of model {offer.name}"
    program = catalog.fetch_program(offer)
    text = catalog.fetch_schema(offer)
    if keccak256(text) != offer.schema_hash:
        raise ProgramRejected(
            f"{what}: the schema's content hashes to 0x{keccak256(text).hex()}, the registry says "
            f"0x{offer.schema_hash.hex()}; fetch it from another node"
        )
    schema = Schema.from_json(text)
    predictor = decode(program)
    if predictor.program_hash != offer.program_hash:
        raise ProgramRejected(
            f"{what}: the program's content hashes to 0x{predictor.program_hash.hex()}, the "
            f"registry says 0x{offer.program_hash.hex()}; fetch it from another node"
        )
    for name, takes, has in (
        ("features", predictor.n_features, len(schema.features)),
        ("outputs", predictor.n_outputs, len(schema.targets)),
    ):
        if takes != has:
            raise ProgramRejected(
                f"{what}: the program has {takes} {name}, the schema {has}; the alliance has to "
                "register a version that fits its schema"
            )
    predictor.warm_up()
    return LoadedModel(offer, schema, predictor)
