"""Prometheus metrics of the service; of several processes together where PROMETHEUS_MULTIPROC_DIR names a folder."""

import os
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
TEXTS = (1, 2, 4, 8, 16, 32)


class Metrics:
    """What is counted. Several processes' counts are added; of what each of them knows, the least or most is shown."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()

        def gauge(name: str, text: str, of_all: str, labels: Sequence[str] = ()) -> Gauge:
            return Gauge(f"prefactor_{name}", text, labels, registry=registry, multiprocess_mode=of_all)  # type: ignore[arg-type]

        self.requests = Counter(
            "prefactor_requests", "Requests, by route and status.", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "prefactor_request_seconds", "Time to answer.", ["route"], registry=registry, buckets=SECONDS
        )
        self.texts = Counter(
            "prefactor_texts",
            "Texts whose states were asked for, by where they were found.",
            ["found"],
            registry=registry,
        )
        self.batch = Histogram(
            "prefactor_embedded_batch", "Texts that were embedded together.", registry=registry, buckets=TEXTS
        )
        self.working = gauge("requests_in_progress", "Requests being worked on.", "livesum")
        self.waiting = gauge("texts_waiting", "Texts waiting to be embedded.", "livesum")
        self.store = gauge("store_up", "Whether the user store answered last time.", "livemin")
        self.registry = gauge("registry_up", "Whether the model registry answered last time.", "livemin")
        self.refused = gauge("champion_refused", "Whether there is a newer model that failed its checks.", "livemax")
        self.preparing = gauge("champion_preparing", "Whether a newer model is being made ready.", "livemax")
        self.model = gauge("model_processes", "Processes that answer with a model.", "livesum", ["model"])
        self.reencoded = Counter(
            "prefactor_users_reencoded", "Stored users brought up to date with a new model.", registry=registry
        )

    def page(self) -> bytes:
        """All of it in Prometheus' text format."""
        if not os.environ.get(FOLDER):
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)
        return generate_latest(together)
