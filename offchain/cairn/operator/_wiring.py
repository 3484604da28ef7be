"""From settings to a worker: the one place that knows which implementations there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cairn.chain import (
    Deployment,
    Lease,
    LocalSigner,
    Outbox,
    Plan,
    Store,
    System,
    Update,
    open_account,
)
from cairn.domain.cid import Cid
from cairn.domain.programs import parse_program
from cairn.operator._content_watch import ContentWatch
from cairn.operator._ports import (
    AggregateFiles,
    AggregateRound,
    Content,
    Contracts,
    ParseProgram,
    VersionFile,
)
from cairn.operator._programs import Programs
from cairn.operator._settings import Settings
from cairn.operator._worker import Worker
from cairn.storage import ContentStore, StorageConfig, open_store, open_stores
from cairn.storage.registry import RegistryCids


class StoredContent:
    """A content store, addressed by the binary CIDs that contracts hold."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store

    def fetch(self, cid: bytes) -> bytes:
        return self._store.fetch(Cid.from_bytes(cid))

    def add(self, data: bytes) -> bytes:
        return self._store.add(data).binary


def open_content(settings: Settings) -> StoredContent:
    """The embedded store, and an IPFS node's if one is named."""
    return StoredContent(open_store(_storage(settings)))


def watch_content(settings: Settings, system: System) -> ContentWatch | None:
    """What verifies the registry's content in the same stores; None if settings say never."""
    if not settings.content_check_interval_s:
        return None
    return ContentWatch(
        open_stores(_storage(settings)),
        RegistryCids.of(system),
        interval_s=settings.content_check_interval_s,
        most_bytes=settings.content_check_most_mb * 1_000_000,
        bytes_per_s=settings.content_check_mb_per_s * 1e6,
        mends=settings.content_repair,
    )


def _storage(settings: Settings) -> StorageConfig:
    return StorageConfig(folder=settings.store, ipfs=settings.ipfs)


def train_together(
    posted_plan: Plan,
    plan_file: bytes,
    updates: Sequence[tuple[Update, bytes | None]],
    base: Callable[[], VersionFile | None],
    previous: Callable[[], VersionFile | None],
) -> AggregateFiles:
    """The arithmetic of `cairn.training`, imported when there is a round: it brings scikit-learn."""
    from cairn.operator._aggregate import aggregate_round

    return aggregate_round(posted_plan, plan_file, updates, base, previous)


@dataclass(frozen=True)
class Parts:
    """What may be replaced: by tests, and by whoever has other arithmetic or another store."""

    open_content: Callable[[Settings], Content] = open_content
    watch_content: Callable[[Settings, System], ContentWatch | None] = watch_content
    parse_program: ParseProgram = parse_program
    aggregate_round: AggregateRound | None = train_together


def connect(settings: Settings) -> System:
    """The contracts that settings name. Raises `ChainError`."""
    deployment = Deployment.load(settings.deployment)
    return System.connect(settings.network(deployment.chain_id), deployment)


def connect_to_sign(settings: Settings) -> tuple[System, LocalSigner]:
    """The contracts and the account, unlocked, which takes a second or so. Raises `ChainError`."""
    system = connect(settings)
    signer = open_account(
        settings.account, system.node, system.network, passphrase_file=settings.passphrase_file
    )
    return system, signer


class Running:
    """A worker with all that it holds open; `close` lets go of it in order.

    What it gets as it is may serve any number of these, one after another.
    """

    def __init__(
        self, settings: Settings, parts: Parts, system: System, signer: LocalSigner
    ) -> None:
        self.system = system
        self._store = Store(settings.database)
        self._lease: Lease | None = None
        self.content_watch: ContentWatch | None = None
        try:
            self._lease = self._store.lease(signer.address)
            content = parts.open_content(settings)
            self._programs = Programs(content, parts.parse_program)
            outbox = Outbox(
                self._store,
                self.system.node,
                signer,
                self._lease,
                chain_id=self.system.network.chain_id,
                confirmations=settings.confirmations,
                policy=settings.fee_policy(),
            )
            self.worker = Worker(
                settings,
                Contracts(
                    market=self.system.market,
                    registry=self.system.models,
                    ledger=self.system.stakes,
                    rounds=self.system.rounds,
                    programs=self.system.programs,
                    judge=self.system.evaluator,
                ),
                self.system.node,
                self._store,
                outbox,
                self._programs,
                content,
                chain_id=self.system.network.chain_id,
                first_block=self.system.deployment.first_block,
                aggregate_round=parts.aggregate_round,
            )
            self.content_watch = parts.watch_content(settings, self.system)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self.content_watch is not None:
            self.content_watch.close()
        for part in (getattr(self, "worker", None), getattr(self, "_programs", None)):
            if part is not None:
                part.close()
        if self._lease is not None:
            self._lease.release()
        self._store.close()
