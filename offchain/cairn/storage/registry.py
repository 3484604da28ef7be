"""The content that the chain names: what must stay retrievable for Cairn to be checkable."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cairn.chain import ModelRegistry, TrainingRounds
from cairn.domain.cid import Cid, CidError

from ._upkeep import NamedCid

__all__ = ["RegistryCids"]


class RegistryCids:
    """Walks models, their versions, and the rounds that made them. Implements `CidSource`.

    Anybody's alliance may register bytes that are no CID; those are told to `on_unreadable`, with
    what they were meant to be, and passed over. Batches are not walked: they stay with their owner
    unless an alliance's policy says otherwise.
    """

    def __init__(
        self,
        models: ModelRegistry,
        rounds: TrainingRounds,
        *,
        on_unreadable: Callable[[str, str], None] = lambda label, reason: None,
    ) -> None:
        self._models = models
        self._rounds = rounds
        self._on_unreadable = on_unreadable

    def named_cids(self) -> Iterator[NamedCid]:
        for label, cid in self._raw():
            # Empty where the contract lets one be left out.
            if not cid:
                continue
            try:
                yield NamedCid(Cid.from_bytes(cid), label)
            except CidError as error:
                self._on_unreadable(label, str(error))

    def _raw(self) -> Iterator[tuple[str, bytes]]:
        for model_id in range(1, self._models.n_models() + 1):
            yield f"schema of model {model_id}", self._models.model(model_id).schema_cid
            for number in range(1, self._models.latest_version(model_id) + 1):
                version = self._models.version(model_id, number)
                name = f"model {model_id}, version {number}"
                yield f"program of {name}", version.program_cid
                yield f"card of {name}", version.card_cid
        for round_id in range(1, self._rounds.n_rounds() + 1):
            yield f"plan of round {round_id}", self._rounds.plan(round_id).plan_cid
            for update in self._rounds.updates(round_id):
                yield f"update of {update.member} in round {round_id}", update.cid
            aggregate = self._rounds.aggregate_of(round_id)
            yield f"aggregate of round {round_id}", aggregate.cid
            yield f"program of round {round_id}", aggregate.program_cid
            yield f"card of round {round_id}", aggregate.card_cid
