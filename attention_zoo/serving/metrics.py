"""Metrics: what a server counts, in Prometheus's text format."""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """Counts answers and batches; reads what is open when it is asked.

    Args:
        gauges: (name, help, function without arguments that gives the number) of each.
    """

    def __init__(self, gauges):
        self._registry = registry = CollectorRegistry()
        self._answers = Counter(
            "attention_zoo_requests",
            "POST requests by the status of their answer.",
            ["status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "attention_zoo_request_seconds",
            "From the head of a POST to its answer.",
            buckets=SECONDS,
            registry=registry,
        )
        self._rows = Histogram(
            "attention_zoo_batch_rows",
            "Rows that the model was given at once.",
            buckets=ROWS,
            registry=registry,
        )
        for name, text, function in gauges:
            Gauge(f"attention_zoo_{name}", text, registry=registry).set_function(function)
        ProcessCollector(registry=registry)

    def note_answer(self, status, seconds):
        """Counts an answer."""
        self._answers.labels(status).inc()
        self._seconds.observe(seconds)

    def note_rows(self, rows):
        """Counts a batch."""
        self._rows.observe(rows)

    def text(self):
        """(bytes, content type) of all there is."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
