"""The catalog over contracts and a content store, and the programs that it serves."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from cairn.chain import NATIVE_COIN, Model, NodeUnreachable, Terms, Version
from cairn.domain.integers import MISSING
from cairn.domain.programs import FeatureRule, Program, linear_program
from cairn.errors import CairnError
from cairn.serving import ModelCatalog, load
from cairn.serving.chain import ChainCatalog, ProgramPredictor, decode_program
from cairn.storage import ContentNotFound, LimitExceeded, MemoryStore

from .conftest import SCHEMA

ALLIANCE = "0x" + "a1" * 20


def make_program(bias: int = 7) -> Program:
    """The sum of three features and a bias; the second may be missing and counts as 50 then."""
    rules = [FeatureRule(-10_000, 200_000, imputed, 0, 1) for imputed in (MISSING, 50, MISSING)]
    return linear_program(rules, bias, 0)


@dataclass
class Registry:
    """Stands for the ModelRegistry's client, and counts what is asked of it."""

    store: MemoryStore
    program: Program = field(default_factory=make_program)
    terms_id: int = 5
    asked: Counter[str] = field(default_factory=Counter)
    failure: CairnError | None = None

    def n_models(self) -> int:
        return 2

    def current_terms(self, model_id: int) -> int:
        self.asked["current_terms"] += 1
        if self.failure is not None:
            raise self.failure
        return self.terms_id

    def terms(self, terms_id: int) -> Terms:
        self.asked["terms"] += 1
        version = 3 if terms_id == 5 else 4
        return Terms(1, version, self.program.hash, 3, 10, 3000, 5000, 3600, 10**18)

    def model(self, model_id: int) -> Model:
        self.asked["model"] += 1
        cid = self.store.add(SCHEMA.to_json()).binary
        return Model(ALLIANCE, ALLIANCE, NATIVE_COIN, "air-quality", SCHEMA.schema_hash, cid)

    def version(self, model_id: int, version: int) -> Version:
        self.asked["version"] += 1
        cid = self.store.add(self.program.to_bytes()).binary
        return Version(self.program.hash, cid, bytes(32), bytes(32), b"", 0, 1, 1)


@pytest.fixture
def registry() -> Registry:
    return Registry(MemoryStore())


@pytest.fixture
def catalog(registry: Registry) -> ModelCatalog:
    system: Any = SimpleNamespace(models=registry, network=SimpleNamespace(chain_id=4690))
    return ChainCatalog(system, registry.store)


def test_offer__for_sale__is_the_version_that_the_terms_name(
    catalog: ModelCatalog, registry: Registry
) -> None:
    assert (catalog.chain_id, list(catalog.model_ids())) == (4690, [1, 2])
    offer = catalog.offer(1)
    assert offer is not None
    assert (offer.name, offer.terms_id, offer.version) == ("air-quality", 5, 3)
    assert offer.aliases == {"production": 3}
    loaded = load(catalog, offer, decode_program)
    assert loaded.schema == SCHEMA
    assert loaded.predictor.predict([(1, 2, 3)]) == [(13,)]


def test_offer__not_for_sale__is_none(catalog: ModelCatalog, registry: Registry) -> None:
    registry.terms_id = 0
    assert catalog.offer(1) is None


def test_offer__asked_again__reads_only_what_may_change(
    catalog: ModelCatalog, registry: Registry
) -> None:
    for _ in range(3):
        catalog.offer(1)
    assert registry.asked == {"current_terms": 3, "terms": 1, "model": 1, "version": 1}
    registry.terms_id = 6
    offer = catalog.offer(1)
    assert offer is not None
    assert (offer.terms_id, offer.version) == (6, 4)


def test_offer__node_out_of_reach__raises(catalog: ModelCatalog, registry: Registry) -> None:
    registry.failure = NodeUnreachable("the node did not answer")
    with pytest.raises(NodeUnreachable):
        catalog.offer(1)


def test_fetch__content_gone__raises(catalog: ModelCatalog, registry: Registry) -> None:
    offer = catalog.offer(1)
    assert offer is not None
    registry.store.blocks.clear()
    for fetch in (catalog.fetch_program, catalog.fetch_schema):
        with pytest.raises(ContentNotFound):
            fetch(offer)


def test_fetch__content_beyond_all_reason__is_refused(
    catalog: ModelCatalog, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cairn.serving._chain_catalog.MAX_SCHEMA_BYTES", 10)
    offer = catalog.offer(1)
    assert offer is not None
    with pytest.raises(LimitExceeded):
        catalog.fetch_schema(offer)


@pytest.mark.parametrize("n_rows", [1, 4, 5, 100])
def test_predictor__few_rows_or_many__gives_the_same_integers(n_rows: int) -> None:
    predictor = ProgramPredictor(make_program())
    rows = [(i, MISSING if i % 3 else i, 300_000 if i % 2 else 3) for i in range(n_rows)]
    expected: list[tuple[int, ...] | None] = [
        (i + (50 if i % 3 else i) + (200_000 if i % 2 else 3) + 7,) for i in range(n_rows)
    ]
    rows.append((MISSING, 1, 1))
    expected.append(None)
    assert predictor.predict(rows) == expected
    outputs = predictor.predict(rows)
    assert all(type(value) is int for row in outputs if row for value in row)


def test_predictor__warm__has_the_programs_size_and_answers_alike() -> None:
    program = make_program()
    predictor = ProgramPredictor(program)
    before = predictor.predict([(1, 2, 3)])
    predictor.warm_up()
    assert predictor.predict([(1, 2, 3)]) == before
    assert 32 * predictor.n_words == len(program.header_bytes)  # a linear program has no chunks


def test_decode_program__no_program__raises() -> None:
    with pytest.raises(CairnError):
        decode_program(b"no program")
