"""What the service counts for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
DOCUMENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one service, in a registry of their own."""

    def __init__(self, queue_length: Callable[[], int]) -> None:
        """``queue_length`` is asked whenever the metrics are read."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "zhengling_requests", "Requests to /v1/extract by status of the answer", ["status"], registry=self._registry
        )
        self._seconds = Histogram(
            "zhengling_request_seconds", "From a request's head to its answer", buckets=SECONDS, registry=self._registry
        )
        self._batches = Histogram(
            "zhengling_batch_documents", "Texts in one run of the model", buckets=DOCUMENTS, registry=self._registry
        )
        self._model_seconds = Counter(
            "zhengling_batch_seconds", "Time spent reading texts and in the model", registry=self._registry
        )
        self._characters = Counter("zhengling_characters", "Characters of texts that were run", registry=self._registry)
        queue = Gauge("zhengling_queue_length", "Requests that wait for the model", registry=self._registry)
        queue.set_function(queue_length)

    def request(self, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.labels(str(status)).inc()
        self._seconds.observe(seconds)

    def batch(self, documents: int, characters: int, seconds: float) -> None:
        """The model was run."""
        self._batches.observe(documents)
        self._characters.inc(characters)
        self._model_seconds.inc(seconds)

    def page(self) -> bytes:
        """All figures in the text format of Prometheus."""
        return generate_latest(self._registry)
