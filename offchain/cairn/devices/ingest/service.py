"""The process: takes packets in and anchors their batches until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from eth_utils.address import is_address, to_checksum_address
from sqlalchemy.exc import OperationalError

from cairn.chain import (
    Deployment,
    DeviceRegistered,
    DeviceRevoked,
    DeviceTransferred,
    Lease,
    LogCursor,
    NodeRefused,
    NodeUnreachable,
    Outbox,
    Reverted,
    Signer,
    Store,
    System,
    open_account,
)
from cairn.devices.ingest._anchoring import Anchorer
from cairn.devices.ingest._app import create_app
from cairn.devices.ingest._intake import Intake, Limits
from cairn.devices.ingest._metrics import Metrics
from cairn.devices.ingest._mqtt import Subscriber
from cairn.devices.ingest._roster import Roster
from cairn.devices.ingest._settings import IngestSettings
from cairn.devices.ingest._store import PacketStore

_log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 60.0


def run(settings: IngestSettings) -> None:
    """Work until SIGTERM or SIGINT; then take nothing more, write what was taken, end.

    A chain that cannot be reached does not keep packets from being taken.
    """
    store = Store(settings.database)
    packets = PacketStore(store)
    metrics = Metrics()
    roster = Roster(packets)
    limits = Limits(
        settings.max_ahead_s, settings.queue_size, settings.burst, settings.packets_per_s
    )
    intake = Intake(packets, roster, metrics, limits)
    work = _Work(settings, packets, roster, metrics)
    subscriber: Subscriber | None = None
    try:
        work.start()
        if settings.mqtt_host is not None:
            subscriber = Subscriber(intake, metrics, settings)
        _serve(create_app(intake, metrics, work.health), settings)
    finally:
        if subscriber is not None:
            subscriber.close()
        intake.close()
        work.close()
        store.close()
        _log.info("stopped")


def _serve(app: Any, settings: IngestSettings) -> None:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=settings.max_connections,
        timeout_graceful_shutdown=settings.drain_s,
        h11_max_incomplete_event_size=16 * 1024,
    )
    # uvicorn raises the signal that ended it once more when it is done: an orderly end, for us.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    uvicorn.Server(config).run()


def _leave(_: int, __: FrameType | None) -> None:
    sys.exit(0)


class _Work:
    """The thread that looks at the chain."""

    def __init__(
        self,
        settings: IngestSettings,
        packets: PacketStore,
        roster: Roster,
        metrics: Metrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._packets = packets
        self._roster = roster
        self._metrics = metrics
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._stepped_at: float | None = None
        self._why = "starting"
        self._chain: _Chain | None = None
        self._thread = threading.Thread(target=self._run, name="ingest-chain", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def health(self) -> tuple[bool, dict[str, Any]]:
        age = None if self._stepped_at is None else self._monotonic() - self._stepped_at
        good = age is not None and age <= self._settings.max_step_age_s
        return good, {
            "status": "ok" if good else "not anchoring",
            "devices": len(self._roster),
            "last_step_age_s": None if age is None else round(age, 3),
            "why": self._why,
        }

    def _run(self) -> None:
        failures = 0
        try:
            while not self._stop.is_set():
                pause = self._settings.poll_interval_s
                try:
                    self._step()
                    self._stepped_at, self._why, failures = self._monotonic(), "", 0
                except Exception as error:  # noqa: BLE001 - the thread's edge: packets are still taken
                    failures += 1
                    self._metrics.step_failures.inc()
                    self._why = f"{type(error).__name__}: {error}"
                    pause = min(pause * 2 ** min(failures, 10), _LONGEST_WAIT_S)
                    expected = (NodeUnreachable, NodeRefused, OperationalError, Reverted)
                    _log.warning(
                        "cannot anchor",
                        extra={"fields": {"why": self._why}},
                        exc_info=not isinstance(error, expected),
                    )
                self._stop.wait(pause)
        finally:
            if self._chain is not None:
                self._chain.close()

    def _step(self) -> None:
        if self._chain is None:
            self._chain = _Chain(self._settings, self._packets, self._roster)
            _log.info("started", extra={"fields": {"account": self._chain.account}})
        self._chain.step()
        self._metrics.devices.set(len(self._roster))
        for place, count in self._packets.counts().items():
            self._metrics.stored.labels(place).set(count)
        for state, count in self._chain.anchorer.counts().items():
            self._metrics.batches.labels(state).set(count)


class _Chain:
    """The contracts, the account and its lease, for as long as the process works for them."""

    def __init__(self, settings: IngestSettings, packets: PacketStore, roster: Roster) -> None:
        deployment = settings.load_deployment()
        settings = settings.on(deployment)
        system = System.connect(settings.network(deployment.chain_id), deployment)
        signer: Signer = open_account(
            settings.account,
            system.node,
            system.network,
            passphrase_file=settings.passphrase_file,
        )
        self.account = signer.address
        self._node = system.node
        self._content = None
        self._lease: Lease = packets.store.lease(signer.address)
        try:
            publish = None
            if settings.publish:
                content = settings.open_store()
                self._content = content

                def publish(file: bytes) -> bytes:
                    return content.add(file).binary

            outbox = Outbox(
                packets.store,
                system.node,
                signer,
                self._lease,
                chain_id=system.network.chain_id,
                confirmations=settings.confirmations,
                policy=settings.fee_policy(),
            )
            cursor = LogCursor(
                packets.store,
                system.node,
                "ingest",
                [system.devices.address],
                system.devices.topics(DeviceRegistered, DeviceTransferred, DeviceRevoked),
                first_block=deployment.contract("DeviceRegistry").block,
                confirmations=settings.confirmations,
                page_blocks=settings.log_page_blocks,
            )
            self.anchorer = Anchorer(
                settings,
                packets,
                roster,
                system.devices,
                outbox,
                cursor,
                _alliance(settings.alliance, deployment),
                time.time,
                publish,
            )
        except BaseException:
            self.close()
            raise

    def step(self) -> None:
        self.anchorer.step(self._node.head())

    def close(self) -> None:
        self._lease.release()
        if self._content is not None:
            self._content.close()


def _alliance(wanted: str, deployment: Deployment) -> str:
    if is_address(wanted):
        return str(to_checksum_address(wanted))
    return deployment.alliance(wanted).Timelock.address
