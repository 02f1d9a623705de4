"""What is counted, in the text format of Prometheus: numbers only, nothing of what was asked for."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)


class Metrics:
    """The counters of one server, each with its own registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.drawings = self._count("drawings", "Drawings that ended", "outcome")
        self.pictures = self._count("pictures", "Finished pictures")
        self.rejections = self._count("rejected_prompts", "Prompts that are not drawn", "category")
        self.flagged = self._count("flagged_pictures", "Finished pictures that were flagged")
        self.refusals = self._count("refusals", "Orders that were not taken", "reason")
        self.device_trouble = self._count("device_trouble", "Drawings tried again, or given up, by cause", "kind")
        self.requests = self._count("http_requests", "Requests to the API", "method", "route", "status")
        self.waiting_seconds = self._measure("waiting_seconds", "From an order to its first token")
        self.at_once = self._measure("at_once", "Drawings that were made at once", (1, 2, 4, 8))
        self.drawing_seconds = self._measure("drawing_seconds", "From the first token to the pictures")

    def watch(self, name: str, help: str, read: Callable[[], float]) -> None:
        """A gauge that is read when it is asked for."""
        Gauge(f"dalle_mini_{name}", help, registry=self._registry).set_function(read)

    def render(self) -> bytes:
        return generate_latest(self._registry)

    def _count(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(f"dalle_mini_{name}", help, labels, registry=self._registry)

    def _measure(self, name: str, help: str, buckets: Sequence[float] = _SECONDS) -> Histogram:
        return Histogram(f"dalle_mini_{name}", help, buckets=buckets, registry=self._registry)
