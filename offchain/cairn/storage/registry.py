"""The content that the chain names: what must stay retrievable for Cairn to be checkable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol, Self

from sqlalchemy import Connection

from cairn.chain import (
    AccessPolicy,
    AllianceFactory,
    AllianceLaunched,
    BatchAnchored,
    Charter,
    Contract,
    DeviceRegistry,
    EvaluationPosted,
    Evaluations,
    Log,
    LogCursor,
    ModelRegistry,
    Node,
    Store,
    System,
    TrainingRounds,
    ValidationSetAccepted,
)
from cairn.domain.cid import Cid, CidError

from ._upkeep import NamedCid

__all__ = [
    "AnchoredBatches",
    "Constitutions",
    "LabelledCids",
    "PolicyTerms",
    "PostedEvaluations",
    "RegistryCids",
    "ValidationSets",
]

_READ_AGAIN_BLOCKS: Final = 256
"""A later walk begins this far before the end of the last one, in case the chain was rewritten."""


class LabelledCids(Protocol):
    """Names contents that no registry's structs name."""

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        """What each is, and its CID as it stands on chain."""


class _Followed:
    """What one kind of event said, read once: a later walk reads only what is new.

    One thread at a time.
    """

    def __init__(
        self,
        contract: Contract,
        event: type[Any],
        node: Node,
        *,
        first_block: int,
        page_blocks: int,
        confirmations: int,
    ) -> None:
        self._contract = contract
        self._event = event
        self._node = node
        self._first_block = self._next_block = first_block
        self._page_blocks = page_blocks
        self._confirmations = confirmations

    def read(self, note: Callable[[Any], None]) -> None:
        """Tell the events since the last walk, some of them again."""

        def decode(_: Connection, logs: list[Log]) -> None:
            for log in logs:
                event: Any = self._contract.decode(log)
                if isinstance(event, self._event):
                    note(event)

        # The cursor pages, and shrinks a page that the node refuses; its own place is not kept.
        store = Store("sqlite://")
        try:
            cursor = LogCursor(
                store,
                self._node,
                self._event.__name__,
                [self._contract.address],
                self._contract.topics(self._event),
                first_block=self._next_block,
                page_blocks=self._page_blocks,
                confirmations=self._confirmations,
            )
            cursor.advance(self._node.head(), decode)
        finally:
            store.close()
        self._next_block = max(self._first_block, cursor.next_block - _READ_AGAIN_BLOCKS)


class AnchoredBatches:
    """Batches by their anchor events: no contract keeps their CIDs.

    Most have none, since packets stay with their owner unless he publishes them.
    """

    def __init__(
        self,
        devices: DeviceRegistry,
        node: Node,
        *,
        first_block: int = 0,
        page_blocks: int = 2_000,
        confirmations: int = 0,
    ) -> None:
        self._anchored = _Followed(
            devices,
            BatchAnchored,
            node,
            first_block=first_block,
            page_blocks=page_blocks,
            confirmations=confirmations,
        )
        self._found: dict[int, tuple[str, bytes]] = {}

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        self._anchored.read(self._note)
        yield from self._found.values()

    def _note(self, event: BatchAnchored) -> None:
        if event.cid:
            label = f"batch of device {event.device} from {event.first_timestamp}"
            self._found[event.batch_id] = label, event.cid


class Constitutions:
    """What the alliances launched by the factory have for a constitution now."""

    def __init__(
        self,
        factory: AllianceFactory,
        node: Node,
        *,
        first_block: int = 0,
        page_blocks: int = 2_000,
        confirmations: int = 0,
        charter_at: Callable[[Node, str], Charter] = Charter,
    ) -> None:
        self._launched = _Followed(
            factory,
            AllianceLaunched,
            node,
            first_block=first_block,
            page_blocks=page_blocks,
            confirmations=confirmations,
        )
        self._node = node
        self._charter_at = charter_at
        self._charters: dict[str, str] = {}

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        self._launched.read(self._note)
        for alliance, charter in self._charters.items():
            constitution = self._charter_at(self._node, charter).constitution()
            yield f"constitution of alliance {alliance}", constitution

    def _note(self, event: AllianceLaunched) -> None:
        self._charters[event.alliance] = event.charter


class PostedEvaluations:
    """The rows and the losses of evaluations, by the events of their posting."""

    def __init__(
        self,
        evaluations: Evaluations,
        node: Node,
        *,
        first_block: int = 0,
        page_blocks: int = 2_000,
        confirmations: int = 0,
    ) -> None:
        self._posted = _Followed(
            evaluations,
            EvaluationPosted,
            node,
            first_block=first_block,
            page_blocks=page_blocks,
            confirmations=confirmations,
        )
        self._found: dict[int, EvaluationPosted] = {}

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        self._posted.read(self._note)
        for number, event in self._found.items():
            yield f"validation set of evaluation {number}", event.validation_cid
            yield f"losses of evaluation {number}", event.losses_cid

    def _note(self, event: EvaluationPosted) -> None:
        self._found[event.evaluation_id] = event


class ValidationSets:
    """The sets on which alliances accept evaluations, as long as they do."""

    def __init__(
        self,
        models: ModelRegistry,
        node: Node,
        *,
        first_block: int = 0,
        page_blocks: int = 2_000,
        confirmations: int = 0,
    ) -> None:
        self._accepted = _Followed(
            models,
            ValidationSetAccepted,
            node,
            first_block=first_block,
            page_blocks=page_blocks,
            confirmations=confirmations,
        )
        self._found: dict[tuple[int, bytes], ValidationSetAccepted] = {}

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        self._accepted.read(self._note)
        for event in self._found.values():
            if event.accepted:
                yield f"validation set of model {event.model_id}", event.cid

    def _note(self, event: ValidationSetAccepted) -> None:
        self._found[event.model_id, event.validation_root] = event


class PolicyTerms:
    """The terms of use that policies want accepted."""

    def __init__(self, policies: AccessPolicy) -> None:
        self._policies = policies

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        for policy_id in range(1, self._policies.n_policies() + 1):
            yield f"terms of policy {policy_id}", self._policies.rules(policy_id).terms_cid


class RegistryCids:
    """Walks models, their versions, the rounds that made them, evaluations, batches and what
    alliances wrote down.

    Implements `CidSource`.

    Anybody's alliance may register bytes that are no CID; those are told to `on_unreadable`, with
    what they were meant to be, and passed over.
    """

    def __init__(
        self,
        models: ModelRegistry,
        rounds: TrainingRounds,
        *others: LabelledCids,
        on_unreadable: Callable[[str, str], None] = lambda label, reason: None,
    ) -> None:
        self._models = models
        self._rounds = rounds
        self._others = others
        self._on_unreadable = on_unreadable

    @classmethod
    def of(
        cls,
        system: System,
        *,
        on_unreadable: Callable[[str, str], None] = lambda label, reason: None,
    ) -> Self:
        """All that one deployment names."""
        bounds: Any = {
            "first_block": system.deployment.first_block,
            "page_blocks": system.network.log_page_blocks,
            "confirmations": system.network.confirmations,
        }
        return cls(
            system.models,
            system.rounds,
            AnchoredBatches(system.devices, system.node, **bounds),
            Constitutions(system.factory, system.node, **bounds),
            ValidationSets(system.models, system.node, **bounds),
            PostedEvaluations(system.evaluations, system.node, **bounds),
            PolicyTerms(system.policies),
            on_unreadable=on_unreadable,
        )

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
        for others in self._others:
            yield from others.labelled()
