from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Every process knows the Celery app, so that what it sends goes to our broker."""
        import config.celery
        import config.http.proxies  # noqa: F401  its system check
