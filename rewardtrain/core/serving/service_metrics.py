"""What Prometheus reads of the scoring service."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from rewardtrain.core.serving.batcher import Batcher
from rewardtrain.core.serving.model_cache import ModelCache


class Metrics:
    def __init__(self, batcher: Batcher, models: ModelCache) -> None:
        self._registry = CollectorRegistry()
        names = ["project", "status"]
        self._requests = Counter("podium_score_requests", "Requests answered", names, registry=self._registry)
        self._seconds = Histogram("podium_score_seconds", "Seconds to an answer", ["project"], registry=self._registry)
        self.completions = Counter(
            "podium_score_completions", "Completions scored", ["project"], registry=self._registry
        )
        self.elsewhere = Counter(
            "podium_score_elsewhere", "Completions scored by another server", ["project"], registry=self._registry
        )
        waiting = Gauge("podium_score_tokens_waiting", "Tokens that wait for the network", registry=self._registry)
        waiting.set_function(lambda: batcher.tokens_waiting)
        failed = Gauge("podium_score_champions_failed", "Champions that can't be loaded", registry=self._registry)
        failed.set_function(lambda: len(models.failures()))

    def note(self, project: str, status: int, seconds: float) -> None:
        """project: "" where there is none of that name, else whoever guesses names makes series without end."""
        self._requests.labels(project, status).inc()
        self._seconds.labels(project).observe(seconds)

    def text(self) -> tuple[bytes, str]:
        """Gives the page and its media type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
