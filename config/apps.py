from django.apps import AppConfig


class PodiumConfig(AppConfig):
    """Holds what belongs to the whole: the `up` command and the Celery app."""

    name = "config"
    label = "podium"

    def ready(self) -> None:
        from config import celery  # noqa: F401  so that @shared_task finds our app, in the web process too
