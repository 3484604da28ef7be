"""What is counted, in Prometheus' words."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from cairn.devices.ingest._answers import Answer


class Metrics:
    """The counters of one ingester."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.packets = Counter(
            "cairn_ingest_packets",
            "Packets that came in, by way (http, mqtt) and answer.",
            ["way", "answer"],
            registry=self.registry,
        )
        for way in ("http", "mqtt"):
            for answer in Answer:
                self.packets.labels(way, answer)
        self.queued = Gauge(
            "cairn_ingest_queued", "Packets checked and not yet on disk.", registry=self.registry
        )
        self.commit_s = Histogram(
            "cairn_ingest_commit_seconds",
            "How long one write to disk took.",
            registry=self.registry,
        )
        self.devices = Gauge(
            "cairn_ingest_devices", "Devices whose packets are taken.", registry=self.registry
        )
        self.stored = Gauge(
            "cairn_ingest_stored_packets",
            "Packets on disk, by place (waiting, batched, left_out).",
            ["place"],
            registry=self.registry,
        )
        self.batches = Gauge(
            "cairn_ingest_batches", "Batches, by state.", ["state"], registry=self.registry
        )
        self.step_failures = Counter(
            "cairn_ingest_step_failures",
            "Looks at the chain or the database that failed.",
            registry=self.registry,
        )

    def count(self, way: str, answer: Answer) -> None:
        self.packets.labels(way, answer).inc()

    def text(self) -> bytes:
        """Prometheus' text format."""
        return bytes(generate_latest(self.registry))
